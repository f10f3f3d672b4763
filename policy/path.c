#include "policy/path.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/utf8.h"

/* What transformation a reading of the path takes; they combine. */
enum {
	READ_DECODE_SLASH = 1, /* "%2F" separates segments */
	READ_CUT_PARAMETER = 2,
	READ_MERGE_SLASHES = 4,
	READ_ALL = 7,
};

static bool is_unreserved(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* pchar of RFC 3986 section 3.3, and the slash; percent signs apart. */
static bool is_raw_allowed(char c)
{
	static const bool others[128] = {
		['/'] = true, ['!'] = true, ['$'] = true, ['&'] = true, ['\''] = true,
		['('] = true, [')'] = true, ['*'] = true, ['+'] = true, [','] = true,
		[';'] = true, ['='] = true, [':'] = true, ['@'] = true,
	};

	return is_unreserved(c) || ((unsigned char)c < 0x80 && others[(unsigned char)c]);
}

/* The byte that a percent sequence at the start of S stands for, or -1. */
static int percent_value(struct slice s)
{
	int high, low;

	if (s.len < 3 || s.ptr[0] != '%')
		return -1;
	high = ascii_hex_value(s.ptr[1]);
	low = ascii_hex_value(s.ptr[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool is_percent(struct slice s, char upper, char digit)
{
	return s.len >= 3 && s.ptr[0] == '%' && s.ptr[1] == upper && s.ptr[2] == digit;
}

/* In canonical text, where hex is upper case. */
static bool is_encoded_slash(struct slice s)
{
	return is_percent(s, '2', 'F');
}

static bool starts_parameter(struct slice s)
{
	return s.len && (s.ptr[0] == ';' || is_percent(s, '3', 'B'));
}

/* Writes the canonical form of the percent sequence for BYTE; returns its length. */
static size_t put_percent(char *out, unsigned char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	if (is_unreserved((char)byte)) {
		out[0] = (char)byte;
		return 1;
	}
	out[0] = '%';
	out[1] = digits[byte >> 4];
	out[2] = digits[byte & 15];
	return 3;
}

static const char *refuse_byte(int byte)
{
	if (byte < 0)
		return "the path has an incomplete percent sequence";
	if (byte < 0x20 || byte == 0x7f)
		return "the path has an encoded control character";
	if (byte == '\\')
		return "the path has an encoded backslash";
	return NULL;
}

/* Decodes what is unreserved, writes other percent sequences in upper case. OUT has room for all of
 * RAW: nothing grows. Returns the text for a refusal, or NULL. */
static const char *normalise_encoding(struct slice raw, char *out, size_t *len)
{
	size_t used = 0;

	for (size_t i = 0; i < raw.len; i++) {
		const char *refusal;
		int byte;

		if (is_raw_allowed(raw.ptr[i])) {
			out[used++] = raw.ptr[i];
			continue;
		}
		if (raw.ptr[i] != '%')
			return "the path has a character that must be percent-encoded";
		byte = percent_value(slice_from(raw, i));
		refusal = refuse_byte(byte);
		if (refusal)
			return refusal;
		used += put_percent(out + used, (unsigned char)byte);
		i += 2;
	}
	*len = used;
	return NULL;
}

/* Collects the percent-encoded bytes of a character that is not ASCII. */
static size_t encoded_run(struct slice s, char bytes[4])
{
	size_t count = 0;

	while (count < 4) {
		int byte = percent_value(slice_from(s, 3 * count));

		if (byte < 0x80)
			break;
		bytes[count++] = (char)byte;
	}
	return count;
}

/* "%25" before two hex digits is an encoding of an encoding. Bytes that are not UTF-8 include the
 * overlong forms, which a careless decoder takes for a slash or a dot. */
static const char *check_encoding(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		struct slice rest = slice_from(text, i);
		char bytes[4];
		size_t run, character;

		if (rest.ptr[0] != '%')
			continue;
		if (is_percent(rest, '2', '5') && rest.len >= 5 &&
		    ascii_hex_value(rest.ptr[3]) >= 0 && ascii_hex_value(rest.ptr[4]) >= 0)
			return "the path is encoded twice";
		run = encoded_run(rest, bytes);
		if (run == 0)
			continue;
		character = utf8_sequence(slice_of(bytes, run));
		if (character == 0)
			return "the path has encoded bytes that are not UTF-8";
		i += 3 * character - 1;
	}
	return NULL;
}

static bool is_dots(struct slice segment)
{
	return slice_equal(segment, SLICE_LITERAL(".")) ||
	       slice_equal(segment, SLICE_LITERAL(".."));
}

/* RFC 3986 section 5.2.4, in place: TEXT starts with a slash and stays so. */
static size_t remove_dot_segments(char *text, size_t len)
{
	struct slice rest = slice_of(text + 1, len - 1), segment;
	size_t used = 0;

	while (slice_next_part(&rest, '/', &segment)) {
		bool last = !rest.ptr;

		if (slice_equal(segment, SLICE_LITERAL(".."))) {
			while (used && text[--used] != '/')
				;
		} else if (!slice_equal(segment, SLICE_LITERAL("."))) {
			text[used++] = '/';
			memmove(text + used, segment.ptr, segment.len);
			used += segment.len;
			continue;
		}
		if (last)
			text[used++] = '/';
	}
	return used;
}

/* One part of a segment, between encoded slashes. */
static const char *check_part(struct slice part)
{
	size_t end = 0;

	while (end < part.len && !starts_parameter(slice_from(part, end)))
		end++;
	if (is_dots(slice_first(part, end)))
		return "the path has a dot segment behind an encoded slash or a parameter";
	return NULL;
}

/* Dot segments are gone by now; what is left of them hides behind "%2F" or ";". A slash inside a
 * parameter would be in the path or not, as the server decodes or cuts first. */
static const char *check_segment(struct slice segment)
{
	bool in_parameter = false;
	size_t start = 0;

	for (size_t i = 0; i < segment.len; i++) {
		struct slice rest = slice_from(segment, i);

		in_parameter = in_parameter || starts_parameter(rest);
		if (!is_encoded_slash(rest))
			continue;
		if (in_parameter)
			return "the path has an encoded slash inside a parameter";
		if (check_part(slice_of(segment.ptr + start, i - start)))
			return check_part(slice_of(segment.ptr + start, i - start));
		start = i + 3;
	}
	return check_part(slice_from(segment, start));
}

static const char *check_segments(struct slice text)
{
	struct slice rest = slice_from(text, 1), segment;

	while (slice_next_part(&rest, '/', &segment)) {
		const char *refusal = check_segment(segment);

		if (refusal)
			return refusal;
	}
	return NULL;
}

/* Whether a server could read TEXT in more than one way. */
static bool is_ambiguous(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i], next = i + 1 < text.len ? text.ptr[i + 1] : '\0';

		if (c == ';' || (c == '/' && next == '/'))
			return true;
		if (c == '%' && (is_encoded_slash(slice_from(text, i)) ||
				 starts_parameter(slice_from(text, i))))
			return true;
	}
	return false;
}

static size_t parameter_length(struct slice s)
{
	return slice_find_char(s, '/');
}

static struct slice read_as(struct slice text, unsigned int how, char *out)
{
	size_t used = 0, i = 0;

	while (i < text.len) {
		struct slice rest = slice_from(text, i);
		char c = text.ptr[i];

		if ((how & READ_CUT_PARAMETER) && starts_parameter(rest)) {
			i += parameter_length(rest);
			continue;
		}
		i++;
		if ((how & READ_DECODE_SLASH) && is_encoded_slash(rest)) {
			c = '/';
			i += 2;
		}
		if ((how & READ_MERGE_SLASHES) && c == '/' && used && out[used - 1] == '/')
			continue;
		out[used++] = c;
	}
	return slice_of(out, used);
}

static void add_reading(struct path *path, struct slice reading)
{
	for (size_t i = 0; i < path->reading_count; i++) {
		if (slice_equal(path->readings[i], reading))
			return;
	}
	path->readings[path->reading_count++] = reading;
}

static int collect_readings(struct path *path, struct arena *arena)
{
	path->readings[0] = path->text;
	path->reading_count = 1;
	if (!is_ambiguous(path->text))
		return 0;
	for (unsigned int how = 1; how <= READ_ALL; how++) {
		char *out = arena_alloc_bytes(arena, path->text.len);

		if (!out)
			return -ENOMEM;
		add_reading(path, read_as(path->text, how, out));
	}
	return 0;
}

_Static_assert(READ_ALL + 1 <= PATH_READINGS_MAX, "every combination has a place");

int path_make_canonical(struct slice raw, char *out, size_t *len, const char **why)
{
	*why = NULL;
	if (raw.len > PATH_MAX_BYTES) {
		*why = "the path is too long";
		return ERROR_LIMIT;
	}
	if (raw.len == 0 || raw.ptr[0] != '/')
		*why = "the path does not start with a slash";
	else
		*why = normalise_encoding(raw, out, len);
	if (!*why)
		*why = check_encoding(slice_of(out, *len));
	if (*why)
		return ERROR_SYNTAX;
	*len = remove_dot_segments(out, *len);
	if (is_ambiguous(slice_of(out, *len)))
		*why = check_segments(slice_of(out, *len));
	return *why ? ERROR_SYNTAX : 0;
}

int path_canonicalise(struct slice raw, struct arena *arena, struct path *path, const char **why)
{
	char *out;
	size_t len;
	int rc;

	*why = NULL;
	if (raw.len > PATH_MAX_BYTES) {
		*why = "the path is too long";
		return ERROR_LIMIT;
	}
	out = arena_alloc_bytes(arena, raw.len + 1);
	if (!out)
		return -ENOMEM;
	rc = path_make_canonical(raw, out, &len, why);
	if (rc < 0)
		return rc;
	path->text = slice_of(out, len);
	return collect_readings(path, arena);
}
