#include "proxy/steer/mount_table.h"

#include "tests/unit/allocation.h"

static struct path_list list;

static int end(void **state)
{
	(void)state;
	path_list_free(&list);
	return 0;
}

static void maps_of_hosts_are_found(void **state)
{
	(void)state;
	assert_int_equal(
		mount_table_collect(
			SLICE_LITERAL(
				"22 28 0:20 / /proc rw,relatime shared:12 - proc proc rw\n"
				"40 28 0:35 / /net rw shared:5 master:1 - autofs -hosts rw,fd=7\n"
				"41 28 0:36 / /home rw - autofs /etc/auto.home rw\n"
				"42 28 0:37 / /old\\040net rw - autofs /etc/auto.net rw\n"
				"43 28 0:38 / /afs rw - afs #root.afs rw\n"
				"44 28 0:39 / /mnt/nfs rw - nfs4 server:/x rw\n"),
			&list),
		0);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.paths[0], "/net");
	assert_string_equal(list.paths[1], "/old net");
	assert_string_equal(list.paths[2], "/afs");
}

static void what_is_not_a_line_is_left_out(void **state)
{
	(void)state;
	assert_int_equal(mount_table_collect(SLICE_LITERAL("\n"
							   "1 2 3\n"
							   "1 2 3 / /net rw autofs -hosts rw\n"
							   "1 2 3 / /net rw -\n"
							   "1 2 3 / /net rw - afs\n"
							   "- afs x\n"),
					     &list),
			 0);
	assert_int_equal(list.count, 0);
}

static void escapes_that_are_none_are_kept(void **state)
{
	(void)state;
	assert_int_equal(
		mount_table_collect(SLICE_LITERAL("1 2 3 / /a\\134b\\9\\04 r - afs x y"), &list),
		0);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.paths[0], "/a\\b\\9\\04");
}

static void a_path_too_long_is_an_error(void **state)
{
	static char line[10000] = "1 2 3 / /";
	size_t start = strlen(line);

	(void)state;
	memset(line + start, 'x', 5000);
	strcpy(line + start + 5000, " rw - afs x y");
	assert_int_equal(mount_table_collect(slice_from_text(line), &list), -ENAMETOOLONG);
}

static void this_host_can_be_read(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(mount_table_read(&list, &err), 0);
}

static int collect(void *context)
{
	int rc = mount_table_collect(SLICE_LITERAL("1 2 3 / /net r - autofs -hosts y"), &list);

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
		cmocka_unit_test_teardown(maps_of_hosts_are_found, end),
		cmocka_unit_test_teardown(what_is_not_a_line_is_left_out, end),
		cmocka_unit_test_teardown(escapes_that_are_none_are_kept, end),
		cmocka_unit_test_teardown(a_path_too_long_is_an_error, end),
		cmocka_unit_test_teardown(this_host_can_be_read, end),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
