#include "policy/policy.h"

#include <stdlib.h>

#include "policy/target.h"

static const struct {
	const char *name;
	uint16_t port;
} schemes[] = {
	[POLICY_HTTPS] = {"https", 443}, [POLICY_HTTP] = {"http", 80}, [POLICY_TLS] = {"tls", 443},
	[POLICY_TCP] = {"tcp", 0},	 [POLICY_UDP] = {"udp", 0},
};

_Static_assert(sizeof(schemes) / sizeof(schemes[0]) == POLICY_SCHEME_COUNT, "every scheme is here");

const char *policy_scheme_name(enum policy_scheme scheme)
{
	return schemes[scheme].name;
}

uint16_t policy_scheme_port(enum policy_scheme scheme)
{
	return schemes[scheme].port;
}

static bool is_excepted(const struct policy_proxy *proxy, const struct host *host)
{
	for (size_t i = 0; i < proxy->except_count; i++) {
		if (target_has_host(&proxy->except[i], host))
			return true;
	}
	return false;
}

bool policy_uses_proxy(const struct policy *policy, const struct host *host)
{
	return policy->proxy && !is_excepted(policy->proxy, host) &&
	       !policy_find_resolve(policy, host);
}

static int compare_to_name(const void *name, const void *entry)
{
	return strcmp(((const struct host *)name)->text,
		      ((const struct policy_resolve *)entry)->name.text);
}

const struct policy_resolve *policy_find_resolve(const struct policy *policy,
						 const struct host *name)
{
	if (policy->resolve_count == 0 || name->kind != HOST_NAME)
		return NULL;
	return bsearch(name, policy->resolve, policy->resolve_count, sizeof(*policy->resolve),
		       compare_to_name);
}
