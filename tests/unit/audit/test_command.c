#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/say.h"
#include "proxy/cli/options.h"
#include "tests/unit/allocation.h"
#include "tests/unit/audit/journal_files.h"

enum { ARGUMENTS_MAX = 12 };

static char *output;
static char *told;

/* Runs the command with what follows as its arguments, NULL ending them. */
static int run(const char *const *arguments)
{
	const char *out = files_path("stdout"), *err = files_path("stderr");
	int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int said = open(err, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int terminal = dup(STDOUT_FILENO), argc = 1, status;
	char *argv[ARGUMENTS_MAX] = {strdup("audit")};
	size_t len;

	for (; arguments[argc - 1]; argc++)
		argv[argc] = strdup(arguments[argc - 1]);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	say_set_fd(said);
	status = command_audit(argc, argv);
	fflush(stdout);
	dup2(terminal, STDOUT_FILENO);
	close(terminal);
	close(fd);
	close(said);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	free(output);
	free(told);
	output = files_read(out, &len);
	told = files_read(err, &len);
	return status;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void assert_in(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in \"%s\"", part, text);
}

static int make_files(void **state)
{
	if (files_make_folder(state) < 0)
		return -1;
	setenv("XDG_STATE_HOME", files_path("state"), 1);
	files_add(files_path("log"), 1, 5);
	return 0;
}

static int remove_files(void **state)
{
	free(output);
	free(told);
	return files_remove_folder(state);
}

static void a_sound_log_is_status_0_and_gives_an_anchor(void **state)
{
	struct verify_result result;

	(void)state;
	free(files_verify(files_path("log"), NULL, &result));
	assert_int_equal(RUN("verify", files_path("log")), 0);
	assert_in(output, "log: sound; to check it against later: --expect-lines 5 --expect ");
	assert_in(output, result.last_hash);
	assert_int_equal(RUN("verify", "--expect-lines", "5", "--expect", result.last_hash,
			     files_path("log")),
			 0);
}

static void problems_are_status_1(void **state)
{
	(void)state;
	files_write(files_path("spoilt"), SLICE_LITERAL("x\ny\n"));
	assert_int_equal(RUN("verify", files_path("spoilt")), 1);
	assert_in(output, "spoilt:2: not JSON");
	assert_in(output, "spoilt: 2 problems in 2 lines\n");
	assert_int_equal(RUN("verify", "--expect-lines", "6", files_path("log")), 1);
	assert_in(output, "log:5: lines are missing at the end: there were 6, and there are 5\n");
}

static void parts_of_a_log_are_checked_together(void **state)
{
	const char *first = files_path("log.1"), *second = files_path("log.2");
	struct journal journal;
	struct error err;

	(void)state;
	assert_int_equal(journal_open(&journal, first, &err), 0);
	journal_add(&journal, files_body(1, 0));
	assert_int_equal(journal_flush(&journal), 0);
	assert_int_equal(rename(first, files_path("log.0")), 0);
	journal_add(&journal, files_body(2, 0));
	assert_int_equal(journal_flush(&journal), 0);
	assert_int_equal(rename(first, second), 0);
	journal_close(&journal);
	assert_int_equal(RUN("verify", files_path("log.0"), second), 0);
	assert_int_equal(RUN("verify", second), 1);
	assert_in(output, "begins with seq 2");
	assert_int_equal(RUN("verify", files_path("log"), second), 1);
	assert_in(output, "does not go on from the file whose last hash was given");
}

/* A log of three parts: one line, two lines, one line. */
static const char *make_parts(const char *name)
{
	const char *path = files_path(name);
	struct journal journal;
	struct error err;
	char moved[256];

	assert_int_equal(journal_open(&journal, path, &err), 0);
	for (uint64_t n = 1; n <= 4; n++) {
		journal_add(&journal, files_body(n, 0));
		assert_int_equal(journal_flush(&journal), 0);
		snprintf(moved, sizeof(moved), "%s.%d", path, n < 2 ? 2 : 1);
		if (n == 1 || n == 3)
			assert_int_equal(rename(path, moved), 0);
	}
	journal_close(&journal);
	return path;
}

static void all_parts_of_a_log_are_found(void **state)
{
	const char *path = make_parts("parts");
	char oldest[256];

	(void)state;
	assert_int_equal(RUN("verify", "--all", path), 0);
	assert_in(output, "parts.2: sound");
	assert_in(output, "parts.1: sound");
	assert_in(output, "--expect-lines 1 --expect ");
	snprintf(oldest, sizeof(oldest), "%s.2", path);
	assert_int_equal(unlink(oldest), 0);
	assert_int_equal(RUN("verify", "--all", path), 1);
	assert_in(output, "parts.1:1: begins with seq 2, and not as a new log does");
	assert_int_equal(RUN("verify", "--all", "--partial", path), 0);
	assert_in(output, "parts.1:1: note: begins with seq 2, after a file that is not here");
	assert_int_equal(RUN("verify", path), 1);
	assert_int_equal(RUN("verify", "--partial", path), 0);
	/* As a rotation that was cut short leaves it: two names of one file. */
	assert_int_equal(link(path, oldest), 0);
	snprintf(oldest, sizeof(oldest), "%s.1", path);
	assert_int_equal(rename(oldest, files_path("parts.3")), 0);
	assert_int_equal(link(path, oldest), 0);
	assert_int_equal(RUN("verify", "--all", "--partial", path), 0);
}

static size_t lines_of(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static void export_writes_events_or_lines(void **state)
{
	const char *path = make_parts("exported");
	char *newest;
	size_t len;

	(void)state;
	assert_int_equal(RUN("export", "--all", path), 0);
	assert_int_equal(lines_of(output), 4);
	assert_in(output, "\"class_uid\":4002");
	assert_in(output, "\"type_uid\":400200");
	assert_in(output, "\"prev\":\"0000000000000000");
	assert_int_equal(RUN("export", "--format", "jsonl", "--partial", path), 0);
	newest = files_read(path, &len);
	assert_string_equal(output, newest);
	free(newest);
	/* Records have their numbers as milliseconds. */
	assert_int_equal(RUN("export", "--all", "--since", "1970-01-01T00:00:00.002Z", "--until",
			     "1970-01-01T00:00:00.004Z", path),
			 0);
	assert_int_equal(lines_of(output), 2);
	assert_int_equal(RUN("export", "--all", "--verdict", "allow", path), 0);
	assert_string_equal(output, "");
	assert_int_equal(RUN("export", "--help"), 0);
	assert_in(output, "sallyport audit export");
}

static void a_spoilt_log_is_exported_and_told_or_not_exported(void **state)
{
	const char *path = files_path("changed");
	size_t len;
	char *bytes;

	(void)state;
	files_add(path, 1, 3);
	bytes = files_read(path, &len);
	memcpy(strstr(bytes, "/2/"), "/9/", 3);
	files_write(path, slice_of(bytes, len));
	free(bytes);
	assert_int_equal(RUN("export", path), 1);
	assert_int_equal(lines_of(output), 3);
	assert_in(told, "the log has 1 problem; see 'sallyport audit verify'");
	assert_int_equal(RUN("export", "--sound", path), 1);
	assert_string_equal(output, "");
	assert_int_equal(RUN("export", "--sound", files_path("log")), 0);
	assert_int_equal(lines_of(output), 5);
	assert_int_equal(RUN("query", path), 1);
}

static void query_prints_what_is_asked_for(void **state)
{
	const char *path = make_parts("asked");

	(void)state;
	assert_int_equal(RUN("query", "--utc", "--all", "--host", "api.example.com", "--since",
			     "1970-01-01T00:00:00.004Z", path),
			 0);
	assert_string_equal(output,
			    "1970-01-01\n00:00:00 DENY  http://api.example.com/4/ [a1b2]\n");
	assert_int_equal(RUN("query", "--all", "--json", path), 0);
	assert_int_equal(lines_of(output), 4);
	/* That it begins late is no matter. */
	assert_int_equal(RUN("query", "--rule", "0", path), 0);
	assert_string_equal(output, "");
	assert_int_equal(RUN("query", "/nonexistent"), 3);
	assert_int_equal(RUN("query", "--help"), 0);
}

static void wrong_usage_is_status_2(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){NULL}), EXIT_USAGE);
	assert_int_equal(RUN("check"), EXIT_USAGE);
	assert_in(told, "'check' is no command");
	assert_int_equal(RUN("--unknown"), EXIT_USAGE);
	assert_int_equal(RUN("report"), EXIT_USAGE);
	assert_in(told, "audit report: not yet supported");
	assert_int_equal(RUN("export", "--format", "xml"), EXIT_USAGE);
	assert_in(told, "--format: 'xml' is none");
	assert_int_equal(RUN("export", "--since", "yesterday"), EXIT_USAGE);
	assert_in(told, "--since: 'yesterday' is no time");
	assert_int_equal(RUN("query", "--verdict", "maybe"), EXIT_USAGE);
	assert_in(told, "--verdict: 'maybe' is none");
	assert_int_equal(RUN("query", "--kind", "smtp"), EXIT_USAGE);
	assert_int_equal(RUN("verify", "--all", "a", "b"), EXIT_USAGE);
	assert_in(told, "--all: one FILE");
	assert_int_equal(RUN("verify", "--expect", "ABC"), EXIT_USAGE);
	assert_in(told, "--expect: 'ABC' is not a hash");
	assert_int_equal(RUN("verify", "--after", ""), EXIT_USAGE);
	assert_int_equal(RUN("verify", "--expect-lines", "-1"), EXIT_USAGE);
	assert_in(told, "--expect-lines: '-1' is not a number");
	assert_int_equal(RUN("verify", "--unknown"), EXIT_USAGE);
	assert_int_equal(RUN("tail", "-n", "1000001"), EXIT_USAGE);
	assert_int_equal(RUN("tail", "--kind", "smtp"), EXIT_USAGE);
	assert_int_equal(RUN("tail", "a", "b"), EXIT_USAGE);
	assert_int_equal(RUN("tail", "--unknown"), EXIT_USAGE);
	assert_int_equal(RUN("--help"), 0);
	assert_int_equal(RUN("verify", "--help"), 0);
	assert_int_equal(RUN("tail", "--help"), 0);
	assert_in(output, "sallyport audit tail [-f]");
}

