#include "policy/pointer.h"

#include "base/error.h"

static size_t count_tokens(struct slice text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '/';
	return count;
}

/* Decodes TEXT to OUT, which has room for as much; the length, or ERROR_SYNTAX. Section 4: ~1 is
 * decoded before ~0, so that ~01 is ~1; one pass from the left does the same. */
static ssize_t decode_token(struct slice text, char *out)
{
	ssize_t used = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '~') {
			i++;
			if (i == text.len || (text.ptr[i] != '0' && text.ptr[i] != '1'))
				return ERROR_SYNTAX;
			c = text.ptr[i] == '0' ? '~' : '/';
		}
		out[used++] = c;
	}
	return used;
}

static int parse_tokens(struct slice rest, char *out, struct slice *tokens, const char **why)
{
	struct slice token;

	while (slice_next_part(&rest, '/', &token)) {
		ssize_t len = decode_token(token, out);

		if (len < 0) {
			*why = "in a pointer \"~\" is written ~0, and \"/\" within a name ~1";
			return ERROR_SYNTAX;
		}
		*tokens++ = slice_of(out, (size_t)len);
		out += len;
	}
	return 0;
}

int pointer_parse(struct slice text, struct arena *arena, struct policy_pointer *pointer,
		  const char **why)
{
	size_t count = count_tokens(text);
	struct slice *tokens;
	char *bytes;

	*pointer = (struct policy_pointer){0};
	if (text.len == 0 || text.ptr[0] != '/') {
		*why = "a pointer starts with a slash";
		return ERROR_SYNTAX;
	}
	if (count > POINTER_TOKENS_MAX) {
		*why = "the pointer goes too deep";
		return ERROR_LIMIT;
	}
	tokens = arena_calloc(arena, count, sizeof(*tokens));
	bytes = arena_alloc_bytes(arena, text.len);
	if (!tokens || !bytes)
		return -ENOMEM;
	pointer->tokens = tokens;
	pointer->count = count;
	return parse_tokens(slice_from(text, 1), bytes, tokens, why);
}
