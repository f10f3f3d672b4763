/* Addresses in the policy's own words, under "network". */
#ifndef POLICY_LOAD_ADDRESS_H
#define POLICY_LOAD_ADDRESS_H

#include "policy/schema.h"

/* Says at PLACE if ADDRESS could never be dialled, or not with the ranges under "private", which
 * are known by now. */
void load_check_address(struct loader *loader, struct diagnostic_place place,
			const struct host *address);

#endif
