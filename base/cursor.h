/*
 * Cursors over binary protocols. A failed read or write sets a sticky error, returns zero, and
 * makes all that follow fail too, so that a parser reads its whole structure and checks once.
 * Numbers are in network order. A read cursor never looks past its end; a write cursor never writes
 * past its.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct reader {
	const uint8_t *start;
	const uint8_t *next;
	const uint8_t *end;
	int error; /* 0, or ERROR_TRUNCATED, or what reader_fail() was given */
};

struct reader reader_of(struct slice bytes);

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->next);
}

static inline size_t reader_offset(const struct reader *r)
{
	return (size_t)(r->next - r->start);
}

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u24(struct reader *r);
uint32_t reader_u32(struct reader *r);

/* The next LEN bytes; an empty slice on error. */
struct slice reader_bytes(struct reader *r, size_t len);

/* A vector with a length prefix of 1 or 2 bytes (TLS presentation language, RFC 8446 section 3.4).
 */
struct slice reader_vector8(struct reader *r);
struct slice reader_vector16(struct reader *r);

void reader_skip(struct reader *r, size_t len);

/* Sets the sticky error, unless one is set already. */
void reader_fail(struct reader *r, int error);

/* True when everything was read and nothing failed. */
bool reader_done(const struct reader *r);

struct writer {
	uint8_t *start;
	uint8_t *next;
	uint8_t *end;
	int error; /* 0 or ERROR_LIMIT */
};

struct writer writer_of(void *bytes, size_t size);

static inline size_t writer_length(const struct writer *w)
{
	return (size_t)(w->next - w->start);
}

static inline size_t writer_room(const struct writer *w)
{
	return (size_t)(w->end - w->next);
}

void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);
void writer_bytes(struct writer *w, struct slice bytes);

static inline void writer_text(struct writer *w, const char *text)
{
	writer_bytes(w, slice_from_text(text));
}

/* VALUE in decimal digits. */
void writer_decimal(struct writer *w, uint64_t value);

/* Overwrites two bytes already written at OFFSET. */
void writer_patch_u16(struct writer *w, size_t offset, uint16_t value);

#endif
