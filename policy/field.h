/*
 * Fields of a request that a policy may name: as the slot of a secret, or as what a rule sets.
 * Those that frame the message, say where it goes, belong to one hop, or are made by the engine are
 * refused.
 */
#ifndef POLICY_FIELD_H
#define POLICY_FIELD_H

#include <stdbool.h>

#include "base/slice.h"

#define FIELD_PATTERN "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

enum field_role {
	FIELD_OF_SLOT, /* the sandbox's program writes it, with a placeholder in it */
	FIELD_OF_SET,  /* the engine writes it */
};

struct field_fault {
	const char *why;
	const char *hint; /* or NULL */
};

/* Whether NAME (RFC 9110 section 5.1, without regard to case) may be named in ROLE; if not, why. */
bool field_may_be_named(struct slice name, enum field_role role, struct field_fault *fault);

/* A token (RFC 9110 section 5.6.2). */
bool field_is_token(struct slice text);

#endif
