#include "proxy/secret/percent.h"

/* The byte that TEXT begins with, decoded; *LENGTH of it. */
static char first_byte(struct slice text, bool plus, size_t *length)
{
	int high, low;

	*length = 1;
	if (text.ptr[0] == '+' && plus)
		return ' ';
	if (text.ptr[0] != '%' || text.len < 3)
		return text.ptr[0];
	high = ascii_hex_value(text.ptr[1]);
	low = ascii_hex_value(text.ptr[2]);
	if (high < 0 || low < 0)
		return '%';
	*length = 3;
	return (char)(high << 4 | low);
}

size_t percent_decode(struct slice text, bool plus, char *out)
{
	size_t used = 0, length;

	for (size_t at = 0; at < text.len; at += length)
		out[used++] = first_byte(slice_from(text, at), plus, &length);
	return used;
}

bool percent_reads_as(struct slice text, bool plus, struct slice wanted)
{
	size_t at = 0, length;

	for (size_t i = 0; i < wanted.len; i++, at += length) {
		if (at >= text.len ||
		    first_byte(slice_from(text, at), plus, &length) != wanted.ptr[i])
			return false;
	}
	return at == text.len;
}

bool percent_is_unreserved(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* Not the semicolon, behind which some servers see a parameter. */
bool percent_is_segment_char(char c)
{
	return percent_is_unreserved(c) || (c && strchr("!$&'()*+,=:@", c));
}

size_t percent_encode(char c, bool (*is_safe)(char c), char out[3])
{
	static const char digits[] = "0123456789ABCDEF";

	if (is_safe(c)) {
		out[0] = c;
		return 1;
	}
	out[0] = '%';
	out[1] = digits[(unsigned char)c >> 4];
	out[2] = digits[c & 15];
	return 3;
}
