#include "proxy/secret/forms.h"

#include "base/utf8.h"

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool is_base64(enum form_kind kind)
{
	return kind >= FORM_BASE64_0 && kind <= FORM_BASE64URL_2;
}

static bool is_hex(enum form_kind kind)
{
	return kind == FORM_HEX_LOWER || kind == FORM_HEX_UPPER;
}

/* How many bytes of a group of 3 are before the value. */
static size_t alignment_of(enum form_kind kind)
{
	return (size_t)(kind - FORM_BASE64_0) % 3;
}

/* The first digit of which all 6 bits are the value's. */
static size_t first_digit(size_t before)
{
	return (before * 8 + 5) / 6;
}

static size_t write_base64(enum form_kind kind, struct slice value, char *out)
{
	const char *digits = kind < FORM_BASE64URL_0 ? base64_digits : base64url_digits;
	size_t before = alignment_of(kind), first = first_digit(before);
	size_t end = (before + value.len) * 8 / 6;

	for (size_t i = first; out && i < end; i++) {
		size_t bit = i * 6 - before * 8, byte = bit / 8;
		unsigned int pair = (unsigned int)(unsigned char)value.ptr[byte] << 8;

		if (byte + 1 < value.len)
			pair |= (unsigned char)value.ptr[byte + 1];
		out[i - first] = digits[pair >> (10 - bit % 8) & 63];
	}
	return end > first ? end - first : 0;
}

static size_t write_hex(enum form_kind kind, struct slice value, char *out)
{
	const char *digits = kind == FORM_HEX_LOWER ? "0123456789abcdef" : "0123456789ABCDEF";

	for (size_t i = 0; out && i < value.len; i++) {
		unsigned char byte = (unsigned char)value.ptr[i];

		out[2 * i] = digits[byte >> 4];
		out[2 * i + 1] = digits[byte & 15];
	}
	return value.len * 2;
}

static void put_unit16(enum form_kind kind, uint32_t unit, char *out)
{
	out[kind == FORM_UTF16BE] = (char)unit;
	out[kind != FORM_UTF16BE] = (char)(unit >> 8);
}

static size_t write_utf16(enum form_kind kind, struct slice value, char *out)
{
	size_t used = 0;

	while (value.len) {
		uint32_t c = 0;
		size_t len = utf8_decode(value, &c), units = c >= 0x10000 ? 2 : 1;

		if (len == 0)
			return 0;
		if (out && units == 1) {
			put_unit16(kind, c, out + used);
		} else if (out) {
			put_unit16(kind, 0xd800 + ((c - 0x10000) >> 10), out + used);
			put_unit16(kind, 0xdc00 + (c & 0x3ff), out + used + 2);
		}
		used += 2 * units;
		value = slice_from(value, len);
	}
	return used;
}

static char change_char(enum form_kind kind, char c)
{
	switch (kind) {
	case FORM_PLUS:
		return c == ' ' ? '+' : c;
	case FORM_UPPER:
		return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
	case FORM_LOWER:
		return ascii_lower(c);
	default:
		return c;
	}
}

static size_t write_chars(enum form_kind kind, struct slice value, char *out)
{
	for (size_t i = 0; out && i < value.len; i++)
		out[kind == FORM_REVERSED ? value.len - 1 - i : i] = change_char(kind,
										 value.ptr[i]);
	return value.len;
}

size_t form_write(enum form_kind kind, struct slice value, char *out)
{
	if (is_base64(kind))
		return write_base64(kind, value, out);
	if (is_hex(kind))
		return write_hex(kind, value, out);
	if (kind == FORM_UTF16LE || kind == FORM_UTF16BE)
		return write_utf16(kind, value, out);
	return write_chars(kind, value, out);
}

size_t form_length(enum form_kind kind, struct slice value)
{
	return form_write(kind, value, NULL);
}

static bool is_there(const struct form forms[], size_t count, struct slice text)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_equal(forms[i].text, text))
			return true;
	}
	return false;
}

size_t forms_make(struct slice value, uint16_t owner, unsigned int kinds, char *memory,
		  size_t *used, struct form forms[FORMS_OF_ONE_MAX])
{
	size_t count = 0;

	*used = 0;
	for (enum form_kind kind = 0; kind < FORM_KIND_COUNT; kind++) {
		struct slice text;
		bool breaks = is_base64(kind) || is_hex(kind);

		if (!(kinds & 1u << kind))
			continue;
		text = slice_of(memory + *used, form_write(kind, value, memory + *used));
		if (text.len == 0 || is_there(forms, count, text))
			continue;
		*used += text.len;
		forms[count++] = (struct form){text, kind, false, breaks, owner};
		if (breaks)
			forms[count++] = (struct form){slice_from(text, FORM_TAIL_BYTES), kind,
						       true, true, owner};
	}
	return count;
}
