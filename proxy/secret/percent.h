/* Percent-encoding of URLs (RFC 3986 section 2.1), and of forms, where "+" is a space. */
#ifndef PROXY_SECRET_PERCENT_H
#define PROXY_SECRET_PERCENT_H

#include <stdbool.h>

#include "base/slice.h"

/* Decodes TEXT once to OUT, which has room for text.len bytes (and may be TEXT's own memory).
 * Sequences that are none stay. PLUS: "+" is a space. Returns the length. */
size_t percent_decode(struct slice text, bool plus, char *out);

/* Whether TEXT, decoded once, is WANTED. */
bool percent_reads_as(struct slice text, bool plus, struct slice wanted);

/* The characters that stand for themselves anywhere (RFC 3986 section 2.3), and those that do in a
 * segment of a path (section 3.3) without being read as more by any server. */
bool percent_is_unreserved(char c);
bool percent_is_segment_char(char c);

/* Writes C as it must stand: itself if IS_SAFE says so, else encoded. Returns the length. */
size_t percent_encode(char c, bool (*is_safe)(char c), char out[3]);

#endif
