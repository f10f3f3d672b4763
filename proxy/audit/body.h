/*
 * Whether the body of a record, as a worker handed it over, may go into the journal.
 *
 * Workers parse hostile bytes, so the supervisor believes none of what they hand over. A worker
 * that was taken over can write false records of its own, but no body of its making may end its
 * line, change what other lines say, stand for "v", "seq" or "prev", or be read in two ways by two
 * parsers: then a sound journal would look like a forged one, or the other way round (threat C11).
 *
 * So a body must be what audit_record_format() could have written: one JSON object (RFC 8259) with
 * no white space, the members of docs/audit.md in their order, printable UTF-8 with all else
 * escaped, no number that is not exactly held by 64 bits or a double.
 */
#ifndef PROXY_AUDIT_BODY_H
#define PROXY_AUDIT_BODY_H

#include <stdbool.h>

#include "base/slice.h"

/* What of a body says who speaks of what: JSON, as it stands. */
struct audit_body {
	struct slice sandbox; /* with its quotes, or null */
	struct slice kind;
	bool has_life;
};

/* Whether BODY is sound; *READ, which may be NULL, is set if so. */
bool audit_body_is_sound(struct slice body, struct audit_body *read);

/* Whether BODY is sound and may come from the worker of SANDBOX (NULL: from any worker): it speaks
 * for that sandbox, and not of sandboxes' lives, which only the supervisor knows. */
bool audit_body_may_come_from(struct slice body, const char *sandbox);

#endif
