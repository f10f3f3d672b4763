/*
 * Public resolvers that answer DNS over HTTPS (RFC 8484), by name and by address: ways to ask for
 * names past Sallyport, and to tell somebody something by asking (threats D1, D6). The list can
 * never be complete; what it is for is docs/decisions/0112.
 */
#ifndef POLICY_KNOWN_RESOLVER_H
#define POLICY_KNOWN_RESOLVER_H

#include "policy/host.h"

struct known_resolver {
	const char *host; /* canonical (host.h) */
	bool below;	  /* names below it are its customers' */
};

/* The table, in the order of strcmp(). */
const struct known_resolver *known_resolvers(size_t *count);

bool known_resolver_has(const struct host *host);

#endif
