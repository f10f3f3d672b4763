/*
 * Looking for any of several byte strings at once (Wu and Manber, "A fast algorithm for
 * multi-pattern searching", 1994): most positions are skipped, whatever the number of patterns, as
 * long as the shortest one is long. Placeholders are at least 17 bytes.
 *
 * Immutable once made. Time is at worst the product of text length and longest pattern, which needs
 * a text made of near misses; patterns are random, so that a sandbox can do no better than repeat
 * the beginning of its own placeholders.
 */
#ifndef PROXY_SECRET_SCAN_H
#define PROXY_SECRET_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum {
	SCAN_PATTERN_MIN_BYTES = 8,
	SCAN_PATTERN_MAX_BYTES = 8192,
	SCAN_PATTERNS_MAX = 4096,
};

struct scanner;

/* Compiles COUNT patterns, whose memory must outlive the scanner. NULL without memory; COUNT may be
 * 0. Lengths must be within the bounds above. */
struct scanner *scanner_create(const struct slice patterns[], size_t count);
void scanner_free(struct scanner *scanner);

struct scan_hit {
	size_t pattern; /* index into PATTERNS; the longest that matches there */
	size_t start;
	size_t length;
};

/* The first hit in TEXT that begins at FROM or later; of several that begin there, the longest. */
bool scanner_find(const struct scanner *scanner, struct slice text, size_t from,
		  struct scan_hit *hit);

/* The length of the longest end of TEXT that could go on to become a hit; 0 if none could. */
size_t scanner_partial(const struct scanner *scanner, struct slice text);

/* Length of the longest pattern, 0 if there are none. */
size_t scanner_longest(const struct scanner *scanner);

#endif
