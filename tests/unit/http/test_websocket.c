/* Threat S31: WebSocket frames, however they are cut (RFC 6455; the names of cases are those of the
 * Autobahn test suite). */
#include "proxy/http/websocket.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "tests/unit/allocation.h"

#define MASK "\x37\xfa\x21\x3d"

/* What a reader makes of an input: one line for each event, and one for a failure. */
struct result {
	char text[4096];
	size_t length;
	int rc;
	uint16_t close_code;
	size_t used; /* of the input, when it failed or asked for more */
};

static void note(struct result *result, const struct websocket_message *message)
{
	static const char names[] = "0TB34567CPO";
	struct slice payload = message->payload;
	int len = snprintf(result->text + result->length, sizeof(result->text) - result->length,
			   "%c %zu %.*s\n", names[message->opcode], payload.len,
			   payload.len > 64 ? 0 : (int)payload.len, payload.ptr);

	assert_in_range(len, 1, sizeof(result->text) - result->length - 1);
	result->length += (size_t)len;
}

static void feed(struct websocket_reader *reader, struct slice input, size_t cut,
		 struct result *result)
{
	struct websocket_message message;
	const char *why = NULL;
	size_t given = 0;

	*result = (struct result){0};
	while (given < input.len && result->rc >= 0) {
		struct slice piece = slice_first(slice_from(input, given), cut);
		size_t len = piece.len;

		while ((result->rc = websocket_read(reader, &piece, &message, &result->close_code,
						    &why)) == WEBSOCKET_MESSAGE)
			note(result, &message);
		given += len - piece.len;
		assert_true(result->rc < 0 || piece.len == 0);
	}
	assert_true(result->rc >= 0 || (why && result->close_code));
	result->used = given;
}

static struct result read_cut(struct slice input, bool from_client, size_t cut)
{
	struct wiped_budget budget = {.max_bytes = SIZE_MAX};
	struct websocket_reader *reader = websocket_reader_create(from_client, &budget);
	struct result result;

	assert_non_null(reader);
	feed(reader, input, cut, &result);
	websocket_reader_free(reader);
	assert_int_equal(budget.used_bytes, 0);
	return result;
}

static void assert_events(struct slice input, bool from_client, const char *events)
{
	for (size_t cut = 1; cut <= input.len; cut++) {
		struct result result = read_cut(input, from_client, cut);

		assert_int_equal(result.rc, WEBSOCKET_MORE);
		assert_string_equal(result.text, events);
	}
}

static void the_examples_of_the_rfc_are_read(void **state)
{
	(void)state;
	assert_events(SLICE_LITERAL("\x81\x05Hello"), false, "T 5 Hello\n");
	assert_events(SLICE_LITERAL("\x81\x85" MASK "\x7f\x9f\x4d\x51\x58"), true, "T 5 Hello\n");
	assert_events(SLICE_LITERAL("\x01\x03Hel\x80\x02lo"), false, "T 5 Hello\n");
	assert_events(SLICE_LITERAL("\x89\x05Hello"), false, "P 5 Hello\n");
	assert_events(SLICE_LITERAL("\x8a\x85" MASK "\x7f\x9f\x4d\x51\x58"), true, "O 5 Hello\n");
}

static void long_payloads_are_read(void **state)
{
	static const size_t lengths[] = {125, 126, 127, 256, 65535, 65536, 65537};
	static const size_t cuts[] = {1, 3, 1000, 70000};
	static char input[70000];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) * 4; i++) {
		size_t length = lengths[i / 4];
		size_t head = websocket_write_head(WEBSOCKET_BINARY, length, NULL,
						   (uint8_t *)input);
		struct result result = read_cut(slice_of(input, head + length), false, cuts[i % 4]);
		char expected[32];

		snprintf(expected, sizeof(expected), "B %zu \n", length);
		assert_int_equal(result.rc, WEBSOCKET_MORE);
		assert_string_equal(result.text, length > 64 ? expected : "");
	}
}

