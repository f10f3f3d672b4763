#include "base/error.h"
#include "policy/placeholder_random.h"

/* One piece of a template: characters that stay, or a number of random ones. */
struct piece {
	struct slice literal;
	size_t random;
};

#define RANDOM_START SLICE_LITERAL("{random:")

static bool is_literal(char c)
{
	return c > ' ' && c < 0x7f && !strchr("\"'`\\{}", c);
}

static int parse_random(struct slice *rest, struct piece *piece, const char **why)
{
	size_t end = slice_find_char(*rest, '}');
	struct slice number = slice_from(slice_first(*rest, end), RANDOM_START.len);
	uint64_t count;

	if (!slice_starts_with(*rest, RANDOM_START) || end == rest->len) {
		*why = "braces can only hold random:N, as in {random:48}";
		return ERROR_SYNTAX;
	}
	if (slice_to_u64(number, PLACEHOLDER_MAX_BYTES, &count) < 0 || count == 0) {
		*why = "{random:N} needs the number of characters";
		return ERROR_SYNTAX;
	}
	piece->random = (size_t)count;
	*rest = slice_from(*rest, end + 1);
	return 0;
}

/* Takes the next piece off REST. */
static int next_piece(struct slice *rest, struct piece *piece, const char **why)
{
	size_t len = 0;

	*piece = (struct piece){0};
	if (rest->ptr[0] == '{')
		return parse_random(rest, piece, why);
	while (len < rest->len && is_literal(rest->ptr[len]))
		len++;
	if (len == 0) {
		*why = "a placeholder has no spaces, quotes, backslashes, and no braces but those "
		       "of "
		       "{random:N}";
		return ERROR_SYNTAX;
	}
	piece->literal = slice_first(*rest, len);
	*rest = slice_from(*rest, len);
	return 0;
}

int placeholder_check_template(struct slice template, const char **why)
{
	size_t random = 0, length = 0;
	struct piece piece;

	*why = NULL;
	while (template.len) {
		if (next_piece(&template, &piece, why) < 0)
			return ERROR_SYNTAX;
		random += piece.random;
		length += piece.random + piece.literal.len;
		if (length > PLACEHOLDER_MAX_BYTES) {
			*why = "the placeholder would be too long";
			return ERROR_LIMIT;
		}
	}
	if (random >= alphabet_least(&alphabet_alnum))
		return 0;
	*why = "a placeholder that could be guessed is none: it needs {random:17} or more";
	return ERROR_LIMIT;
}

ssize_t placeholder_from_template(struct slice template, char *out, size_t size)
{
	struct piece piece;
	const char *why;
	size_t used = 0;

	while (template.len) {
		int rc = next_piece(&template, &piece, &why);

		if (rc < 0)
			return rc;
		if (piece.literal.len + piece.random > size - used)
			return ERROR_LIMIT;
		if (piece.literal.len)
			memcpy(out + used, piece.literal.ptr, piece.literal.len);
		alphabet_fill(&alphabet_alnum, out + used, piece.random);
		used += piece.literal.len + piece.random;
	}
	return (ssize_t)used;
}
