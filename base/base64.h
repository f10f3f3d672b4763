/*
 * Base64 (RFC 4648 section 4), strict: no white space, no line breaks, padding where it belongs and
 * nowhere else, unused bits zero. One text decodes to one value and back.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <sys/types.h>

#include "base/slice.h"

/* The length of the encoding of LEN bytes, with padding. */
static inline size_t base64_encoded_length(size_t len)
{
	return (len + 2) / 3 * 4;
}

/* Encodes BYTES to OUT, which has room for base64_encoded_length(); returns that length. */
size_t base64_encode(struct slice bytes, char *out);

/* Decodes TEXT to OUT, which has room for text.len / 4 * 3 bytes. The length, or ERROR_SYNTAX. */
ssize_t base64_decode(struct slice text, char *out);

#endif
