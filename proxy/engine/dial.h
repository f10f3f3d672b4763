/*
 * Dialling an origin: a TCP connection to one of the addresses that the engine resolved and
 * allowed, by happy eyeballs (RFC 8305): the next address is tried beside the first when that one
 * takes too long or fails; the first that connects is kept, the others are closed.
 *
 * States: RESOLVING -> CONNECTING -> done (the callback is called once; the dial is freed before it
 * is called) or cancelled.
 */
#ifndef PROXY_ENGINE_DIAL_H
#define PROXY_ENGINE_DIAL_H

#include "proxy/engine/address.h"
#include "proxy/engine/engine.h"
#include "proxy/engine/resolver.h"

struct dial;

enum { DIAL_WHY_BYTES = 256 };

struct dial_result {
	int error; /* 0; ERROR_DENIED: no address may be dialled; ERROR_NOT_FOUND; ERROR_TIMEOUT; a
		      negated errno */
	int fd;	   /* connected, not blocking; the callee's */
	struct address address;
	char why[DIAL_WHY_BYTES]; /* on an error, for people */
};

typedef void dial_callback(void *context, const struct dial_result *result);

/* Starts dialling HOST and PORT. The callback is never called before this returns. NULL without
 * memory, or when too many look-ups are under way. */
struct dial *dial_start(struct engine *engine, struct resolver *resolver, const struct host *host,
			uint16_t port, dial_callback *callback, void *context);

void dial_cancel(struct dial *dial);

#endif
