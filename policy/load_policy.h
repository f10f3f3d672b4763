/* The keys at the top of a policy, or of a file that one includes. */
#ifndef POLICY_LOAD_POLICY_H
#define POLICY_LOAD_POLICY_H

#include "policy/schema.h"

/* What they are read into: the INTO of policy_schema. */
struct root {
	struct policy *policy;
	bool rules_are_sound; /* every rule could be read */
};

#endif
