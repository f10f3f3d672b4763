#include "proxy/audit/tail.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/audit/display.h"
#include "proxy/audit/line_reader.h"

enum {
	POLL_NS = 200000000,
	FIRST_WINDOW_BYTES = 64 << 10, /* of the file's end that is looked at first */
};

struct tail {
	const char *path;
	const struct tail_options *options;
	struct display display;
	int fd;
	uint64_t offset;  /* up to where whole lines were taken */
	uint64_t *places; /* of the last lines that match, in turn */
	uint64_t matches;
};

/* A line that is no record is shown whatever was asked for. */
static bool is_wanted(const struct tail_options *options, const json_t *record)
{
	return !record || audit_filter_matches(&options->filter, record);
}

static void show(struct tail *t, const json_t *record)
{
	display_record(&t->display, record);
}

static void note_place(struct tail *t, const json_t *record)
{
	(void)record;
	t->places[t->matches++ % t->options->last] = t->offset;
}

/* Calls TAKE for each whole line from the offset to SIZE that is wanted, and moves the offset. */
static int take_lines(struct tail *t, uint64_t size,
		      void (*take)(struct tail *t, const json_t *record))
{
	struct line_reader reader;
	struct read_line line;
	int rc;

	if (lseek(t->fd, (off_t)t->offset, SEEK_SET) < 0)
		return -errno;
	rc = line_reader_init(&reader, t->fd, size - t->offset);
	if (rc < 0)
		return rc;
	while ((rc = line_reader_next(&reader, &line)) > 0 && !line.is_torn) {
		json_t *record = json_loadb(line.text.ptr, line.text.len, JSON_ALLOW_NUL, NULL);

		if (is_wanted(t->options, record))
			take(t, record);
		json_decref(record);
		t->offset += line.bytes;
	}
	line_reader_free(&reader);
	return rc < 0 ? rc : 0;
}

/* Moves the offset behind the first newline at or after it. */
static int skip_to_line(struct tail *t, uint64_t size)
{
	char bytes[LINE_MAX_BYTES];

	while (t->offset < size) {
		ssize_t got = pread(t->fd, bytes, sizeof(bytes), (off_t)t->offset);
		struct slice s = slice_of(bytes, got > 0 ? (size_t)got : 0);
		size_t len = slice_find_char(s, '\n');

		if (got < 0 && errno != EINTR)
			return -errno;
		t->offset += len < s.len ? len + 1 : len;
		if (got == 0 || len < s.len)
			break;
	}
	return 0;
}

/* The places of the lines wanted in the last WINDOW bytes of the file. */
static int find_places(struct tail *t, uint64_t size, uint64_t window)
{
	int rc = 0;

	t->matches = 0;
	t->offset = window < size ? size - window : 0;
	if (t->offset)
		rc = skip_to_line(t, size);
	return rc < 0 ? rc : take_lines(t, size, note_place);
}

/* Puts the offset to the last lines that were asked for: in a larger and larger part of the file's
 * end, until there are enough. */
static int find_start(struct tail *t, uint64_t size)
{
	uint64_t last = t->options->last, window = FIRST_WINDOW_BYTES, end;
	int rc;

	t->places = calloc(last ? last : 1, sizeof(*t->places));
	if (!t->places)
		return -ENOMEM;
	rc = find_places(t, size, last ? window : 0);
	while (rc == 0 && t->matches < last && window < size) {
		window *= 2;
		rc = find_places(t, size, window);
	}
	end = t->offset;
	if (last && t->matches)
		t->offset = t->places[t->matches > last ? t->matches % last : 0];
	else
		t->offset = end;
	free(take_ptr(t->places));
	return rc;
}

static int size_of(const struct tail *t, uint64_t *size)
{
	struct stat status;

	*size = 0;
	if (fstat(t->fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	*size = (uint64_t)status.st_size;
	return 0;
}

static int open_file(struct tail *t)
{
	t->fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return t->fd < 0 ? -errno : 0;
}

static int show_last(struct tail *t)
{
	uint64_t size;
	int rc = size_of(t, &size);

	if (rc < 0)
		return rc;
	rc = find_start(t, size);
	return rc < 0 ? rc : take_lines(t, size, show);
}

static int show_new(struct tail *t)
{
	uint64_t size;
	int rc = size_of(t, &size);

	if (rc < 0)
		return rc;
	if (size < t->offset) {
		fputs("(the log was cut off)\n", t->display.out);
		t->offset = 0;
	}
	return take_lines(t, size, show);
}

static bool is_replaced(const struct tail *t)
{
	struct stat ours, there;

	if (stat(t->path, &there) < 0)
		return false;
	return t->fd < 0 || fstat(t->fd, &ours) < 0 || ours.st_dev != there.st_dev ||
	       ours.st_ino != there.st_ino;
}

/* The file that is at the path now, from its start. */
static int move_on(struct tail *t)
{
	bool is_first = t->fd < 0;
	int rc;

	cleanup_close_fd(&t->fd);
	t->offset = 0;
	rc = open_file(t);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	if (!is_first)
		fputs("(the log goes on in a new file)\n", t->display.out);
	return show_new(t);
}

static int follow(struct tail *t)
{
	struct timespec pause = {.tv_nsec = POLL_NS};

	for (;;) {
		/* Asked before the old file is read for the last time: what is written to it after
		 * the journal moved on is nothing. */
		bool replaced = is_replaced(t);
		int rc = t->fd >= 0 ? show_new(t) : 0;

		if (rc == 0 && replaced)
			rc = move_on(t);
		if (rc < 0)
			return rc;
		if (fflush(t->display.out) != 0)
			return -errno;
		nanosleep(&pause, NULL);
	}
}

int tail_file(const char *path, const struct tail_options *options, FILE *out, struct error *err)
{
	struct tail t = {.path = path, .options = options};
	int rc;

	assert(options->last <= TAIL_LAST_MAX);
	display_init(&t.display, out, options->colours, options->utc);
	rc = open_file(&t);
	if (rc == 0)
		rc = show_last(&t);
	else if (rc == -ENOENT && options->follow)
		rc = 0;
	if (rc == 0 && options->follow)
		rc = follow(&t);
	cleanup_close_fd(&t.fd);
	if (rc == 0 && fflush(out) != 0)
		rc = -errno;
	return rc < 0 ? error_set_code(err, rc, "cannot show the audit log %s", path) : 0;
}
