/*
 * A byte queue: appended at the end, consumed at the front. It grows up to a bound and gives its
 * memory back when it runs empty, so that an idle connection keeps none.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct buffer {
	char *bytes;
	size_t start; /* first byte not yet consumed */
	size_t end;   /* one past the last byte appended */
	size_t capacity;
	size_t max_bytes; /* most that may be unconsumed at once */
	bool wipes;	  /* memory is overwritten before it is released */
};

void buffer_init(struct buffer *buffer, size_t max_bytes);

/* The same, for bytes among which a secret may be. */
void buffer_init_wiped(struct buffer *buffer, size_t max_bytes);

/* Releases the memory; the buffer is empty and may be used again. */
void buffer_free(struct buffer *buffer);

/* As buffer_free(), after overwriting what the memory held. */
void buffer_wipe(struct buffer *buffer);

static inline size_t buffer_length(const struct buffer *buffer)
{
	return buffer->end - buffer->start;
}

static inline struct slice buffer_slice(const struct buffer *buffer)
{
	return slice_of(buffer->bytes ? buffer->bytes + buffer->start : "", buffer_length(buffer));
}

/* Makes room for LEN more bytes and returns where they go, or NULL (over the bound, or no memory).
 * What was written there is then added by buffer_commit(). */
char *buffer_reserve(struct buffer *buffer, size_t len);
void buffer_commit(struct buffer *buffer, size_t len);

/* 0, ERROR_LIMIT when the bound would be passed, or -ENOMEM; on failure nothing was appended. */
int buffer_append(struct buffer *buffer, struct slice s);

/* Drops LEN bytes at the front. When none are left, the memory is released. */
void buffer_consume(struct buffer *buffer, size_t len);

#endif
