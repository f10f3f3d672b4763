#include "proxy/steer/surroundings.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

static void expect(int fd, int code, const char *wanted)
{
	struct error err = {0};

	assert_true(fd >= 0);
	assert_int_equal(surroundings_check_stream(fd, "standard input", &err), code);
	if (!strstr(err.text, wanted))
		fail_msg("\"%s\" does not say \"%s\"", err.text, wanted);
	close(fd);
}

static void files_pipes_and_devices_pass(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	expect(ends[0], 0, "");
	expect(ends[1], 0, "");
	expect(open("/proc/self/exe", O_RDONLY), 0, "");
	expect(open("/dev/null", O_RDWR), 0, "");
}

static void a_connected_unix_socket_passes(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	expect(pair[0], 0, "");
	expect(pair[1], 0, "");
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	expect(pair[0], 0, "");
	expect(pair[1], 0, "");
}

static void a_socket_that_may_be_pointed_elsewhere_is_refused(void **state)
{
	int pair[2];

	(void)state;
	expect(socket(AF_INET, SOCK_STREAM, 0), -EPERM, "standard input is a network socket");
	expect(socket(AF_INET, SOCK_DGRAM, 0), -EPERM, "network socket");
	expect(socket(AF_NETLINK, SOCK_RAW, 0), -EPERM, "network socket");
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	expect(pair[0], -EPERM, "network socket");
	expect(pair[1], -EPERM, "network socket");
	expect(socket(AF_UNIX, SOCK_STREAM, 0), -EPERM, "network socket");
}

static void a_directory_is_refused(void **state)
{
	(void)state;
	expect(open("/", O_RDONLY | O_DIRECTORY), -EPERM, "is a directory");
	expect(open("/tmp", O_PATH), -EPERM, "is a directory");
}

static void what_has_no_kind_is_refused(void **state)
{
	(void)state;
	expect(epoll_create1(0), -EPERM, "neither a file");
}

static void gathers_what_this_host_has(void **state)
{
	static const char *const argv[] = {"true", NULL}, *const envp[] = {NULL};
	const struct steer_plan plan = {.argv = argv, .envp = envp, .workdir = "/proc/self/.."};
	struct surroundings surroundings;
	struct error err;

	(void)state;
	setenv("XDG_RUNTIME_DIR", "/proc/../tmp", 1);
	assert_int_equal(surroundings_gather(&plan, &surroundings, &err), 0);
	assert_string_equal(surroundings.workdir, "/proc");
	assert_string_equal(surroundings.runtime_dir, "/tmp");
	assert_int_equal(surroundings.caller.uid, geteuid());
	surroundings_free(&surroundings);
}

static void takes_the_runtime_directory_of_the_plan(void **state)
{
	static const char *const argv[] = {"true", NULL};
	const char *const envp[] = {"XDG_RUNTIME_DIRX=/a", "XDG_RUNTIME_DIR=/tmp", NULL};
	const struct steer_plan plan = {.argv = argv, .envp = envp};
	struct surroundings surroundings;
	struct error err;

	(void)state;
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(surroundings_gather(&plan, &surroundings, &err), 0);
	assert_string_equal(surroundings.runtime_dir, "/tmp");
	surroundings_free(&surroundings);
}

static void a_working_directory_must_exist(void **state)
{
	static const char *const argv[] = {"true", NULL}, *const envp[] = {NULL};
	const struct steer_plan plan = {.argv = argv, .envp = envp, .workdir = "/nowhere"};
	struct surroundings surroundings;
	struct error err;

	(void)state;
	assert_int_equal(surroundings_gather(&plan, &surroundings, &err), -ENOENT);
	assert_non_null(strstr(err.text, "working directory /nowhere"));
}

static int gather(void *context)
{
	static const char *const argv[] = {"true", NULL}, *const envp[] = {NULL};
	const struct steer_plan plan = {.argv = argv, .envp = envp};
	struct surroundings surroundings;
	int rc;

	(void)context;
	setenv("XDG_RUNTIME_DIR", "/tmp/runtime", 1);
	rc = surroundings_gather(&plan, &surroundings, NULL);
	if (rc == 0)
		surroundings_free(&surroundings);
	return rc;
}

/* Tolerant, as a core pattern that cannot be read is taken for the worse of the two. */
static void survives_without_memory(void **state)
{
	(void)state;
	allocation_try_all(gather, NULL, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_pipes_and_devices_pass),
		cmocka_unit_test(a_connected_unix_socket_passes),
		cmocka_unit_test(a_socket_that_may_be_pointed_elsewhere_is_refused),
		cmocka_unit_test(a_directory_is_refused),
		cmocka_unit_test(what_has_no_kind_is_refused),
		cmocka_unit_test(gathers_what_this_host_has),
		cmocka_unit_test(takes_the_runtime_directory_of_the_plan),
		cmocka_unit_test(a_working_directory_must_exist),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
