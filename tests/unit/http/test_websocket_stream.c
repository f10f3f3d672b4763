/* Messages given out in pieces as they come (threat S31). */
#include "proxy/http/websocket.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/allocation.h"

/* What a reader makes of an input: the payloads, with "|" where a message ends. */
struct result {
	char text[256];
	size_t length;
	size_t pieces;
	size_t bytes;
	int rc;
	uint16_t close_code;
};

static void note(struct result *result, const struct websocket_message *message)
{
	static const char names[] = "0TB34567CPO";

	result->pieces++;
	result->bytes += message->payload.len;
	if (result->bytes > 100)
		return;
	result->length += (size_t)snprintf(
		result->text + result->length, sizeof(result->text) - result->length, "%s%.*s%s",
		message->opcode >= WEBSOCKET_CLOSE ? (char[]){names[message->opcode], '\0'} : "",
		(int)message->payload.len, message->payload.ptr, message->is_last ? "|" : "");
}

static struct result read_cut(struct slice input, size_t cut, struct wiped_budget *budget)
{
	struct websocket_reader *reader = websocket_reader_create(false, budget);
	struct websocket_message message;
	struct result result = {0};
	const char *why = NULL;

	assert_non_null(reader);
	websocket_reader_stream(reader, WEBSOCKET_TEXT);
	websocket_reader_stream(reader, WEBSOCKET_BINARY);
	while (input.len && result.rc >= 0) {
		struct slice piece = slice_first(input, cut);
		size_t len = piece.len;

		while ((result.rc = websocket_read(reader, &piece, &message, &result.close_code,
						   &why)) == WEBSOCKET_MESSAGE)
			note(&result, &message);
		input = slice_from(input, len - piece.len);
	}
	websocket_reader_free(reader);
	assert_int_equal(budget->used_bytes, 0);
	return result;
}

static void assert_read(struct slice input, const char *expected)
{
	for (size_t cut = 1; cut <= input.len; cut++) {
		struct wiped_budget budget = {.max_bytes = SIZE_MAX};
		struct result result = read_cut(input, cut, &budget);

		assert_int_equal(result.rc, WEBSOCKET_MORE);
		assert_string_equal(result.text, expected);
	}
}

static void pieces_make_the_message_however_they_are_cut(void **state)
{
	(void)state;
	assert_read(SLICE_LITERAL("\x82\x05Hello"), "Hello|");
	assert_read(SLICE_LITERAL("\x01\x03Hel\x80\x02lo\x82\x01x"), "Hello|x|");
	assert_read(SLICE_LITERAL("\x02\x00\x00\x01x\x80\x00"), "x|");
	assert_read(SLICE_LITERAL("\x81\x00"), "|");
	assert_read(SLICE_LITERAL("\x01\x01x\x89\x01p\x80\x01y"), "xPp|y|");
}

static void characters_are_never_cut(void **state)
{
	const struct slice input = SLICE_LITERAL("\x01\x02\xc3\xa9\x00\x01\xe2\x80\x02\x82\xac");

	(void)state;
	assert_read(input, "\xc3\xa9\xe2\x82\xac|");
	for (size_t cut = 1; cut <= input.len; cut++) {
		struct websocket_reader *reader = websocket_reader_create(false, NULL);
		struct slice rest = input;

		websocket_reader_stream(reader, WEBSOCKET_TEXT);
		while (rest.len) {
			struct slice piece = slice_first(rest, cut);
			struct websocket_message message;
			uint16_t code;
			const char *why;

			rest = slice_from(rest, piece.len);
			while (websocket_read(reader, &piece, &message, &code, &why) ==
			       WEBSOCKET_MESSAGE)
				assert_true(message.payload.len == 0 ||
					    (message.payload.ptr[0] & 0xc0) != 0x80);
		}
		websocket_reader_free(reader);
	}
}

static void bad_text_is_refused_in_the_piece_that_has_it(void **state)
{
	static const struct {
		struct slice input;
		const char *before;
	} rows[] = {
		{SLICE_LITERAL("\x81\x03"
			       "ab\xff"),
		 ""},
		{SLICE_LITERAL("\x01\x02"
			       "ab\x80\x01\xff"),
		 "ab"},
		{SLICE_LITERAL("\x01\x01\xe2\x80\x01x"), ""},
		{SLICE_LITERAL("\x81\x01\xe2"), ""},
		{SLICE_LITERAL("\x01\x01\xe2\x80\x00"), ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wiped_budget budget = {.max_bytes = SIZE_MAX};
		struct result result = read_cut(rows[i].input, rows[i].input.len, &budget);

		assert_int_equal(result.rc, ERROR_SYNTAX);
		assert_int_equal(result.close_code, WEBSOCKET_NOT_TEXT);
		assert_string_equal(result.text, rows[i].before);
	}
}

/* Far beyond what a message that is held may have, in the memory of one piece. */
static void a_message_may_be_of_any_length(void **state)
{
	enum { FRAME_BYTES = 40 << 20 };
	uint8_t head[WEBSOCKET_FRAME_HEAD_MAX_BYTES];
	size_t len = websocket_write_head(WEBSOCKET_BINARY, FRAME_BYTES, NULL, head);
	char *input = calloc(1, FRAME_BYTES + len);
	struct wiped_budget budget = {.max_bytes = WEBSOCKET_PIECE_MAX_BYTES * 2 + 1024};
	struct result result;

	(void)state;
	assert_non_null(input);
	memcpy(input, head, len);
	result = read_cut(slice_of(input, FRAME_BYTES + len), 64 << 10, &budget);
	assert_int_equal(result.rc, WEBSOCKET_MORE);
	assert_int_equal(result.bytes, FRAME_BYTES);
	assert_int_equal(budget.refused, 0);
	free(input);
}

static void fragments_are_counted_all_the_same(void **state)
{
	size_t size = 2 * (WEBSOCKET_FRAGMENTS_MAX + 1);
	char *input = calloc(1, size);
	struct wiped_budget budget = {.max_bytes = SIZE_MAX};
	struct result result;

	(void)state;
	assert_non_null(input);
	input[0] = WEBSOCKET_BINARY;
	result = read_cut(slice_of(input, size), size, &budget);
	assert_int_equal(result.rc, ERROR_LIMIT);
	assert_int_equal(result.close_code, WEBSOCKET_TOO_BIG);
	free(input);
}

static void fragments_are_written_and_read_again(void **state)
{
	uint8_t wire[64];
	size_t len = websocket_write_fragment_head(WEBSOCKET_TEXT, false, 2, NULL, wire);

	(void)state;
	memcpy(wire + len, "ab", 2);
	len += 2;
	len += websocket_write_fragment_head(WEBSOCKET_CONTINUATION, true, 1, NULL, wire + len);
	wire[len++] = 'c';
	assert_read(slice_of(wire, len), "abc|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_make_the_message_however_they_are_cut),
		cmocka_unit_test(characters_are_never_cut),
		cmocka_unit_test(bad_text_is_refused_in_the_piece_that_has_it),
		cmocka_unit_test(a_message_may_be_of_any_length),
		cmocka_unit_test(fragments_are_counted_all_the_same),
		cmocka_unit_test(fragments_are_written_and_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
