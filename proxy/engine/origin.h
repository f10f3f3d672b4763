/*
 * The origin's leg of an exchange, whatever version of HTTP it speaks, and the connections and the
 * pool behind it.
 *
 * A connection is made for one authority (scheme, host, port) of one sandbox, verified before
 * anything is sent, and used for that authority only. ALPN decides what it speaks: HTTP/1.1 serves
 * one exchange at a time, HTTP/2 many. What an authority speaks is remembered, so that the
 * exchanges that come while the first connection is being made wait for it where that may serve
 * them too.
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

struct origin_pool {
	struct map authorities;
	struct list unused; /* authorities without a connection, that are only remembered; oldest
			       first */
	size_t unused_count;
	struct list idle; /* HTTP/1 connections, least recently used first */
	size_t idle_count;
	struct list all; /* connections */
	uint64_t opened;
	uint64_t reused;
};

void origin_pool_init(struct origin_pool *pool);
void origin_pool_free(struct origin_pool *pool);

/* Whether clients should be offered HTTP/2 for this authority: it is known to speak it, or not
 * known at all. */
bool origin_pool_offers_h2(const struct origin_pool *pool, enum policy_scheme scheme,
			   const struct host *host, uint16_t port);

/* What is told of a connection in records. */
struct origin_facts {
	struct address address;
	bool by_proxy;		 /* the address is the upstream proxy's */
	const char *tls_version; /* NULL without TLS */
	const char *tls_cipher;
	const char *alpn;
	bool tls_resumed;
	bool reused;
	int64_t connect_us; /* -1: reused */
};

/* How an origin's leg failed, for those who may try again. */
enum origin_failure {
	ORIGIN_FAILED,	     /* the origin may have acted on the request */
	ORIGIN_CLOSED_EARLY, /* the same, but a connection that had been used before was closed
				before anything was answered */
	ORIGIN_UNPROCESSED,  /* it has surely not */
};

struct origin;

struct origin_ops {
	/* Sends the head of the exchange's request, with secrets put in. 0; -EAGAIN when the
	 * connection takes no request after all; or another negative code. */
	int (*send_request)(struct origin *origin);
	void (*send_data)(struct origin *origin, struct slice data);
	/* All of the request was sent; TRAILERS may be NULL. */
	void (*send_end)(struct origin *origin, const struct http_fields *trailers);
	bool (*is_congested)(struct origin *origin);
	/* Stops the response from being handed in, or lets it come. */
	void (*pause)(struct origin *origin, bool pause);
	void (*describe)(struct origin *origin, struct origin_facts *facts);
	/* The exchange is done: the response was read whole and the request sent whole. */
	void (*release)(struct origin *origin);
	/* The exchange gives up, and hears nothing more. */
	void (*abort)(struct origin *origin);
};

/* One exchange's hold on a connection, or its place in the queue for one. */
struct origin {
	const struct origin_ops *ops;
	struct exchange *exchange;
};

/* Finds or makes a connection for EXCHANGE to its request's authority, and sets exchange->origin.
 * FRESH: not one that was used before. The exchange is told by exchange_origin_ready() (perhaps
 * before this returns) or exchange_origin_failed() (never before). ERROR_LIMIT or -ENOMEM when none
 * can be made. */
int origin_acquire(struct sandbox *sandbox, struct exchange *exchange, bool fresh);

#endif
