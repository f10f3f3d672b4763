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

static void wrong_usage_is_status_2(void **state)
{
	(void)state;
	assert_int_equal(run((const char *const[]){NULL}), EXIT_USAGE);
	assert_int_equal(RUN("check"), EXIT_USAGE);
	assert_in(told, "'check' is no command");
	assert_int_equal(RUN("--unknown"), EXIT_USAGE);
	assert_int_equal(RUN("query"), EXIT_USAGE);
	assert_in(told, "audit query: not yet supported");
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
		cmocka_unit_test(wrong_usage_is_status_2),
		cmocka_unit_test(what_cannot_be_read_is_status_3),
		cmocka_unit_test(the_default_log_is_read),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
