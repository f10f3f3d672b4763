/*
 * A connection to an origin: dialled, secured and verified, and then given to what it speaks. For
 * the files of the origin's leg only: origin_connection.c, origin_pool.c, origin_h1.c,
 * origin_h1_response.c, origin_h2.c, origin_h2_session.c.
 *
 * States:
 *   state       means                                         next
 *   DIALLING    an address is looked for and connected to     SECURING, H1, H2, CLOSED
 *   SECURING    TLS handshake and verification                H1, H2, CLOSED
 *   H1          origin_h1.c has it: one exchange, or idle     CLOSED
 *   H2          origin_h2.c has it                            CLOSED
 *   CLOSED      buried
 */
#ifndef PROXY_ENGINE_ORIGIN_CONNECTION_H
#define PROXY_ENGINE_ORIGIN_CONNECTION_H

#include "proxy/engine/deadline.h"
#include "proxy/engine/engine.h"
#include "proxy/engine/exchange.h"
#include "proxy/engine/origin.h"
#include "proxy/engine/reach.h"
#include "proxy/engine/stream.h"
#include "proxy/http/h1_body.h"
#include "proxy/http/h1_write.h"

enum origin_state {
	ORIGIN_DIALLING,
	ORIGIN_SECURING,
	ORIGIN_H1,
	ORIGIN_H2,
	ORIGIN_CLOSED,
	ORIGIN_STATE_COUNT,
};

enum origin_protocol {
	ORIGIN_UNKNOWN,
	ORIGIN_SPEAKS_H1,
	ORIGIN_SPEAKS_H2,
};

/* What is known of an authority, and its connections. Remembered for a while when it has none. */
struct origin_authority {
	struct map_node node;
	struct list unused_node;
	enum origin_protocol protocol;
	bool needs_h1; /* it has said so (RFC 9113 section 7, HTTP_1_1_REQUIRED) */
	size_t connections;
	struct list idle; /* HTTP/1, most recently used first */
	size_t idle_count;
	struct list sessions; /* HTTP/2 */
	struct list starting; /* connections that are being made */
	char key[HOST_AUTHORITY_MAX + 8];
	size_t key_length;
};

/* An exchange that waits for a connection that is being made. */
struct origin_waiter {
	struct origin origin;
	struct grave grave;
	struct list node;
	struct origin_connection *connection;
};

/* HTTP/1 on a connection. */
struct origin_h1 {
	struct origin origin; /* exchange is NULL while idle */
	unsigned int uses;
	enum h1_framing framing; /* of the request being sent */
	bool busy;		 /* a request was sent, and its response is not done with */
	bool answered;		 /* a byte of the response has come */
	bool response_read;	 /* all of it */
	bool must_close;	 /* after this response */
	bool sending_failed;
	bool upgraded;	/* to a WebSocket */
	bool lingering; /* nothing is sent any more; the end is awaited */
	uint64_t drained_bytes;
	struct buffer received; /* not parsed yet */
	size_t scanned;
	bool in_body;
	struct h1_body body;
};

struct origin_h2;

struct origin_connection {
	struct grave grave;
	struct list node;	    /* in the pool's list of all */
	struct list authority_node; /* in one of its authority's lists */
	struct list idle_node;	    /* in the pool's list of idle ones */
	struct origin_authority *authority;
	struct sandbox *sandbox;
	enum origin_state state;
	bool is_idle;	/* parked in the pool */
	bool is_single; /* for one exchange, in HTTP/1.1, and never in the pool */
	enum policy_scheme scheme;
	struct host host;
	uint16_t port;
	struct reach *reach;
	bool has_stream;
	struct stream stream;
	struct deadline deadline;
	struct address address; /* that was dialled: the upstream proxy's if BY_PROXY */
	bool by_proxy;
	int64_t started_us;
	int64_t connect_us;
	struct list waiters;
	size_t waiter_count;
	struct origin_h1 h1;
	struct origin_h2 *h2;
};

/* Begins to make a connection to REQUEST's authority. NULL without memory, or when too many
 * look-ups are under way. */
struct origin_connection *origin_connection_open(struct sandbox *sandbox,
						 struct origin_authority *authority,
						 const struct http_message *request);

/* EXCHANGE waits for a connection that is being made. 0 or -ENOMEM. */
int origin_connection_await(struct origin_connection *connection, struct exchange *exchange);

/* Closes the connection and buries it; exchanges on it hear nothing. */
void origin_connection_close(struct origin_connection *connection);

/* Describes the connection, REUSED or not. */
void origin_connection_describe(const struct origin_connection *connection, bool reused,
				struct origin_facts *facts);

/* Secrets go out on a verified TLS leg to the host that they are bound to, and nowhere else:
 * whether this is it. */
bool origin_connection_may_carry(const struct origin_connection *connection,
				 const struct exchange *exchange);

/* The authorities. */
struct origin_authority *origin_authority_find(struct origin_pool *pool, enum policy_scheme scheme,
					       const struct host *host, uint16_t port);
/* Finds or makes it; NULL without memory. */
struct origin_authority *origin_authority_get(struct origin_pool *pool, enum policy_scheme scheme,
					      const struct host *host, uint16_t port);
/* A connection belongs to it, or no longer. */
void origin_authority_hold(struct origin_pool *pool, struct origin_authority *authority);
void origin_authority_drop(struct origin_pool *pool, struct origin_authority *authority);

/* A connection has nothing to do, or something again. It is closed when it has waited for long, or
 * when too many wait. */
void origin_pool_park(struct origin_connection *connection);
void origin_pool_unpark(struct origin_connection *connection);

/* HTTP/1: takes over a connection that is ready; gives it to EXCHANGE, or keeps it idle when that
 * is NULL. */
void origin_h1_start(struct origin_connection *connection, struct exchange *exchange);
/* Gives an idle connection to EXCHANGE. */
void origin_h1_attach(struct origin_connection *connection, struct exchange *exchange);
void origin_h1_read(struct origin_connection *connection);
void origin_h1_drained(struct origin_connection *connection);
void origin_h1_broken(struct origin_connection *connection);
void origin_h1_late(struct origin_connection *connection);
/* Closes the connection and tells its exchange, if it has one. */
void origin_h1_fail(struct origin_connection *connection, int status, const char *why);
void origin_h1_free(struct origin_connection *connection);

/* HTTP/2: takes over a connection that is ready. 0, or a negative code. */
int origin_h2_start(struct origin_connection *connection);
/* Whether one more exchange can be served. */
bool origin_h2_has_room(const struct origin_connection *connection);
/* Gives EXCHANGE a stream. False: without memory. */
bool origin_h2_attach(struct origin_connection *connection, struct exchange *exchange);
void origin_h2_read(struct origin_connection *connection);
void origin_h2_drained(struct origin_connection *connection);
void origin_h2_broken(struct origin_connection *connection);
void origin_h2_late(struct origin_connection *connection);
/* Closes the connection and tells its exchanges. */
void origin_h2_lose(struct origin_connection *connection, const char *why);
void origin_h2_free(struct origin_connection *connection);

#endif
