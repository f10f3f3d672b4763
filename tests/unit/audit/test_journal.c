#include "proxy/audit/journal.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "tests/unit/allocation.h"
#include "tests/unit/audit/journal_files.h"

enum { WRITERS = 4, RECORDS = 5000 };

static void open_journal(struct journal *journal, const char *path)
{
	struct error err;

	if (journal_open(journal, path, &err) < 0)
		fail_msg("%s", err.text);
}

static void add(struct journal *journal, uint64_t n)
{
	assert_int_equal(journal_add(journal, files_body(n, 0)), 0);
}

static void the_first_line_begins_a_chain(void **state)
{
	const char *path = files_path("new");
	size_t len;
	char *bytes;
	struct stat status;

	(void)state;
	files_add(path, 1, 2);
	bytes = files_read(path, &len);
	assert_memory_equal(bytes, "{\"v\":1,\"seq\":1,\"time\":\"1970-", 28);
	*strchr(bytes, '\n') = '\0';
	assert_non_null(strstr(bytes,
			       ",\"prev\":\"0000000000000000000000000000000000000000000000000"
			       "000000000000000\"}"));
	free(bytes);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	/* What was set aside is given back. */
	assert_true(status.st_blocks * 512 < JOURNAL_ROOM_BYTES);
	files_assert_sound(path, 2);
}

static void the_chain_goes_on_from_what_is_there(void **state)
{
	const char *path = files_path("continued");

	(void)state;
	for (uint64_t n = 0; n < 5; n++) {
		files_add(path, n * 100 + 1, n * 100 + 100);
		files_assert_sound(path, n * 100 + 100);
	}
}

static void a_relative_path_is_kept_when_the_folder_changes(void **state)
{
	struct journal journal;
	char *before = getcwd(NULL, 0);

	(void)state;
	assert_int_equal(chdir(files_path("")), 0);
	open_journal(&journal, "relative");
	assert_int_equal(chdir("/"), 0);
	add(&journal, 1);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
	files_assert_sound(files_path("relative"), 1);
	assert_int_equal(chdir(before), 0);
	free(before);
}

static void batches_larger_than_the_memory_are_written_in_parts(void **state)
{
	const char *path = files_path("large");
	struct journal journal;
	struct stat status;

	(void)state;
	open_journal(&journal, path);
	for (uint64_t n = 0; n < 2000; n++)
		assert_int_equal(journal_add(&journal, files_body(n, n % 3 ? 10 : 1900)), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size > JOURNAL_BATCH_BYTES);
	assert_int_equal(journal_flush(&journal), 0);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
	files_assert_sound(path, 2000);
}

/* Threat C11, from a worker that was taken over. */
static void what_is_no_record_is_replaced(void **state)
{
	const char *path = files_path("replaced");
	struct verify_result result;
	struct journal journal;
	char *bytes, *report;
	size_t len;

	(void)state;
	open_journal(&journal, path);
	add(&journal, 1);
	assert_int_equal(
		journal_add_from(&journal, SLICE_LITERAL("{}\n{\"v\":1,\"seq\":1}"), "a1b2"), 0);
	assert_int_equal(journal_add_from(&journal, SLICE_EMPTY, NULL), 0);
	assert_int_equal(journal_add_from(&journal, files_body(3, 0), "another"), 0);
	assert_int_equal(journal_add_from(&journal, files_body(2, 0), "a1b2"), 0);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
	report = files_verify(path, NULL, &result);
	assert_int_equal(result.problems, 0);
	assert_int_equal(result.lines, 5);
	free(report);
	bytes = files_read(path, &len);
	assert_non_null(strstr(bytes, "\"sandbox\":\"a1b2\",\"kind\":\"sandbox\""));
	assert_non_null(strstr(bytes, "\"life\":{\"event\":\"bad-record\"}"));
	assert_non_null(strstr(bytes, "\"path\":\"/2/\""));
	assert_null(strstr(bytes, "\"path\":\"/3/\""));
	free(bytes);
}