static void what_cannot_be_read_is_status_3(void **state)
{
	(void)state;
	assert_int_equal(RUN("verify", "/nonexistent"), 3);
	assert_in(told, "cannot open the audit log /nonexistent: No such file or directory");
	assert_int_equal(RUN("tail", "/nonexistent"), 3);
	assert_int_equal(RUN("verify"), 3);
	assert_in(told, "state/sallyport/audit.jsonl: No such file");
	/* Reading makes no folders. */
	assert_int_equal(access(files_path("state"), F_OK), -1);
}

static void the_default_log_is_read(void **state)
{
	(void)state;
	assert_int_equal(mkdir(files_path("state"), 0700), 0);
	assert_int_equal(mkdir(files_path("state/sallyport"), 0700), 0);
	assert_int_equal(rename(files_path("log"), files_path("state/sallyport/audit.jsonl")), 0);
	assert_int_equal(RUN("verify"), 0);
	assert_int_equal(RUN("tail", "--utc", "-n", "1", "--kind", "http", "--denied"), 0);
	assert_string_equal(output,
			    "1970-01-01\n00:00:00 DENY  http://api.example.com/5/ [a1b2]\n");
	assert_int_equal(RUN("tail", "--sandbox", "other"), 0);
	assert_string_equal(output, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_log_is_status_0_and_gives_an_anchor),
		cmocka_unit_test(problems_are_status_1),
		cmocka_unit_test(parts_of_a_log_are_checked_together),
		cmocka_unit_test(all_parts_of_a_log_are_found),
		cmocka_unit_test(export_writes_events_or_lines),
		cmocka_unit_test(a_spoilt_log_is_exported_and_told_or_not_exported),
		cmocka_unit_test(query_prints_what_is_asked_for),
		cmocka_unit_test(wrong_usage_is_status_2),
		cmocka_unit_test(what_cannot_be_read_is_status_3),
		cmocka_unit_test(the_default_log_is_read),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