static void control_frames_pass_between_fragments(void **state)
{
	struct slice input = SLICE_LITERAL("\x01\x01"
					   "a"
					   "\x89\x02pi"
					   "\x00\x01"
					   "b"
					   "\x8a\x00"
					   "\x00\x00"
					   "\x89\x01x"
					   "\x80\x01"
					   "c"
					   "\x82\x00"
					   "\x88\x05\x03\xe8"
					   "bye");

	(void)state;
	assert_events(input, false,
		      "P 2 pi\nO 0 \nP 1 x\nT 3 abc\nB 0 \nC 5 \x03\xe8"
		      "bye\n");
	/* At once: what has come of the message so far does not hold them back. */
	assert_string_equal(read_cut(slice_first(input, 7), false, 7).text, "P 2 pi\n");
	/* A peer may close within a message. */
	assert_events(SLICE_LITERAL("\x01\x01"
				    "a"
				    "\x88\x00"),
		      false, "C 0 \n");
}

static void empty_messages_and_fragments_are_read(void **state)
{
	(void)state;
	assert_events(SLICE_LITERAL("\x81\x00\x82\x00"), false, "T 0 \nB 0 \n");
	assert_events(SLICE_LITERAL("\x81\x80" MASK "\x82\x80" MASK), true, "T 0 \nB 0 \n");
	assert_events(SLICE_LITERAL("\x01\x00\x00\x00\x80\x00"), false, "T 0 \n");
	assert_events(SLICE_LITERAL("\x01\x00\x00\x01"
				    "a"
				    "\x80\x00"),
		      false, "T 1 a\n");
}

static void what_breaks_the_protocol_is_refused(void **state)
{
	static const struct {
		struct slice input;
		bool from_client;
		size_t used; /* bytes: it is refused at the first that cannot stand there */
		int rc;
		uint16_t close_code;
	} rows[] = {
		/* 3: reserved bits. */
		{SLICE_LITERAL("\xc1\x05Hello"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\xa1\x05Hello"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x91\x05Hello"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\xc9\x00"), false, 1, ERROR_SYNTAX, 1002},
		/* 4: reserved opcodes. */
		{SLICE_LITERAL("\x83\x00"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x87\x00"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x8b\x00"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x8f\x00"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x03\x00"), false, 1, ERROR_SYNTAX, 1002},
		/* 2.5: long control frames. */
		{SLICE_LITERAL("\x89\x7e\x00\x7e"), false, 2, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x89\x7f\0\0\0\0\0\0\0\x7e"), false, 2, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x88\xfe" MASK), true, 2, ERROR_SYNTAX, 1002},
		/* 5: fragments of control frames, continuations of nothing, messages in messages.
		 */
		{SLICE_LITERAL("\x09\x00"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x08\x00"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x80\x00"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x00\x00"), false, 1, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x81\x00\x80\x00"), false, 3, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x01\x00\x81\x00"), false, 3, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x01\x00\x02\x00"), false, 3, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x01\x00\x80\x00\x80\x00"), false, 5, ERROR_SYNTAX, 1002},
		/* Masks. */
		{SLICE_LITERAL("\x81\x85" MASK "Hello"), false, 2, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x81\x05Hello"), true, 2, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x89\x80" MASK), false, 2, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x89\x00"), true, 2, ERROR_SYNTAX, 1002},
		/* Lengths. */
		{SLICE_LITERAL("\x82\x7e\x00\x7d"), false, 4, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x82\x7e\x00\x00"), false, 4, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x82\x7f\0\0\0\0\0\0\xff\xff"), false, 10, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x82\x7f\0\0\0\0\0\0\0\x05Hello"), false, 10, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x82\x7f\x80\0\0\0\0\0\0\0"), false, 10, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), false, 10, ERROR_SYNTAX,
		 1002},
		{SLICE_LITERAL("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), false, 10, ERROR_LIMIT,
		 1009},
		{SLICE_LITERAL("\x82\x7f\0\0\0\0\1\0\0\1"), false, 10, ERROR_LIMIT, 1009},
		{SLICE_LITERAL("\x02\x01"
			       "a"
			       "\x80\x7f\0\0\0\0\1\0\0\0"),
		 false, 13, ERROR_LIMIT, 1009},
		/* 7: close frames, and what is behind them. */
		{SLICE_LITERAL("\x88\x01\x03"), false, 3, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x89\x02\x03\xe8\x88\x01\x03"), false, 7, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x88\x00\x89\x00"), false, 2, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x88\x00\x88\x00"), false, 2, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x88\x02\x03\xe8\x81\x00"), false, 4, ERROR_SYNTAX, 1002},
		{SLICE_LITERAL("\x88\x05\x03\xe8"
			       "a\xff"
			       "b"),
		 false, 7, ERROR_SYNTAX, 1007},
		{SLICE_LITERAL("\x88\x04\x03\xe8"
			       "a\xc3"),
		 false, 6, ERROR_SYNTAX, 1007},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t cut = 1; cut <= rows[i].input.len; cut++) {
			struct result result = read_cut(rows[i].input, rows[i].from_client, cut);

			if (result.rc != rows[i].rc || result.used != rows[i].used)
				print_error("row %zu cut at %zu: %d %u at %zu\n", i, cut, result.rc,
					    result.close_code, result.used);
			assert_int_equal(result.rc, rows[i].rc);
			assert_int_equal(result.close_code, rows[i].close_code);
			assert_int_equal(result.used, rows[i].used);
		}
	}
}

