#include "base/json.h"

#include "base/error.h"
#include "base/utf8.h"
#include "base/word.h"

struct json json_of(char *bytes, size_t size)
{
	return (struct json){.start = bytes, .next = bytes, .end = bytes + size};
}

static void put(struct json *j, const char *bytes, size_t len)
{
	if (j->error || (size_t)(j->end - j->next) < len) {
		j->error = ERROR_LIMIT;
		return;
	}
	memcpy(j->next, bytes, len);
	j->next += len;
}

static void put_char(struct json *j, char c)
{
	if (j->error || j->next == j->end) {
		j->error = ERROR_LIMIT;
		return;
	}
	*j->next++ = c;
}

static void begin_value(struct json *j, const char *name)
{
	if (j->need_comma)
		put_char(j, ',');
	j->need_comma = true;
	if (!name)
		return;
	put_char(j, '"');
	put(j, name, strlen(name));
	put(j, "\":", 2);
}

void json_open_object(struct json *j, const char *name)
{
	begin_value(j, name);
	put_char(j, '{');
	j->need_comma = false;
}

void json_close_object(struct json *j)
{
	put_char(j, '}');
	j->need_comma = true;
}

void json_open_array(struct json *j, const char *name)
{
	begin_value(j, name);
	put_char(j, '[');
	j->need_comma = false;
}

void json_close_array(struct json *j)
{
	put_char(j, ']');
	j->need_comma = true;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

size_t json_plain_length(struct slice text)
{
	size_t at = 0;

	for (; text.len - at >= WORD_BYTES; at += WORD_BYTES) {
		uint64_t word = word_load(text.ptr + at);
		uint64_t special = word_below(word, 0x20) | word_equal(word, 0x7f) |
				   word_high(word) | word_equal(word, '"') | word_equal(word, '\\');

		if (special)
			return at + word_first(special);
	}
	while (at < text.len && is_plain((unsigned char)text.ptr[at]))
		at++;
	return at;
}

static void put_escape(struct json *j, unsigned int unit)
{
	static const char digits[] = "0123456789abcdef";
	char escape[6] = {'\\',
			  'u',
			  digits[unit >> 12 & 15],
			  digits[unit >> 8 & 15],
			  digits[unit >> 4 & 15],
			  digits[unit & 15]};

	put(j, escape, sizeof(escape));
}

static void put_escaped_byte(struct json *j, unsigned char c)
{
	switch (c) {
	case '"':
		put(j, "\\\"", 2);
		return;
	case '\\':
		put(j, "\\\\", 2);
		return;
	case '\n':
		put(j, "\\n", 2);
		return;
	case '\r':
		put(j, "\\r", 2);
		return;
	case '\t':
		put(j, "\\t", 2);
		return;
	default:
		put_escape(j, c);
	}
}

static void put_character(struct json *j, struct slice character, uint32_t code)
{
	if (!utf8_is_unseen(code)) {
		put(j, character.ptr, character.len);
	} else if (code < 0x10000) {
		put_escape(j, code);
	} else {
		put_escape(j, 0xd800 + ((code - 0x10000) >> 10));
		put_escape(j, 0xdc00 + ((code - 0x10000) & 0x3ff));
	}
}

static void put_escaped(struct json *j, struct slice value)
{
	const unsigned char *p = (const unsigned char *)value.ptr;
	size_t i = 0;

	while (i < value.len) {
		size_t run = json_plain_length(slice_from(value, i)), len;
		uint32_t code;

		put(j, value.ptr + i, run);
		i += run;
		if (i == value.len)
			break;
		len = utf8_decode(slice_from(value, i), &code);
		if (len == 0) {
			put(j, "\\ufffd", 6);
			i++;
		} else if (len == 1) {
			put_escaped_byte(j, p[i]);
			i++;
		} else {
			put_character(j, slice_of(value.ptr + i, len), code);
			i += len;
		}
	}
}

void json_text(struct json *j, const char *name, struct slice value)
{
	begin_value(j, name);
	put_char(j, '"');
	put_escaped(j, value);
	put_char(j, '"');
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

void json_text_cut(struct json *j, const char *name, struct slice value, size_t max_bytes)
{
	size_t len = max_bytes;

	if (value.len <= max_bytes) {
		json_text(j, name, value);
		return;
	}
	/* No further than a character is long: what is not UTF-8 must not make the text shorter. */
	while (len && max_bytes - len < UTF8_MAX_BYTES - 1 && is_continuation(value.ptr[len]))
		len--;
	begin_value(j, name);
	put_char(j, '"');
	put_escaped(j, slice_first(value, len));
	put(j, "...\"", 4);
}

void json_cstring(struct json *j, const char *name, const char *value)
{
	if (value)
		json_text(j, name, slice_from_text(value));
	else
		json_null(j, name);
}

static void put_unsigned(struct json *j, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put(j, digits + at, sizeof(digits) - at);
}

static uint64_t put_sign(struct json *j, int64_t value)
{
	if (value >= 0)
		return (uint64_t)value;
	put_char(j, '-');
	return -(uint64_t)value;
}

void json_number(struct json *j, const char *name, int64_t value)
{
	begin_value(j, name);
	put_unsigned(j, put_sign(j, value));
}

void json_decimal(struct json *j, const char *name, int64_t thousandths)
{
	uint64_t magnitude;
	unsigned int fraction;

	begin_value(j, name);
	magnitude = put_sign(j, thousandths);
	fraction = (unsigned int)(magnitude % 1000);
	put_unsigned(j, magnitude / 1000);
	if (!fraction)
		return;
	put_char(j, '.');
	put_char(j, (char)('0' + fraction / 100));
	if (fraction % 100)
		put_char(j, (char)('0' + fraction / 10 % 10));
	if (fraction % 10)
		put_char(j, (char)('0' + fraction % 10));
}

void json_boolean(struct json *j, const char *name, bool value)
{
	begin_value(j, name);
	put(j, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *j, const char *name)
{
	begin_value(j, name);
	put(j, "null", 4);
}

void json_raw(struct json *j, const char *name, struct slice value)
{
	begin_value(j, name);
	put(j, value.ptr, value.len);
}
