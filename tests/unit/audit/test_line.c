#include "proxy/audit/line.h"

#include "tests/unit/allocation.h"

/* echo -n abc | sha256sum */
static const char abc_hash[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void what_is_written_can_be_read(void **state)
{
	static const uint64_t numbers[] = {1, 17, 9999999999, INT64_MAX};
	char out[LINE_MAX_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		size_t len = line_write(numbers[i], SLICE_LITERAL("{\"a\":1}"), abc_hash, out);
		struct slice line = slice_of(out, len - 1), previous;
		uint64_t seq;

		assert_int_equal(out[len - 1], '\n');
		assert_true(line_read_seq(line, &seq));
		assert_int_equal(seq, numbers[i]);
		assert_true(line_read_previous(line, &previous));
		assert_memory_equal(previous.ptr, abc_hash, LINE_HASH_TEXT);
	}
	assert_memory_equal(out, "{\"v\":1,\"seq\":9223372036854775807,\"a\":1,\"prev\":\"ba78",
			    51);
}

static void what_is_no_line_is_not_read(void **state)
{
	static const char *const bad_starts[] = {
		"",
		"{\"v\":1,\"seq\":",
		"{\"v\":1,\"seq\":12",
		"{\"v\":1,\"seq\":,",
		"{\"v\":1,\"seq\":0,",
		"{\"v\":1,\"seq\":01,",
		"{\"v\":1,\"seq\":-1,",
		"{\"v\":1,\"seq\":9223372036854775808,",
		"{\"v\":2,\"seq\":1,",
		"{\"v\": 1,\"seq\":1,",
		" {\"v\":1,\"seq\":1,",
	};
	struct slice previous;
	uint64_t seq;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_starts) / sizeof(bad_starts[0]); i++)
		assert_false(line_read_seq(slice_from_text(bad_starts[i]), &seq));
	assert_false(line_read_previous(SLICE_EMPTY, &previous));
	assert_false(line_read_previous(SLICE_LITERAL(",\"prev\":\"ba78\"}"), &previous));
	assert_false(line_read_previous(SLICE_LITERAL(",\"prev\":\"BA7816BF8F01CFEA414140DE5DAE2223"
						      "B00361A396177A9CB410FF61F20015AD\"}"),
					&previous));
}

static void a_journal_begins_with_a_line_or_a_part_of_one(void **state)
{
	(void)state;
	assert_true(line_begins_journal(SLICE_EMPTY));
	assert_true(line_begins_journal(SLICE_LITERAL("{\"v\":1,\"s")));
	assert_true(line_begins_journal(SLICE_LITERAL("{\"v\":1,\"seq\":1,\"time\"")));
	assert_false(line_begins_journal(SLICE_LITERAL("root:x:0:0")));
	assert_false(line_begins_journal(SLICE_LITERAL("{\"v\":2,")));
}

static void hashes_are_sha_256(void **state)
{
	char hash[LINE_HASH_TEXT + 1];
	struct line_hasher hasher;

	(void)state;
	assert_int_equal(line_hasher_init(&hasher), 0);
	assert_int_equal(line_hash(&hasher, SLICE_LITERAL("abc"), hash), 0);
	assert_string_equal(hash, abc_hash);
	assert_int_equal(line_hash_start(&hasher), 0);
	assert_int_equal(line_hash_add(&hasher, SLICE_LITERAL("a")), 0);
	assert_int_equal(line_hash_add(&hasher, SLICE_LITERAL("bc")), 0);
	assert_int_equal(line_hash_finish(&hasher, hash), 0);
	assert_string_equal(hash, abc_hash);
	line_hasher_free(&hasher);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(what_is_no_line_is_not_read),
		cmocka_unit_test(a_journal_begins_with_a_line_or_a_part_of_one),
		cmocka_unit_test(hashes_are_sha_256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
