#include "base/buffer.h"

#include "base/error.h"
#include "tests/unit/allocation.h"

static void bytes_leave_in_the_order_they_came(void **state)
{
	struct buffer buffer;
	unsigned char next_in = 0, next_out = 0;

	(void)state;
	buffer_init(&buffer, 1 << 20);
	for (int turn = 0; turn < 2000; turn++) {
		size_t in = (size_t)(turn * 7 % 97), out = (size_t)(turn * 5 % 89);

		for (size_t i = 0; i < in; i++) {
			char byte = (char)next_in++;

			assert_int_equal(buffer_append(&buffer, slice_of(&byte, 1)), 0);
		}
		if (out > buffer_length(&buffer))
			out = buffer_length(&buffer);
		for (size_t i = 0; i < out; i++)
			assert_int_equal((unsigned char)buffer_slice(&buffer).ptr[i],
					 (unsigned char)(next_out + i));
		next_out = (unsigned char)(next_out + out);
		buffer_consume(&buffer, out);
	}
	buffer_free(&buffer);
}

static void the_bound_is_on_what_is_unconsumed(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 4);
	assert_int_equal(buffer_append(&buffer, SLICE_LITERAL("abcd")), 0);
	assert_int_equal(buffer_append(&buffer, SLICE_LITERAL("e")), ERROR_LIMIT);
	buffer_consume(&buffer, 2);
	assert_int_equal(buffer_append(&buffer, SLICE_LITERAL("ef")), 0);
	assert_true(slice_equal(buffer_slice(&buffer), SLICE_LITERAL("cdef")));
	buffer_consume(&buffer, 4);
	buffer_free(&buffer);
}

static void an_empty_buffer_keeps_no_memory(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 100);
	assert_int_equal(buffer_append(&buffer, SLICE_LITERAL("abcd")), 0);
	assert_non_null(buffer.bytes);
	buffer_consume(&buffer, 4);
	assert_null(buffer.bytes);
	assert_int_equal(buffer_slice(&buffer).len, 0);
}

static int append_much(void *context)
{
	struct buffer buffer;
	int rc = 0;

	(void)context;
	buffer_init(&buffer, 1 << 16);
	for (int i = 0; i < 1000 && rc == 0; i++)
		rc = buffer_append(&buffer, SLICE_LITERAL("twenty-three characters"));
	buffer_wipe(&buffer);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(append_much, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_leave_in_the_order_they_came),
		cmocka_unit_test(the_bound_is_on_what_is_unconsumed),
		cmocka_unit_test(an_empty_buffer_keeps_no_memory),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
