/* Which of the addresses of a name are dialled, and in which order. Private to the resolver. */
#ifndef PROXY_ENGINE_CHOICE_H
#define PROXY_ENGINE_CHOICE_H

#include "proxy/engine/resolver.h"

enum {
	CHOICE_ADDRESSES_MAX = 16, /* of a family */
	CHOICE_WHY_BYTES = 160,
};

struct choice_list {
	struct address addresses[CHOICE_ADDRESSES_MAX];
	size_t count;
};

/* What is to be chosen from; each list in the order of the answer. */
struct choice {
	struct choice_list ipv6;
	struct choice_list ipv4;
	bool is_named; /* the policy has these addresses in its own words */
};

/* Adds an address to the list of its family; beyond the bound it is dropped. */
void choice_add(struct choice *choice, const struct address *address);

/* Takes out of CHOICE what may not be dialled under POLICY and fills RESULT with the rest. If
 * nothing is left, its error is ERROR_DENIED and WHY says which address was refused for what. */
void choice_make(struct choice *choice, const struct policy *policy, struct resolver_result *result,
		 char why[CHOICE_WHY_BYTES]);

#endif