static void close_codes_are_those_that_may_be_sent(void **state)
{
	static const unsigned int may[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
					   1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999};
	static const unsigned int must_not[] = {0,    999,  1004, 1005, 1006, 1015,
						1016, 1100, 2000, 2999, 5000, 65535};
	char input[] = "\x88\x02??";

	(void)state;
	for (size_t i = 0; i < sizeof(may) / sizeof(may[0]); i++) {
		input[2] = (char)(may[i] >> 8);
		input[3] = (char)may[i];
		assert_int_equal(read_cut(slice_of(input, 4), false, 4).rc, WEBSOCKET_MORE);
	}
	for (size_t i = 0; i < sizeof(must_not) / sizeof(must_not[0]); i++) {
		struct result result;

		input[2] = (char)(must_not[i] >> 8);
		input[3] = (char)must_not[i];
		result = read_cut(slice_of(input, 4), false, 4);
		assert_int_equal(result.rc, ERROR_SYNTAX);
		assert_int_equal(result.close_code, 1002);
	}
}

/* TEXT in two fragments, cut at AT. */
static struct slice fragment(struct slice text, size_t at, char out[128])
{
	size_t rest = text.len - at;

	out[0] = '\x01';
	out[1] = (char)at;
	memcpy(out + 2, text.ptr, at);
	out[2 + at] = '\x80';
	out[3 + at] = (char)rest;
	memcpy(out + 4 + at, text.ptr + at, rest);
	return slice_of(out, text.len + 4);
}

static void text_is_utf8_whatever_it_is_cut_into(void **state)
{
	static const char *const sound[] = {
		"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!",
		"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
		"\xf0\x9f\x9a\xaa\xf4\x8f\xbf\xbf",
		"\xef\xbb\xbf\xef\xbf\xbf",
	};
	static const char *const broken[] = {
		"Hello-\xc2\xb5@\xed\xa0\x80"
		"edited", /* a surrogate */
		"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80"
		"edited",
		"\xc0\xaf",
		"\xe0\x80\xaf",
		"\xf8\x88\x80\x80\x80",
		"abc\x80",
		"abc\xff",
		"\xe2\x82",
		"long enough for eight bytes at a time \xc3",
	};
	char frames[128];

	(void)state;
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
		struct slice text = slice_from_text(sound[i]);
		char expected[96];

		snprintf(expected, sizeof(expected), "T %zu %s\n", text.len, sound[i]);
		for (size_t at = 0; at <= text.len; at++)
			assert_events(fragment(text, at, frames), false, expected);
	}
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct slice text = slice_from_text(broken[i]);

		for (size_t at = 0; at <= text.len; at++) {
			for (size_t cut = 1; cut <= text.len + 4; cut++) {
				struct result result = read_cut(fragment(text, at, frames), false,
								cut);

				assert_int_equal(result.rc, ERROR_SYNTAX);
				assert_int_equal(result.close_code, 1007);
				assert_int_equal(result.length, 0);
			}
		}
	}
}

