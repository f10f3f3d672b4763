/*
 * Text looked at eight bytes at a time. A test answers with a mark, the highest bit, in each byte
 * of the word that passes it. The first mark is exact, and so is that there is none; bytes behind
 * the first may be marked wrongly. Marks of several tests are joined by |.
 */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { WORD_BYTES = sizeof(uint64_t) };

#define WORD_ONES  UINT64_C(0x0101010101010101)
#define WORD_MARKS UINT64_C(0x8080808080808080)

/* The eight bytes at TEXT, the first of them lowest. */
static inline uint64_t word_load(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return le64toh(word);
}

/* Bytes below LIMIT, which is at most 128. */
static inline uint64_t word_below(uint64_t word, unsigned char limit)
{
	return (word - WORD_ONES * limit) & ~word & WORD_MARKS;
}

static inline uint64_t word_equal(uint64_t word, unsigned char byte)
{
	return word_below(word ^ WORD_ONES * byte, 1);
}

/* Bytes from 128 on. */
static inline uint64_t word_high(uint64_t word)
{
	return word & WORD_MARKS;
}

/* Where the first byte with a mark is. MARKS is not 0. */
static inline size_t word_first(uint64_t marks)
{
	return (size_t)__builtin_ctzll(marks) / 8;
}

#endif
