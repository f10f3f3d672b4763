#include "proxy/secret/find_look.h"

#include "proxy/secret/escape.h"
#include "proxy/secret/escape_name.h"

enum {
	PLAIN = -1,
	CLOSER = -2,
};

/* Of hex digits, their value and one. */
static const unsigned char digit_values[256] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* More than any digit's where none stands. */
static unsigned int digit_at(struct slice text, size_t at)
{
	return digit_values[(unsigned char)text.ptr[at]] - 1u;
}

static bool is_spelling(char c)
{
	return escape_kind_of(c) != ESCAPE_NONE;
}

/* The first byte of C's UTF-8. */
static int first_byte(uint32_t c)
{
	if (c < 0x80)
		return (int)c;
	if (c < 0x800)
		return (int)(0xc0 | c >> 6);
	return c >= 0xd800 && c <= 0xdfff ? CLOSER : (int)(0xe0 | c >> 12);
}

static int look_at_percent(struct slice rest, size_t *length)
{
	unsigned int high, low;

	if (rest.len < 3 || rest.ptr[1] == 'u' || is_spelling(rest.ptr[1]) ||
	    is_spelling(rest.ptr[2]))
		return CLOSER;
	high = digit_at(rest, 1);
	low = digit_at(rest, 2);
	*length = 3;
	return high > 15 || low > 15 ? PLAIN : (int)(high << 4 | low);
}

static int look_at_unicode(struct slice rest, size_t *length)
{
	uint32_t c = 0;

	if (rest.len < 6)
		return CLOSER;
	for (size_t i = 2; i < 6; i++) {
		if (digit_at(rest, i) > 15)
			return CLOSER;
		c = c << 4 | digit_at(rest, i);
	}
	*length = 6;
	return first_byte(c);
}

/* What a backslash before C makes of it, if it is not the first of several. */
static int escaped(unsigned char c)
{
	return ascii_is_alnum((char)c) || c <= ' ' || c >= 0x7f ? PLAIN : c;
}

static int look_at_backslash(struct slice rest, size_t *length)
{
	unsigned char c = rest.len > 1 ? (unsigned char)rest.ptr[1] : 'x';

	*length = 2;
	switch (c) {
	case 'u':
		return look_at_unicode(rest, length);
	case 'x':
		return CLOSER;
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return escaped(c);
	}
}

/* A backslash that was spelled itself, so that what it is before may be spelled, too. */
static int look_at_backslash_again(struct slice rest, size_t *length)
{
	int c;

	if (rest.len < 2 || !is_spelling(rest.ptr[1]))
		return look_at_backslash(rest, length);
	/* What is not spelled by a backslash is so to some of those who decode twice only. */
	if (rest.ptr[1] != '\\')
		return CLOSER;
	c = look_at_backslash(slice_from(rest, 1), length);
	if (c == CLOSER || (c > 0 && ascii_is_alnum((char)c)))
		return CLOSER;
	*length = c == PLAIN ? 2 : 1 + *length;
	return c == PLAIN ? '\\' : escaped((unsigned char)c);
}

static int look_at_number(struct slice rest, size_t *length)
{
	bool hex = rest.len > 2 && (rest.ptr[2] == 'x' || rest.ptr[2] == 'X');
	unsigned int base = hex ? 16 : 10;
	size_t first = hex ? 3 : 2, at = first;
	uint32_t c = 0;

	for (; at < rest.len && digit_at(rest, at) < base && c <= 0xffff; at++)
		c = c * base + digit_at(rest, at);
	*length = at + 1;
	if (at == rest.len || rest.ptr[at] != ';' || at == first ||
	    at - first > ESCAPE_DIGITS_MAX || c > 0xffff)
		return CLOSER;
	return first_byte(c);
}

/* An ampersand is mostly one that parts parameters, and no entity. */
static int look_at_ampersand(struct slice rest, size_t *length)
{
	size_t end = 1;
	char c;

	if (rest.len > 1 && rest.ptr[1] == '#')
		return look_at_number(rest, length);
	while (end < rest.len && ascii_is_alpha(rest.ptr[end]))
		end++;
	if (end == rest.len || is_spelling(rest.ptr[end]))
		return escape_begins_name(slice_of(rest.ptr + 1, end - 1)) ? CLOSER : PLAIN;
	if (rest.ptr[end] != ';')
		return PLAIN;
	*length = end + 1;
	c = escape_char_named(slice_of(rest.ptr + 1, end - 1));
	return c ? c : PLAIN;
}

/* C, and then the rest of REST behind its first character. */
static int look_once(char c, struct slice rest, size_t *length)
{
	switch (c) {
	case '%':
		return look_at_percent(rest, length);
	case '\\':
		return look_at_backslash(rest, length);
	default:
		return look_at_ampersand(rest, length);
	}
}

static int look_again(char c, struct slice rest, size_t *length)
{
	if (c == '\\')
		return look_at_backslash_again(rest, length);
	return look_once(c, rest, length);
}

struct find_look find_look(struct slice rest)
{
	struct find_look look = {0};
	int c = look_once(rest.ptr[0], rest, &look.lengths[0]), again;

	look.closer = c == CLOSER;
	if (c < 0)
		return look;
	look.bytes[0] = (unsigned char)c;
	look.count = 1;
	if (!is_spelling((char)c))
		return look;
	again = look_again((char)c, slice_from(rest, look.lengths[0] - 1), &look.lengths[1]);
	look.closer = again == CLOSER;
	if (again < 0)
		return look;
	look.bytes[1] = (unsigned char)again;
	look.lengths[1] += look.lengths[0] - 1;
	look.count = 2;
	return look;
}
