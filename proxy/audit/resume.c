#include "proxy/audit/resume.h"

#include <unistd.h>

/* Room for some lines before the last, in case that has no number. */
enum { WINDOW_BYTES = 4 * LINE_MAX_BYTES };

struct window {
	char bytes[WINDOW_BYTES];
	struct slice text;  /* without the last newline */
	bool is_whole_file; /* the text's first line begins at its start */
};

static int read_at(int fd, char *bytes, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t got = pread(fd, bytes, len, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO;
		bytes += got;
		len -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

static int read_window(int fd, uint64_t size, struct window *window, bool *torn)
{
	size_t len = size < WINDOW_BYTES ? (size_t)size : WINDOW_BYTES;
	int rc = read_at(fd, window->bytes, len, size - len);

	if (rc < 0)
		return rc;
	*torn = window->bytes[len - 1] != '\n';
	window->text = slice_of(window->bytes, *torn ? len : len - 1);
	window->is_whole_file = len == size;
	return 0;
}

/* Takes the last line off TEXT. False when it may begin before the window does. */
static bool take_last_line(struct window *window, struct slice *line)
{
	const char *newline = memrchr(window->text.ptr, '\n', window->text.len);

	if (!newline && !window->is_whole_file)
		return false;
	*line = window->text;
	if (newline) {
		*line = slice_from(window->text, (size_t)(newline + 1 - window->text.ptr));
		window->text.len = (size_t)(newline - window->text.ptr);
	} else {
		window->text.ptr = NULL;
	}
	return true;
}

static int read_seq(struct window *window, struct slice line, uint64_t *seq)
{
	uint64_t after = 0;

	while (!line_read_seq(line, seq)) {
		after++;
		if (!window->text.ptr) {
			*seq = 0;
			break;
		}
		if (!take_last_line(window, &line))
			return ERROR_VERIFY;
	}
	*seq += after;
	return 0;
}

int resume_read(int fd, uint64_t size, struct line_hasher *hasher, struct resume *resume)
{
	struct window window;
	struct slice line;
	int rc;

	*resume = (struct resume){0};
	memcpy(resume->hash, line_no_hash, sizeof(resume->hash));
	if (size == 0)
		return 0;
	rc = read_window(fd, size, &window, &resume->torn);
	if (rc < 0)
		return rc;
	if (!take_last_line(&window, &line))
		return ERROR_VERIFY;
	rc = line_hash(hasher, line, resume->hash);
	return rc < 0 ? rc : read_seq(&window, line, &resume->seq);
}
