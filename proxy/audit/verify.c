#include "proxy/audit/verify.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "proxy/audit/lives.h"
#include "proxy/audit/shown.h"

enum { REPORTS_MAX = 1000 }; /* told one by one; the rest is counted */

/* The line with the highest number so far: the one whose hash the next must have. Lines that are
 * out of place do not move it, so that a moved line is told where it was and where it is, and the
 * lines around those places are not. */
struct top {
	uint64_t seq;
	uint64_t line; /* in the file; 0 before the first */
	char hash[LINE_HASH_TEXT + 1];
};

struct verify {
	const char *name;
	FILE *report;
	struct verify_expect expect;
	struct verify_result *result;
	struct top top;
	uint64_t jump_line; /* the last that left numbers out, */
	uint64_t jump_from; /* and the highest number before it */
	struct lives lives;
	bool expected_hash_was_met;
};

__attribute__((format(printf, 3, 4))) static void problem(struct verify *v, uint64_t line,
							  const char *format, ...)
{
	va_list args;

	v->result->problems++;
	if (v->result->problems > REPORTS_MAX || !v->report)
		return;
	fprintf(v->report, "%s:%" PRIu64 ": ", v->name, line);
	va_start(args, format);
	vfprintf(v->report, format, args);
	va_end(args);
	putc('\n', v->report);
}

/* Where a chain begins of which older parts were removed. */
static void note_late_start(const struct verify *v, uint64_t seq, struct slice previous)
{
	if (v->report && seq > 1)
		fprintf(v->report,
			"%s:%" PRIu64 ": note: begins with seq %" PRIu64
			", after a file that is not here, whose last hash is %.*s\n",
			v->name, v->result->lines, seq, SLICE_ARGS(previous));
}

static void check_first(struct verify *v, uint64_t seq, struct slice previous)
{
	if (slice_equal(previous, slice_of(v->top.hash, LINE_HASH_TEXT)) &&
	    (v->expect.after || seq == 1))
		return;
	if (v->expect.begins_late && !v->expect.after)
		note_late_start(v, seq, previous);
	else if (v->expect.after)
		problem(v, v->result->lines,
			"does not go on from the file whose last hash was given");
	else
		problem(v, v->result->lines,
			"begins with seq %" PRIu64 ", and not as a new log does: the lines before "
			"it are missing, or in an earlier file (see --all, --after and --partial)",
			seq);
}

static void check_next(struct verify *v, struct slice previous)
{
	if (!slice_equal(previous, slice_of(v->top.hash, LINE_HASH_TEXT)))
		problem(v, v->top.line,
			"changed after it was written: line %" PRIu64 " has another hash for it",
			v->result->lines);
}

static void check_jump(struct verify *v, uint64_t seq)
{
	uint64_t missing = seq - v->top.seq - 1;

	if (missing == 1)
		problem(v, v->result->lines, "missing before this line: the one with seq %" PRIu64,
			seq - 1);
	else
		problem(v, v->result->lines,
			"missing before this line: %" PRIu64 " lines, seq %" PRIu64 " to %" PRIu64,
			missing, v->top.seq + 1, seq - 1);
}

/* A line whose number alone was made a high one would put all lines after it out of place. */
static bool ends_false_jump(const struct verify *v, uint64_t seq)
{
	return v->jump_line && v->jump_line + 1 == v->result->lines && seq == v->jump_from + 2;
}

static void check_return(struct verify *v, uint64_t seq, const char *hash)
{
	if (ends_false_jump(v, seq))
		problem(v, v->jump_line, "its seq was changed: it was %" PRIu64, seq - 1);
	else if (strcmp(hash, v->result->last_hash) == 0)
		problem(v, v->result->lines, "repeats the line before it, seq %" PRIu64, seq);
	else
		problem(v, v->result->lines,
			"out of place: seq %" PRIu64 " after seq %" PRIu64 ", moved or repeated",
			seq, v->top.seq);
}

static void check_place(struct verify *v, uint64_t seq, struct slice previous, const char *hash)
{
	if (v->top.line == 0)
		check_first(v, seq, previous);
	else if (seq == v->top.seq + 1)
		check_next(v, previous);
	else if (seq > v->top.seq)
		check_jump(v, seq);
	else
		check_return(v, seq, hash);
}

static void note_top(struct verify *v, uint64_t seq, const char *hash)
{
	if (v->top.line && seq <= v->top.seq && !ends_false_jump(v, seq))
		return;
	if (seq != v->top.seq + 1) {
		v->jump_line = v->result->lines;
		v->jump_from = v->top.seq;
	}
	v->top.seq = seq;
	v->top.line = v->result->lines;
	memcpy(v->top.hash, hash, sizeof(v->top.hash));
}

static const char *text_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* What the record says of a sandbox's life. */
static int note_life(struct verify *v, const json_t *record)
{
	const json_t *life = json_object_get(record, "life");
	struct slice sandbox = slice_from_text(text_member(record, "sandbox"));
	const char *event = text_member(life, "event");
	json_int_t lost = json_integer_value(json_object_get(life, "lost"));

	if (strcmp(text_member(record, "kind"), "sandbox") != 0)
		return 0;
	if (lost > 0)
		v->result->lost_records += (uint64_t)lost;
	if (strcmp(event, "start") == 0)
		return lives_start(&v->lives, sandbox, v->result->lines);
	if (strcmp(event, "end") == 0)
		lives_end(&v->lives, sandbox);
	return 0;
}

