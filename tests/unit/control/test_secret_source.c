#include "proxy/control/secret_source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

static char directory[] = "/tmp/sallyport-test-XXXXXX";
static char path[64];
static char out[4096];
static struct error err;

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/secret", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static ssize_t read_from(enum policy_source_kind kind, const char *name, const char *const *argv)
{
	const struct policy_secret secret = {.name = "KEY",
					     .from = {.kind = kind, .name = name, .argv = argv}};

	memset(out, 0, sizeof(out));
	return secret_source_read(&secret, out, sizeof(out), &err);
}

static ssize_t read_command(const char *script)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	return read_from(POLICY_FROM_EXEC, "sh", argv);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

static void a_variable_is_read_and_forgotten(void **state)
{
	const struct policy_secret secret = {.name = "KEY",
					     .from = {.kind = POLICY_FROM_ENV, .name = "SOURCE"}};
	const char *in_place;

	(void)state;
	setenv("SOURCE", "the value", 1);
	in_place = getenv("SOURCE");
	assert_int_equal(read_from(POLICY_FROM_ENV, "SOURCE", NULL), 9);
	assert_string_equal(out, "the value");
	secret_source_forget(&secret);
	assert_null(getenv("SOURCE"));
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(in_place[i], 0);
}

static void a_missing_or_empty_variable_is_told(void **state)
{
	(void)state;
	unsetenv("SOURCE");
	assert_true(read_from(POLICY_FROM_ENV, "SOURCE", NULL) < 0);
	assert_string_equal(err.text,
			    "secret KEY: the environment variable SOURCE is not set; export it "
			    "before you start, or change `from:` in the policy");
	setenv("SOURCE", "", 1);
	assert_true(read_from(POLICY_FROM_ENV, "SOURCE", NULL) < 0);
	assert_non_null(strstr(err.text, "is empty"));
}

static void one_line_end_is_taken_off(void **state)
{
	static const struct {
		const char *text;
		const char *value;
	} table[] = {{"v\n", "v"}, {"v\r\n", "v"}, {"v", "v"}, {"v\n\n", "v\n"}, {"v w\n", "v w"}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		write_file(table[i].text);
		assert_int_equal(read_from(POLICY_FROM_FILE, path, NULL), strlen(table[i].value));
		assert_memory_equal(out, table[i].value, strlen(table[i].value));
	}
	assert_int_equal(read_command("printf 'v\\n'"), 1);
}

static void what_is_wrong_with_a_file_is_told(void **state)
{
	(void)state;
	assert_true(read_from(POLICY_FROM_FILE, "/nonexistent", NULL) < 0);
	assert_non_null(strstr(err.text, "secret KEY: cannot open /nonexistent: No such file"));
	assert_true(read_from(POLICY_FROM_FILE, directory, NULL) < 0);
	assert_non_null(strstr(err.text, "a directory"));
	write_file("");
	assert_true(read_from(POLICY_FROM_FILE, path, NULL) < 0);
	assert_non_null(strstr(err.text, "is empty"));
	assert_true(read_from(POLICY_FROM_FILE, "/dev/zero", NULL) < 0);
	assert_non_null(strstr(err.text, "not a regular file"));
}

static void what_is_wrong_with_a_command_is_told(void **state)
{
	static const char *const absent[] = {"/nonexistent-command", NULL};

	(void)state;
	assert_true(read_from(POLICY_FROM_EXEC, absent[0], absent) < 0);
	assert_non_null(strstr(err.text, "was not found"));
	assert_true(read_command("exit 3") < 0);
	assert_non_null(strstr(err.text, "failed with status 3"));
	assert_true(read_command("echo partial; kill -9 $$") < 0);
	assert_non_null(strstr(err.text, "ended by signal 9"));
	assert_true(read_command("true") < 0);
	assert_non_null(strstr(err.text, "printed nothing"));
	assert_true(read_command("head -c 10000 /dev/zero") < 0);
	assert_non_null(strstr(err.text, "more than a secret can hold"));
	/* A value is never shown, whole or in part. */
	assert_null(strstr(err.text, "partial"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_is_read_and_forgotten),
		cmocka_unit_test(a_missing_or_empty_variable_is_told),
		cmocka_unit_test(one_line_end_is_taken_off),
		cmocka_unit_test(what_is_wrong_with_a_file_is_told),
		cmocka_unit_test(what_is_wrong_with_a_command_is_told),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
