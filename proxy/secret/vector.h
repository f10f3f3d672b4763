/* Vectors of 16 bytes, which every 64-bit processor has: one look at as many characters. */
#ifndef PROXY_SECRET_VECTOR_H
#define PROXY_SECRET_VECTOR_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VECTOR_BYTES = 16 };

/* Comparing two gives one of bytes that are all ones where it holds, and zero elsewhere. */
typedef unsigned char vector __attribute__((vector_size(VECTOR_BYTES)));

static inline vector vector_load(const char *text)
{
	vector bytes;

	memcpy(&bytes, text, sizeof(bytes));
	return bytes;
}

/* Whether some byte is not zero. */
static inline bool vector_any(vector marks)
{
	uint64_t words[2];

	memcpy(words, &marks, sizeof(words));
	return words[0] | words[1];
}

/* The offset of the first byte that is not zero, or VECTOR_BYTES. */
static inline size_t vector_first(vector marks)
{
	uint64_t words[2];

	memcpy(words, &marks, sizeof(words));
	if (words[0])
		return (size_t)__builtin_ctzll(le64toh(words[0])) / 8;
	return words[1] ? 8 + (size_t)__builtin_ctzll(le64toh(words[1])) / 8 : VECTOR_BYTES;
}

#endif