/* 6.4: the peer is told as soon as it is known, and not when the message is whole. */
static void broken_text_is_refused_before_it_ends(void **state)
{
	struct slice input = SLICE_LITERAL("\x01\x0f\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
					   "\xf4\x90\x80\x80");

	(void)state;
	assert_int_equal(read_cut(input, false, 1).used, 2 + 13);
	assert_int_equal(read_cut(input, false, 1).close_code, 1007);
	/* A text behind another. */
	input = SLICE_LITERAL("\x81\x03"
			      "abc"
			      "\x81\x02"
			      "a\xff");
	assert_int_equal(read_cut(input, false, 9).close_code, 1007);
	assert_string_equal(read_cut(input, false, 9).text, "T 3 abc\n");
	/* Bytes are not text. */
	assert_events(SLICE_LITERAL("\x82\x02\xf4\x90"), false, "B 2 \xf4\x90\n");
}

/* Feeds COUNT pieces of zeros and returns the most memory that was held. */
static size_t feed_zeros(struct websocket_reader *reader, const struct wiped_budget *budget,
			 size_t piece, size_t count, bool framed, struct result *result)
{
	static char zeros[2 << 20];
	uint8_t head[WEBSOCKET_FRAME_HEAD_MAX_BYTES];
	size_t largest = 0;

	for (size_t i = 0; i < count; i++) {
		if (framed) {
			size_t len = websocket_write_head(
				i ? WEBSOCKET_CONTINUATION : WEBSOCKET_BINARY, piece, NULL, head);

			head[0] = (uint8_t)(head[0] & ~(i + 1 < count ? 0x80 : 0));
			feed(reader, slice_of(head, len), len, result);
		}
		feed(reader, slice_of(zeros, piece), piece, result);
		assert_int_equal(result->rc, WEBSOCKET_MORE);
		largest = budget->used_bytes > largest ? budget->used_bytes : largest;
	}
	return largest;
}

static void a_message_may_be_as_long_as_the_bound(void **state)
{
	struct wiped_budget budget = {.max_bytes = SIZE_MAX};
	struct websocket_reader *reader = websocket_reader_create(false, &budget);
	size_t empty = budget.used_bytes, largest;
	uint8_t head[WEBSOCKET_FRAME_HEAD_MAX_BYTES];
	struct result result;

	(void)state;
	feed(reader, slice_of(head, websocket_write_head(WEBSOCKET_BINARY, 16 << 20, NULL, head)),
	     14, &result);
	/* Memory is taken for what has come, and not for what is promised. */
	assert_int_equal(budget.used_bytes, empty);
	largest = feed_zeros(reader, &budget, 1 << 20, 16, false, &result);
	assert_string_equal(result.text, "B 16777216 \n");
	assert_in_range(largest, 16 << 20, (16 << 20) + 4096);
	/* Nothing is held between messages. */
	assert_int_equal(budget.used_bytes, empty);
	largest = feed_zeros(reader, &budget, 1100000, 15, true, &result);
	assert_string_equal(result.text, "B 16500000 \n");
	assert_in_range(largest, 16500000, (16 << 20) + 4096);
	feed(reader, slice_of(head, websocket_write_head(WEBSOCKET_TEXT, 10, NULL, head)), 14,
	     &result);
	feed(reader, SLICE_LITERAL("012345678"), 9, &result);
	assert_in_range(budget.used_bytes, empty + 10, empty + 10 + 16);
	websocket_reader_free(reader);
}

