#include "proxy/cli/options.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/allocation.h"
#include "tests/unit/cli/capture.h"

static const struct option_row rows[] = {
	{'p', "policy", "FILE", "the policy"},
	{'v', "verbose", NULL, "say more"},
	{300, "only-long", "N", "has no letter"},
	{301, "flag", NULL, "has no letter and no value"},
	{'e', "a-very-long-option-name", "KEY=VALUE", "does not fit into its column"},
};

static const struct command_help help = {
	.usage = "test [OPTION...] [WORD...]",
	.text = "Does nothing.",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
};

/* Prints the options as they are found, then the operands. */
static int command(int argc, char **argv)
{
	struct options options;
	const char *value;
	int letter;

	options_init(&options, &help, argc, argv);
	while ((letter = options_next(&options, &value)) > OPTIONS_END)
		printf("%d=%s;", letter, value ? value : "");
	if (letter < 0)
		return -letter;
	for (int i = options.next; i < argc; i++)
		printf("%s;", argv[i]);
	return 0;
}

static void options_are_found_in_every_form(void **state)
{
	static const struct {
		const char *line, *found;
	} cases[] = {
		{"test", ""},
		{"test a b", "a;b;"},
		{"test -p f a", "112=f;a;"},
		{"test -pf a", "112=f;a;"},
		{"test --policy f a", "112=f;a;"},
		{"test --policy=f a", "112=f;a;"},
		{"test --policy= a", "112=;a;"},
		{"test --policy=a=b", "112=a=b;"},
		{"test -v -p f", "118=;112=f;"},
		{"test -vvp f", "118=;118=;112=f;"},
		{"test -vpf", "118=;112=f;"},
		{"test --only-long 3 --flag", "300=3;301=;"},
		{"test -p -v", "112=-v;"},
		{"test -- -v", "-v;"},
		{"test -v -- -p f", "118=;-p;f;"},
		{"test a -v", "a;-v;"},
		{"test -", "-;"},
		{"test -v -", "118=;-;"},
	};
	static struct capture capture;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		capture_run(command, cases[i].line, NULL, &capture);
		assert_int_equal(capture.status, 0);
		assert_string_equal(capture.out, cases[i].found);
		assert_string_equal(capture.err, "");
	}
}

static void mistakes_are_told(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{"test -x", "unknown option -x"},
		{"test -vx", "unknown option -x"},
		{"test --polcy f", "unknown option --polcy; did you mean --policy?"},
		{"test --hlep", "did you mean --help?"},
		{"test --banana", "unknown option --banana\n"},
		{"test --help=x", "unknown option --help"},
		{"test -p", "option --policy needs a value: FILE"},
		{"test --policy", "option --policy needs a value: FILE"},
		{"test --verbose=1", "option --verbose takes no value"},
		{"test --flag=", "option --flag takes no value"},
		{"test -\x1b[2J", "unknown option -\\x1b"},
	};
	static struct capture capture;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		capture_run(command, cases[i].line, NULL, &capture);
		assert_int_equal(capture.status, -OPTIONS_ERROR);
		assert_non_null(strstr(capture.err, cases[i].part));
		assert_non_null(strstr(capture.err, "sallyport: usage: test"));
	}
}

static void help_lists_every_option(void **state)
{
	static const char *const lines[] = {"test --help", "test -h", "test -vh a"};
	static struct capture capture;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *printed;

		capture_run(command, lines[i], NULL, &capture);
		assert_int_equal(capture.status, -OPTIONS_HELP);
		printed = strstr(capture.out, "usage:");
		assert_string_equal(printed,
				    "usage: test [OPTION...] [WORD...]\n"
				    "\n"
				    "Does nothing.\n"
				    "\n"
				    "  -p, --policy FILE         the policy\n"
				    "  -v, --verbose             say more\n"
				    "      --only-long N         has no letter\n"
				    "      --flag                has no letter and no value\n"
				    "  -e, --a-very-long-option-name KEY=VALUE\n"
				    "                            does not fit into its column\n"
				    "  -h, --help                show this help\n");
	}
}

static void sizes_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"0", 0},
		{"512", 512},
		{"64KiB", 64 << 10},
		{"100MiB", 100 << 20},
		{"2GiB", 2ULL << 30},
		{"9223372036854775807", INT64_MAX},
	};
	static const char *const refused[] = {
		"",
		"KiB",
		"1 MiB",
		"1mib",
		"1M",
		"1MB",
		"-1",
		"1.5GiB",
		"0x10",
		"9223372036854775808",
		"8589934592GiB",
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(options_read_size(cases[i].text, &bytes), 0);
		assert_int_equal(bytes, cases[i].bytes);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_true(options_read_size(refused[i], &bytes) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_found_in_every_form),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(help_lists_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
