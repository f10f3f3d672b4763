#include "base/cursor.h"

#include "base/error.h"

struct reader reader_of(struct slice bytes)
{
	const uint8_t *start = (const uint8_t *)bytes.ptr;

	return (struct reader){.start = start, .next = start, .end = start + bytes.len};
}

void reader_fail(struct reader *r, int error)
{
	if (!r->error)
		r->error = error;
}

static const uint8_t *reader_take(struct reader *r, size_t len)
{
	const uint8_t *at = r->next;

	if (r->error || reader_left(r) < len) {
		reader_fail(r, ERROR_TRUNCATED);
		return NULL;
	}
	r->next += len;
	return at;
}

uint8_t reader_u8(struct reader *r)
{
	const uint8_t *p = reader_take(r, 1);

	return p ? p[0] : 0;
}

uint16_t reader_u16(struct reader *r)
{
	const uint8_t *p = reader_take(r, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t reader_u24(struct reader *r)
{
	const uint8_t *p = reader_take(r, 3);

	return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

uint32_t reader_u32(struct reader *r)
{
	const uint8_t *p = reader_take(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

struct slice reader_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = reader_take(r, len);

	return p ? slice_of(p, len) : SLICE_EMPTY;
}

struct slice reader_vector8(struct reader *r)
{
	return reader_bytes(r, reader_u8(r));
}

struct slice reader_vector16(struct reader *r)
{
	return reader_bytes(r, reader_u16(r));
}

void reader_skip(struct reader *r, size_t len)
{
	reader_take(r, len);
}

bool reader_done(const struct reader *r)
{
	return !r->error && r->next == r->end;
}

struct writer writer_of(void *bytes, size_t size)
{
	uint8_t *start = bytes;

	return (struct writer){.start = start, .next = start, .end = start + size};
}

static uint8_t *writer_take(struct writer *w, size_t len)
{
	uint8_t *at = w->next;

	if (w->error || writer_room(w) < len) {
		w->error = ERROR_LIMIT;
		return NULL;
	}
	w->next += len;
	return at;
}

void writer_u8(struct writer *w, uint8_t value)
{
	uint8_t *p = writer_take(w, 1);

	if (p)
		p[0] = value;
}

void writer_u16(struct writer *w, uint16_t value)
{
	uint8_t *p = writer_take(w, 2);

	if (p) {
		p[0] = (uint8_t)(value >> 8);
		p[1] = (uint8_t)value;
	}
}

void writer_u32(struct writer *w, uint32_t value)
{
	writer_u16(w, (uint16_t)(value >> 16));
	writer_u16(w, (uint16_t)value);
}

void writer_bytes(struct writer *w, struct slice bytes)
{
	uint8_t *p = writer_take(w, bytes.len);

	if (p && bytes.len)
		memcpy(p, bytes.ptr, bytes.len);
}

void writer_decimal(struct writer *w, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	writer_bytes(w, slice_of(digits + at, sizeof(digits) - at));
}

void writer_patch_u16(struct writer *w, size_t offset, uint16_t value)
{
	if (w->error || writer_length(w) < 2 || offset > writer_length(w) - 2) {
		w->error = ERROR_LIMIT;
		return;
	}
	w->start[offset] = (uint8_t)(value >> 8);
	w->start[offset + 1] = (uint8_t)value;
}
