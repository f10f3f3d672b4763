/* Slots: where in a request a secret is put in, and what may be put there (threats S8, S11, S12).
 */
#ifndef POLICY_SLOT_H
#define POLICY_SLOT_H

#include "policy/policy.h"

/* Parses "header NAME", "basic user" or "basic password". TEXT must outlive SLOT. 0, or
 * ERROR_SYNTAX or ERROR_UNSUPPORTED with WHY and, if there is one, HINT (else NULL). */
int slot_parse(struct slice text, struct policy_slot *slot, const char **why, const char **hint);

/* Whether VALUE, a real secret, can stand in SLOT without breaking out of it: no control characters
 * (a line break at its end is for whoever reads the value to take off); in a field only visible
 * ASCII with spaces inside (RFC 9110 section 5.5); as a user of Basic no colon (RFC 7617 section
 * 2). 0, or ERROR_SYNTAX with WHY, which says nothing of the value. */
int slot_check_value(const struct policy_slot *slot, struct slice value, const char **why);

#endif
