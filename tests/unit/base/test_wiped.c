#include "base/wiped.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

void __real_free(void *memory);
void __wrap_free(void *memory);

static const char *watched;
static size_t watched_bytes;
static bool released_clean;

/* Sees the watched block in the moment in which it is released. */
void __wrap_free(void *memory)
{
	if (watched && (char *)memory <= watched && watched < (char *)memory + 64) {
		released_clean = true;
		for (size_t i = 0; i < watched_bytes; i++)
			released_clean &= watched[i] == 0;
		watched = NULL;
	}
	__real_free(memory);
}

static void a_small_block_is_wiped_before_it_is_released(void **state)
{
	static const size_t sizes[] = {1, 16, 1000, WIPED_MAPPED_BYTES - 64};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *memory = wiped_alloc(NULL, sizes[i]);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
		memset(memory, 's', sizes[i]);
		watched = memory;
		watched_bytes = sizes[i];
		released_clean = false;
		wiped_free(NULL, memory);
		assert_true(released_clean);
	}
}

/* Whether the kernel would leave the page at ADDRESS out of a core dump; -1 if it is not mapped. */
static int is_left_out_of_dumps(const void *address)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long start, end, wanted = (unsigned long)address;
	bool here = false;
	int answer = -1;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = wanted >= start && wanted < end;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			answer = strstr(line, " dd") != NULL;
	}
	fclose(maps);
	return answer;
}

static void a_large_block_is_not_dumped_and_is_gone_when_released(void **state)
{
	const size_t size = 1 << 20;
	char *memory = wiped_alloc(NULL, size);

	(void)state;
	assert_non_null(memory);
	memset(memory, 's', size);
	assert_int_equal(is_left_out_of_dumps(memory), 1);
	assert_int_equal(is_left_out_of_dumps(memory + size - 1), 1);
	wiped_free(NULL, memory);
	assert_int_equal(is_left_out_of_dumps(memory), -1);
}

static void a_budget_bounds_all_blocks_together(void **state)
{
	struct wiped_budget budget = {.max_bytes = 100 << 10};
	void *large = wiped_alloc(&budget, 64 << 10), *small = wiped_alloc(&budget, 30 << 10);

	(void)state;
	assert_non_null(large);
	assert_non_null(small);
	assert_in_range(budget.used_bytes, 94 << 10, 95 << 10);
	assert_null(wiped_alloc(&budget, 10 << 10));
	assert_int_equal(budget.refused, 1);
	wiped_free(&budget, large);
	large = wiped_alloc(&budget, 10 << 10);
	assert_non_null(large);
	wiped_free(&budget, large);
	wiped_free(&budget, small);
	wiped_free(&budget, NULL);
	assert_int_equal(budget.used_bytes, 0);
	assert_int_equal(budget.refused, 1);
}

static void sizes_beyond_all_memory_are_refused(void **state)
{
	struct wiped_budget budget = {.max_bytes = SIZE_MAX};

	(void)state;
	assert_null(wiped_alloc(&budget, SIZE_MAX));
	assert_null(wiped_alloc(&budget, SIZE_MAX - 64));
	assert_null(wiped_alloc(NULL, SIZE_MAX / 2));
	assert_int_equal(budget.used_bytes, 0);
}

static void running_out_of_memory_leaves_the_budget_as_it_was(void **state)
{
	struct wiped_budget budget = {.max_bytes = 1 << 20};

	(void)state;
	allocation_fail_nth(1);
	assert_null(wiped_alloc(&budget, 100));
	allocation_fail_nth(0);
	assert_int_equal(budget.used_bytes, 0);
	assert_int_equal(budget.refused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_block_is_wiped_before_it_is_released),
		cmocka_unit_test(a_large_block_is_not_dumped_and_is_gone_when_released),
		cmocka_unit_test(a_budget_bounds_all_blocks_together),
		cmocka_unit_test(sizes_beyond_all_memory_are_refused),
		cmocka_unit_test(running_out_of_memory_leaves_the_budget_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
