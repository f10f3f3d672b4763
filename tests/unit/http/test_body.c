/* Threat P4: chunked bodies, byte for byte, however they are cut. */
#include "proxy/http/h1_body.h"

#include <stdio.h>

#include "base/error.h"
#include "tests/unit/allocation.h"

struct result {
	int rc; /* 0, or the error */
	char data[4096];
	size_t length;
	size_t used; /* of the input */
	struct arena arena;
	struct h1_body body;
};

static void read_cut(struct slice input, const struct http_message *head, size_t cut,
		     struct result *result)
{
	struct http_message message = *head;
	struct h1_fault fault;
	size_t given = 0;

	*result = (struct result){0};
	arena_init(&result->arena, HTTP_ARENA_MAX_BYTES);
	message.arena = &result->arena;
	h1_body_init(&result->body, &message);
	while (given < input.len) {
		struct slice piece = slice_first(slice_from(input, given), cut), data;
		int event;

		given += piece.len;
		while ((event = h1_body_feed(&result->body, &piece, &data, &fault)) ==
		       H1_BODY_DATA) {
			memcpy(result->data + result->length, data.ptr, data.len);
			result->length += data.len;
		}
		if (event < 0)
			result->rc = event;
		if (event != H1_BODY_MORE) {
			result->used = given - piece.len;
			return;
		}
	}
	result->rc = ERROR_INCOMPLETE;
	result->used = given;
}

static void release(struct result *result)
{
	h1_body_free(&result->body);
	arena_free(&result->arena);
}

static const struct http_message chunked = {.body = HTTP_BODY_STREAM, .chunked = true};

static void chunks_are_taken_apart_wherever_they_are_cut(void **state)
{
	struct slice input = SLICE_LITERAL("5\r\nhello\r\n"
					   "000a;ext=1;q=\"a\\\"b\" ; x\r\n0123456789\r\n"
					   "0\r\nX-Sum: abc\r\nX-Two: d\r\n\r\nNEXT");

	(void)state;
	for (size_t cut = 1; cut <= input.len; cut++) {
		struct result result;

		read_cut(input, &chunked, cut, &result);
		assert_int_equal(result.rc, 0);
		assert_int_equal(result.length, 15);
		assert_memory_equal(result.data, "hello0123456789", 15);
		assert_int_equal(result.used, input.len - 4);
		assert_int_equal(result.body.trailer_fields.count, 2);
		assert_true(slice_equal(result.body.trailer_fields.list[0].value,
					SLICE_LITERAL("abc")));
		release(&result);
	}
}

static void malformed_chunks_are_refused_wherever_they_are_cut(void **state)
{
	static const struct slice refused[] = {
		SLICE_LITERAL("+5\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("-5\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("0x5\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL(" 5\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5 \r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5_0\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL(";x\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5g\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5\rhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5\r\nhello\n0\r\n\r\n"),
		SLICE_LITERAL("5\r\nhello0\r\n\r\n"),
		SLICE_LITERAL("5\r\nhelloX\r\n0\r\n\r\n"),
		SLICE_LITERAL("4\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5;\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5;a\nb\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5;a=\"\r\"\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5;a=\"\\\n\"\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5;a=\x01\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5;a\r\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("1000000000000000\r\nx"),
		SLICE_LITERAL("10000000000000005\r\nhello\r\n0\r\n\r\n"),
		SLICE_LITERAL("5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n"),
		SLICE_LITERAL("5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
		SLICE_LITERAL("5\r\nhello\r\n0\r\nHost: b.example\r\n\r\n"),
		SLICE_LITERAL("5\r\nhello\r\n0\r\nAuthorization: x\r\n\r\n"),
		SLICE_LITERAL("5\r\nhello\r\n0\r\nContent-Type: x\r\n\r\n"),
		SLICE_LITERAL("5\r\nhello\r\n0\r\nX: y\n\r\n"),
		SLICE_LITERAL("5\r\nhello\r\n0\r\n\n"),
		SLICE_LITERAL("5\r\nhello\r\n0\r\n X: y\r\n\r\n"),
		SLICE_LITERAL("5\r\nhello\r\n0\r\nX\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		for (size_t cut = 1; cut <= refused[i].len; cut++) {
			struct result result;

			read_cut(refused[i], &chunked, cut, &result);
			if (result.rc != ERROR_SYNTAX)
				print_error("%.*s cut at %zu\n", SLICE_ARGS(refused[i]), cut);
			assert_int_equal(result.rc, ERROR_SYNTAX);
			release(&result);
		}
	}
}

static void a_body_of_known_length_ends_where_it_says(void **state)
{
	const struct http_message head = {.body = HTTP_BODY_SIZED, .body_bytes = 5};

	(void)state;
	for (size_t cut = 1; cut < 10; cut++) {
		struct result result;

		read_cut(SLICE_LITERAL("helloGET /"), &head, cut, &result);
		assert_int_equal(result.rc, 0);
		assert_int_equal(result.used, 5);
		assert_int_equal(result.length, 5);
		release(&result);
	}
}

static void the_end_of_the_connection_ends_only_bodies_without_a_length(void **state)
{
	const struct http_message until_close = {.body = HTTP_BODY_STREAM};
	const struct http_message sized = {.body = HTTP_BODY_SIZED, .body_bytes = 5};
	struct result result;

	(void)state;
	read_cut(SLICE_LITERAL("abc"), &until_close, 3, &result);
	assert_int_equal(result.length, 3);
	assert_int_equal(h1_body_eof(&result.body), H1_BODY_END);
	release(&result);
	read_cut(SLICE_LITERAL("abc"), &sized, 3, &result);
	assert_int_equal(h1_body_eof(&result.body), ERROR_TRUNCATED);
	release(&result);
	read_cut(SLICE_LITERAL("3\r\nabc\r\n"), &chunked, 3, &result);
	assert_int_equal(h1_body_eof(&result.body), ERROR_TRUNCATED);
	release(&result);
}

static void trailers_are_bounded(void **state)
{
	static char input[2 * HTTP_TRAILER_MAX_BYTES];
	int len = snprintf(input, sizeof(input), "0\r\nX: ");
	struct result result;

	(void)state;
	memset(input + len, 'x', sizeof(input) - (size_t)len);
	read_cut(slice_of(input, sizeof(input)), &chunked, 1000, &result);
	assert_int_equal(result.rc, ERROR_SYNTAX);
	release(&result);
}

static int read_trailers(void *context)
{
	struct result result;

	(void)context;
	read_cut(SLICE_LITERAL("0\r\nX: y\r\n\r\n"), &chunked, 4, &result);
	release(&result);
	return result.rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(read_trailers, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_are_taken_apart_wherever_they_are_cut),
		cmocka_unit_test(malformed_chunks_are_refused_wherever_they_are_cut),
		cmocka_unit_test(a_body_of_known_length_ends_where_it_says),
		cmocka_unit_test(the_end_of_the_connection_ends_only_bodies_without_a_length),
		cmocka_unit_test(trailers_are_bounded),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
