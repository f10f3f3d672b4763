/* A target of a rule or use, with its faults told at their places. */
#ifndef POLICY_LOAD_TARGET_H
#define POLICY_LOAD_TARGET_H

#include "policy/schema.h"
#include "policy/target.h"

/* Reads NODE, a text, into TARGET. False if it was refused. */
bool load_target(struct loader *loader, const struct yaml_node *node, enum target_role role,
		 struct policy_target *target);

/* Refuses a target whose host can be anybody's, where a secret goes. TARGET_SHARED too: whoever
 * asks for a name there would be given the secret. */
void load_refuse_width(struct loader *loader, const struct policy_target *target);

#endif
