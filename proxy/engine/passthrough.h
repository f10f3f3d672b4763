/*
 * Passing a connection through unopened: bytes are moved by splice(2) between the client and the
 * origin. No secrets, and nothing inside is seen.
 *
 *   kind   by            decided                    the origin's address
 *   tls    tls:// rules  by the ClientHello         what the name in it resolves to. Docs say that
 *                                                   what is inside may be for another name there
 *   tcp    tcp:// rules  before a byte is read, so  what the name resolves to that the client
 * dialled that servers may speak     the synthetic address of; or the address that it first
 * dialled, if a rule names it
 *
 * Each side may close its half before the other. What one side does not take is not read from the
 * other. A connection that breaks is reset on both sides, as is the client when the origin cannot
 * be reached.
 *
 * A record of its kind is written when it ends, with the bytes of both directions and how long it
 * took.
 */
#ifndef PROXY_ENGINE_PASSTHROUGH_H
#define PROXY_ENGINE_PASSTHROUGH_H

#include "policy/match.h"
#include "proxy/engine/exchange.h"

struct sandbox;

/* Takes over the client's socket FD, from which RECEIVED (the ClientHello and what came with it, or
 * nothing) has been read. FACTS have a host. KIND is AUDIT_TLS or AUDIT_TCP. RESERVED: a record has
 * been reserved, which is the passthrough's from now on; if not, the policy lets it go on all the
 * same. On failure everything is released and recorded. */
void passthrough_start(struct sandbox *sandbox, int fd, enum audit_kind kind,
		       const struct client_facts *facts, struct slice received, bool reserved);

/* Ends all passed-through connections of SANDBOX. */
void passthrough_end_all(struct sandbox *sandbox);

#endif