static void what_was_handed_out_is_wiped_before_the_next(void **state)
{
	struct websocket_reader *reader = websocket_reader_create(false, NULL);
	struct slice input = SLICE_LITERAL("\x81\x0d"
					   "a real secret"
					   "\x81\x01"
					   "x"
					   "\x89\x00");
	struct websocket_message first, second;
	uint16_t close_code;
	const char *why;

	(void)state;
	assert_int_equal(websocket_read(reader, &input, &first, &close_code, &why),
			 WEBSOCKET_MESSAGE);
	assert_int_equal(websocket_read(reader, &input, &second, &close_code, &why),
			 WEBSOCKET_MESSAGE);
	/* It serves again, as more input was there. */
	assert_ptr_equal(first.payload.ptr, second.payload.ptr);
	for (size_t i = 1; i < first.payload.len; i++)
		assert_int_equal(first.payload.ptr[i], 0);
	websocket_reader_free(reader);
}

static void feed_fragments(struct websocket_reader *reader, size_t count, struct result *result)
{
	feed(reader,
	     SLICE_LITERAL("\x01\x01"
			   "a"),
	     3, result);
	for (size_t i = 1; i < count; i++) {
		feed(reader,
		     SLICE_LITERAL("\x00\x01"
				   "b"),
		     3, result);
		assert_int_equal(result->rc, WEBSOCKET_MORE);
	}
	feed(reader, SLICE_LITERAL("\x80\x00"), 2, result);
}

static void a_message_has_no_more_fragments_than_the_bound(void **state)
{
	struct websocket_reader *reader = websocket_reader_create(false, NULL);
	struct result result;

	(void)state;
	feed_fragments(reader, WEBSOCKET_FRAGMENTS_MAX - 1, &result);
	assert_string_equal(result.text, "T 65535 \n");
	feed_fragments(reader, WEBSOCKET_FRAGMENTS_MAX, &result);
	assert_int_equal(result.rc, ERROR_LIMIT);
	assert_int_equal(result.close_code, 1009);
	/* What has failed fails again. */
	feed(reader, SLICE_LITERAL("\x81\x00"), 2, &result);
	assert_int_equal(result.rc, ERROR_LIMIT);
	assert_int_equal(result.close_code, 1009);
	websocket_reader_free(reader);
}

static void a_closed_reader_waits_in_silence(void **state)
{
	struct websocket_reader *reader = websocket_reader_create(false, NULL);
	struct websocket_message message;
	struct slice none = SLICE_EMPTY;
	struct result result;
	uint16_t close_code;
	const char *why;

	(void)state;
	feed(reader, SLICE_LITERAL("\x88\x00"), 2, &result);
	assert_int_equal(websocket_read(reader, &none, &message, &close_code, &why),
			 WEBSOCKET_MORE);
	websocket_reader_free(reader);
	websocket_reader_free(NULL);
}