static void a_cut_line_is_gone_on_from(void **state)
{
	const char *path = files_path("cut");
	struct verify_result result;
	size_t whole, len;
	char *bytes;

	(void)state;
	files_add(path, 1, 2);
	bytes = files_read(path, &whole);
	/* At every place, before and behind the line's number. */
	for (len = (size_t)(strchr(bytes, '\n') + 2 - bytes); len < whole; len++) {
		files_write(path, slice_of(bytes, len));
		files_add(path, 3, 4);
		free(files_verify(path, NULL, &result));
		/* The newline alone was missing: then nothing is. */
		assert_int_equal(result.problems, len < whole - 1 ? 1 : 0);
		assert_int_equal(result.lines, 4);
		assert_int_equal(result.last_seq, 4);
	}
	free(bytes);
}

static void a_cut_first_line_is_gone_on_from(void **state)
{
	const char *path = files_path("cut");
	struct verify_result result;

	(void)state;
	files_write(path, SLICE_LITERAL("{\"v\":1,\"s"));
	files_add(path, 1, 1);
	free(files_verify(path, NULL, &result));
	assert_int_equal(result.lines, 2);
	assert_int_equal(result.last_seq, 2);
}

static void several_processes_share_a_file(void **state)
{
	const char *path = files_path("shared");

	(void)state;
	for (int writer = 0; writer < WRITERS; writer++) {
		struct journal journal;

		if (fork() != 0)
			continue;
		open_journal(&journal, path);
		for (uint64_t n = 1; n <= RECORDS; n++) {
			add(&journal, n);
			/* Batches of 1, 2, 3... so that they meet at all phases. */
			if (n * 31 % 17 < 6 && journal_flush(&journal) < 0)
				_exit(1);
		}
		if (journal_flush(&journal) < 0)
			_exit(1);
		journal_close(&journal);
		_exit(0);
	}
	for (int writer = 0; writer < WRITERS; writer++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	files_assert_sound(path, WRITERS * RECORDS);
}

/* Threat C12: rotation. */
static void a_moved_file_is_noticed_and_the_chain_goes_on(void **state)
{
	const char *path = files_path("rotated"), *moved = files_path("rotated.1");
	struct verify_result first, second;
	struct verify_expect expect = {0};
	struct journal a, b;
	char *report;

	(void)state;
	open_journal(&a, path);
	open_journal(&b, path);
	add(&a, 1);
	assert_int_equal(journal_flush(&a), 0);
	add(&b, 2);
	assert_int_equal(journal_flush(&b), 0);
	assert_int_equal(rename(path, moved), 0);
	/* The one that notices first has not seen what the other wrote last. */
	add(&a, 3);
	assert_int_equal(journal_flush(&a), 0);
	add(&b, 4);
	assert_int_equal(journal_flush(&b), 0);
	add(&a, 5);
	assert_int_equal(journal_flush(&a), 0);
	journal_close(&a);
	journal_close(&b);
	files_assert_sound(moved, 2);
	free(files_verify(moved, NULL, &first));
	expect.after = first.last_hash;
	report = files_verify(path, &expect, &second);
	assert_string_equal(report, "");
	assert_int_equal(second.lines, 3);
	assert_int_equal(second.last_seq, 5);
	free(report);
}

/* Threat C12: deletion. */
static void a_deleted_file_leaves_a_gap_that_shows(void **state)
{
	const char *path = files_path("deleted");
	struct journal journal;
	struct verify_result result;
	char *report;

	(void)state;
	open_journal(&journal, path);
	add(&journal, 1);
	assert_int_equal(journal_flush(&journal), 0);
	assert_int_equal(unlink(path), 0);
	add(&journal, 2);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
	report = files_verify(path, NULL, &result);
	assert_int_equal(result.problems, 1);
	assert_non_null(strstr(report, "deleted:1: begins with seq 2"));
	free(report);
}

static void lines_cut_off_while_running_leave_a_gap_that_shows(void **state)
{
	const char *path = files_path("truncated");
	struct journal journal;
	struct verify_result result;
	char *report, *bytes;
	size_t len;

	(void)state;
	open_journal(&journal, path);
	for (uint64_t n = 1; n <= 3; n++)
		add(&journal, n);
	assert_int_equal(journal_flush(&journal), 0);
	bytes = files_read(path, &len);
	assert_int_equal(truncate(path, strchr(bytes, '\n') + 1 - bytes), 0);
	free(bytes);
	add(&journal, 4);
	assert_int_equal(journal_flush(&journal), 0);
	report = files_verify(path, NULL, &result);
	assert_string_equal(report, "truncated:2: missing before this line: 2 lines, seq 2 to 3\n");
	free(report);
	assert_int_equal(truncate(path, 0), 0);
	add(&journal, 5);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
	report = files_verify(path, NULL, &result);
	assert_non_null(strstr(report, "truncated:1: begins with seq 5"));
	free(report);
}

static void an_end_that_is_no_record_is_not_gone_on_from(void **state)
{
	static char garbage[40000];
	const char *path = files_path("garbage");
	struct journal journal;
	struct error err;

	(void)state;
	open_journal(&journal, path);
	add(&journal, 1);
	assert_int_equal(journal_flush(&journal), 0);
	memset(garbage, 'x', sizeof(garbage));
	files_write(path, slice_of(garbage, sizeof(garbage)));
	add(&journal, 2);
	assert_int_equal(journal_flush(&journal), ERROR_VERIFY);
	journal_explain(&journal, ERROR_VERIFY, &err);
	assert_non_null(strstr(err.text, "move it away"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
}

/* Somebody who may write the log's folder must not get us to write to a file that they may not. */
static void a_path_that_comes_to_lead_elsewhere_is_not_followed(void **state)
{
	const char *path = files_path("swapped"), *notes = files_path("diary");
	struct journal journal;
	size_t len;
	char *bytes;

	(void)state;
	open_journal(&journal, path);
	files_write(notes, SLICE_LITERAL("dear diary\n"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(notes, path), 0);
	add(&journal, 1);
	assert_int_equal(journal_flush(&journal), ERROR_VERIFY);
	bytes = files_read(notes, &len);
	assert_string_equal(bytes, "dear diary\n");
	free(bytes);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
	files_assert_sound(path, 1);
}

static void assert_refused(const char *path, const char *why)
{
	struct journal journal;
	struct error err;

	assert_true(journal_open(&journal, path, &err) < 0);
	if (!strstr(err.text, why))
		fail_msg("%s", err.text);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, "--audit"));
}

static void a_file_that_cannot_be_the_log_is_refused(void **state)
{
	const char *notes = files_path("notes"), *fifo = files_path("fifo");
	size_t len;
	char *bytes;

	(void)state;
	assert_refused(files_path("no/such/folder"), "its folder does not exist");
	assert_refused(files_path(""), "it is a folder");
	assert_refused("/dev/null", "not a regular file");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_refused(fifo, "not a regular file");
	files_write(notes, SLICE_LITERAL("dear diary\n"));
	assert_refused(notes, "exists and is no audit log");
	bytes = files_read(notes, &len);
	assert_string_equal(bytes, "dear diary\n");
	free(bytes);
	assert_refused("/proc/sallyport", "cannot make the audit log");
}

static void a_file_that_may_not_be_written_is_refused(void **state)
{
	const char *path = files_path("locked");
	int status;

	(void)state;
	files_add(path, 1, 1);
	assert_int_equal(chmod(path, 0400), 0);
	if (fork() == 0) {
		struct journal journal;
		struct error err;

		/* Root may write what nobody may. */
		if (getuid() == 0 && setuid(65534) < 0)
			_exit(1);
		if (journal_open(&journal, path, &err) >= 0 ||
		    !strstr(err.text, "permission denied; give this user the right to write it"))
			_exit(2);
		_exit(0);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
}

static void a_lock_that_is_not_let_go_is_told(void **state)
{
	const char *path = files_path("held");
	struct journal journal;
	struct error err;
	int64_t before;
	int fd;

	(void)state;
	open_journal(&journal, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	add(&journal, 1);
	before = monotonic_now_us();
	assert_int_equal(journal_flush(&journal), ERROR_TIMEOUT);
	assert_true(monotonic_now_us() - before < 3000000);
	journal_explain(&journal, ERROR_TIMEOUT, &err);
	assert_non_null(strstr(err.text, "another process holds its lock"));
	close(fd);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
	files_assert_sound(path, 1);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The file may grow by one byte more each time, so that the write ends at each place of a line. */
static void a_write_that_ends_early_leaves_whole_lines(void **state)
{
	const char *path = files_path("early");
	struct journal journal;
	rlim_t limit = 0;
	int rc;

	(void)state;
	open_journal(&journal, path);
	for (uint64_t n = 1; n <= 4; n++)
		add(&journal, n);
	do {
		struct verify_result result;
		char *report;

		limit_files(++limit);
		rc = journal_flush(&journal);
		limit_files(RLIM_INFINITY);
		report = files_verify(path, NULL, &result);
		if (result.problems)
			fail_msg("%s", report);
		assert_int_equal(result.lines + journal.pending, 4);
		free(report);
	} while (rc == ERROR_LIMIT);
	assert_int_equal(rc, 0);
	assert_true(limit > 1000);
	journal_close(&journal);
	files_assert_sound(path, 4);
}

static void a_file_that_may_only_be_appended_to_is_written(void **state)
{
	const char *path = files_path("append-only");
	struct verify_result result;
	struct journal journal;
	int fd, flags = 0;

	(void)state;
	files_add(path, 1, 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 ||
	    (flags |= FS_APPEND_FL, ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)) {
		close(fd);
		print_message("SKIPPED: chattr +a does not work here\n");
		skip();
	}
	files_add(path, 2, 3);
	files_assert_sound(path, 3);
	/* The half line can't be taken off; it is gone on from, and told. */
	open_journal(&journal, path);
	add(&journal, 4);
	add(&journal, 5);
	limit_files(journal.end + 400);
	assert_int_equal(journal_flush(&journal), ERROR_LIMIT);
	limit_files(RLIM_INFINITY);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
	free(files_verify(path, NULL, &result));
	assert_int_equal(result.problems, 1);
	assert_int_equal(result.lines, 6);
	flags &= ~FS_APPEND_FL;
	ioctl(fd, FS_IOC_SETFLAGS, &flags);
	close(fd);
}

static void drains_a_ring(void **state)
{
	const char *path = files_path("drained");
	struct journal journal;
	struct audit_ring ring;
	struct error err;
	uint64_t n = 0;

	(void)state;
	open_journal(&journal, path);
	assert_int_equal(audit_ring_create(&ring, 1 << 20, &err), 0);
	ring.sandbox = "a1b2";
	assert_int_equal(journal_drain(&journal, &ring), 0);
	while (audit_ring_reserve(&ring))
		audit_ring_commit(&ring, files_body(++n, 0));
	assert_int_equal(journal_drain(&journal, &ring), 0);
	files_assert_sound(path, n);
	/* An inconsistent ring is told after what was sound in it is written. */
	assert_true(audit_ring_reserve(&ring));
	audit_ring_commit(&ring, files_body(++n, 0));
	*(uint64_t *)(void *)ring.shared += 8;
	assert_int_equal(journal_drain(&journal, &ring), ERROR_SYNTAX);
	files_assert_sound(path, n);
	audit_ring_close(&ring);
	journal_close(&journal);
}

static void one_ring_does_not_keep_others_waiting(void **state)
{
	const char *path = files_path("greedy");
	struct journal journal;
	struct audit_ring ring;
	struct error err;
	int turns = 0, rc;

	(void)state;
	open_journal(&journal, path);
	assert_int_equal(audit_ring_create(&ring, 16 << 20, &err), 0);
	while (audit_ring_reserve(&ring))
		audit_ring_commit(&ring, files_body(1, 1500));
	while ((rc = journal_drain(&journal, &ring)) == 1)
		turns++;
	assert_int_equal(rc, 0);
	assert_true(turns > 1);
	audit_ring_close(&ring);
	journal_close(&journal);
}

static void a_ring_is_blocked_while_the_journal_cannot_write(void **state)
{
	const char *path = files_path("blocked");
	struct journal journal;
	struct audit_ring ring;
	struct error err;
	int fd;

	(void)state;
	open_journal(&journal, path);
	assert_int_equal(audit_ring_create(&ring, 1 << 16, &err), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_true(audit_ring_reserve(&ring));
	audit_ring_commit(&ring, files_body(1, 0));
	assert_int_equal(journal_drain(&journal, &ring), ERROR_TIMEOUT);
	assert_true(audit_ring_is_blocked(&ring));
	assert_false(audit_ring_reserve(&ring));
	close(fd);
	assert_int_equal(journal_drain(&journal, &ring), 0);
	assert_true(audit_ring_reserve(&ring));
	audit_ring_close(&ring);
	journal_close(&journal);
	files_assert_sound(path, 1);
}

static void the_default_path_follows_the_environment(void **state)
{
	char path[256], small[8];
	struct error err;
	struct stat status;

	(void)state;
	setenv("HOME", files_path("home"), 1);
	setenv("XDG_STATE_HOME", files_path("state"), 1);
	assert_int_equal(journal_name_default_path(path, sizeof(path), &err), 0);
	assert_string_equal(path, files_path("state/sallyport/audit.jsonl"));
	assert_int_equal(access(files_path("state"), F_OK), -1);
	assert_int_equal(journal_default_path(path, sizeof(path), &err), 0);
	assert_int_equal(stat(files_path("state/sallyport"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	files_add(path, 1, 1);

	setenv("XDG_STATE_HOME", "not/absolute", 1);
	assert_int_equal(journal_default_path(path, sizeof(path), &err), 0);
	assert_string_equal(path, files_path("home/.local/state/sallyport/audit.jsonl"));
	unsetenv("XDG_STATE_HOME");
	assert_int_equal(journal_default_path(path, sizeof(path), &err), 0);
	assert_int_equal(journal_default_path(small, sizeof(small), &err), -ENAMETOOLONG);
	setenv("HOME", "/dev/null", 1);
	assert_true(journal_default_path(path, sizeof(path), &err) < 0);
	assert_non_null(strstr(err.text, "cannot make the folder /dev/null/.local"));
}

static int open_and_add(void *context)
{
	struct journal journal;
	struct error err;
	int rc = journal_open(&journal, context, &err);

	if (rc < 0)
		return rc;
	rc = journal_add(&journal, files_body(1, 0));
	if (rc == 0)
		rc = journal_flush(&journal);
	journal_close(&journal);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s", files_path("memory"));
	allocation_try_all(open_and_add, path, false);
	files_assert_sound(path, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_begins_a_chain),
		cmocka_unit_test(the_chain_goes_on_from_what_is_there),
		cmocka_unit_test(a_relative_path_is_kept_when_the_folder_changes),
		cmocka_unit_test(batches_larger_than_the_memory_are_written_in_parts),
		cmocka_unit_test(what_is_no_record_is_replaced),
		cmocka_unit_test(a_cut_line_is_gone_on_from),
		cmocka_unit_test(a_cut_first_line_is_gone_on_from),
		cmocka_unit_test(several_processes_share_a_file),
		cmocka_unit_test(a_moved_file_is_noticed_and_the_chain_goes_on),
		cmocka_unit_test(a_deleted_file_leaves_a_gap_that_shows),
		cmocka_unit_test(lines_cut_off_while_running_leave_a_gap_that_shows),
		cmocka_unit_test(an_end_that_is_no_record_is_not_gone_on_from),
		cmocka_unit_test(a_path_that_comes_to_lead_elsewhere_is_not_followed),
		cmocka_unit_test(a_file_that_cannot_be_the_log_is_refused),
		cmocka_unit_test(a_file_that_may_not_be_written_is_refused),
		cmocka_unit_test(a_lock_that_is_not_let_go_is_told),
		cmocka_unit_test(a_write_that_ends_early_leaves_whole_lines),
		cmocka_unit_test(a_file_that_may_only_be_appended_to_is_written),
		cmocka_unit_test(drains_a_ring),
		cmocka_unit_test(one_ring_does_not_keep_others_waiting),
		cmocka_unit_test(a_ring_is_blocked_while_the_journal_cannot_write),
		cmocka_unit_test(the_default_path_follows_the_environment),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, files_make_folder, files_remove_folder);
}
