#include "proxy/steer/init.h"

#include <string.h>

#include "tests/unit/allocation.h"

static bool read_back(const struct init_arguments *arguments, struct init *got)
{
	return init_read_arguments(INIT_ARGUMENTS, (const char *const *)arguments->list, got);
}

static void arguments_come_back(void **state)
{
	const struct init init = {.control = 4, .command_fd = 7, .signals = 5, .command = 2};
	struct init_arguments arguments;
	struct init got;

	(void)state;
	init_write_arguments(&init, &arguments);
	assert_null(arguments.list[INIT_ARGUMENTS]);
	assert_true(read_back(&arguments, &got));
	assert_memory_equal(&got, &init, sizeof(init));
}

static void the_largest_numbers_fit(void **state)
{
	const struct init init = {1 << 30, 1 << 30, 1 << 30, 1 << 30};
	struct init_arguments arguments;
	struct init got;

	(void)state;
	init_write_arguments(&init, &arguments);
	assert_true(read_back(&arguments, &got));
	assert_int_equal(got.command, 1 << 30);
}

static void other_arguments_are_somebody_elses(void **state)
{
	static const char *const refused[][INIT_ARGUMENTS + 1] = {
		{"sallyport", "4", "7", "5", "2", NULL},
		{INIT_NAME, NULL},
		{INIT_NAME, "4", "7", "5", NULL},
		{INIT_NAME, "4", "7", "5", "x", NULL},
		{INIT_NAME, "-4", "7", "5", "2", NULL},
		{INIT_NAME, "", "7", "5", "2", NULL},
		{INIT_NAME, "4", "7", "5", "4294967296", NULL},
	};
	struct init init;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int count = 0;

		while (refused[i][count])
			count++;
		assert_false(init_read_arguments(count, refused[i], &init));
	}
}

static void only_pid_1_becomes_init(void **state)
{
	const struct init init = {.control = 4, .command_fd = 7, .signals = 5, .command = 2};
	struct init_arguments arguments;

	(void)state;
	init_write_arguments(&init, &arguments);
	steer_become_init(INIT_ARGUMENTS, arguments.list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_come_back),
		cmocka_unit_test(the_largest_numbers_fit),
		cmocka_unit_test(other_arguments_are_somebody_elses),
		cmocka_unit_test(only_pid_1_becomes_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
