#include "base/cursor.h"

#include "base/error.h"
#include "tests/unit/allocation.h"

static void reads_numbers_in_network_order(void **state)
{
	struct reader r = reader_of(SLICE_LITERAL("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a"));

	(void)state;
	assert_int_equal(reader_u8(&r), 1);
	assert_int_equal(reader_u16(&r), 0x0203);
	assert_int_equal(reader_u24(&r), 0x040506);
	assert_int_equal(reader_u32(&r), 0x0708090a);
	assert_true(reader_done(&r));
}

static void a_short_read_fails_and_stays_failed(void **state)
{
	struct reader r = reader_of(SLICE_LITERAL("\x00\x05zz"));

	(void)state;
	assert_int_equal(reader_vector16(&r).len, 0);
	assert_int_equal(r.error, ERROR_TRUNCATED);
	assert_int_equal(reader_u8(&r), 0);
	assert_false(reader_done(&r));
}

static void vectors_carry_their_length(void **state)
{
	struct reader r = reader_of(SLICE_LITERAL("\x02hi\x00\x03you!"));

	(void)state;
	assert_true(slice_equal(reader_vector8(&r), SLICE_LITERAL("hi")));
	assert_true(slice_equal(reader_vector16(&r), SLICE_LITERAL("you")));
	assert_int_equal(reader_left(&r), 1);
	assert_int_equal(reader_offset(&r), 8);
}

static void writes_stop_at_the_end(void **state)
{
	char out[6];
	struct writer w = writer_of(out, sizeof(out));

	(void)state;
	writer_u16(&w, 0);
	writer_text(&w, "abcd");
	writer_patch_u16(&w, 0, 0x1234);
	assert_int_equal(w.error, 0);
	assert_memory_equal(out,
			    "\x12\x34"
			    "abcd",
			    6);
	writer_u8(&w, 1);
	assert_int_equal(w.error, ERROR_LIMIT);
	w = writer_of(out, 1);
	writer_patch_u16(&w, 0, 1);
	assert_int_equal(w.error, ERROR_LIMIT);
}

static void numbers_are_written_in_decimal(void **state)
{
	char out[64];
	struct writer w = writer_of(out, sizeof(out));

	(void)state;
	writer_decimal(&w, 0);
	writer_text(&w, " ");
	writer_decimal(&w, 1090);
	writer_text(&w, " ");
	writer_decimal(&w, UINT64_MAX);
	assert_int_equal(writer_length(&w), 27);
	assert_memory_equal(out, "0 1090 18446744073709551615", 27);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_numbers_in_network_order),
		cmocka_unit_test(a_short_read_fails_and_stays_failed),
		cmocka_unit_test(vectors_carry_their_length),
		cmocka_unit_test(writes_stop_at_the_end),
		cmocka_unit_test(numbers_are_written_in_decimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