static bool is_form_sound(struct verify *v, const struct read_line *line, uint64_t *seq,
			  struct slice *previous)
{
	if (line_read_seq(line->text, seq) && line_read_previous(line->text, previous))
		return true;
	problem(v, v->result->lines, "JSON, but not a line as Sallyport writes them");
	return false;
}

/* The record in LINE, or NULL after telling what is wrong with it. */
static json_t *parse(struct verify *v, const struct read_line *line)
{
	json_error_t error;
	json_t *record = NULL;

	if (line->is_too_long) {
		problem(v, v->result->lines, "longer than %d bytes, which no record is",
			LINE_READER_BYTES);
	} else if (line->is_torn) {
		problem(v, v->result->lines, "cut off after %zu bytes", line->text.len);
	} else {
		record = json_loadb(line->text.ptr, line->text.len, JSON_ALLOW_NUL, &error);
		if (!record)
			problem(v, v->result->lines,
				"not JSON (at byte %d): cut off by a crash, or changed",
				error.position);
	}
	return record;
}

static void check_expected(struct verify *v, const struct read_line *line)
{
	const struct verify_expect *expect = &v->expect;

	if (expect->hash && (expect->lines == 0 || v->result->lines == expect->lines) &&
	    strcmp(line->hash, expect->hash) == 0)
		v->expected_hash_was_met = true;
}

static int check_line(struct verify *v, const struct read_line *line)
{
	uint64_t seq = v->top.seq + 1;
	struct slice previous;
	json_t *record;
	int rc = 0;

	v->result->lines++;
	check_expected(v, line);
	record = parse(v, line);
	if (record && is_form_sound(v, line, &seq, &previous)) {
		check_place(v, seq, previous, line->hash);
		rc = note_life(v, record);
		if (rc == 0 && v->expect.visit)
			rc = v->expect.visit(v->expect.context, record, line);
	} else if (line_read_seq(line->text, &seq) && v->top.line && seq > v->top.seq + 1) {
		/* Its number counts, as it does for the journal that goes on from it. */
		check_jump(v, seq);
	}
	json_decref(record);
	note_top(v, seq, line->hash);
	memcpy(v->result->last_hash, line->hash, sizeof(line->hash));
	return rc;
}

static void check_end(struct verify *v)
{
	const struct verify_expect *expect = &v->expect;

	if (v->result->lines < expect->lines)
		problem(v, v->result->lines,
			"lines are missing at the end: there were %" PRIu64
			", and there are %" PRIu64,
			expect->lines, v->result->lines);
	else if (expect->hash && !v->expected_hash_was_met && expect->lines)
		problem(v, expect->lines, "does not have the hash that was expected");
	else if (expect->hash && !v->expected_hash_was_met)
		problem(v, v->result->lines,
			"no line has the hash that was expected: the end was cut off, or changed");
	if (v->result->problems > REPORTS_MAX && v->report)
		fprintf(v->report, "%s: and %" PRIu64 " more problems\n", v->name,
			v->result->problems - REPORTS_MAX);
}

static void tell_open(struct slice sandbox, uint64_t line, void *context)
{
	struct verify *v = context;

	if (v->result->open_sandboxes++ >= REPORTS_MAX || !v->report)
		return;
	fprintf(v->report, "%s:%" PRIu64 ": note: sandbox ", v->name, line);
	shown_write(v->report, sandbox);
	fputs(" starts here and has no end: it is still running, or was killed\n", v->report);
}

static int check_lines(struct verify *v, struct line_reader *reader)
{
	struct read_line line;
	int rc;

	while ((rc = line_reader_next(reader, &line)) > 0) {
		rc = check_line(v, &line);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int verify_fd(int fd, uint64_t size, const char *name, const struct verify_expect *expect,
	      FILE *report, struct verify_result *result)
{
	struct verify v = {.name = name, .report = report, .result = result};
	struct line_reader reader;
	int rc = line_reader_init(&reader, fd, size);

	if (rc < 0)
		return rc;
	*result = (struct verify_result){0};
	if (expect)
		v.expect = *expect;
	memcpy(v.top.hash, v.expect.after ? v.expect.after : line_no_hash, LINE_HASH_TEXT);
	memcpy(result->last_hash, v.top.hash, LINE_HASH_TEXT);
	lives_init(&v.lives);
	rc = check_lines(&v, &reader);
	if (rc == 0) {
		check_end(&v);
		lives_visit(&v.lives, tell_open, &v);
		result->open_sandboxes += v.lives.not_kept;
		result->last_seq = v.top.seq;
	}
	lives_free(&v.lives);
	line_reader_free(&reader);
	return rc;
}

/* Between two batches, so that the last line is whole. */
static int size_between_batches(int fd, uint64_t *size)
{
	struct stat status;
	bool is_locked = flock(fd, LOCK_SH) == 0;
	int rc = fstat(fd, &status) < 0 ? -errno : 0;

	if (is_locked)
		flock(fd, LOCK_UN);
	if (rc == 0 && !S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	*size = rc == 0 ? (uint64_t)status.st_size : 0;
	return rc;
}

int verify_opened(int fd, const char *name, const struct verify_expect *expect, FILE *report,
		  struct verify_result *result)
{
	uint64_t size;
	int rc = size_between_batches(fd, &size);

	return rc < 0 ? rc : verify_fd(fd, size, name, expect, report, result);
}

int verify_file(const char *path, const struct verify_expect *expect, FILE *report,
		struct verify_result *result, struct error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc;

	if (fd < 0)
		return error_set_code(err, -errno, "cannot open the audit log %s", path);
	rc = verify_opened(fd, path, expect, report, result);
	if (rc < 0)
		return error_set_code(err, rc, "cannot read the audit log %s", path);
	return 0;
}
