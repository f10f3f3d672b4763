/*
 * Upstream name resolution: the policy's fixed addresses, else DNS by c-ares on the worker's loop.
 * The guest has no part in it: the name comes from the one authority that was judged.
 *
 * A and AAAA are asked in parallel, as absolute names (no search list, no hosts file). Every
 * address of every answer goes through address_check(); those that fail are dropped, and if none is
 * left, the failure says why. The result is ordered for connecting (RFC 8305 section 4: IPv6 first,
 * families alternating). Answers are kept for their TTL, at least 1 s and at most 60 s (threat
 * D10); failures for 1 s. Look-ups for the same name at the same time share one query.
 */
#ifndef PROXY_ENGINE_RESOLVER_H
#define PROXY_ENGINE_RESOLVER_H

#include <ev.h>

#include "base/error.h"
#include "policy/policy.h"
#include "proxy/engine/address.h"

enum {
	RESOLVER_ADDRESSES_MAX = 16,
	RESOLVER_CACHE_MAX = 4096,
	RESOLVER_LOOKUPS_MAX = 1024, /* at once */
	RESOLVER_TIMEOUT_MS = 2000,  /* a try */
	RESOLVER_TRIES = 3,
};

struct resolver;
struct resolver_lookup;

struct resolver_result {
	int error; /* 0, ERROR_NOT_FOUND, ERROR_DENIED (all addresses filtered), ERROR_TIMEOUT, ...
		    */
	const char *why; /* on an error, for people: "the name does not exist", "10.0.0.5 is private
			    ..." */
	struct address addresses[RESOLVER_ADDRESSES_MAX];
	size_t count;
};

typedef void resolver_callback(void *context, const struct resolver_result *result);

/* SERVERS: addresses of name servers separated by commas, as in "192.0.2.1,[2001:db8::1]:5353";
 * they may be replaced later. POLICY must outlive the resolver. */
int resolver_create(struct ev_loop *loop, const struct policy *policy, const char *servers,
		    struct resolver **resolver, struct error *err);
int resolver_set_servers(struct resolver *resolver, const char *servers);
void resolver_free(struct resolver *resolver);

/* Starts a look-up of HOST (an address is checked and given back). The callback is called once,
 * never before this returns, unless the look-up is cancelled. NULL without memory or over the
 * bound. */
struct resolver_lookup *resolver_lookup(struct resolver *resolver, const struct host *host,
					resolver_callback *callback, void *context);
void resolver_cancel(struct resolver_lookup *lookup);

/* The name servers of a resolv.conf's text, in the form for SERVERS ("127.0.0.1" if it names none).
 */
void resolver_servers_from_conf(struct slice conf, char *out, size_t size);

#endif
