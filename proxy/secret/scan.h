/*
 * Looking for any of several byte strings at once.
 *
 * Every pattern has at least W bytes, W being the length of the shortest. Of a text, only every
 * (W - 3)rd position is looked at: an occurrence of a pattern, wherever it begins, has one of these
 * positions among its first W - 3. The four bytes that stand there (a GRAM) are looked up in a bit
 * table of the grams of all patterns, which mostly says no; only then are patterns compared. So the
 * longer the shortest pattern, the fewer positions count, and the number of patterns hardly does;
 * and as no position depends on the one before, the processor looks at several at once.
 *
 * Immutable once made. Time is at worst the length of the text times the length of the patterns
 * that share a gram, which needs a text made of near misses; patterns are random, so that whoever
 * writes the text can do no better than repeat the beginning of patterns that he knows.
 */
#ifndef PROXY_SECRET_SCAN_H
#define PROXY_SECRET_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum {
	SCAN_PATTERN_MIN_BYTES = 8,
	SCAN_PATTERN_MAX_BYTES = 8192,
	SCAN_PATTERNS_MAX = 8192,
};

struct scanner;

/* Compiles COUNT patterns, whose bytes must outlive the scanner. NULL without memory; COUNT may be
 * 0. Lengths must be within the bounds above. */
struct scanner *scanner_create(const struct slice patterns[], size_t count);
void scanner_free(struct scanner *scanner);

/* The same in memory of the caller's, for patterns that are secrets: the tables tell of them as
 * much as the patterns do. scanner_bytes() says how much is needed, aligned for any object; it must
 * be zero. Such a scanner is not freed. */
size_t scanner_bytes(const struct slice patterns[], size_t count);
struct scanner *scanner_build(void *memory, const struct slice patterns[], size_t count);

struct scan_hit {
	size_t pattern; /* index into PATTERNS; the longest that matches there */
	size_t start;
	size_t length;
};

/* The first hit in TEXT that begins at FROM or later; of several that begin there, the longest. */
bool scanner_find(const struct scanner *scanner, struct slice text, size_t from,
		  struct scan_hit *hit);

/* The index of the first pattern, from index FIRST on, that TEXT starts with; SCAN_PATTERNS_MAX if
 * there is none. */
size_t scanner_match(const struct scanner *scanner, struct slice text, size_t first);

/* The length of the longest end of TEXT that could go on to become a hit; 0 if none could. */
size_t scanner_partial(const struct scanner *scanner, struct slice text);

/* Length of the longest pattern, 0 if there are none. */
size_t scanner_longest(const struct scanner *scanner);

#endif
