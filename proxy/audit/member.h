/* Members of a record that was read back, for those who show, choose or translate records. What is
 * not there, or is of another type, is empty, zero or NULL: a journal may have been written by
 * another version, or by anybody. */
#ifndef PROXY_AUDIT_MEMBER_H
#define PROXY_AUDIT_MEMBER_H

#include <jansson.h>

#include "base/slice.h"

static inline struct slice member_as_text(const json_t *value)
{
	return json_is_string(value) ? slice_of(json_string_value(value), json_string_length(value))
				     : SLICE_EMPTY;
}

static inline struct slice member_text(const json_t *object, const char *name)
{
	return member_as_text(json_object_get(object, name));
}

static inline bool member_is(const json_t *object, const char *name, const char *text)
{
	return slice_equal(member_text(object, name), slice_from_text(text));
}

static inline json_int_t member_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

#endif
