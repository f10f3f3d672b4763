/*
 * A slice is a view of bytes that somebody else owns: a pointer and a length, no terminator. All
 * text from outside is handled as slices, so that a NUL byte in it is a byte like any other.
 *
 * Character classes here are those of the protocols (ASCII), never those of the locale.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *ptr;
	size_t len;
};

/* For printf: printf("%.*s", SLICE_ARGS(s)). The length is cut to what an int holds. */
#define SLICE_ARGS(s)	    (int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len), (s).ptr
#define SLICE_LITERAL(text) ((struct slice){(text), sizeof(text) - 1})
#define SLICE_EMPTY	    ((struct slice){"", 0})

static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){ptr, len};
}

static inline struct slice slice_from_text(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
	char l = ascii_lower(c);

	return l >= 'a' && l <= 'z';
}

static inline bool ascii_is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

/* The value of a hexadecimal digit, or -1. */
int ascii_hex_value(char c);

/* Equal without regard to the case of ASCII letters. */
bool slice_equal_nocase(struct slice a, struct slice b);

/* Whether S is one of COUNT words. */
bool slice_is_one_of(struct slice s, const char *const words[], size_t count);

bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_starts_with_nocase(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);

/* The offset of the first C in S, or S.len. */
static inline size_t slice_find_char(struct slice s, char c)
{
	const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return hit ? (size_t)(hit - s.ptr) : s.len;
}

/* The offset of the first NEEDLE in S, or S.len. An empty needle is found at 0. */
size_t slice_find(struct slice s, struct slice needle);

/* S from offset START on; empty if START is past the end. */
static inline struct slice slice_from(struct slice s, size_t start)
{
	size_t skipped = start < s.len ? start : s.len;

	return slice_of(s.ptr + skipped, s.len - skipped);
}

/* The first LEN bytes of S, or all of it. */
static inline struct slice slice_first(struct slice s, size_t len)
{
	return slice_of(s.ptr, len < s.len ? len : s.len);
}

/* S without spaces and tabs at its two ends (optional white space of RFC 9110 section 5.6.3). */
struct slice slice_trim(struct slice s);

/* Cuts the part of REST before the first SEPARATOR off REST and stores it in PART; the last part is
 * what is left. Returns false once all parts are taken (REST's pointer is NULL then). "a,,b" has
 * three parts, "a," two, "" one, which is empty. */
bool slice_next_part(struct slice *rest, char separator, struct slice *part);

/* Decimal digits only, no sign, no space, at most MAX. ERROR_SYNTAX or ERROR_LIMIT on failure. */
int slice_to_u64(struct slice s, uint64_t max, uint64_t *value);

/* A NUL-terminated copy for the caller to free, or NULL without memory. */
char *slice_copy_text(struct slice s);

/* Equal, in a time that depends on the lengths only. For tokens. */
bool slice_equal_constant_time(struct slice a, struct slice b);

#endif
