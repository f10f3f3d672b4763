#include "proxy/control/log_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

static char root[64];

static const char *in_root(const char *name)
{
	static char paths[8][256];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
	return path;
}

/* root/home/work is the working directory; root/logs and root/homes are beside, root/tmp is for
 * everybody. */
static int make_folders(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/sallyport-test-XXXXXX");
	if (!mkdtemp(root) || mkdir(in_root("home"), 0700) < 0 ||
	    mkdir(in_root("home/work"), 0700) < 0 || mkdir(in_root("home/state"), 0700) < 0 ||
	    mkdir(in_root("homes"), 0700) < 0 || mkdir(in_root("tmp"), 0700) < 0 ||
	    chmod(in_root("tmp"), 01777) < 0)
		return -1;
	setenv("HOME", in_root("home"), 1);
	return chdir(in_root("home/work"));
}

static int remove_folders(void **state)
{
	static const char *const names[] = {"home/work", "home/state", "home", "homes", "tmp"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		rmdir(in_root(names[i]));
	return chdir("/") + rmdir(root);
}

static void assert_hides(const char *path, bool is_rotated, bool is_default, const char *expected)
{
	char hidden[256];
	struct error err;

	if (log_place_to_hide(path, is_rotated, is_default, hidden, sizeof(hidden), &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(hidden, expected);
}

static void assert_refused(const char *path)
{
	char hidden[256];
	struct error err;

	assert_int_equal(log_place_to_hide(path, true, false, hidden, sizeof(hidden), &err),
			 ERROR_CONFIG);
	assert_non_null(strstr(err.text, "name a log in a folder of its own"));
}

static void a_named_log_is_hidden_alone(void **state)
{
	(void)state;
	assert_hides(in_root("home/work/log"), false, false, in_root("home/work/log"));
	assert_hides(in_root("homes/log"), false, false, in_root("homes/log"));
	assert_hides("/log", false, false, "/log");
}

static void the_folder_of_a_rotated_or_default_log_is_hidden(void **state)
{
	(void)state;
	assert_hides(in_root("home/state/log"), true, false, in_root("home/state"));
	assert_hides(in_root("homes/log"), true, false, in_root("homes"));
	assert_hides(in_root("home/state/log"), false, true, in_root("home/state"));
	assert_hides(in_root("home/state/log"), true, true, in_root("home/state"));
}

static void a_folder_that_command_needs_is_not_hidden(void **state)
{
	(void)state;
	assert_refused(in_root("home/work/log"));
	assert_refused(in_root("home/log"));
	assert_refused(in_root("log"));
	assert_refused(in_root("tmp/log"));
	assert_refused(in_root("missing/log"));
	assert_refused("/log");
	/* The default log is not refused for it. */
	assert_hides(in_root("home/work/log"), false, true, in_root("home/work/log"));
}

static void a_path_that_is_too_long_is_told(void **state)
{
	char hidden[8];
	struct error err;

	(void)state;
	assert_int_equal(
		log_place_to_hide(in_root("log"), false, false, hidden, sizeof(hidden), &err),
		-ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_named_log_is_hidden_alone),
		cmocka_unit_test(the_folder_of_a_rotated_or_default_log_is_hidden),
		cmocka_unit_test(a_folder_that_command_needs_is_not_hidden),
		cmocka_unit_test(a_path_that_is_too_long_is_told),
	};

	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
