/* What the files of the origin's leg share: the connection (origin.c), the responses on it
 * (origin_response.c), and the pool (origin_pool.c). */
#ifndef PROXY_ENGINE_ORIGIN_LEG_H
#define PROXY_ENGINE_ORIGIN_LEG_H

#include "proxy/engine/deadline.h"
#include "proxy/engine/dial.h"
#include "proxy/engine/engine.h"
#include "proxy/engine/origin.h"
#include "proxy/engine/stream.h"
#include "proxy/http/h1_body.h"
#include "proxy/http/h1_write.h"

enum origin_state {
	ORIGIN_DIALLING,
	ORIGIN_SECURING,
	ORIGIN_READY,
	ORIGIN_BUSY,
	ORIGIN_IDLE,
	ORIGIN_CLOSED,
	ORIGIN_STATE_COUNT,
};

/* The idle connections to one authority. */
struct origin_authority {
	struct map_node node;
	struct list idle; /* most recently used first */
	size_t count;
	char key[HOST_AUTHORITY_MAX + 8];
};

struct origin {
	struct grave grave;
	struct list node;		    /* in the pool's list of all */
	struct list idle_node;		    /* in the pool's list of idle ones */
	struct list mates_node;		    /* in its authority's list of idle ones */
	struct origin_authority *authority; /* while idle */
	struct sandbox *sandbox;
	struct exchange *exchange; /* NULL while idle */
	enum origin_state state;
	enum policy_scheme scheme;
	struct host host;
	uint16_t port;
	struct dial *dial;
	bool has_stream;
	struct stream stream;
	struct deadline deadline;
	struct address address;
	int64_t started_us;
	int64_t connect_us;
	unsigned int uses;

	enum h1_framing framing; /* of the request being sent */
	bool answered;		 /* a byte of the response has come */
	bool response_read;	 /* all of it */
	bool must_close;	 /* after this response */
	bool sending_failed;
	struct buffer received; /* not parsed yet */
	size_t scanned;
	bool in_body;
	struct h1_body body;
};

/* Reads what has come and hands it to the exchange. */
void origin_read(struct origin *origin);

/* Closes the connection and tells its exchange, if it has one. */
void origin_fail(struct origin *origin, int status, const char *why);

/* Closes the connection and buries it. */
void origin_close(struct origin *origin);

/* The pool. */
struct origin *origin_pool_take(struct sandbox *sandbox, enum policy_scheme scheme,
				const struct host *host, uint16_t port);
void origin_pool_put(struct origin *origin);
void origin_pool_forget(struct origin *origin);

#endif
