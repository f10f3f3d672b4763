#include "proxy/audit/line_reader.h"

#include <stdlib.h>
#include <unistd.h>

int line_reader_init(struct line_reader *reader, int fd, uint64_t size)
{
	int rc;

	*reader = (struct line_reader){.fd = fd, .left = size};
	reader->bytes = malloc(LINE_READER_BYTES);
	rc = reader->bytes ? line_hasher_init(&reader->hasher) : -ENOMEM;
	if (rc < 0)
		line_reader_free(reader);
	return rc;
}

void line_reader_free(struct line_reader *reader)
{
	line_hasher_free(&reader->hasher);
	free(reader->bytes);
	*reader = (struct line_reader){.fd = -1};
}

static struct slice unread(const struct line_reader *reader)
{
	return slice_of(reader->bytes + reader->start, reader->end - reader->start);
}

/* Adds to what is unread. 1, 0 when there is nothing more in the file or no place for it, or a
 * negated errno. */
static int fill(struct line_reader *reader)
{
	size_t room;
	ssize_t got;

	memmove(reader->bytes, reader->bytes + reader->start, reader->end - reader->start);
	reader->end -= reader->start;
	reader->start = 0;
	room = LINE_READER_BYTES - reader->end;
	if (room > reader->left)
		room = (size_t)reader->left;
	if (room == 0)
		return 0;
	do {
		got = read(reader->fd, reader->bytes + reader->end, room);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (got == 0)
		reader->left = 0;
	else
		reader->left -= (uint64_t)got;
	reader->end += (size_t)got;
	return got > 0;
}

/* Reads on until a newline is there, the place is used up, or the file ends. LEN is what there is
 * of the line. */
static int find_newline(struct line_reader *reader, size_t *len)
{
	for (;;) {
		int rc;

		*len = slice_find_char(unread(reader), '\n');
		if (*len < unread(reader).len)
			return 1;
		rc = fill(reader);
		if (rc <= 0)
			return rc;
	}
}

/* The rest of a line that is longer than the place for it: hashed, and dropped. */
static int skip_rest(struct line_reader *reader, struct read_line *line)
{
	for (;;) {
		size_t len;
		int found, rc;

		reader->start = reader->end;
		found = find_newline(reader, &len);
		if (found < 0)
			return found;
		line->bytes += len + (size_t)found;
		rc = line_hash_add(&reader->hasher, slice_first(unread(reader), len));
		if (rc < 0)
			return rc;
		if (found) {
			reader->start += len + 1;
			return 0;
		}
		if (reader->left == 0) {
			line->is_torn = true;
			reader->start = reader->end;
			return 0;
		}
	}
}

int line_reader_next(struct line_reader *reader, struct read_line *line)
{
	size_t len;
	int found = find_newline(reader, &len);
	int rc;

	if (found < 0)
		return found;
	if (!found && len == 0)
		return 0;
	line->text = slice_first(unread(reader), len);
	line->is_too_long = !found && reader->left > 0;
	line->is_torn = !found && reader->left == 0;
	line->bytes = len + (size_t)found;
	rc = line_hash_start(&reader->hasher);
	if (rc == 0)
		rc = line_hash_add(&reader->hasher, line->text);
	if (rc == 0 && line->is_too_long) {
		/* What is read now is written over the text. */
		line->text = SLICE_EMPTY;
		rc = skip_rest(reader, line);
	} else {
		reader->start += line->bytes;
	}
	if (rc == 0)
		rc = line_hash_finish(&reader->hasher, line->hash);
	return rc < 0 ? rc : 1;
}
