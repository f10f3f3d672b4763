#include "proxy/secret/scan.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/random.h"
#include "tests/unit/allocation.h"

/* The same, said simply. */
static bool find_naively(const struct slice patterns[], size_t count, struct slice text,
			 size_t from, struct scan_hit *hit)
{
	for (size_t start = from; start < text.len; start++) {
		bool found = false;

		for (size_t i = 0; i < count; i++) {
			if (!slice_starts_with(slice_from(text, start), patterns[i]) ||
			    (found && patterns[i].len <= hit->length))
				continue;
			*hit = (struct scan_hit){i, start, patterns[i].len};
			found = true;
		}
		if (found)
			return true;
	}
	return false;
}

static void fill(char *bytes, size_t len, unsigned int letters)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)('a' + random_below(letters));
}

static void agrees_with_a_naive_search_on_texts_full_of_near_misses(void **state)
{
	(void)state;
	for (int round = 0; round < 300; round++) {
		char patterns_text[8][64], text[600];
		struct slice patterns[8];
		size_t count = 1 + random_below(8), at = 0;
		unsigned int letters = 1 + random_below(3);
		struct scanner *scanner;

		for (size_t i = 0; i < count; i++) {
			size_t len = SCAN_PATTERN_MIN_BYTES + random_below(20);

			fill(patterns_text[i], len, letters);
			patterns[i] = slice_of(patterns_text[i], len);
		}
		fill(text, sizeof(text), letters);
		for (size_t i = 0; i < count; i++)
			memcpy(text + random_below(500), patterns[i].ptr, patterns[i].len);
		scanner = scanner_create(patterns, count);
		assert_non_null(scanner);
		for (;;) {
			struct scan_hit hit = {0}, expected = {0};
			bool found = scanner_find(scanner, slice_of(text, sizeof(text)), at, &hit);

			assert_int_equal(found,
					 find_naively(patterns, count, slice_of(text, sizeof(text)),
						      at, &expected));
			if (!found)
				break;
			assert_int_equal(hit.start, expected.start);
			assert_int_equal(hit.length, expected.length);
			assert_true(slice_equal(patterns[hit.pattern], patterns[expected.pattern]));
			at = hit.start + 1;
		}
		scanner_free(scanner);
	}
}

static void finds_at_every_offset(void **state)
{
	const struct slice patterns[] = {SLICE_LITERAL("sk-proj-0123456789"),
					 SLICE_LITERAL("ghp_abcdefghijkl")};
	struct scanner *scanner = scanner_create(patterns, 2);
	char text[128];

	(void)state;
	for (size_t offset = 0; offset + 18 <= sizeof(text); offset++) {
		struct scan_hit hit;

		memset(text, '-', sizeof(text));
		memcpy(text + offset, patterns[0].ptr, patterns[0].len);
		assert_true(scanner_find(scanner, slice_of(text, sizeof(text)), 0, &hit));
		assert_int_equal(hit.start, offset);
		assert_false(scanner_find(scanner, slice_of(text, offset + 17), 0, &hit));
		assert_false(scanner_find(scanner, slice_of(text, sizeof(text)), offset + 1, &hit));
	}
	scanner_free(scanner);
}

static void knows_what_could_go_on_to_be_a_hit(void **state)
{
	const struct slice patterns[] = {SLICE_LITERAL("abcdefgh"), SLICE_LITERAL("cdefghijkl")};
	struct scanner *scanner = scanner_create(patterns, 2);

	(void)state;
	assert_int_equal(scanner_partial(scanner, SLICE_LITERAL("xxabc")), 3);
	assert_int_equal(scanner_partial(scanner, SLICE_LITERAL("xxabcd")), 4);
	assert_int_equal(scanner_partial(scanner, SLICE_LITERAL("xxcd")), 2);
	assert_int_equal(scanner_partial(scanner, SLICE_LITERAL("abcdefgh")), 6);
	assert_int_equal(scanner_partial(scanner, SLICE_LITERAL("xyz")), 0);
	assert_int_equal(scanner_partial(scanner, SLICE_LITERAL("")), 0);
	assert_int_equal(scanner_longest(scanner), 10);
	scanner_free(scanner);
}

static void finds_nothing_without_patterns(void **state)
{
	struct scanner *scanner = scanner_create(NULL, 0);
	struct scan_hit hit;

	(void)state;
	assert_false(scanner_find(scanner, SLICE_LITERAL("some text, long enough"), 0, &hit));
	assert_int_equal(scanner_partial(scanner, SLICE_LITERAL("some text")), 0);
	scanner_free(scanner);
}

static int create(void *context)
{
	const struct slice pattern = SLICE_LITERAL("0123456789");
	struct scanner *scanner = scanner_create(&pattern, 1);

	(void)context;
	scanner_free(scanner);
	return scanner ? 0 : -1;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(create, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_naive_search_on_texts_full_of_near_misses),
		cmocka_unit_test(finds_at_every_offset),
		cmocka_unit_test(knows_what_could_go_on_to_be_a_hit),
		cmocka_unit_test(finds_nothing_without_patterns),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
