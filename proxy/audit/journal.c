#include "proxy/audit/journal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wallclock.h"
#include "proxy/audit/body.h"
#include "proxy/audit/journal_file.h"
#include "proxy/audit/rotate.h"

enum {
	BODY_LENGTH_BYTES = sizeof(uint32_t),
	NEWLINE_BYTES = 1, /* that may have to be put behind a cut line */
	OUTPUTS_END_TIMEOUT_MS = 2000,
};

_Static_assert((int)JOURNAL_BATCH_BYTES < (int)JOURNAL_ROOM_BYTES, "a batch fits the room");
_Static_assert((int)LINE_FRAME_MAX > (int)BODY_LENGTH_BYTES, "a batch is smaller than its lines");

static int set_path(struct journal *journal, const char *path, struct error *err)
{
	cleanup_free char *folder = NULL;
	int length;

	if (path[0] != '/') {
		folder = getcwd(NULL, 0);
		if (!folder)
			return error_set_code(err, -errno, "cannot tell the current folder");
	}
	length = snprintf(journal->path, sizeof(journal->path), "%s%s%s", folder ? folder : "",
			  folder ? "/" : "", path);
	if (length >= (int)sizeof(journal->path))
		return error_set(err, -ENAMETOOLONG, "the audit log's path is too long: %s", path);
	return 0;
}

static int explain_open(const char *path, int code, struct error *err)
{
	switch (code) {
	case -ENOENT:
		return error_set(err, code,
				 "cannot make the audit log %s: its folder does not exist; make "
				 "it, or name another file with --audit",
				 path);
	case -EISDIR:
		return error_set(err, code,
				 "cannot write the audit log %s: it is a folder; name a file in it "
				 "with --audit",
				 path);
	case ERROR_UNSUPPORTED:
		return error_set(err, code,
				 "cannot write the audit log %s: it is not a regular file; name "
				 "another with --audit",
				 path);
	case ERROR_VERIFY:
		return error_set(err, code,
				 "%s exists and is no audit log, so nothing is added to it; name "
				 "another file with --audit",
				 path);
	case -EACCES:
	case -EPERM:
		return error_set(err, code,
				 "cannot write the audit log %s: permission denied; give this user "
				 "the right to write it, or name another file with --audit",
				 path);
	default:
		return error_set(err, code,
				 "cannot write the audit log %s: %s; mend that, or name another "
				 "file with --audit",
				 path, error_name(code));
	}
}

static int make_memory(struct journal *journal, struct error *err)
{
	journal->batch = malloc(JOURNAL_BATCH_BYTES);
	journal->lines = malloc(JOURNAL_BATCH_BYTES + NEWLINE_BYTES);
	if (!journal->batch || !journal->lines || line_hasher_init(&journal->hasher) < 0)
		return error_set(err, -ENOMEM, "no memory for the audit log");
	return 0;
}

static int open_file(struct journal *journal, struct error *err)
{
	int rc;

	journal->fd = journal_file_open(journal->path);
	if (journal->fd < 0)
		return explain_open(journal->path, journal->fd, err);
	rc = journal_file_lock(journal);
	if (rc < 0)
		return journal_explain(journal, rc, err);
	journal_file_set_room(journal);
	journal_file_unlock(journal);
	return journal->has_room ? 0 : journal_explain(journal, ERROR_LIMIT, err);
}

/* From now on the file is looked for where it is, and not by links that lead there: whoever may
 * change a link is not to choose where the log goes on. */
static int settle_path(struct journal *journal, struct error *err)
{
	cleanup_free char *real = realpath(journal->path, NULL);

	if (!real)
		return error_set_code(err, -errno, "cannot tell where the audit log %s is",
				      journal->path);
	if (strlen(real) >= sizeof(journal->path))
		return error_set(err, -ENAMETOOLONG, "the audit log's path is too long: %s", real);
	memcpy(journal->path, real, strlen(real) + 1);
	return 0;
}

int journal_open(struct journal *journal, const char *path, struct error *err)
{
	int rc;

	*journal = (struct journal){.fd = -1};
	memcpy(journal->previous, line_no_hash, sizeof(journal->previous));
	rc = set_path(journal, path, err);
	if (rc == 0)
		rc = make_memory(journal, err);
	if (rc == 0)
		rc = open_file(journal, err);
	if (rc == 0)
		rc = settle_path(journal, err);
	if (rc < 0)
		journal_close(journal);
	return rc;
}

