/*
 * Upstream name resolution: the policy's fixed addresses, else DNS by c-ares on the worker's loop.
 * The guest has no part in it: the name comes from the one authority that was judged.
 *
 * A and AAAA are asked in parallel, as absolute names (no search list, no hosts file). If one
 * family fails and the other answers, the answer is good; the second one is waited for a moment
 * (RFC 8305 section 3), and later in the background. Every address of every answer goes through
 * address_check(); those that fail are dropped, and if none is left, the failure says why. The
 * result is ordered for connecting (RFC 8305 section 4: IPv6 first, families alternating). Answers
 * are kept for their TTL, at least 1 s and at most 60 s (threat D10); failures for 1 s. Look-ups
 * for the same name at the same time share one query. "localhost" and below are the loopback
 * addresses (RFC 6761 section 6.3), which pass only where the policy lists them.
 *
 * A worker makes its resolvers before it locks itself up: c-ares opens one file then, and none
 * later. After that this module needs socket, connect, sendmsg, recvfrom, close and getrandom,
 * besides what the loop and the allocator need.
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
	RESOLVER_SERVERS_MAX = 3,    /* as many as resolv.conf(5) may name */
	RESOLVER_SERVERS_TEXT_BYTES = 128,
	RESOLVER_TIMEOUT_MS = 2000,   /* a try; doubled each time that all servers were tried */
	RESOLVER_TRIES = 3,	      /* of each server */
	RESOLVER_DEADLINE_MS = 10000, /* of a look-up, whatever the servers do */
	RESOLVER_DELAY_AAAA_MS = 50,  /* for AAAA, once there are IPv4 addresses */
	RESOLVER_DELAY_A_MS = 500,    /* for A, once there are IPv6 addresses: a host without IPv6
				       * must not be left without any */
	RESOLVER_TTL_MIN_S = 1,
	RESOLVER_TTL_MAX_S = 60,
	RESOLVER_TTL_FAILURE_S = 1,
};

struct resolver;
struct resolver_lookup;

struct resolver_result {
	int error;	 /* 0
			  * ERROR_NOT_FOUND  no such name, or it has no address
			  * ERROR_DENIED     all its addresses were filtered
			  * ERROR_TIMEOUT    no name server answered in time
			  * ERROR_SYNTAX     a malformed answer
			  * -EREMOTEIO       the name servers failed or refused
			  * -EHOSTUNREACH    none could be reached
			  * -ENOMEM */
	const char *why; /* on an error, for people: "the name does not exist", "10.0.0.5 may not be
			  * dialled: private (RFC 1918)"; valid during the callback */
	struct address addresses[RESOLVER_ADDRESSES_MAX];
	size_t count;
};

typedef void resolver_callback(void *context, const struct resolver_result *result);

/* SERVERS: addresses of name servers separated by commas, at most RESOLVER_SERVERS_MAX, asked in
 * that order, as in "192.0.2.1,[2001:db8::1]:5353"; they may be replaced later. POLICY must outlive
 * the resolver or be replaced. */
int resolver_create(struct ev_loop *loop, const struct policy *policy, const char *servers,
		    struct resolver **resolver, struct error *err);

/* Asks other name servers from now on, also what is not answered yet. 0, ERROR_SYNTAX, ERROR_LIMIT
 * (the old ones stay), or -ENOMEM. */
int resolver_set_servers(struct resolver *resolver, const char *servers);

/* Judges by another policy from now on, also what is cached or not answered yet. */
void resolver_set_policy(struct resolver *resolver, const struct policy *policy);

/* Look-ups that are not finished end without a callback. May be called from a callback. */
void resolver_free(struct resolver *resolver);

/* Starts a look-up of HOST (an address is checked and given back). The callback is called once,
 * never before this returns, unless the look-up is cancelled; after it, the look-up is gone. NULL
 * without memory or over the bound. */
struct resolver_lookup *resolver_lookup(struct resolver *resolver, const struct host *host,
					resolver_callback *callback, void *context);

/* Ends a look-up without a callback. May be called from any callback, its own included. */
void resolver_cancel(struct resolver_lookup *lookup);

/* The name servers of a resolv.conf's text (resolv.conf(5)), in the form for SERVERS ("127.0.0.1"
 * if it names none). What is not an address is passed over, as are addresses with a zone. */
void resolver_servers_from_conf(struct slice conf, char *out, size_t size);

#endif
