#include "base/utf8.h"

#include "base/error.h"

static size_t length_by_first_byte(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	if (first >= 0xf0 && first <= 0xf4)
		return 4;
	return 0;
}

/* Some first bytes narrow the second: to shut out overlong forms, surrogates, and what is past
 * U+10FFFF. */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

/* Whether the first COUNT bytes at P may begin a character whose first byte is sound. */
static bool bytes_fit(const unsigned char *p, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
	}
	return count == 1 || second_byte_fits(p[0], p[1]);
}

size_t utf8_sequence(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t len;

	if (s.len == 0)
		return 0;
	len = length_by_first_byte(p[0]);
	if (len == 0 || s.len < len)
		return 0;
	return bytes_fit(p, len) ? len : 0;
}

static bool is_beginning(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;

	return s.len < length_by_first_byte(p[0]) && bytes_fit(p, s.len);
}

/* The length of the ASCII that S starts with, as far as eight bytes at a time find it. */
static size_t skip_ascii(struct slice s)
{
	size_t at = 0;

	for (uint64_t bytes; s.len - at >= sizeof(bytes); at += sizeof(bytes)) {
		memcpy(&bytes, s.ptr + at, sizeof(bytes));
		if (bytes & UINT64_C(0x8080808080808080))
			break;
	}
	return at;
}

ssize_t utf8_scan(struct slice s)
{
	size_t at = 0;

	while (at < s.len) {
		struct slice rest = slice_from(s, at);
		size_t len = skip_ascii(rest);

		if (len == 0)
			len = utf8_sequence(rest);
		if (len == 0)
			return is_beginning(rest) ? (ssize_t)at : ERROR_SYNTAX;
		at += len;
	}
	return (ssize_t)at;
}

size_t utf8_decode(struct slice s, uint32_t *code_point)
{
	static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	size_t len = utf8_sequence(s);

	if (len == 0)
		return 0;
	*code_point = (unsigned char)s.ptr[0] & first_bits[len];
	for (size_t i = 1; i < len; i++)
		*code_point = *code_point << 6 | ((unsigned char)s.ptr[i] & 0x3f);
	return len;
}

bool utf8_is_unseen(uint32_t code_point)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x00, 0x1f},	  {0x7f, 0x9f},	    {0xad, 0xad},	{0x61c, 0x61c},
		{0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},	{0x2060, 0x206f},
		{0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (code_point >= ranges[i].first && code_point <= ranges[i].last)
			return true;
	}
	return false;
}