static void heads_are_written_in_their_shortest_form(void **state)
{
	static const struct {
		uint64_t length;
		const char *mask;
		struct slice head;
	} rows[] = {
		{0, NULL, SLICE_LITERAL("\x82\x00")},
		{125, NULL, SLICE_LITERAL("\x82\x7d")},
		{126, NULL, SLICE_LITERAL("\x82\x7e\x00\x7e")},
		{65535, MASK, SLICE_LITERAL("\x82\xfe\xff\xff" MASK)},
		{65536, NULL, SLICE_LITERAL("\x82\x7f\0\0\0\0\0\1\0\0")},
		{0, MASK, SLICE_LITERAL("\x82\x80" MASK)},
		{UINT64_MAX >> 1, MASK,
		 SLICE_LITERAL("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t head[WEBSOCKET_FRAME_HEAD_MAX_BYTES];
		size_t length = websocket_write_head(WEBSOCKET_BINARY, rows[i].length,
						     (const uint8_t *)rows[i].mask, head);

		assert_true(slice_equal(slice_of(head, length), rows[i].head));
	}
}

static void masking_is_the_same_wherever_it_begins(void **state)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	uint8_t bytes[64];

	(void)state;
	for (size_t length = 0; length < 40; length++) {
		for (size_t start = 0; start < 16; start++) {
			memset(bytes, 0, sizeof(bytes));
			websocket_mask(bytes + start, length, mask, start + (UINT64_C(1) << 40));
			for (size_t i = 0; i < sizeof(bytes); i++)
				assert_int_equal(bytes[i], i >= start && i < start + length
								   ? mask[i % 4]
								   : 0);
		}
	}
}

static void the_key_is_answered(void **state)
{
	static const char *const refused[] = {
		"",
		"dGhlIHNhbXBsZSBub25jZQ=",
		"dGhlIHNhbXBsZSBub25jZQ===",
		"dGhlIHNhbXBsZSBub25jZQAA", /* 18 bytes */
		"dGhlIHNhbXBsZSBub25jZR==", /* bits behind the last */
		"dGhlIHNhbXBsZSBub25j\nQ==",
		"dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
	};
	char accept[WEBSOCKET_ACCEPT_BYTES];

	(void)state;
	assert_int_equal(websocket_accept(SLICE_LITERAL("dGhlIHNhbXBsZSBub25jZQ=="), accept), 0);
	assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof(accept));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_false(websocket_is_key(slice_from_text(refused[i])));
		assert_int_equal(websocket_accept(slice_from_text(refused[i]), accept),
				 ERROR_SYNTAX);
	}
}

static int read_messages(void *context)
{
	struct slice input = SLICE_LITERAL("\x01\x03"
					   "abc"
					   "\x89\x01x"
					   "\x80\x7e\x01\x2c");
	struct websocket_reader *reader = websocket_reader_create(false, context);
	struct result result;
	char rest[300] = "";

	if (!reader)
		return -ENOMEM;
	feed(reader, input, input.len, &result);
	if (result.rc >= 0)
		feed(reader, slice_of(rest, sizeof(rest)), sizeof(rest), &result);
	if (result.rc < 0) {
		assert_int_equal(result.rc, -ENOMEM);
		assert_int_equal(result.close_code, 1011);
	}
	websocket_reader_free(reader);
	return result.rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	struct wiped_budget budget = {0};

	(void)state;
	allocation_try_all(read_messages, NULL, false);
	while (read_messages(&budget) < 0) {
		assert_int_equal(budget.used_bytes, 0);
		budget.max_bytes += 10;
	}
	assert_int_equal(budget.used_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_are_read),
		cmocka_unit_test(long_payloads_are_read),
		cmocka_unit_test(control_frames_pass_between_fragments),
		cmocka_unit_test(empty_messages_and_fragments_are_read),
		cmocka_unit_test(what_breaks_the_protocol_is_refused),
		cmocka_unit_test(close_codes_are_those_that_may_be_sent),
		cmocka_unit_test(text_is_utf8_whatever_it_is_cut_into),
		cmocka_unit_test(broken_text_is_refused_before_it_ends),
		cmocka_unit_test(a_message_may_be_as_long_as_the_bound),
		cmocka_unit_test(what_was_handed_out_is_wiped_before_the_next),
		cmocka_unit_test(a_message_has_no_more_fragments_than_the_bound),
		cmocka_unit_test(a_closed_reader_waits_in_silence),
		cmocka_unit_test(heads_are_written_in_their_shortest_form),
		cmocka_unit_test(masking_is_the_same_wherever_it_begins),
		cmocka_unit_test(the_key_is_answered),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
