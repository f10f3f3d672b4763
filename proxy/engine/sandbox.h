/*
 * A sandbox, as the worker that it lives on knows it: its policy, authority, secrets, names,
 * upstream pool and bounds. Nothing here is shared with another sandbox (design section 2).
 *
 * Owned by the worker; everything in it is released by sandbox_free(), which closes all of its
 * connections first.
 */
#ifndef PROXY_ENGINE_SANDBOX_H
#define PROXY_ENGINE_SANDBOX_H

#include "base/wiped.h"
#include "ca/authority.h"
#include "policy/policy.h"
#include "proxy/audit/ring.h"
#include "proxy/dns/server.h"
#include "proxy/engine/engine.h"
#include "proxy/engine/generation.h"
#include "proxy/engine/origin.h"
#include "proxy/engine/resolver.h"
#include "proxy/secret/scrub.h"
#include "proxy/secret/store.h"
#include "proxy/steer/steer.h"
#include "proxy/tls/downstream.h"
#include "proxy/tls/upstream.h"

struct listener;
struct packet_watch;
struct queue_watch;
struct udp_relay;

struct sandbox {
	struct engine *engine;
	char id[AUDIT_ID_BYTES + 1];
	const struct policy *policy;
	struct audit_ring *ring;
	struct authority *authority;
	struct tls_downstream *downstream;
	struct tls_upstream *upstream;
	struct resolver *resolver;
	struct names *names;
	struct dns_server *dns;
	struct listener *listeners[2];
	struct packet_watch *packets;
	struct queue_watch *queue; /* NULL, as the next: no rule is about datagrams */
	struct udp_relay *datagrams;
	struct secret_store secrets;
	struct list generations;
	struct generation *generation;	 /* the newest: */
	struct scrubber *field_scrubber; /* of responses' fields; NULL: nothing is scrubbed */
	struct scrubber *body_scrubber;	 /* of their bodies; NULL: the same */
	struct wiped_budget coding_budget;
	struct wiped_budget message_budget; /* of WebSockets */
	size_t collected_bytes;		    /* of requests' bodies (exchange_body.h) */
	struct origin_pool pool;
	struct list clients; /* every client connection */
	size_t client_count; /* and passed-through ones */
	struct list passthroughs;
	bool killed; /* a misuse has ended it: nothing is let through any more */
	/* Tells the supervisor that the sandbox must end, because ENTRY's placeholder was misused.
	 */
	void (*on_kill)(struct sandbox *sandbox, const struct secret_entry *entry);
	/* Has the supervisor tell the kernel. 0, or a negated errno: to be tried again. */
	int (*on_verdicts)(struct sandbox *sandbox, const struct steer_verdict *verdicts,
			   size_t count);
	void *owner;
};

/* Prepares a sandbox in its engine; what the caller must have set: engine, id, policy, ring,
 * on_kill, on_verdicts, owner. Makes the authority. */
int sandbox_prepare(struct sandbox *sandbox, struct error *err);

/* Loads the roots for upstream verification, which takes tens of milliseconds. */
int sandbox_load_roots(struct sandbox *sandbox, const char *system_bundle, struct error *err);

/* Begins to serve SOCKETS, which are the sandbox's from now on. The secrets must be sealed. */
int sandbox_serve(struct sandbox *sandbox, struct steer_sockets *sockets, const char *servers,
		  struct error *err);

void sandbox_free(struct sandbox *sandbox);

/* Reserves room for a record; every reservation is ended by one of the two below. */
bool sandbox_reserve_record(struct sandbox *sandbox);
void sandbox_commit_record(struct sandbox *sandbox, const struct audit_record *record);
void sandbox_release_record(struct sandbox *sandbox);

#endif
