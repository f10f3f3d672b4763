#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

static char directory[] = "/tmp/sallyport-test-XXXXXX";

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static void write_file(const char *path, size_t len)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	for (size_t i = 0; i < len; i++)
		assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static void reads_a_file_up_to_its_bound(void **state)
{
	char path[64], *bytes;
	struct error err;
	size_t len;

	(void)state;
	snprintf(path, sizeof(path), "%s/file", directory);
	write_file(path, 9000);
	assert_int_equal(fd_read_file(path, 9000, &bytes, &len, &err), 0);
	assert_int_equal(len, 9000);
	free(bytes);
	assert_int_equal(fd_read_file(path, 8999, &bytes, &len, &err), ERROR_LIMIT);
	assert_non_null(strstr(err.text, "larger than 8999 bytes"));
	unlink(path);
}

static void says_what_is_wrong_with_a_path(void **state)
{
	char path[64], *bytes;
	struct error err;
	size_t len;

	(void)state;
	assert_int_equal(fd_read_file("/nonexistent", 1, &bytes, &len, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot open /nonexistent: No such file"));
	assert_int_equal(fd_read_file(directory, 1, &bytes, &len, &err), -EISDIR);
	assert_non_null(strstr(err.text, "it is a directory"));
	snprintf(path, sizeof(path), "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(fd_read_file(path, 1, &bytes, &len, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a regular file"));
	unlink(path);
}

static void descriptors_arrive_with_their_message(void **state)
{
	int pair[2], pipe_ends[2], got[FD_PASS_MAX];
	char message[8];
	size_t count;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(fd_send(pair[0], SLICE_LITERAL("two"), pipe_ends, 2), 0);
	assert_int_equal(fd_receive(pair[1], message, sizeof(message), got, &count), 3);
	assert_int_equal(count, 2);
	assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(got[1], "z", 1), 1);
	assert_int_equal(read(pipe_ends[0], message, 1), 1);
	close(got[0]);
	close(got[1]);

	assert_int_equal(fd_send(pair[0], SLICE_LITERAL("too long a message"), pipe_ends, 1), 0);
	assert_int_equal(fd_receive(pair[1], message, sizeof(message), got, &count),
			 ERROR_TRUNCATED);
	assert_int_equal(count, 0);
	close(pair[0]);
	assert_int_equal(fd_receive(pair[1], message, sizeof(message), got, &count), 0);
	close(pair[1]);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

static void closes_all_but_the_kept(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		int keep[2] = {dup2(0, 100), dup2(0, 105)};

		dup2(0, 99);
		dup2(0, 103);
		dup2(0, 200);
		if (fd_close_except(3, keep, 2) < 0)
			_exit(1);
		if (fcntl(100, F_GETFD) < 0 || fcntl(105, F_GETFD) < 0)
			_exit(2);
		if (fcntl(99, F_GETFD) >= 0 || fcntl(103, F_GETFD) >= 0 || fcntl(200, F_GETFD) >= 0)
			_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_file_up_to_its_bound),
		cmocka_unit_test(says_what_is_wrong_with_a_path),
		cmocka_unit_test(descriptors_arrive_with_their_message),
		cmocka_unit_test(closes_all_but_the_kept),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
