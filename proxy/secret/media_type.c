#include "proxy/secret/media_type.h"

#include "base/error.h"
#include "proxy/http/message.h"

struct slice media_type_of(struct slice value, struct slice *parameters)
{
	size_t end = slice_find_char(value, ';');

	*parameters = slice_from(value, end);
	return slice_trim(slice_first(value, end));
}

static size_t token_length(struct slice text)
{
	size_t at = 0;

	while (at < text.len && http_is_token_char((unsigned char)text.ptr[at]))
		at++;
	return at;
}

static void skip(struct slice *rest, size_t length)
{
	*rest = slice_from(*rest, length);
}

static void skip_spaces(struct slice *rest)
{
	while (rest->len && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t'))
		skip(rest, 1);
}

static int read_quoted(struct slice *rest, struct slice *text)
{
	size_t end;

	skip(rest, 1);
	end = slice_find_char(*rest, '"');
	*text = slice_first(*rest, end);
	if (end == rest->len || slice_find_char(*text, '\\') < text->len)
		return ERROR_SYNTAX;
	skip(rest, end + 1);
	return 0;
}

/* The next parameter of *REST: 1, 0 when there is none, or ERROR_SYNTAX. */
static int next_parameter(struct slice *rest, struct slice *name, struct slice *text)
{
	skip_spaces(rest);
	while (rest->len && rest->ptr[0] == ';') {
		skip(rest, 1);
		skip_spaces(rest);
	}
	if (rest->len == 0)
		return 0;
	*name = slice_first(*rest, token_length(*rest));
	skip(rest, name->len);
	if (name->len == 0 || rest->len < 2 || rest->ptr[0] != '=')
		return ERROR_SYNTAX;
	skip(rest, 1);
	if (rest->ptr[0] == '"') {
		if (read_quoted(rest, text) < 0)
			return ERROR_SYNTAX;
	} else {
		*text = slice_first(*rest, token_length(*rest));
		skip(rest, text->len);
		if (text->len == 0)
			return ERROR_SYNTAX;
	}
	skip_spaces(rest);
	return rest->len && rest->ptr[0] != ';' ? ERROR_SYNTAX : 1;
}

int media_type_parameter(struct slice parameters, struct slice name, struct slice *text)
{
	struct slice found, value;
	int rc, count = 0;

	while ((rc = next_parameter(&parameters, &found, &value)) > 0) {
		bool extended = found.len > name.len && found.ptr[name.len] == '*';

		if (!slice_equal_nocase(slice_first(found, name.len), name))
			continue;
		if (extended || (found.len == name.len && ++count > 1))
			return ERROR_SYNTAX;
		if (found.len == name.len)
			*text = value;
	}
	return rc < 0 ? rc : count;
}
