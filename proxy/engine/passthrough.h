/*
 * Passing a TLS connection through unopened (tls:// rules): bytes are moved by splice(2) between
 * the client and the origin, whose address we resolved from the name in the ClientHello. No
 * secrets, and nothing inside is seen: docs say that what is inside may be for another name on the
 * same server.
 *
 * A record of kind tls is written when it ends, with the bytes of both directions and how long it
 * took.
 */
#ifndef PROXY_ENGINE_PASSTHROUGH_H
#define PROXY_ENGINE_PASSTHROUGH_H

#include "policy/match.h"
#include "proxy/engine/exchange.h"

struct sandbox;

/* Takes over the client's socket FD, from which RECEIVED (the ClientHello and what came with it)
 * has been read. RESERVED: a record has been reserved, which is the passthrough's from now on; if
 * not, the policy lets it go on all the same. On failure everything is released and recorded. */
void passthrough_start(struct sandbox *sandbox, int fd, const struct client_facts *facts,
		       struct slice received, bool reserved);

/* Ends all passed-through connections of SANDBOX. */
void passthrough_end_all(struct sandbox *sandbox);

#endif
