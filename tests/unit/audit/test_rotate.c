/* Threat C12: a journal that rotates its own file, cut short at every step, and failing at every
 * step. */
#include "proxy/audit/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/audit/parts.h"
#include "tests/unit/allocation.h"
#include "tests/unit/audit/journal_files.h"

enum {
	SIZE = 4096, /* less than a journal is given in earnest: batches are small here */
	BODY = 500,
	WRITERS = 4,
	RECORDS = 300,
	KILLED = 9,
};

/* The calls by which a rotation changes what others see. The N-th of them from when it is set (1 is
 * the next) does not happen: the process is killed before it, or it fails. */
static struct {
	unsigned long nth;
	bool kills;
	int error; /* else */
	bool happened;
} fault;

static bool has_links = true;

static bool is_at_fault(void)
{
	if (fault.nth == 0 || --fault.nth != 0)
		return false;
	fault.happened = true;
	if (fault.kills)
		_exit(KILLED);
	errno = fault.error;
	return true;
}

int __real_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __real_ftruncate(int fd, off_t len);
int __wrap_rename(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_unlink(const char *path);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_ftruncate(int fd, off_t len);

int __wrap_rename(const char *from, const char *to)
{
	return is_at_fault() ? -1 : __real_rename(from, to);
}

int __wrap_link(const char *from, const char *to)
{
	if (!has_links) {
		errno = EPERM;
		return -1;
	}
	return is_at_fault() ? -1 : __real_link(from, to);
}

int __wrap_unlink(const char *path)
{
	return is_at_fault() ? -1 : __real_unlink(path);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
	return is_at_fault() ? -1 : __real_fallocate(fd, mode, offset, len);
}

int __wrap_ftruncate(int fd, off_t len)
{
	return is_at_fault() ? -1 : __real_ftruncate(fd, len);
}

static void open_journal(struct journal *journal, const char *path, unsigned int keep)
{
	struct error err;

	if (journal_open(journal, path, &err) < 0)
		fail_msg("%s", err.text);
	journal_set_rotation(journal, SIZE, keep);
}

/* What a child process does may not end in this one's tests. */
static void open_in_child(struct journal *journal, const char *path, uint64_t size,
			  unsigned int keep)
{
	if (journal_open(journal, path, NULL) < 0)
		_exit(1);
	journal_set_rotation(journal, size, keep);
}

static void add(struct journal *journal, uint64_t n)
{
	assert_int_equal(journal_add(journal, files_body(n, BODY)), 0);
	assert_int_equal(journal_flush(journal), 0);
}

/* Verifies all parts together; their number of lines. */
static uint64_t verify_all(const char *path, bool partial, size_t *count)
{
	struct verify_expect expect = {.begins_late = partial};
	struct verify_result result;
	struct audit_parts parts;
	char after[LINE_HASH_TEXT + 1];
	uint64_t lines = 0;
	struct error err;

	if (audit_parts_find(&parts, path, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < parts.count; i++) {
		assert_int_equal(verify_opened(parts.list[i].fd, parts.list[i].path, &expect,
					       stderr, &result),
				 0);
		if (result.problems)
			fail_msg("%s has problems", parts.list[i].path);
		lines += result.lines;
		memcpy(after, result.last_hash, sizeof(after));
		expect.after = after;
	}
	*count = parts.count;
	audit_parts_close(&parts);
	return lines;
}

static const char *part_path(const char *path, int number)
{
	static char part[300];

	snprintf(part, sizeof(part), "%s.%d", path, number);
	return part;
}

static bool exists(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static void a_file_is_put_away_before_it_grows_past_its_bound(void **state)
{
	const char *path = files_path("grows");
	struct journal journal;
	struct stat status;
	size_t parts;

	(void)state;
	open_journal(&journal, path, 0);
	for (uint64_t n = 1; n <= 60; n++)
		add(&journal, n);
	assert_int_equal(journal.rotation_error, 0);
	journal_close(&journal);
	assert_int_equal(verify_all(path, false, &parts), 60);
	assert_true(parts > 5);
	for (int i = 1; i < (int)parts; i++) {
		assert_int_equal(stat(part_path(path, i), &status), 0);
		assert_true(status.st_size <= SIZE && status.st_size > SIZE / 2);
		assert_int_equal(status.st_mode & 07777, 0600);
		/* No room is left set aside behind what is never written to again. */
		assert_true(status.st_blocks * 512 < JOURNAL_ROOM_BYTES);
	}
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_nlink, 1);
	assert_false(exists(files_path("grows.new")));
}

static void the_oldest_parts_are_removed_as_asked(void **state)
{
	const char *path = files_path("kept");
	struct journal journal;
	size_t parts;

	(void)state;
	open_journal(&journal, path, 3);
	for (uint64_t n = 1; n <= 60; n++)
		add(&journal, n);
	assert_true(verify_all(path, true, &parts) < 60);
	assert_int_equal(parts, 4);
	/* Fewer from now on. */
	journal_set_rotation(&journal, SIZE, 1);
	for (uint64_t n = 1; n <= 20; n++)
		add(&journal, n);
	verify_all(path, true, &parts);
	assert_int_equal(parts, 2);
	journal_close(&journal);
	assert_false(exists(part_path(path, 2)));
}

static void a_cut_line_stays_where_it_is(void **state)
{
	const char *path = files_path("cut");
	char after[LINE_HASH_TEXT + 1], *report;
	struct verify_expect expect = {0};
	struct verify_result result;
	struct journal journal;
	struct stat status;

	(void)state;
	open_journal(&journal, path, 0);
	for (uint64_t n = 1; !exists(part_path(path, 1)); n++) {
		assert_int_equal(stat(path, &status), 0);
		if (n == 5)
			assert_int_equal(truncate(path, status.st_size - 1), 0);
		add(&journal, n);
		if (n == 5)
			journal_set_rotation(&journal, 1, 0);
	}
	journal_close(&journal);
	free(files_verify(part_path(path, 1), NULL, &result));
	memcpy(after, result.last_hash, sizeof(after));
	expect.after = after;
	report = files_verify(path, &expect, &result);
	assert_string_equal(report, "");
	free(report);
}

static void several_processes_rotate_one_file(void **state)
{
	const char *path = files_path("many");
	size_t parts;

	(void)state;
	for (int writer = 0; writer < WRITERS; writer++) {
		struct journal journal;

		if (fork() != 0)
			continue;
		/* So large that none of them is outrun by the others again and again. */
		open_in_child(&journal, path, 16 * SIZE, 0);
		for (uint64_t n = 1; n <= RECORDS; n++) {
			if (journal_add(&journal, files_body(n, BODY)) < 0 ||
			    (n * 31 % 17 < 6 && journal_flush(&journal) < 0))
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
	assert_int_equal(verify_all(path, false, &parts), WRITERS * RECORDS);
	assert_true(parts > WRITERS * RECORDS * BODY / SIZE / 32);
}

/* Adds records until the file is rotated, or this process is killed. */
static void rotate_in_child(const char *path, unsigned long nth, unsigned int keep)
{
	struct journal journal;
	struct stat before, now;

	open_in_child(&journal, path, SIZE, keep);
	stat(path, &before);
	fault.nth = nth;
	fault.kills = true;
	do {
		if (journal_add(&journal, files_body(1, BODY)) < 0 || journal_flush(&journal) < 0)
			_exit(1);
		stat(path, &now);
	} while (before.st_ino == now.st_ino);
	_exit(0);
}

/* Whether the child came to its end. */
static bool try_rotation(const char *path, unsigned long nth, unsigned int keep)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		rotate_in_child(path, nth, keep);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0)
		assert_int_equal(WEXITSTATUS(status), KILLED);
	return WEXITSTATUS(status) == 0;
}

/* Rotates a log of four parts until the N-th step. All must be there, the next supervisor go on
 * with it, and the next rotation leave nothing behind. Whether the rotation came to its end. */
static bool cut_short(const char *name, unsigned long nth, unsigned int keep)
{
	const char *path = files_path(name);
	struct journal journal;
	struct stat status;
	uint64_t lines;
	size_t parts;
	bool ended;

	for (int i = 0; i < 3; i++)
		assert_true(try_rotation(path, 0, keep));
	ended = try_rotation(path, nth, keep);
	lines = verify_all(path, keep != 0, &parts);
	open_journal(&journal, path, keep);
	journal_set_rotation(&journal, 0, 0);
	if (keep == 0)
		assert_int_equal(journal.seq, lines);
	add(&journal, 1);
	journal_close(&journal);
	assert_int_equal(verify_all(path, keep != 0, &parts), lines + 1);
	assert_true(try_rotation(path, 0, keep));
	verify_all(path, keep != 0, &parts);
	for (int i = 1; i < (int)parts; i++) {
		assert_int_equal(stat(part_path(path, i), &status), 0);
		assert_int_equal(status.st_nlink, 1);
	}
	return ended;
}

static void a_rotation_may_be_cut_short_at_any_step(void **state)
{
	unsigned long steps = 0;
	char name[32];

	(void)state;
	for (unsigned int keep = 0; keep < 4; keep++) {
		steps = 0;
		do
			snprintf(name, sizeof(name), "killed%u-%lu", keep, ++steps);
		while (!cut_short(name, steps, keep));
		assert_true(steps > 4);
	}
}

static void a_rotation_that_fails_keeps_nothing_from_being_written(void **state)
{
	const char *path = files_path("failing");
	struct journal journal;
	uint64_t lines = 0;
	size_t parts;

	(void)state;
	open_journal(&journal, path, 0);
	for (unsigned long nth = 1; nth < 12; nth++) {
		fault.nth = nth;
		fault.kills = false;
		fault.error = EIO;
		for (int i = 0; i < 12; i++) {
			add(&journal, ++lines);
			journal.retry_at = 0;
		}
		fault.nth = 0;
		assert_int_equal(verify_all(path, false, &parts), lines);
	}
	assert_true(fault.happened);
	assert_int_equal(journal.rotation_error, 0);
	journal_close(&journal);
	assert_true(parts > 5);
}

static void a_file_system_without_links_will_do(void **state)
{
	const char *path = files_path("unlinked");
	struct journal journal;
	uint64_t lines = 0;
	size_t parts;

	(void)state;
	has_links = false;
	open_journal(&journal, path, 0);
	for (int i = 0; i < 40; i++)
		add(&journal, ++lines);
	journal_close(&journal);
	has_links = true;
	assert_int_equal(verify_all(path, false, &parts), lines);
	assert_true(parts > 3);
	assert_false(exists(files_path("unlinked.new")));
}

static void what_is_in_the_way_is_left_alone_and_told(void **state)
{
	const char *path = files_path("blocked"), *new = files_path("blocked.new");
	struct journal journal;
	size_t parts, len;
	uint64_t n = 0;
	char *bytes;

	(void)state;
	files_write(new, SLICE_LITERAL("dear diary\n"));
	open_journal(&journal, path, 0);
	while (!journal.rotation_error)
		add(&journal, ++n);
	assert_int_equal(journal.rotation_error, ERROR_VERIFY);
	add(&journal, ++n);
	bytes = files_read(new, &len);
	assert_string_equal(bytes, "dear diary\n");
	free(bytes);
	assert_false(exists(part_path(path, 1)));
	/* It is not tried again with each record. */
	assert_int_equal(unlink(new), 0);
	add(&journal, ++n);
	assert_int_equal(journal.rotation_error, ERROR_VERIFY);
	journal.retry_at = 0;
	add(&journal, ++n);
	assert_int_equal(journal.rotation_error, 0);
	assert_int_equal(verify_all(path, false, &parts), n);
	assert_int_equal(parts, 2);
	/* One that leads elsewhere is not followed. */
	assert_int_equal(symlink("/dev/null", new), 0);
	while (!journal.rotation_error)
		add(&journal, ++n);
	assert_int_equal(journal.rotation_error, ERROR_UNSUPPORTED);
	journal_close(&journal);
}

static void a_file_that_was_moved_is_reopened_with_a_line(void **state)
{
	const char *path = files_path("reopened");
	struct journal journal;
	struct stat status;
	size_t parts;

	(void)state;
	open_journal(&journal, path, 0);
	add(&journal, 1);
	assert_int_equal(journal_reopen(&journal, files_body(2, 0)), 0);
	assert_int_equal(rename(path, part_path(path, 1)), 0);
	assert_int_equal(journal_reopen(&journal, files_body(2, 0)), 1);
	assert_int_equal(journal_reopen(&journal, files_body(3, 0)), 0);
	assert_int_equal(stat(part_path(path, 1), &status), 0);
	assert_true(status.st_blocks * 512 < JOURNAL_ROOM_BYTES);
	journal_close(&journal);
	assert_int_equal(verify_all(path, false, &parts), 2);
	assert_int_equal(parts, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_put_away_before_it_grows_past_its_bound),
		cmocka_unit_test(the_oldest_parts_are_removed_as_asked),
		cmocka_unit_test(a_cut_line_stays_where_it_is),
		cmocka_unit_test(several_processes_rotate_one_file),
		cmocka_unit_test(a_rotation_may_be_cut_short_at_any_step),
		cmocka_unit_test(a_rotation_that_fails_keeps_nothing_from_being_written),
		cmocka_unit_test(a_file_system_without_links_will_do),
		cmocka_unit_test(what_is_in_the_way_is_left_alone_and_told),
		cmocka_unit_test(a_file_that_was_moved_is_reopened_with_a_line),
	};

	return cmocka_run_group_tests(tests, files_make_folder, files_remove_folder);
}
