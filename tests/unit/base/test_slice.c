#include "base/slice.h"

#include <stdlib.h>

#include "base/error.h"
#include "tests/unit/allocation.h"

static void splits_into_parts_keeping_empty_ones(void **state)
{
	struct slice rest = SLICE_LITERAL("a,,b,"), part;
	const char *expected[] = {"a", "", "b", ""};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_true(slice_next_part(&rest, ',', &part));
		assert_true(slice_equal(part, slice_from_text(expected[i])));
	}
	assert_false(slice_next_part(&rest, ',', &part));
}

static void trims_only_blanks(void **state)
{
	(void)state;
	assert_true(slice_equal(slice_trim(SLICE_LITERAL(" \t a b\t ")), SLICE_LITERAL("a b")));
	assert_int_equal(slice_trim(SLICE_LITERAL(" \t")).len, 0);
	assert_int_equal(slice_trim(SLICE_LITERAL("\r\n")).len, 2);
}

static void numbers_are_digits_within_the_bound(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(slice_to_u64(SLICE_LITERAL("18446744073709551615"), UINT64_MAX, &value),
			 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(slice_to_u64(SLICE_LITERAL("18446744073709551616"), UINT64_MAX, &value),
			 ERROR_LIMIT);
	assert_int_equal(slice_to_u64(SLICE_LITERAL("65536"), 65535, &value), ERROR_LIMIT);
	assert_int_equal(slice_to_u64(SLICE_LITERAL("065535"), 65535, &value), 0);
	for (size_t i = 0; i < 6; i++) {
		const char *bad[] = {"", "+1", "-1", " 1", "1 ", "0x1"};

		assert_int_equal(slice_to_u64(slice_from_text(bad[i]), 10, &value), ERROR_SYNTAX);
	}
}

static void compares_without_case_for_ascii_only(void **state)
{
	(void)state;
	assert_true(slice_equal_nocase(SLICE_LITERAL("HoSt"), SLICE_LITERAL("hOsT")));
	assert_false(slice_equal_nocase(SLICE_LITERAL("@"), SLICE_LITERAL("`")));
	assert_false(slice_equal_nocase(SLICE_LITERAL("\xc9"), SLICE_LITERAL("\xe9")));
	assert_true(slice_starts_with_nocase(SLICE_LITERAL("Basic x"), SLICE_LITERAL("basic ")));
}

static void finds_bytes_behind_a_nul(void **state)
{
	struct slice s = SLICE_LITERAL("a\0key");

	(void)state;
	assert_int_equal(slice_find(s, SLICE_LITERAL("key")), 2);
	assert_int_equal(slice_find(s, SLICE_LITERAL("keys")), s.len);
	assert_int_equal(slice_find_char(s, 'y'), 4);
	assert_int_equal(slice_from(s, 9).len, 0);
}

static void words_are_found_whole(void **state)
{
	static const char *const words[] = {"one", "two", ""};

	(void)state;
	assert_true(slice_is_one_of(SLICE_LITERAL("two"), words, 3));
	assert_true(slice_is_one_of(SLICE_EMPTY, words, 3));
	assert_false(slice_is_one_of(SLICE_EMPTY, words, 2));
	assert_false(slice_is_one_of(SLICE_LITERAL("on"), words, 3));
	assert_false(slice_is_one_of(SLICE_LITERAL("one\0"), words, 3));
	assert_false(slice_is_one_of(SLICE_LITERAL("One"), words, 3));
}

static void constant_time_comparison_compares(void **state)
{
	(void)state;
	assert_true(slice_equal_constant_time(SLICE_LITERAL("abc"), SLICE_LITERAL("abc")));
	assert_false(slice_equal_constant_time(SLICE_LITERAL("abc"), SLICE_LITERAL("abd")));
	assert_false(slice_equal_constant_time(SLICE_LITERAL("abc"), SLICE_LITERAL("ab")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_into_parts_keeping_empty_ones),
		cmocka_unit_test(trims_only_blanks),
		cmocka_unit_test(numbers_are_digits_within_the_bound),
		cmocka_unit_test(compares_without_case_for_ascii_only),
		cmocka_unit_test(finds_bytes_behind_a_nul),
		cmocka_unit_test(words_are_found_whole),
		cmocka_unit_test(constant_time_comparison_compares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
