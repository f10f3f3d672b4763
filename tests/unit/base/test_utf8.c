#include "base/utf8.h"

#include "base/error.h"
#include "tests/unit/allocation.h"

static void decodes_the_ends_of_every_length(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint32_t code_point;
	} rows[] = {
		{"\x01", 1, 0x01},
		{"\x7f", 1, 0x7f},
		{"\xc2\x80", 2, 0x80},
		{"\xdf\xbf", 2, 0x7ff},
		{"\xe0\xa0\x80", 3, 0x800},
		{"\xed\x9f\xbf", 3, 0xd7ff},
		{"\xee\x80\x80", 3, 0xe000},
		{"\xef\xbf\xbf", 3, 0xffff},
		{"\xf0\x90\x80\x80", 4, 0x10000},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t code_point = 0;

		assert_int_equal(utf8_decode(slice_from_text(rows[i].bytes), &code_point),
				 rows[i].len);
		assert_int_equal(code_point, rows[i].code_point);
	}
}

static void refuses_what_is_not_utf8(void **state)
{
	static const char *const rows[] = {
		"\x80",
		"\xbf",
		"\xc0\xaf",	    /* overlong slash */
		"\xc1\xbf",	    /* overlong */
		"\xe0\x9f\xbf",	    /* overlong */
		"\xf0\x8f\xbf\xbf", /* overlong */
		"\xed\xa0\x80",	    /* surrogate */
		"\xf4\x90\x80\x80", /* past the last */
		"\xf5\x80\x80\x80",
		"\xff",
		"\xc2",
		"\xe2\x82",
		"\xf0\x9f\x9a",
		"\xe2\x28\xa1",
		"\xc2\xc2",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(utf8_sequence(slice_from_text(rows[i])), 0);
	assert_int_equal(utf8_sequence(SLICE_EMPTY), 0);
}

static void text_in_pieces_is_scanned_up_to_what_is_not_whole(void **state)
{
	static const struct {
		const char *text;
		ssize_t whole; /* of its beginnings of every length: no more than this */
	} rows[] = {
		{"", 0},
		{"a", 1},
		{"twenty bytes of ASCII", 21},
		{"\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\xaa and more", 23},
		{"eight   \xe2\x82\xac", 11},
		{"seven  \xe2\x82", 7},
		{"\xf4\x8f\xbf", 0},
		{"\xed\x9f", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice text = slice_from_text(rows[i].text);

		assert_int_equal(utf8_scan(text), rows[i].whole);
		for (size_t len = 0; len <= text.len; len++) {
			ssize_t whole = utf8_scan(slice_first(text, len));

			assert_in_range(whole, len < 3 ? 0 : len - 3, len);
			assert_true(whole <= rows[i].whole);
		}
	}
}

static void text_is_refused_at_the_first_byte_that_cannot_go_on(void **state)
{
	static const struct {
		const char *text;
		size_t sound; /* bytes that may stand there */
	} rows[] = {
		{"\x80", 0},	     {"abcdefgh\xff", 8}, {"\xc0\x80", 0},
		{"\xe0\x9f\xbf", 1}, {"\xed\xa0\x80", 1}, {"\xf0\x8f\xbf\xbf", 1},
		{"\xf4\x90\x80", 1}, {"\xe2\x82\x41", 2}, {"\xf0\x9f\x9a\xc0", 3},
		{"\xc3\xc3", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice text = slice_from_text(rows[i].text);

		for (size_t len = 0; len <= text.len; len++) {
			ssize_t whole = utf8_scan(slice_first(text, len));

			if (len <= rows[i].sound)
				assert_true(whole >= 0);
			else
				assert_int_equal(whole, ERROR_SYNTAX);
		}
	}
}

static void knows_what_hides(void **state)
{
	static const uint32_t unseen[] = {0, 0x1b, 0x7f, 0x9b, 0x200b, 0x202e, 0x2066, 0xe0041};
	static const uint32_t seen[] = {' ', '~', 0xa1, 0xe9, 0x20ac, 0x4e2d, 0x1f6aa};

	(void)state;
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		assert_true(utf8_is_unseen(unseen[i]));
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		assert_false(utf8_is_unseen(seen[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_the_ends_of_every_length),
		cmocka_unit_test(refuses_what_is_not_utf8),
		cmocka_unit_test(text_in_pieces_is_scanned_up_to_what_is_not_whole),
		cmocka_unit_test(text_is_refused_at_the_first_byte_that_cannot_go_on),
		cmocka_unit_test(knows_what_hides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
