/* What a Content-Type says of a body. */
#include "base/error.h"
#include "proxy/secret/media_type.h"
#include "proxy/secret/slots.h"

enum slots_body slots_body_of(struct slice content_type)
{
	struct slice parameters, type = media_type_of(content_type, &parameters);

	if (slice_equal_nocase(type, SLICE_LITERAL("application/x-www-form-urlencoded")))
		return SLOTS_BODY_FORM;
	if (slice_equal_nocase(type, SLICE_LITERAL("multipart/form-data")))
		return SLOTS_BODY_MULTIPART;
	if (slice_equal_nocase(type, SLICE_LITERAL("application/json")) ||
	    (type.len > 5 &&
	     slice_equal_nocase(slice_from(type, type.len - 5), SLICE_LITERAL("+json"))))
		return SLOTS_BODY_JSON;
	return SLOTS_BODY_OTHER;
}

static bool is_boundary_char(char c)
{
	static const char marks[] = "'()+_,-./:=? ";

	return ascii_is_alnum(c) || (c && strchr(marks, c));
}

int slots_find_boundary(struct slice content_type, char out[SLOTS_BOUNDARY_MAX_BYTES],
			size_t *length)
{
	struct slice parameters, boundary;

	media_type_of(content_type, &parameters);
	if (media_type_parameter(parameters, SLICE_LITERAL("boundary"), &boundary) != 1 ||
	    boundary.len == 0 || boundary.len > SLOTS_BOUNDARY_MAX_BYTES ||
	    boundary.ptr[boundary.len - 1] == ' ')
		return ERROR_SYNTAX;
	for (size_t i = 0; i < boundary.len; i++) {
		if (!is_boundary_char(boundary.ptr[i]))
			return ERROR_SYNTAX;
	}
	memcpy(out, boundary.ptr, boundary.len);
	*length = boundary.len;
	return 0;
}
