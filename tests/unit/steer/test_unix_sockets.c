#include "proxy/steer/unix_sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

#define COLUMNS "00000000ea569cb4: 00000003 00000000 00010000 0001 01  1135"

static struct path_list list;

static int end(void **state)
{
	(void)state;
	path_list_free(&list);
	return 0;
}

static void expect_path(const char *line, const char *wanted)
{
	struct slice path = unix_sockets_path(slice_from_text(line));

	assert_true(slice_equal(path, slice_from_text(wanted)));
}

static void the_path_is_the_rest_of_the_line(void **state)
{
	(void)state;
	expect_path(COLUMNS " /tmp/socket", "/tmp/socket");
	expect_path(COLUMNS " /tmp/with space/socket ", "/tmp/with space/socket ");
}

static void names_that_are_not_paths_have_none(void **state)
{
	(void)state;
	expect_path(COLUMNS, "");
	expect_path(COLUMNS " ", "");
	expect_path(COLUMNS " @abstract/name", "");
	expect_path(COLUMNS " relative/socket", "");
	expect_path("Num       RefCount Protocol Flags    Type St Inode Path", "");
	expect_path("", "");
	expect_path("1 2 3", "");
}

static void each_path_is_listed_once_and_run_left_out(void **state)
{
	(void)state;
	assert_int_equal(
		unix_sockets_collect(
			SLICE_LITERAL("Num RefCount Protocol Flags Type St Inode Path\n" COLUMNS
				      "\n" COLUMNS " /tmp/a\n" COLUMNS " /run/b\n" COLUMNS
				      " /tmp/a\n" COLUMNS " /runner/c\n" COLUMNS " @d\n"),
			&list),
		0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.paths[0], "/tmp/a");
	assert_string_equal(list.paths[1], "/runner/c");
}

static void too_many_are_an_error(void **state)
{
	char line[128];
	int rc = 0;

	(void)state;
	for (int i = 0; i < PATH_LIST_MAX; i++) {
		snprintf(line, sizeof(line), COLUMNS " /tmp/%d", i);
		assert_int_equal(unix_sockets_collect(slice_from_text(line), &list), 0);
	}
	rc = unix_sockets_collect(SLICE_LITERAL(COLUMNS " /tmp/one-more"), &list);
	assert_int_equal(rc, ERROR_LIMIT);
	assert_int_equal(list.count, PATH_LIST_MAX);
}

static void a_socket_of_this_host_is_found(void **state)
{
	char directory[] = "/tmp/sallyport-test-XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
	assert_int_equal(unix_sockets_read(&list, &err), 0);
	assert_true(path_list_has(&list, slice_from_text(address.sun_path)));
	close(fd);
	unlink(address.sun_path);
	rmdir(directory);
}

static int collect(void *context)
{
	int rc = unix_sockets_collect(SLICE_LITERAL(COLUMNS " /tmp/a\n" COLUMNS " /tmp/b\n"),
				      &list);

	(void)context;
	path_list_free(&list);
	return rc;
}

static void survives_without_memory(void **state)
{
	(void)state;
	allocation_try_all(collect, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_path_is_the_rest_of_the_line),
		cmocka_unit_test(names_that_are_not_paths_have_none),
		cmocka_unit_test_teardown(each_path_is_listed_once_and_run_left_out, end),
		cmocka_unit_test_teardown(too_many_are_an_error, end),
		cmocka_unit_test_teardown(a_socket_of_this_host_is_found, end),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
