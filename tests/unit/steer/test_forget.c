#include "proxy/steer/forget.h"

#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "tests/unit/allocation.h"

/* 49 fields behind the name, of which 48 to 51 are the spans. */
#define FIELDS                                                                                     \
	"S 1 2 3 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 100 4096 200 18446744073709551615 1 2 3 "   \
	"0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 7 8 9 "

static void finds_the_spans(void **state)
{
	struct slice stat = SLICE_LITERAL("42 (a name) " FIELDS "1000 1010 1010 1400 0\n");
	struct forget_span arguments, environment;

	(void)state;
	assert_int_equal(forget_find_span(stat, &arguments, &environment), 0);
	assert_int_equal(arguments.start, 1000);
	assert_int_equal(arguments.end, 1010);
	assert_int_equal(environment.start, 1010);
	assert_int_equal(environment.end, 1400);
}

static void a_name_may_hold_anything(void **state)
{
	struct slice stat = SLICE_LITERAL("42 (a) b 1 2 (c) " FIELDS "1 2 3 4 0\n");
	struct forget_span arguments, environment;

	(void)state;
	assert_int_equal(forget_find_span(stat, &arguments, &environment), 0);
	assert_int_equal(environment.end, 4);
}

static void refuses_what_is_not_a_stat(void **state)
{
	static const struct slice refused[] = {
		SLICE_LITERAL(""),
		SLICE_LITERAL("42 (name"),
		SLICE_LITERAL("42 (name) S 1 2 3"),
		SLICE_LITERAL("42 (name) " FIELDS "1000 1010 1010"),
		SLICE_LITERAL("42 (name) " FIELDS "1000 1010 x 1400 0"),
		SLICE_LITERAL("42 (name) " FIELDS "1010 1000 1010 1400 0"),
		SLICE_LITERAL("42 (name) " FIELDS "1000 1010 1400 1010 0"),
		SLICE_LITERAL("42 (name) " FIELDS "1000 1010 1010 99999999999999999999 0"),
	};
	struct forget_span arguments, environment;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(forget_find_span(refused[i], &arguments, &environment),
				 ERROR_SYNTAX);
}

static void holds_for_this_process(void **state)
{
	cleanup_free char *stat = NULL;
	struct forget_span arguments, environment;
	size_t len;

	(void)state;
	assert_int_equal(fd_read_file("/proc/self/stat", 4096, &stat, &len, NULL), 0);
	assert_int_equal(forget_find_span(slice_of(stat, len), &arguments, &environment), 0);
	assert_true((unsigned long)(uintptr_t)program_invocation_name >= arguments.start);
	assert_true((unsigned long)(uintptr_t)program_invocation_name < arguments.end);
	assert_true((unsigned long)(uintptr_t)environ[0] >= environment.start);
	assert_true((unsigned long)(uintptr_t)environ[0] < environment.end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_spans),
		cmocka_unit_test(a_name_may_hold_anything),
		cmocka_unit_test(refuses_what_is_not_a_stat),
		cmocka_unit_test(holds_for_this_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
