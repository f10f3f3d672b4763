#include <assert.h>

#include "base/error.h"
#include "policy/path.h"

static size_t star_length(struct slice text, size_t at)
{
	if (text.ptr[at] != '*')
		return 0;
	return at + 1 < text.len && text.ptr[at + 1] == '*' ? 2 : 1;
}

static void describe(struct path_glob *glob)
{
	struct slice text = glob->text;
	size_t first = slice_find_char(text, '*'), last = text.len;

	while (last > first && text.ptr[last - 1] != '*')
		last--;
	glob->prefix_bytes = (uint16_t)first;
	glob->suffix_bytes = (uint16_t)(text.len - last);
	if (first == text.len)
		glob->kind = PATH_GLOB_LITERAL;
	else if (last - first == 1)
		glob->kind = PATH_GLOB_ONE_STAR;
	else if (last - first == 2 && star_length(text, first) == 2)
		glob->kind = PATH_GLOB_ONE_DOUBLE;
	else
		glob->kind = PATH_GLOB_SEVERAL;
	glob->matches_all = slice_equal(text, SLICE_LITERAL("/**"));
}

int path_glob_parse(struct slice text, struct path_glob *glob, const char **why)
{
	char canonical[PATH_GLOB_MAX_BYTES];
	size_t len;
	int rc;

	if (text.len > PATH_GLOB_MAX_BYTES) {
		*why = "the path is too long";
		return ERROR_LIMIT;
	}
	rc = path_make_canonical(text, canonical, &len, why);
	if (rc < 0)
		return rc;
	if (!slice_equal(slice_of(canonical, len), text))
		*why = "the path is not in its canonical form";
	else if (slice_find(text, SLICE_LITERAL("***")) < text.len)
		*why = "the path has more than two stars in a row";
	if (*why)
		return ERROR_SYNTAX;
	*glob = (struct path_glob){.text = text};
	describe(glob);
	return 0;
}

/*
 * The stars are tried all at once: REACH[i] says whether the part of the glob read so far can match
 * the first i bytes of the text. Each part of the glob moves the whole set on.
 */
static void reach_by_literal(bool *reach, struct slice text, struct slice literal)
{
	/* Downwards, as each place is computed from one below it. */
	for (size_t end = text.len + 1; end-- > 0;) {
		size_t start = end - literal.len;

		reach[end] = end >= literal.len && reach[start] &&
			     memcmp(text.ptr + start, literal.ptr, literal.len) == 0;
	}
}

static void reach_by_double(bool *reach, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		reach[i + 1] |= reach[i];
}

/* TEXT may be a glob itself, when one is asked whether it covers another: a star of ours takes in a
 * single star of its whole, and never a double one, which stands for slashes too. */
static void reach_by_single(bool *reach, struct slice text, bool text_is_glob)
{
	for (size_t i = 0; i < text.len; i++) {
		bool stops = text.ptr[i] == '/';

		if (text_is_glob && text.ptr[i] == '*')
			stops = star_length(text, i) == 2 || (i && text.ptr[i - 1] == '*');
		reach[i + 1] |= reach[i] && !stops;
	}
}

static bool match_by_parts(struct slice glob, struct slice text, bool text_is_glob)
{
	bool reach[PATH_MAX_BYTES + 1];
	size_t i = 0;

	assert(text.len <= PATH_MAX_BYTES);
	memset(reach, false, text.len + 1);
	reach[0] = true;
	while (i < glob.len) {
		size_t stars = star_length(glob, i);
		size_t literal = slice_find_char(slice_from(glob, i), '*');

		if (stars == 2)
			reach_by_double(reach, text);
		else if (stars == 1)
			reach_by_single(reach, text, text_is_glob);
		else
			reach_by_literal(reach, text, slice_of(glob.ptr + i, literal));
		i += stars ? stars : literal;
	}
	return reach[text.len];
}

static struct slice without_ends(struct slice s, const struct path_glob *glob)
{
	return slice_of(s.ptr + glob->prefix_bytes,
			s.len - glob->prefix_bytes - glob->suffix_bytes);
}

