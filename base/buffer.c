#include "base/buffer.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"

enum { FIRST_CAPACITY_BYTES = 2048 };

void buffer_init(struct buffer *buffer, size_t max_bytes)
{
	*buffer = (struct buffer){.max_bytes = max_bytes};
}

void buffer_init_wiped(struct buffer *buffer, size_t max_bytes)
{
	*buffer = (struct buffer){.max_bytes = max_bytes, .wipes = true};
}

static void release(struct buffer *buffer)
{
	if (buffer->wipes && buffer->bytes)
		explicit_bzero(buffer->bytes, buffer->capacity);
	free(buffer->bytes);
}

void buffer_free(struct buffer *buffer)
{
	release(buffer);
	*buffer = (struct buffer){.max_bytes = buffer->max_bytes, .wipes = buffer->wipes};
}

void buffer_wipe(struct buffer *buffer)
{
	if (buffer->bytes)
		explicit_bzero(buffer->bytes, buffer->capacity);
	buffer_free(buffer);
}

static void move_to_front(struct buffer *buffer)
{
	size_t length = buffer_length(buffer);

	if (buffer->start == 0)
		return;
	memmove(buffer->bytes, buffer->bytes + buffer->start, length);
	buffer->start = 0;
	buffer->end = length;
}

static int grow(struct buffer *buffer, size_t needed)
{
	size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY_BYTES;
	char *bytes;

	while (capacity < needed)
		capacity *= 2;
	bytes = buffer->wipes ? malloc(capacity) : realloc(buffer->bytes, capacity);
	if (!bytes)
		return -ENOMEM;
	if (buffer->wipes) {
		if (buffer->bytes)
			memcpy(bytes, buffer->bytes, buffer->end);
		release(buffer);
	}
	buffer->bytes = bytes;
	buffer->capacity = capacity;
	return 0;
}

static int make_room(struct buffer *buffer, size_t len)
{
	size_t length = buffer_length(buffer);

	if (len > buffer->max_bytes || length > buffer->max_bytes - len)
		return ERROR_LIMIT;
	if (buffer->capacity - buffer->end >= len)
		return 0;
	if (buffer->bytes)
		move_to_front(buffer);
	if (buffer->capacity - buffer->end >= len)
		return 0;
	return grow(buffer, length + len);
}

char *buffer_reserve(struct buffer *buffer, size_t len)
{
	if (make_room(buffer, len) < 0)
		return NULL;
	return buffer->bytes + buffer->end;
}

void buffer_commit(struct buffer *buffer, size_t len)
{
	assert(len <= buffer->capacity - buffer->end);
	buffer->end += len;
}

int buffer_append(struct buffer *buffer, struct slice s)
{
	int rc = make_room(buffer, s.len);

	if (rc < 0)
		return rc;
	if (s.len)
		memcpy(buffer->bytes + buffer->end, s.ptr, s.len);
	buffer->end += s.len;
	return 0;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
	assert(len <= buffer_length(buffer));
	buffer->start += len;
	if (buffer->start == buffer->end)
		buffer_free(buffer);
}
