/* Slots: where in a request a secret is put in, and what may be put there (threats S8, S11, S12,
 * S33).
 */
#ifndef POLICY_SLOT_H
#define POLICY_SLOT_H

#include "base/arena.h"
#include "policy/field.h"
#include "policy/policy.h"

enum { SLOT_NAME_MAX_BYTES = 256 };

/* The slots as they are written, for hints. */
#define SLOT_FORMS                                                                                 \
	"header NAME, basic user, basic password, cookie NAME, query NAME, path, form FIELD, "     \
	"json POINTER, body, ws, or ws POINTER"

/* The same for editors (ECMA 262); slot_parse() knows better. */
#define SLOT_PATTERN                                                                               \
	"^(header " FIELD_PATTERN "|basic (user|password)|cookie " FIELD_PATTERN                   \
	"|query .+|path|form .+|json /.*|body|ws( /.*)?)$"

struct slot_fault {
	const char *why;
	const char *hint; /* or NULL */
};

/* Parses TEXT, which must outlive SLOT; a pointer's tokens are in ARENA. 0, ERROR_SYNTAX or
 * ERROR_LIMIT with FAULT, or -ENOMEM. */
int slot_parse(struct slice text, struct arena *arena, struct policy_slot *slot,
	       struct slot_fault *fault);

/* Whether the slot is in the body of a request. */
bool slot_is_in_body(const struct policy_slot *slot);

/* Whether VALUE, a real secret, can stand in SLOT without breaking out of it: no control characters
 * (a line break at its end is for whoever reads the value to take off); in a field only visible
 * ASCII with spaces inside (RFC 9110 section 5.5); as a user of Basic no colon (RFC 7617 section
 * 2); in a cookie what a cookie's value may hold (RFC 6265 section 4.1.1); in a path nothing that
 * servers read as more than a segment; elsewhere UTF-8, which is escaped as its place needs. 0, or
 * ERROR_SYNTAX with WHY, which says nothing of the value. */
int slot_check_value(const struct policy_slot *slot, struct slice value, const char **why);

/* The same for all places that SECRET may be put into: its slots, and fields that rules set from
 * it. WHERE is the first that cannot take it, for messages. Whether the value is long enough to be
 * scrubbed is for whoever scrubs. */
int slot_check_secret(const struct policy_secret *secret, struct slice value, struct slice *where,
		      const char **why);

#endif
