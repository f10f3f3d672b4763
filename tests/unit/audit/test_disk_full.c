/* Threat C12: the journal on a file system that is full, and then is not: a small tmpfs in a mount
 * namespace of the test's own. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "proxy/audit/journal.h"
#include "tests/unit/allocation.h"
#include "tests/unit/audit/journal_files.h"

enum { DISK_BYTES = 4 << 20 };

static bool can_mount;

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t ignored = write(fd, text, strlen(text));

	(void)ignored;
	close(fd);
}

static bool enter_mount_namespace(void)
{
	char user[64], group[64];

	if (getuid() == 0)
		return unshare(CLONE_NEWNS) == 0 &&
		       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	snprintf(user, sizeof(user), "0 %u 1", getuid());
	snprintf(group, sizeof(group), "0 %u 1", getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	write_text("/proc/self/uid_map", user);
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/gid_map", group);
	return getuid() == 0;
}

static int mount_disks(void **state)
{
	char options[64];

	if (files_make_folder(state) < 0 || mkdir(files_path("small"), 0700) < 0 ||
	    mkdir(files_path("plain"), 0700) < 0)
		return -1;
	snprintf(options, sizeof(options), "size=%d", DISK_BYTES);
	can_mount = enter_mount_namespace() &&
		    mount("tmpfs", files_path("small"), "tmpfs", 0, options) == 0 &&
		    mount("ramfs", files_path("plain"), "ramfs", 0, NULL) == 0;
	if (!can_mount)
		print_message("SKIPPED: no right to mount a file system here\n");
	return 0;
}

static int unmount_disks(void **state)
{
	umount2(files_path("small"), MNT_DETACH);
	umount2(files_path("plain"), MNT_DETACH);
	return files_remove_folder(state);
}

static void need_mounts(void)
{
	if (!can_mount)
		skip();
}

/* Takes BYTES of the disk, or all that is left. */
static void fill_disk(off_t bytes)
{
	int fd = open(files_path("small/filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	while (bytes > 0 && posix_fallocate(fd, 0, bytes) != 0)
		bytes -= 4096;
	close(fd);
}

static void free_disk(void)
{
	unlink(files_path("small/filler"));
}

static void a_full_disk_is_told_at_the_start(void **state)
{
	struct journal journal;
	struct error err;

	(void)state;
	need_mounts();
	fill_disk(DISK_BYTES);
	assert_int_equal(journal_open(&journal, files_path("small/log"), &err), ERROR_LIMIT);
	assert_non_null(strstr(err.text, "no room for the audit log "));
	assert_non_null(strstr(err.text, "small/log"));
	assert_non_null(strstr(err.text, "its file system is full (1 MiB is kept free ahead); make "
					 "room there, or name a file elsewhere with --audit"));
	free_disk();
}

/* Rule 15: what was reserved before the disk ran full is written in the room that was set aside. */
static void reservations_given_are_kept_when_the_disk_runs_full(void **state)
{
	const char *path = files_path("small/kept");
	struct journal journal;
	struct audit_ring ring;
	struct error err;
	uint64_t given = 0;

	(void)state;
	need_mounts();
	assert_int_equal(journal_open(&journal, path, &err), 0);
	assert_int_equal(audit_ring_create(&ring, 1 << 19, &err), 0);
	while (audit_ring_reserve(&ring))
		given++;
	fill_disk(DISK_BYTES);
	for (uint64_t n = 1; n <= given; n++)
		audit_ring_commit(&ring, files_body(n, 0));
	assert_int_equal(journal_drain(&journal, &ring), 0);
	files_assert_sound(path, given);
	audit_ring_close(&ring);
	journal_close(&journal);
	free_disk();
}

static void assert_sound_so_far(const char *path, uint64_t at_most)
{
	struct verify_result result;
	char *report = files_verify(path, NULL, &result);

	if (result.problems)
		fail_msg("%s", report);
	assert_true(result.lines < at_most);
	free(report);
}

static void a_full_disk_blocks_and_nothing_is_lost(void **state)
{
	const char *path = files_path("small/blocked");
	struct journal journal;
	struct audit_ring ring;
	struct error err;
	uint64_t given = 0, committed = 0;
	int rc = 0;

	(void)state;
	need_mounts();
	assert_int_equal(journal_open(&journal, path, &err), 0);
	assert_int_equal(audit_ring_create(&ring, 8 << 20, &err), 0);
	fill_disk(DISK_BYTES);
	/* Many exchanges in flight, more than the room set aside can take. */
	while (audit_ring_reserve(&ring))
		given++;
	while (rc == 0 && committed < given) {
		audit_ring_commit(&ring, files_body(++committed, 3000));
		rc = journal_drain(&journal, &ring);
	}
	assert_int_equal(rc, ERROR_LIMIT);
	assert_true(audit_ring_is_blocked(&ring));
	assert_false(audit_ring_reserve(&ring));
	assert_sound_so_far(path, committed);

	while (committed < given)
		audit_ring_commit(&ring, files_body(++committed, 200));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(journal_drain(&journal, &ring), ERROR_LIMIT);
		assert_sound_so_far(path, committed);
	}
	free_disk();
	while ((rc = journal_drain(&journal, &ring)) == 1)
		;
	assert_int_equal(rc, 0);
	assert_false(audit_ring_is_blocked(&ring));
	assert_true(audit_ring_reserve(&ring));
	files_assert_sound(path, committed);
	audit_ring_close(&ring);
	journal_close(&journal);
	unlink(path);
}

/* Blocked before the disk is quite full, with nothing to write: room alone must unblock it. */
static void room_alone_unblocks(void **state)
{
	const char *path = files_path("small/unblocked");
	struct journal journal;
	struct audit_ring ring;
	struct error err;
	uint64_t n = 0;

	(void)state;
	need_mounts();
	assert_int_equal(journal_open(&journal, path, &err), 0);
	assert_int_equal(audit_ring_create(&ring, 1 << 19, &err), 0);
	fill_disk(DISK_BYTES);
	while (audit_ring_reserve(&ring)) {
		audit_ring_commit(&ring, files_body(++n, 3000));
		assert_int_equal(journal_drain(&journal, &ring), 0);
	}
	assert_true(audit_ring_is_blocked(&ring));
	assert_int_equal(journal_drain(&journal, &ring), 0);
	assert_true(audit_ring_is_blocked(&ring));
	free_disk();
	assert_int_equal(journal_drain(&journal, &ring), 0);
	assert_true(audit_ring_reserve(&ring));
	files_assert_sound(path, n);
	audit_ring_close(&ring);
	journal_close(&journal);
	unlink(path);
}

/* There is no room for a new file, and there is for the next lines in the old one. */
static void a_rotation_without_room_waits_and_the_lines_do_not(void **state)
{
	const char *path = files_path("small/rotated");
	struct verify_result result;
	struct journal journal;
	struct error err;
	uint64_t n = 0;

	(void)state;
	need_mounts();
	assert_int_equal(journal_open(&journal, path, &err), 0);
	journal_set_rotation(&journal, 4096, 0);
	fill_disk(DISK_BYTES);
	while (journal_has_room(&journal) && n < 100) {
		journal_add(&journal, files_body(++n, 500));
		assert_int_equal(journal_flush(&journal), 0);
		journal.retry_at = 0;
	}
	assert_int_equal(n, 100);
	assert_int_equal(journal.rotation_error, ERROR_LIMIT);
	assert_int_equal(access(files_path("small/rotated.new"), F_OK), -1);
	files_assert_sound(path, n);
	free_disk();
	journal_add(&journal, files_body(++n, 500));
	assert_int_equal(journal_flush(&journal), 0);
	assert_int_equal(journal.rotation_error, 0);
	files_assert_sound(files_path("small/rotated.1"), n - 1);
	free(files_verify(path, NULL, &result));
	assert_int_equal(result.lines, 1);
	journal_close(&journal);
}

static void a_file_system_that_sets_nothing_aside_will_do(void **state)
{
	const char *path = files_path("plain/log");
	int fd;

	(void)state;
	need_mounts();
	fd = open(files_path("plain/probe"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
	close(fd);
	files_add(path, 1, 100);
	files_assert_sound(path, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_is_told_at_the_start),
		cmocka_unit_test(reservations_given_are_kept_when_the_disk_runs_full),
		cmocka_unit_test(a_full_disk_blocks_and_nothing_is_lost),
		cmocka_unit_test(room_alone_unblocks),
		cmocka_unit_test(a_rotation_without_room_waits_and_the_lines_do_not),
		cmocka_unit_test(a_file_system_that_sets_nothing_aside_will_do),
	};

	return cmocka_run_group_tests(tests, mount_disks, unmount_disks);
}
