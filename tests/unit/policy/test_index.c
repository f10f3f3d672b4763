/* Threats H4, H5, C13. */
#include "policy/index.h"

#include <stdio.h>

#include "policy/target.h"
#include "tests/unit/policy/fixture.h"

static const char *const texts[] = {
	"*.a.example", "x.a.example", "*", "*.example", "x.a.example", "192.0.2.1", "*.x.a.example",
};

enum { TARGETS = ROWS(texts) };

static struct policy_target targets[TARGETS];

static int build(struct host_index *index, struct arena *arena)
{
	host_index_init(index);
	for (size_t i = 0; i < TARGETS; i++) {
		struct target_fault fault;

		assert_int_equal(
			target_parse(slice_from_text(texts[i]), TARGET_DENY, &targets[i], &fault),
			0);
		if (host_index_add(index, arena, &targets[i], texts[i]) < 0)
			return -1;
	}
	return 0;
}

/* The orders that a cursor gives, as digits. */
static void collect(struct index_cursor *cursor, char *out)
{
	const struct index_entry *entry;

	while ((entry = index_next(cursor))) {
		assert_ptr_equal(entry->target, &targets[entry->order]);
		assert_ptr_equal(entry->owner, texts[entry->order]);
		*out++ = (char)('0' + entry->order);
	}
	*out = '\0';
}

static void targets_come_in_the_order_of_the_file(void **state)
{
	static const struct {
		const char *host, *found;
	} rows[] = {
		{"x.a.example", "01234"},
		{"y.a.example", "023"},
		{"y.x.a.example", "0236"},
		{"a.example", "23"},
		{"example", "2"},
		{"za.example", "23"},
		{"other.org", "2"},
		{"192.0.2.1", "25"},
		{"192.0.2.2", "2"},
		{"x.a.example.org", "2"},
		{"a.b.c.d.x.a.example", "0236"},
	};
	struct host_index index;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(build(&index, &arena), 0);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct index_cursor cursor;
		char found[TARGETS + 1];
		struct host host;

		assert_int_equal(host_parse(slice_from_text(rows[i].host), &host), 0);
		index_find(&index, &host, &cursor);
		collect(&cursor, found);
		assert_string_equal(found, rows[i].found);
	}
	host_index_free(&index);
	arena_free(&arena);
}

static void covering_targets_take_in_every_host(void **state)
{
	static const char *const found[TARGETS] = {"023",   "01234", "2",   "23",
						   "01234", "25",    "0236"};
	struct host_index index;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(build(&index, &arena), 0);
	for (size_t i = 0; i < TARGETS; i++) {
		struct index_cursor cursor;
		char covering[TARGETS + 1];

		index_find_covering(&index, &targets[i], &cursor);
		collect(&cursor, covering);
		assert_string_equal(covering, found[i]);
	}
	host_index_free(&index);
	arena_free(&arena);
}

static void names_with_every_possible_label_fit(void **state)
{
	struct policy_target deep[HOST_LABELS_MAX];
	struct host_index index;
	struct index_cursor cursor;
	struct arena arena;
	struct host host;
	char name[HOST_TEXT_MAX + 1];
	size_t count = 0;

	(void)state;
	arena_init(&arena, 1 << 20);
	host_index_init(&index);
	for (size_t i = 0; i < HOST_TEXT_MAX; i++)
		name[i] = i % 2 ? '.' : 'a';
	assert_int_equal(host_parse(slice_of(name, HOST_TEXT_MAX), &host), 0);
	for (size_t i = 0; i < HOST_LABELS_MAX; i++) {
		deep[i] = (struct policy_target){.wildcard = true};
		host_parse(slice_of(name, HOST_TEXT_MAX - 2 * i), &deep[i].host);
		assert_int_equal(host_index_add(&index, &arena, &deep[i], NULL), 0);
	}
	index_find(&index, &host, &cursor);
	while (index_next(&cursor))
		count++;
	assert_int_equal(count, HOST_LABELS_MAX - 1);
	host_index_free(&index);
	arena_free(&arena);
}

static int try_build(void *context)
{
	struct host_index index;
	struct arena arena;
	int rc;

	(void)context;
	arena_init(&arena, 1 << 20);
	rc = build(&index, &arena);
	host_index_free(&index);
	arena_free(&arena);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(try_build, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_come_in_the_order_of_the_file),
		cmocka_unit_test(covering_targets_take_in_every_host),
		cmocka_unit_test(names_with_every_possible_label_fit),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
