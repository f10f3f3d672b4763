/*
 * Connections to origins, and the pool of idle ones (HTTP/1.1).
 *
 * A connection is made for one authority (scheme, host, port) of one sandbox, verified before
 * anything is sent, used for one exchange at a time, and kept for the next exchange with the same
 * authority if both sides allow it.
 *
 * States:
 *   state       means                                        next
 *   DIALLING    an address is looked for and connected to    SECURING, READY, CLOSED
 *   SECURING    TLS handshake and verification               READY, CLOSED
 *   READY       belongs to an exchange, nothing sent yet     BUSY, CLOSED
 *   BUSY        a request is being sent or answered          IDLE, CLOSED
 *   IDLE        in the pool                                  READY, CLOSED
 */
#ifndef PROXY_ENGINE_ORIGIN_H
#define PROXY_ENGINE_ORIGIN_H

#include "base/list.h"
#include "base/map.h"
#include "policy/policy.h"
#include "proxy/engine/address.h"
#include "proxy/http/message.h"

struct exchange;
struct sandbox;
struct origin;

struct origin_pool {
	struct map authorities; /* to the lists of idle connections */
	struct list idle;	/* least recently used first */
	size_t idle_count;
	struct list all;
	uint64_t opened;
	uint64_t reused;
};

void origin_pool_init(struct origin_pool *pool);
void origin_pool_free(struct origin_pool *pool);

/* What is told of a connection in records. */
struct origin_facts {
	struct address address;
	const char *tls_version; /* NULL without TLS */
	const char *tls_cipher;
	bool tls_resumed;
	bool reused;
	int64_t connect_us; /* -1: reused */
};

/* Finds or makes a connection for EXCHANGE to its request's authority. FRESH: not one from the
 * pool. The exchange is told by exchange_origin_ready() (perhaps before this returns) or
 * exchange_origin_failed() (never before). NULL without memory. */
struct origin *origin_acquire(struct sandbox *sandbox, struct exchange *exchange, bool fresh);

/* Sends the head of the exchange's request, with secrets put in. 0 or a negative code. */
int origin_send_request(struct origin *origin);
void origin_send_data(struct origin *origin, struct slice data);
void origin_send_end(struct origin *origin, const struct http_fields *trailers);

bool origin_is_congested(struct origin *origin);
void origin_pause(struct origin *origin, bool pause);
void origin_describe(const struct origin *origin, struct origin_facts *facts);

/* The exchange is done with the connection: it goes to the pool if its last message allows, else it
 * is closed. */
void origin_release(struct origin *origin);

/* Closes it; the exchange hears nothing more. */
void origin_abort(struct origin *origin);

#endif
