/* Slots: where in a request a secret is put in (threats S8, S11). */
#ifndef POLICY_SLOT_H
#define POLICY_SLOT_H

#include "policy/policy.h"

/* Parses "header NAME", "basic user" or "basic password". TEXT must outlive SLOT. 0, or
 * ERROR_SYNTAX or ERROR_UNSUPPORTED with WHY and, if there is one, HINT (else NULL). */
int slot_parse(struct slice text, struct policy_slot *slot, const char **why, const char **hint);

#endif