void journal_close(struct journal *journal)
{
	outputs_close(&journal->outputs, OUTPUTS_END_TIMEOUT_MS);
	if (journal->resumed)
		journal_file_release_room(journal);
	cleanup_close_fd(&journal->fd);
	line_hasher_free(&journal->hasher);
	free(journal->batch);
	free(journal->lines);
	*journal = (struct journal){.fd = -1};
}

int journal_explain(const struct journal *journal, int code, struct error *err)
{
	if (code == ERROR_LIMIT && outputs_explain(&journal->outputs, err))
		return code;
	switch (code) {
	case ERROR_LIMIT:
		return error_set(err, code,
				 "no room for the audit log %s: its file system is full (1 MiB is "
				 "kept free ahead); make room there, or name a file elsewhere with "
				 "--audit",
				 journal->path);
	case ERROR_TIMEOUT:
		return error_set(err, code,
				 "cannot write the audit log %s: another process holds its lock; "
				 "see which with lslocks",
				 journal->path);
	case ERROR_VERIFY:
		return error_set(
			err, code,
			"cannot go on with the audit log %s: what is there, or its end, is no "
			"record; look at it with 'sallyport audit verify', and move it away",
			journal->path);
	default:
		return explain_open(journal->path, code, err);
	}
}

bool journal_is_full(const struct journal *journal)
{
	return journal->batch_lines_bytes + LINE_MAX_BYTES > JOURNAL_BATCH_BYTES;
}

static void put_body(struct journal *journal, struct slice body)
{
	uint32_t len = (uint32_t)body.len;

	memcpy(journal->batch + journal->batch_used, &len, sizeof(len));
	memcpy(journal->batch + journal->batch_used + sizeof(len), body.ptr, body.len);
	journal->batch_used += sizeof(len) + body.len;
	journal->batch_lines_bytes += body.len + LINE_FRAME_MAX;
	journal->pending++;
}

static int make_place(struct journal *journal)
{
	return journal_is_full(journal) ? journal_flush(journal) : 0;
}

int journal_add(struct journal *journal, struct slice body)
{
	int rc = make_place(journal);

	assert(audit_body_is_sound(body, NULL));
	if (rc == 0)
		put_body(journal, body);
	return rc;
}

static size_t format_refusal(const char *sandbox, char out[AUDIT_BODY_MAX])
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_SANDBOX, sandbox);
	record.time_us = wallclock_now_us();
	record.error = "a worker handed over something that is no record of its own; it was left "
		       "out";
	record.has_life = true;
	record.life.event = "bad-record";
	return audit_record_format(&record, out);
}

int journal_add_from(struct journal *journal, struct slice body, const char *sandbox)
{
	char refusal[AUDIT_BODY_MAX];
	int rc = make_place(journal);

	if (rc < 0)
		return rc;
	if (!audit_body_may_come_from(body, sandbox))
		body = slice_of(refusal, format_refusal(sandbox, refusal));
	put_body(journal, body);
	return 0;
}

static struct slice next_body(const struct journal *journal, size_t *at)
{
	const char *start = journal->batch + *at;
	uint32_t len;

	memcpy(&len, start, sizeof(len));
	*at += sizeof(len) + len;
	return slice_of(start + sizeof(len), len);
}

/* Writes the lines of the whole batch to memory, with the newline that a cut line lacks before
 * them. Returns their length; *HASH is the last one's. */
static ssize_t make_lines(struct journal *journal, char hash[LINE_HASH_TEXT + 1])
{
	char *out = journal->lines;
	uint64_t seq = journal->seq;

	memcpy(hash, journal->previous, LINE_HASH_TEXT + 1);
	if (journal->torn)
		*out++ = '\n';
	for (size_t at = 0; at < journal->batch_used;) {
		size_t len = line_write(++seq, next_body(journal, &at), hash, out);
		int rc = line_hash(&journal->hasher, slice_of(out, len - 1), hash);

		if (rc < 0)
			return rc;
		out += len;
	}
	return out - journal->lines;
}

/* As many of BYTES as go in; *RC says why the rest did not. */
static size_t write_most(int fd, struct slice bytes, int *rc)
{
	size_t total = bytes.len;

	*rc = 0;
	while (bytes.len) {
		ssize_t written = write(fd, bytes.ptr, bytes.len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			*rc = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERROR_LIMIT
										   : -errno;
			break;
		}
		bytes = slice_from(bytes, (size_t)written);
	}
	return total - bytes.len;
}

static void drop_batch(struct journal *journal, size_t bytes, size_t records)
{
	memmove(journal->batch, journal->batch + bytes, journal->batch_used - bytes);
	journal->batch_used -= bytes;
	journal->pending -= records;
	journal->batch_lines_bytes = journal->batch_used - journal->pending * BODY_LENGTH_BYTES +
				     journal->pending * LINE_FRAME_MAX;
}

