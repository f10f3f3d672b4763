/*
 * Reaching an origin: a TCP connection to it, straight (dial.h) or, where the policy names an
 * upstream proxy, through that by CONNECT (RFC 9110 section 9.3.6).
 *
 * Through a proxy the name is not resolved here: the proxy is told the one authority that was
 * judged, and looks it up. Which addresses a name may lead to is then the proxy's to say; an
 * authority that is an address is judged here all the same, and "localhost" would be the proxy's
 * own machine. Names with fixed addresses and the policy's exceptions are reached straight.
 *
 * The proxy's login is put into the request from locked memory. Nothing that the proxy answers but
 * its status is used or shown; what comes behind its answer is the origin's and is left in the
 * socket.
 *
 * States: DIALLING -> ASKING (through a proxy) -> done: the callback is called once and the reach
 * is gone; or cancelled.
 */
#ifndef PROXY_ENGINE_REACH_H
#define PROXY_ENGINE_REACH_H

#include "proxy/engine/dial.h"

struct reach;
struct sandbox;

enum { REACH_WHY_BYTES = DIAL_WHY_BYTES + 2 * HOST_AUTHORITY_MAX + 160 };

struct reach_result {
	int error; /* 0, or as dial_result's; -EREMOTEIO: the proxy does not reach the origin;
		      ERROR_DENIED also when it refuses to */
	int fd;	   /* connected, not blocking; the callee's */
	bool by_proxy;
	struct address address;	   /* that was dialled: the proxy's if BY_PROXY */
	char why[REACH_WHY_BYTES]; /* on an error, for people; no word in it is a server's */
};

typedef void reach_callback(void *context, const struct reach_result *result);

/* Starts to reach HOST and PORT. The callback is never called before this returns. NULL without
 * memory, or when too many look-ups are under way. */
struct reach *reach_start(struct sandbox *sandbox, const struct host *host, uint16_t port,
			  reach_callback *callback, void *context);

void reach_cancel(struct reach *reach);

#endif