static bool ends_match(const struct path_glob *glob, struct slice reading)
{
	struct slice suffix = slice_from(glob->text, glob->text.len - glob->suffix_bytes);

	return reading.len >= (size_t)glob->prefix_bytes + glob->suffix_bytes &&
	       slice_starts_with(reading, slice_first(glob->text, glob->prefix_bytes)) &&
	       slice_ends_with(reading, suffix);
}

bool path_glob_match(const struct path_glob *glob, struct slice reading)
{
	struct slice middle;

	if (glob->matches_all)
		return true;
	if (glob->kind == PATH_GLOB_LITERAL)
		return slice_equal(glob->text, reading);
	if (!ends_match(glob, reading))
		return false;
	middle = without_ends(reading, glob);
	switch (glob->kind) {
	case PATH_GLOB_ONE_DOUBLE:
		return true;
	case PATH_GLOB_ONE_STAR:
		return slice_find_char(middle, '/') == middle.len;
	default:
		return match_by_parts(without_ends(glob->text, glob), middle, false);
	}
}

bool path_glob_match_all(const struct path_glob *glob, const struct path *path)
{
	for (size_t i = 0; i < path->reading_count; i++) {
		if (!path_glob_match(glob, path->readings[i]))
			return false;
	}
	return true;
}

bool path_glob_covers(const struct path_glob *outer, const struct path_glob *inner)
{
	if (outer->matches_all)
		return true;
	return slice_starts_with(inner->text, slice_first(outer->text, outer->prefix_bytes)) &&
	       match_by_parts(outer->text, inner->text, true);
}

/* A glob as a row of elements: characters, and the two kinds of star. */
enum { ELEMENT_STAR = 256, ELEMENT_DOUBLE = 257 };

static size_t split_elements(struct slice glob, uint16_t elements[PATH_GLOB_MAX_BYTES])
{
	size_t count = 0;

	for (size_t i = 0; i < glob.len; i++) {
		size_t stars = star_length(glob, i);

		elements[count++] = stars == 2
					    ? ELEMENT_DOUBLE
					    : (stars ? ELEMENT_STAR : (unsigned char)glob.ptr[i]);
		i += stars == 2;
	}
	return count;
}

static bool star_takes(uint16_t star, uint16_t element)
{
	return star == ELEMENT_DOUBLE || (star == ELEMENT_STAR && element != '/');
}

/* Whether the rests of two globs can match one text: A and B are their first elements (0 at an
 * end), and the others say the same of the rests when A, B or both are left out. */
static bool rests_overlap(uint16_t a, uint16_t b, bool without_a, bool without_b, bool without_both)
{
	if (a >= ELEMENT_STAR && (without_a || (b && star_takes(a, b) && without_b)))
		return true;
	if (b >= ELEMENT_STAR && (without_b || (a && star_takes(b, a) && without_a)))
		return true;
	return a < ELEMENT_STAR && a == b && without_both;
}

/* Most globs differ before their first star. */
static bool prefixes_agree(const struct path_glob *a, const struct path_glob *b)
{
	size_t len = a->prefix_bytes < b->prefix_bytes ? a->prefix_bytes : b->prefix_bytes;

	return slice_equal(slice_first(a->text, len), slice_first(b->text, len));
}

bool path_glob_overlaps(const struct path_glob *a, const struct path_glob *b)
{
	uint16_t as[PATH_GLOB_MAX_BYTES + 1], bs[PATH_GLOB_MAX_BYTES + 1];
	bool row[PATH_GLOB_MAX_BYTES + 1];
	size_t a_count, b_count;

	if (!prefixes_agree(a, b))
		return false;
	a_count = split_elements(a->text, as);
	b_count = split_elements(b->text, bs);
	as[a_count] = bs[b_count] = 0;
	memset(row, false, b_count + 1);
	/* ROW holds the answers for the rest of A one element shorter, and is replaced from its end
	 * on. */
	for (size_t i = a_count + 1; i-- > 0;) {
		bool without_both = false, without_b = false;

		for (size_t j = b_count + 1; j-- > 0;) {
			bool without_a = row[j];

			row[j] = (i == a_count && j == b_count) ||
				 rests_overlap(as[i], bs[j], without_a, without_b, without_both);
			without_both = without_a;
			without_b = row[j];
		}
	}
	return row[0];
}
