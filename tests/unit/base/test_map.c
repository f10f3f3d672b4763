#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "tests/unit/allocation.h"

struct entry {
	struct map_node node;
	char key[16];
};

enum { ENTRIES = 5000 };

static struct entry entries[ENTRIES];

static int insert_all(void *context)
{
	struct map map;
	int rc = 0;

	(void)context;
	map_init(&map);
	for (int i = 0; i < 100 && rc == 0; i++) {
		snprintf(entries[i].key, sizeof(entries[i].key), "key-%d", i);
		rc = map_insert(&map, &entries[i].node, slice_from_text(entries[i].key));
	}
	map_free(&map);
	return rc;
}

static void count_node(struct map_node *node, void *context)
{
	(void)node;
	++*(size_t *)context;
}

static void holds_what_was_put_in_and_not_taken_out(void **state)
{
	struct map map;
	size_t visited = 0;

	(void)state;
	map_init(&map);
	assert_null(map_find(&map, SLICE_LITERAL("key-0")));
	for (int i = 0; i < ENTRIES; i++) {
		snprintf(entries[i].key, sizeof(entries[i].key), "key-%d", i);
		assert_int_equal(
			map_insert(&map, &entries[i].node, slice_from_text(entries[i].key)), 0);
	}
	for (int i = 0; i < ENTRIES; i += 2)
		map_remove(&map, &entries[i].node);
	for (int i = 0; i < ENTRIES; i++) {
		struct map_node *found = map_find(&map, slice_from_text(entries[i].key));

		assert_ptr_equal(found, i % 2 ? &entries[i].node : NULL);
	}
	map_visit(&map, count_node, &visited);
	assert_int_equal(visited, ENTRIES / 2);
	map_free(&map);
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(insert_all, NULL, false);
}

static void hashes_depend_on_every_byte(void **state)
{
	char text[33];

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t len = 1; len < sizeof(text); len++) {
		uint64_t before = map_hash(slice_of(text, len));

		assert_true(before != map_hash(slice_of(text, len - 1)));
		for (size_t i = 0; i < len; i++) {
			text[i] = 'b';
			assert_true(before != map_hash(slice_of(text, len)));
			text[i] = 'a';
		}
		assert_true(before == map_hash(slice_of(text, len)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_was_put_in_and_not_taken_out),
		cmocka_unit_test(running_out_of_memory_is_reported),
		cmocka_unit_test(hashes_depend_on_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
