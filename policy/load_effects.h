/* What a rule does besides allowing: websocket, credentials, set. */
#ifndef POLICY_LOAD_EFFECTS_H
#define POLICY_LOAD_EFFECTS_H

#include "policy/schema.h"

/* "set" of the rule: KEY's value, into RULE. What its names stand for is not known yet. */
void load_set(struct loader *loader, const struct yaml_node *key, struct policy_rule *rule);

/* Checks the keys of the rule at NODE against what RULE, read otherwise, is for. */
void load_effects(struct loader *loader, const struct yaml_node *node, struct policy_rule *rule);

#endif
