#include "base/base64.h"

#include <stdint.h>

#include "base/error.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(struct slice bytes, char *out)
{
	const unsigned char *p = (const unsigned char *)bytes.ptr;
	size_t used = 0;

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t group = (uint32_t)p[i] << 16;

		if (left > 1)
			group |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			group |= p[i + 2];
		out[used++] = alphabet[group >> 18];
		out[used++] = alphabet[group >> 12 & 63];
		out[used++] = left > 1 ? alphabet[group >> 6 & 63] : '=';
		out[used++] = left > 2 ? alphabet[group & 63] : '=';
	}
	return used;
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static int decode_group(const char *text, size_t digits, uint32_t *group)
{
	*group = 0;
	for (size_t i = 0; i < 4; i++) {
		int value = i < digits ? digit_value(text[i]) : 0;

		if (value < 0)
			return ERROR_SYNTAX;
		*group = *group << 6 | (uint32_t)value;
	}
	return 0;
}

ssize_t base64_decode(struct slice text, char *out)
{
	size_t used = 0, padding = 0;

	if (text.len % 4)
		return ERROR_SYNTAX;
	while (padding < 2 && text.len > padding && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < text.len; i += 4) {
		size_t spare = i + 4 == text.len ? padding : 0;
		uint32_t group;

		if (decode_group(text.ptr + i, 4 - spare, &group) < 0)
			return ERROR_SYNTAX;
		if ((spare == 1 && group & 0xff) || (spare == 2 && group & 0xffff))
			return ERROR_SYNTAX;
		out[used++] = (char)(group >> 16);
		if (spare < 2)
			out[used++] = (char)(group >> 8);
		if (spare < 1)
			out[used++] = (char)group;
	}
	return (ssize_t)used;
}
