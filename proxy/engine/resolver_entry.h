/*
 * The names that a resolver has asked for, and the look-ups that wait for them. Private to
 * resolver.c and resolver_entry.c.
 */
#ifndef PROXY_ENGINE_RESOLVER_ENTRY_H
#define PROXY_ENGINE_RESOLVER_ENTRY_H

#include "base/list.h"
#include "base/map.h"
#include "proxy/engine/choice.h"
#include "proxy/engine/nameserver.h"
#include "proxy/engine/resolver.h"

struct resolver {
	struct ev_loop *loop;
	const struct policy *policy;
	struct nameserver *nameserver;
	struct map by_name;
	struct list entries; /* the longest unused first */
	size_t open_families;
	struct list ready; /* look-ups that need not wait */
	ev_timer delivery; /* never started, but fed to the loop when something is ready */
	size_t lookup_count;
	bool delivering;
	bool freed; /* by a callback, while delivering */
};

struct resolver_lookup {
	struct list node; /* in an entry's waiting, or in ready; in none while it is delivered */
	struct resolver *resolver;
	resolver_callback *callback;
	void *context;
	enum nameserver_outcome outcome; /* when ready */
	struct choice choice;		 /* the addresses, for NAMESERVER_ADDRESSES */
};

/* LOOKUP, in no list, has its result: the owner will hear of it from the loop. */
void resolver_lookup_ready(struct resolver_lookup *lookup, enum nameserver_outcome outcome);

/* Ends all look-ups in LIST without a callback. */
void resolver_drop_lookups(struct list *list);

/* Answers LOOKUP from the cache, or makes it wait for NAME's answer. 0, ERROR_LIMIT when too many
 * names are being asked for, or -ENOMEM. */
int resolver_entry_join(struct resolver_lookup *lookup, const struct host *name);

/* After the name servers: nothing may be open. */
void resolver_entries_free(struct resolver *resolver);

#endif
