#include "base/arena.h"

#include <stdint.h>

#include "tests/unit/allocation.h"

static void objects_are_aligned_and_do_not_overlap(void **state)
{
	struct arena arena;
	char *first, *second;
	void *third;

	(void)state;
	arena_init(&arena, 1 << 20);
	first = arena_alloc_bytes(&arena, 3);
	second = arena_alloc_bytes(&arena, 5);
	third = arena_alloc(&arena, 64);
	assert_ptr_equal(second, first + 3);
	assert_int_equal((uintptr_t)third % _Alignof(max_align_t), 0);
	memset(first, 1, 3);
	memset(second, 2, 5);
	memset(third, 3, 64);
	assert_int_equal(first[2], 1);
	assert_int_equal(second[4], 2);
	arena_free(&arena);
}

static void the_bound_holds_across_blocks(void **state)
{
	struct arena arena;
	size_t got = 0;

	(void)state;
	arena_init(&arena, 10000);
	while (arena_alloc(&arena, 100))
		got += 100;
	assert_int_equal(got, 10000);
	assert_null(arena_alloc(&arena, 1));
	assert_null(arena_calloc(&arena, SIZE_MAX / 2, 4));
	arena_reset(&arena);
	assert_non_null(arena_alloc(&arena, 10000));
	arena_free(&arena);
}

static void large_objects_get_a_block_of_their_own(void **state)
{
	struct arena arena;
	char *large;

	(void)state;
	arena_init(&arena, 1 << 20);
	large = arena_alloc(&arena, 100000);
	assert_non_null(large);
	memset(large, 7, 100000);
	assert_non_null(arena_alloc(&arena, 16));
	arena_free(&arena);
}

static int fill(void *context)
{
	struct arena arena;
	int rc = 0;

	(void)context;
	arena_init(&arena, 1 << 20);
	for (int i = 0; i < 10 && rc == 0; i++)
		rc = arena_copy(&arena, SLICE_LITERAL("some text")).ptr && arena_alloc(&arena, 2000)
			     ? 0
			     : -1;
	arena_free(&arena);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(fill, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_aligned_and_do_not_overlap),
		cmocka_unit_test(the_bound_holds_across_blocks),
		cmocka_unit_test(large_objects_get_a_block_of_their_own),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
