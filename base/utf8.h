/* UTF-8 (RFC 3629), strict: no surrogates, no overlong forms, nothing past U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

#include "base/slice.h"

enum { UTF8_MAX_BYTES = 4 };

/* The length of the character that S starts with, 1 to 4 bytes, or 0 if there is none. */
size_t utf8_sequence(struct slice s);

/* The same, with the character's code point stored. */
size_t utf8_decode(struct slice s, uint32_t *code_point);

/* For text that comes in pieces: the length of the longest beginning of S that is whole characters.
 * What is left, less than UTF8_MAX_BYTES, may yet become one. ERROR_SYNTAX when it cannot, however
 * the text goes on. */
ssize_t utf8_scan(struct slice s);

/* Characters that a reader does not see, or that change how others are shown: control characters,
 * line separators, marks of width and direction, tags. */
bool utf8_is_unseen(uint32_t code_point);

#endif