/* Takes off what is behind the last whole line, if it is ours alone: the file ends where our write
 * did. Else, and on a file that may only be appended to, it stays, and is gone on from as a line
 * that was cut off. */
static void cut_off_half_line(struct journal *journal, uint64_t written_end)
{
	struct stat status;
	int ignored;

	if (fstat(journal->fd, &status) < 0 || (uint64_t)status.st_size != written_end)
		return;
	ignored = ftruncate(journal->fd, (off_t)journal->end);
	(void)ignored;
}

/* After a write that ended too soon: keeps the whole lines of what got into the file, for the rest
 * to be written again. */
static int keep_whole_lines(struct journal *journal, struct slice written)
{
	size_t used = 0, records = 0;
	uint64_t whole = journal->end + written.len;
	int rc = 0;

	if (journal->torn && written.len) {
		journal->torn = false;
		journal->end++;
		written = slice_from(written, 1);
	}
	for (;;) {
		size_t len = slice_find_char(written, '\n');

		if (len == written.len)
			break;
		rc = line_hash(&journal->hasher, slice_first(written, len), journal->previous);
		if (rc < 0)
			break;
		journal->seq++;
		journal->end += len + 1;
		next_body(journal, &used);
		records++;
		written = slice_from(written, len + 1);
	}
	drop_batch(journal, used, records);
	cut_off_half_line(journal, whole);
	return rc;
}

static struct slice whole_lines(struct slice written)
{
	while (written.len && written.ptr[written.len - 1] != '\n')
		written.len--;
	return written;
}

/* Adds LINES to the file. */
static int append_lines(struct journal *journal, struct slice lines)
{
	int rc;
	size_t written = write_most(journal->fd, lines, &rc);

	if (rc < 0) {
		int kept = keep_whole_lines(journal, slice_first(lines, written));

		outputs_take(&journal->outputs, whole_lines(slice_first(lines, written)));
		return kept < 0 ? kept : rc;
	}
	journal->end += written;
	journal->torn = false;
	outputs_take(&journal->outputs, lines);
	return 0;
}

static int write_batch(struct journal *journal)
{
	char hash[LINE_HASH_TEXT + 1];
	ssize_t len = make_lines(journal, hash);
	struct slice lines;
	int rc = -EAGAIN;

	if (len < 0)
		return (int)len;
	lines = slice_of(journal->lines, (size_t)len);
	/* The newline that a cut line lacks is not for another file. */
	if (rotate_is_due(journal, lines.len))
		rc = rotate_file(journal, slice_from(lines, journal->torn ? 1 : 0));
	if (rc == 0)
		outputs_take(&journal->outputs, lines);
	else
		rc = append_lines(journal, lines);
	if (rc < 0)
		return rc;
	memcpy(journal->previous, hash, sizeof(journal->previous));
	journal->seq += journal->pending;
	drop_batch(journal, journal->batch_used, journal->pending);
	return 0;
}

int journal_flush(struct journal *journal)
{
	int rc;

	if (journal->pending == 0)
		return 0;
	if (!outputs_can_take(&journal->outputs, JOURNAL_BATCH_BYTES))
		outputs_deliver(&journal->outputs);
	if (!outputs_can_take(&journal->outputs, JOURNAL_BATCH_BYTES))
		return ERROR_LIMIT;
	rc = journal_file_lock(journal);
	if (rc < 0)
		return rc;
	rc = write_batch(journal);
	if (rc == 0)
		journal_file_set_room(journal);
	else
		journal->has_room = false;
	journal_file_unlock(journal);
	return rc;
}

void journal_set_rotation(struct journal *journal, uint64_t bytes, unsigned int keep)
{
	journal->size_max = bytes;
	journal->keep = keep;
}

int journal_add_output(struct journal *journal, const char *spec, bool drops, struct error *err)
{
	journal->outputs.drops = drops;
	return outputs_add(&journal->outputs, spec, err);
}

int journal_reopen(struct journal *journal, struct slice body)
{
	int rc;

	if (journal_file_is_at_path(journal))
		return 0;
	rc = journal_add(journal, body);
	if (rc == 0)
		rc = journal_flush(journal);
	return rc < 0 ? rc : 1;
}

bool journal_has_room(struct journal *journal)
{
	if (!journal->has_room)
		journal_file_set_room(journal);
	if (!outputs_have_room(&journal->outputs))
		outputs_deliver(&journal->outputs);
	return journal->has_room && outputs_have_room(&journal->outputs);
}
