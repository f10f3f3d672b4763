#include "base/json.h"

#include "base/error.h"
#include "tests/unit/allocation.h"

static void assert_text(struct slice value, const char *expected)
{
	char out[256];
	struct json j = json_of(out, sizeof(out));

	json_text(&j, NULL, value);
	assert_int_equal(j.error, 0);
	assert_int_equal(json_length(&j), strlen(expected));
	assert_memory_equal(out, expected, strlen(expected));
}

static void nested_values_get_their_commas(void **state)
{
	char out[256];
	struct json j = json_of(out, sizeof(out));
	const char *expected =
		"{\"a\":1,\"b\":[true,null,-5],\"c\":{},\"d\":{\"e\":\"x\"},\"f\":2}";

	(void)state;
	json_open_object(&j, NULL);
	json_number(&j, "a", 1);
	json_open_array(&j, "b");
	json_boolean(&j, NULL, true);
	json_null(&j, NULL);
	json_number(&j, NULL, -5);
	json_close_array(&j);
	json_open_object(&j, "c");
	json_close_object(&j);
	json_open_object(&j, "d");
	json_cstring(&j, "e", "x");
	json_close_object(&j);
	json_raw(&j, "f", SLICE_LITERAL("2"));
	json_close_object(&j);
	assert_int_equal(j.error, 0);
	assert_int_equal(json_length(&j), strlen(expected));
	assert_memory_equal(out, expected, strlen(expected));
}

static void text_cannot_break_out_of_its_line(void **state)
{
	(void)state;
	assert_text(SLICE_LITERAL("a\"b\\c\n\r\t\x1b[31m\x7f\0z"),
		    "\"a\\\"b\\\\c\\n\\r\\t\\u001b[31m\\u007f\\u0000z\"");
	assert_text(SLICE_LITERAL("\xc2\x9b"
				  "31m"),
		    "\"\\u009b31m\"");
}

static void text_is_plain_up_to_the_first_byte_that_needs_an_escape(void **state)
{
	char text[24];

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';

		for (size_t at = 0; at < sizeof(text); at++) {
			memset(text, 'a', sizeof(text));
			text[at] = (char)byte;
			/* What is behind it must not matter. */
			if (at + 1 < sizeof(text))
				text[at + 1] = (char)(byte + 1);
			if (!plain)
				assert_int_equal(json_plain_length(slice_of(text, sizeof(text))),
						 at);
			assert_int_equal(json_plain_length(slice_of(text, at)), at);
			assert_int_equal(json_plain_length(slice_of(text, at + 1)), at + plain);
		}
	}
}

static void text_is_always_valid_utf8(void **state)
{
	(void)state;
	assert_text(SLICE_LITERAL("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\xaa"),
		    "\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\xaa\"");
	assert_text(SLICE_LITERAL("\xff"), "\"\\ufffd\"");
	assert_text(SLICE_LITERAL("\xc0\xaf"), "\"\\ufffd\\ufffd\"");
	assert_text(SLICE_LITERAL("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
	assert_text(SLICE_LITERAL("\xe2\x82"), "\"\\ufffd\\ufffd\"");
	assert_text(SLICE_LITERAL("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

static void text_shows_what_it_holds(void **state)
{
	(void)state;
	assert_text(SLICE_LITERAL("a\xe2\x80\xa8z"), "\"a\\u2028z\"");
	assert_text(SLICE_LITERAL("\xe2\x80\xaegpj.exe"), "\"\\u202egpj.exe\"");
	assert_text(SLICE_LITERAL("\xe2\x80\x8b\xef\xbb\xbf"), "\"\\u200b\\ufeff\"");
	assert_text(SLICE_LITERAL("\xf3\xa0\x81\x81"), "\"\\udb40\\udc41\"");
}

static void decimals_drop_their_zeros(void **state)
{
	char out[64];
	struct json j = json_of(out, sizeof(out));

	(void)state;
	json_open_array(&j, NULL);
	json_decimal(&j, NULL, 1500);
	json_decimal(&j, NULL, 12);
	json_decimal(&j, NULL, 182400);
	json_decimal(&j, NULL, -7);
	json_decimal(&j, NULL, 3000);
	json_close_array(&j);
	assert_int_equal(json_length(&j), strlen("[1.5,0.012,182.4,-0.007,3]"));
	assert_memory_equal(out, "[1.5,0.012,182.4,-0.007,3]", json_length(&j));
}

static void a_full_writer_stops_and_says_so(void **state)
{
	char out[40];

	(void)state;
	for (size_t size = 0; size < 20; size++) {
		struct json j = json_of(out, size);

		memset(out, '#', sizeof(out));
		json_open_object(&j, NULL);
		json_cstring(&j, "name", "some\nvalue");
		json_close_object(&j);
		assert_int_equal(j.error, ERROR_LIMIT);
		assert_int_equal(out[size], '#');
	}
}

static void cut_text_ends_at_a_character(void **state)
{
	char out[64];
	struct json j = json_of(out, sizeof(out));

	(void)state;
	json_text_cut(&j, NULL, SLICE_LITERAL("ab\xe2\x82\xac"), 4);
	assert_int_equal(json_length(&j), 7);
	assert_memory_equal(out, "\"ab...\"", 7);
}

static void bytes_that_are_no_text_are_not_cut_short(void **state)
{
	char out[128];
	struct json j = json_of(out, sizeof(out));

	(void)state;
	json_text_cut(&j, NULL, SLICE_LITERAL("abcd\x80\x80\x80\x80\x80\x80\x80\x80"), 9);
	assert_int_equal(json_length(&j), strlen("\"abcd\\ufffd\\ufffd...\""));
	assert_memory_equal(out, "\"abcd\\ufffd\\ufffd...\"", json_length(&j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nested_values_get_their_commas),
		cmocka_unit_test(text_cannot_break_out_of_its_line),
		cmocka_unit_test(text_is_plain_up_to_the_first_byte_that_needs_an_escape),
		cmocka_unit_test(text_is_always_valid_utf8),
		cmocka_unit_test(text_shows_what_it_holds),
		cmocka_unit_test(decimals_drop_their_zeros),
		cmocka_unit_test(a_full_writer_stops_and_says_so),
		cmocka_unit_test(cut_text_ends_at_a_character),
		cmocka_unit_test(bytes_that_are_no_text_are_not_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
