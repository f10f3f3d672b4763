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

bool audit_body_is_sound(struct slice body);

#endif
