#include "proxy/audit/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/allocation.h"
#include "tests/unit/audit/journal_files.h"

enum { LINES = 9 };

/* A sound journal, by lines. */
static char *line[LINES + 1];
static char *whole;

static int make_journal(void **state)
{
	const char *path;
	size_t len;
	char *at;

	if (files_make_folder(state) < 0)
		return -1;
	path = files_path("sound");
	files_add(path, 1, LINES);
	at = whole = files_read(path, &len);
	for (int n = 1; n <= LINES; n++) {
		line[n] = at;
		at = strchr(at, '\n');
		*at++ = '\0';
	}
	return 0;
}

static int remove_journal(void **state)
{
	free(whole);
	return files_remove_folder(state);
}

/* A file of the lines whose numbers are listed, 0 ending the list. */
static const char *file_of(const int *numbers)
{
	const char *path = files_path("spoilt");
	FILE *file = fopen(path, "w");

	for (; *numbers; numbers++)
		fprintf(file, "%s\n", line[*numbers]);
	fclose(file);
	return path;
}

static void assert_report(const char *path, const struct verify_expect *expect,
			  const char *expected)
{
	struct verify_result result;
	char *report = files_verify(path, expect, &result);
	uint64_t lines = 0;

	assert_string_equal(report, expected);
	for (const char *at = expected; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(result.problems, lines);
	free(report);
}

#define FILE_OF(...) file_of((const int[]){__VA_ARGS__, 0})

static void a_sound_journal_has_no_problem(void **state)
{
	struct verify_result result;
	char *report = files_verify(files_path("sound"), NULL, &result);

	(void)state;
	assert_string_equal(report, "");
	assert_int_equal(result.lines, LINES);
	assert_int_equal(result.last_seq, LINES);
	free(report);
	files_write(files_path("empty"), SLICE_EMPTY);
	assert_report(files_path("empty"), NULL, "");
}

/* Threat C12: lines changed, taken out, moved or repeated by somebody who can write the file. */
static void a_changed_line_is_found(void **state)
{
	const char *path = FILE_OF(1, 2, 3, 4, 5);
	char *bytes, *at;
	size_t len;

	(void)state;
	bytes = files_read(path, &len);
	at = strstr(bytes, "/3/");
	at[1] = '8';
	files_write(path, slice_of(bytes, len));
	assert_report(path, NULL,
		      "spoilt:3: changed after it was written: line 4 has another hash for it\n");
	free(bytes);
}

static void every_changed_byte_is_found(void **state)
{
	const char *path = FILE_OF(1, 2, 3);
	struct verify_result result;
	char *bytes;
	size_t len;

	(void)state;
	bytes = files_read(path, &len);
	/* Not the last line: nothing in the file vouches for that. */
	for (size_t i = 0; i < strlen(line[1]) + strlen(line[2]) + 2; i++) {
		char before = bytes[i];

		bytes[i] ^= 1;
		files_write(path, slice_of(bytes, len));
		free(files_verify(path, NULL, &result));
		if (result.problems == 0)
			fail_msg("byte %zu", i);
		bytes[i] = before;
	}
	free(bytes);
}

static void missing_lines_are_found(void **state)
{
	(void)state;
	assert_report(FILE_OF(1, 2, 4, 5), NULL,
		      "spoilt:3: missing before this line: the one with seq 3\n");
	assert_report(FILE_OF(1, 2, 7, 8), NULL,
		      "spoilt:3: missing before this line: 4 lines, seq 3 to 6\n");
	assert_report(FILE_OF(3, 4, 5), NULL,
		      "spoilt:1: begins with seq 3, and not as a new log does: the lines before it "
		      "are missing, or in an earlier file (see --all, --after and --partial)\n");
}

static void a_late_beginning_may_be_expected(void **state)
{
	struct verify_expect expect = {.begins_late = true};
	const char *path = FILE_OF(3, 4, 6);
	struct verify_result result;
	char *report = files_verify(path, &expect, &result);

	(void)state;
	assert_int_equal(result.problems, 1);
	assert_non_null(strstr(report, "spoilt:1: note: begins with seq 3, after a file that is "
				       "not here, whose last hash is "));
	assert_non_null(strstr(report, "spoilt:3: missing before this line"));
	free(report);
}

static int count_visit(void *context, json_t *record, const struct read_line *read)
{
	uint64_t *left = context;

	assert_true(json_is_object(record));
	assert_int_equal(strlen(read->hash), LINE_HASH_TEXT);
	return --*left == 0 ? ERROR_LIMIT : 0;
}

static void records_are_shown_to_who_wants_to_see_them(void **state)
{
	uint64_t left = 9;
	struct verify_expect expect = {.visit = count_visit, .context = &left};
	struct verify_result result;
	struct error err;

	(void)state;
	assert_int_equal(verify_file(FILE_OF(1, 2, 9, 4), &expect, NULL, &result, &err), 0);
	assert_int_equal(left, 9 - 4);
	left = 2;
	assert_int_equal(verify_file(FILE_OF(1, 2, 3), &expect, NULL, &result, &err), ERROR_LIMIT);
}

static void moved_lines_are_found(void **state)
{
	(void)state;
	assert_report(FILE_OF(1, 2, 4, 3, 5, 6), NULL,
		      "spoilt:3: missing before this line: the one with seq 3\n"
		      "spoilt:4: out of place: seq 3 after seq 4, moved or repeated\n");
	assert_report(FILE_OF(1, 5, 2, 3, 4, 6), NULL,
		      "spoilt:2: missing before this line: 3 lines, seq 2 to 4\n"
		      "spoilt:3: out of place: seq 2 after seq 5, moved or repeated\n"
		      "spoilt:4: out of place: seq 3 after seq 5, moved or repeated\n"
		      "spoilt:5: out of place: seq 4 after seq 5, moved or repeated\n");
}

static void repeated_lines_are_found(void **state)
{
	(void)state;
	assert_report(FILE_OF(1, 2, 2, 3), NULL, "spoilt:3: repeats the line before it, seq 2\n");
	assert_report(FILE_OF(1, 2, 3, 2, 4), NULL,
		      "spoilt:4: out of place: seq 2 after seq 3, moved or repeated\n");
}

static void a_line_with_another_number_does_not_put_all_out_of_place(void **state)
{
	const char *path = FILE_OF(1, 2, 3, 4, 5, 6);
	char *bytes;
	size_t len;

	(void)state;
	bytes = files_read(path, &len);
	memcpy(strstr(bytes, "\"seq\":3,"), "\"seq\":9,", 8);
	files_write(path, slice_of(bytes, len));
	assert_report(path, NULL,
		      "spoilt:3: missing before this line: 6 lines, seq 3 to 8\n"
		      "spoilt:3: its seq was changed: it was 3\n");
	memcpy(strstr(bytes, "\"seq\":9,"), "\"seq\":1,", 8);
	files_write(path, slice_of(bytes, len));
	assert_report(path, NULL,
		      "spoilt:3: out of place: seq 1 after seq 2, moved or repeated\n"
		      "spoilt:4: missing before this line: the one with seq 3\n");
	free(bytes);
}

static void assert_third_line(const char *text, const char *expected)
{
	const char *path = files_path("spoilt");
	FILE *file = fopen(path, "w");

	fprintf(file, "%s\n%s\n%s\n%s\n", line[1], line[2], text, line[4]);
	fclose(file);
	assert_report(path, NULL, expected);
}

static void what_is_no_record_is_found(void **state)
{
	char text[600];

	(void)state;
	assert_third_line("not JSON",
			  "spoilt:3: not JSON (at byte 3): cut off by a crash, or changed\n"
			  "spoilt:3: changed after it was written: line 4 has another hash for "
			  "it\n");
	assert_third_line("", "spoilt:3: not JSON (at byte 0): cut off by a crash, or changed\n"
			      "spoilt:3: changed after it was written: line 4 has another hash for "
			      "it\n");
	assert_third_line("{\"seq\":3}",
			  "spoilt:3: JSON, but not a line as Sallyport writes them\n"
			  "spoilt:3: changed after it was written: line 4 has another hash for "
			  "it\n");
	/* Another JSON text of the same value is another line. */
	snprintf(text, sizeof(text), "%.*s, %s", 6, line[3], line[3] + 7);
	assert_third_line(text, "spoilt:3: JSON, but not a line as Sallyport writes them\n"
				"spoilt:3: changed after it was written: line 4 has another hash "
				"for it\n");
}

static void a_line_that_was_cut_off_is_found(void **state)
{
	const char *path = FILE_OF(1, 2, 3);

	(void)state;
	assert_int_equal(truncate(path, (off_t)(strlen(line[1]) + strlen(line[2]) + 42)), 0);
	assert_report(path, NULL, "spoilt:3: cut off after 40 bytes\n");
	/* And after the next journal went on from it. */
	files_add(path, 4, 5);
	assert_report(path, NULL,
		      "spoilt:3: not JSON (at byte 40): cut off by a crash, or changed\n");
}

static void a_gap_before_a_cut_line_is_found(void **state)
{
	const char *path = FILE_OF(1, 2, 5);

	(void)state;
	assert_int_equal(truncate(path, (off_t)(strlen(line[1]) + strlen(line[2]) + 42)), 0);
	files_add(path, 6, 6);
	assert_report(path, NULL,
		      "spoilt:3: not JSON (at byte 40): cut off by a crash, or changed\n"
		      "spoilt:3: missing before this line: 2 lines, seq 3 to 4\n");
}

static void an_endless_line_is_survived(void **state)
{
	static char large[300000];
	const char *path = files_path("spoilt");
	FILE *file = fopen(path, "w");
	struct verify_result result;
	char *report;

	(void)state;
	memset(large, 'x', sizeof(large));
	fprintf(file, "%s\n%.*s\n%s\n", line[1], (int)sizeof(large), large, line[3]);
	fclose(file);
	report = files_verify(path, NULL, &result);
	assert_non_null(strstr(report, "spoilt:2: longer than 65536 bytes, which no record is\n"));
	assert_int_equal(result.lines, 3);
	free(report);
	for (size_t len = 65534; len <= 65538; len++) {
		files_write(path, slice_of(large, len));
		free(files_verify(path, NULL, &result));
		assert_int_equal(result.lines, 1);
		assert_int_equal(result.problems, 1);
	}
}

static void a_cut_end_shows_against_an_anchor(void **state)
{
	struct verify_result sound, cut;
	struct verify_expect expect = {0};
	const char *path;

	(void)state;
	free(files_verify(files_path("sound"), NULL, &sound));
	path = FILE_OF(1, 2, 3, 4, 5, 6, 7);
	assert_report(path, NULL, "");
	free(files_verify(path, NULL, &cut));

	expect.lines = sound.lines;
	assert_report(path, &expect,
		      "spoilt:7: lines are missing at the end: there were 9, and there are 7\n");
	expect = (struct verify_expect){.hash = sound.last_hash};
	assert_report(path, &expect,
		      "spoilt:7: no line has the hash that was expected: the end was cut off, or "
		      "changed\n");
	/* A log that has grown since still has the line of the anchor. */
	expect = (struct verify_expect){.hash = cut.last_hash, .lines = 7};
	assert_report(files_path("sound"), &expect, "");
	expect.lines = 6;
	assert_report(files_path("sound"), &expect,
		      "sound:6: does not have the hash that was expected\n");
}

static void a_later_file_follows_from_an_earlier(void **state)
{
	struct verify_result first;
	struct verify_expect expect = {0};
	const char *path;

	(void)state;
	free(files_verify(FILE_OF(1, 2, 3), NULL, &first));
	path = FILE_OF(4, 5, 6);
	expect.after = first.last_hash;
	assert_report(path, &expect, "");
	path = FILE_OF(5, 6);
	assert_report(path, &expect,
		      "spoilt:1: does not go on from the file whose last hash was given\n");
}

static void add_life(struct journal *journal, const char *sandbox, const char *event, int64_t lost)
{
	struct audit_record record;
	char body[AUDIT_BODY_MAX];

	audit_record_init(&record, AUDIT_SANDBOX, sandbox);
	record.has_life = true;
	record.life.event = event;
	record.life.lost = lost;
	assert_int_equal(journal_add(journal, slice_of(body, audit_record_format(&record, body))),
			 0);
}

static void sandboxes_without_an_end_are_noted(void **state)
{
	const char *path = files_path("lives");
	struct verify_result result;
	struct journal journal;
	struct error err;
	char *report;

	(void)state;
	assert_int_equal(journal_open(&journal, path, &err), 0);
	add_life(&journal, "ended", "start", -1);
	add_life(&journal, "open\x1b[2J", "start", -1);
	add_life(&journal, "ended", "worker-lost", 3);
	add_life(&journal, "ended", "end", -1);
	add_life(&journal, "before", "end", -1);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
	report = files_verify(path, NULL, &result);
	assert_string_equal(report, "lives:2: note: sandbox open\\x1b[2J starts here and has no "
				    "end: it is still running, or was killed\n");
	assert_int_equal(result.problems, 0);
	assert_int_equal(result.open_sandboxes, 1);
	assert_int_equal(result.lost_records, 3);
	free(report);
}

static void many_problems_are_counted(void **state)
{
	const char *path = files_path("many");
	FILE *file = fopen(path, "w");
	struct verify_result result;
	char *report;

	(void)state;
	for (int i = 0; i < 1500; i++)
		fputs("x\n", file);
	fclose(file);
	report = files_verify(path, NULL, &result);
	assert_int_equal(result.problems, 1500);
	assert_non_null(strstr(report, "many:1000: not JSON"));
	assert_null(strstr(report, "many:1001: "));
	assert_non_null(strstr(report, "many: and 500 more problems\n"));
	free(report);
}

static void what_cannot_be_read_is_told(void **state)
{
	struct verify_result result;
	struct error err;

	(void)state;
	assert_int_equal(verify_file("/nonexistent", NULL, stderr, &result, &err), -ENOENT);
	assert_string_equal(err.text,
			    "cannot open the audit log /nonexistent: No such file or directory");
	assert_int_equal(verify_file("/", NULL, stderr, &result, &err), -EISDIR);
	assert_int_equal(verify_file("/dev/null", NULL, stderr, &result, &err), -EINVAL);
}

static int verify_lives(void *context)
{
	struct verify_result result;
	struct error err;
	FILE *null = fopen("/dev/null", "w");
	int rc = verify_file(files_path("lives"), NULL, null, &result, &err);

	(void)context;
	fclose(null);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(verify_lives, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_journal_has_no_problem),
		cmocka_unit_test(a_changed_line_is_found),
		cmocka_unit_test(every_changed_byte_is_found),
		cmocka_unit_test(missing_lines_are_found),
		cmocka_unit_test(a_late_beginning_may_be_expected),
		cmocka_unit_test(records_are_shown_to_who_wants_to_see_them),
		cmocka_unit_test(moved_lines_are_found),
		cmocka_unit_test(repeated_lines_are_found),
		cmocka_unit_test(a_line_with_another_number_does_not_put_all_out_of_place),
		cmocka_unit_test(what_is_no_record_is_found),
		cmocka_unit_test(a_line_that_was_cut_off_is_found),
		cmocka_unit_test(a_gap_before_a_cut_line_is_found),
		cmocka_unit_test(an_endless_line_is_survived),
		cmocka_unit_test(a_cut_end_shows_against_an_anchor),
		cmocka_unit_test(a_later_file_follows_from_an_earlier),
		cmocka_unit_test(sandboxes_without_an_end_are_noted),
		cmocka_unit_test(many_problems_are_counted),
		cmocka_unit_test(what_cannot_be_read_is_told),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, make_journal, remove_journal);
}
