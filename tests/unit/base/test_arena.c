#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

#include "tests/unit/allocation.h"

enum { HEAD_BYTES = 64, SECRET = 'S' };

void __real_free(void *memory);
void __wrap_free(void *memory);

static const char *watched[2];
static size_t watched_bytes;
static int released, released_with_secrets;

/* Sees the watched memory in the moment in which its block is released. */
void __wrap_free(void *memory)
{
	for (size_t i = 0; i < 2; i++) {
		if (!watched[i] || (char *)memory > watched[i] ||
		    watched[i] >= (char *)memory + HEAD_BYTES)
			continue;
		released++;
		if (memchr(watched[i], SECRET, watched_bytes))
			released_with_secrets++;
		watched[i] = NULL;
	}
	__real_free(memory);
}

/* The first object of a block of ARENA, filled. */
static char *fill_with_secrets(struct arena *arena, size_t size)
{
	char *memory = arena_alloc(arena, size);

	assert_non_null(memory);
	memset(memory, SECRET, size);
	return memory;
}

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

static void wiping_reaches_all_that_was_handed_out(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	watched_bytes = 3000;
	watched[0] = fill_with_secrets(&arena, watched_bytes);
	watched[1] = fill_with_secrets(&arena, watched_bytes);
	released = released_with_secrets = 0;
	arena_wipe(&arena);
	assert_int_equal(released, 2);
	assert_int_equal(released_with_secrets, 0);
}

static void wiping_reaches_what_was_handed_out_before_a_reset(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	watched_bytes = 3000;
	watched[0] = fill_with_secrets(&arena, watched_bytes);
	for (int i = 0; i < 2; i++) {
		arena_reset(&arena);
		assert_ptr_equal(arena_alloc(&arena, 16), watched[0]);
	}
	released = released_with_secrets = 0;
	arena_wipe(&arena);
	assert_int_equal(released, 1);
	assert_int_equal(released_with_secrets, 0);
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
		cmocka_unit_test(wiping_reaches_all_that_was_handed_out),
		cmocka_unit_test(wiping_reaches_what_was_handed_out_before_a_reset),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
