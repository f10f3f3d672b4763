/* Threat S8: the ways in which a character is spelled. */
#include "proxy/secret/escape.h"

#include "proxy/secret/find_look.h"
#include "tests/unit/allocation.h"

static const struct {
	const char *text;
	unsigned int kinds;
	unsigned int depth;
	const char *decoded;
	size_t length;
} rows[] = {
	{"A", ESCAPE_ALL, 2, "A", 1},
	{"%41", ESCAPE_PERCENT, 1, "A", 3},
	{"%4a", ESCAPE_PERCENT, 1, "J", 3},
	{"%4A", ESCAPE_PERCENT, 1, "J", 3},
	{"%41", ESCAPE_NONE, 0, "%", 1},
	{"%41", ESCAPE_BACKSLASH | ESCAPE_ENTITY, 2, "%", 1},
	{"%4", ESCAPE_PERCENT, 1, "%", 1},
	{"%4g", ESCAPE_PERCENT, 1, "%", 1},
	{"%%41", ESCAPE_PERCENT, 1, "%", 1},
	{"%u00e4", ESCAPE_PERCENT, 1, "\xc3\xa4", 6},
	{"%u00g4", ESCAPE_PERCENT, 1, "%", 1},
	{"%2541", ESCAPE_PERCENT, 1, "%", 3},
	{"%2541", ESCAPE_PERCENT, 2, "A", 5},
	{"%25%34%31", ESCAPE_PERCENT, 2, "A", 9},
	{"%%34%31", ESCAPE_PERCENT, 2, "A", 7},
	{"%252541", ESCAPE_PERCENT, 2, "%", 5},
	{"\\u0041", ESCAPE_BACKSLASH, 1, "A", 6},
	{"\\u20AC", ESCAPE_BACKSLASH, 1, "\xe2\x82\xac", 6},
	{"\\uD83D\\uDEAA", ESCAPE_BACKSLASH, 1, "\xf0\x9f\x9a\xaa", 12},
	{"\\uD83D\\u0041", ESCAPE_BACKSLASH, 1, "\\", 1},
	{"\\uDEAA", ESCAPE_BACKSLASH, 1, "\\", 1},
	{"\\u{41}", ESCAPE_BACKSLASH, 1, "A", 6},
	{"\\u{1F6AA}", ESCAPE_BACKSLASH, 1, "\xf0\x9f\x9a\xaa", 9},
	{"\\u{110000}", ESCAPE_BACKSLASH, 1, "\\", 1},
	{"\\u{}", ESCAPE_BACKSLASH, 1, "\\", 1},
	{"\\x41", ESCAPE_BACKSLASH, 1, "A", 4},
	{"\\n", ESCAPE_BACKSLASH, 1, "\n", 2},
	{"\\/", ESCAPE_BACKSLASH, 1, "/", 2},
	{"\\_", ESCAPE_BACKSLASH, 1, "_", 2},
	{"\\q", ESCAPE_BACKSLASH, 1, "\\", 1},
	{"\\", ESCAPE_BACKSLASH, 1, "\\", 1},
	{"\\\\u0041", ESCAPE_BACKSLASH, 1, "\\", 2},
	{"\\\\u0041", ESCAPE_BACKSLASH, 2, "A", 7},
	{"&#65;", ESCAPE_ENTITY, 1, "A", 5},
	{"&#0065;", ESCAPE_ENTITY, 1, "A", 7},
	{"&#65x", ESCAPE_ENTITY, 1, "A", 4},
	{"&#65", ESCAPE_ENTITY, 1, "A", 4},
	{"&#x41;", ESCAPE_ENTITY, 1, "A", 6},
	{"&#X4a ", ESCAPE_ENTITY, 1, "J", 5},
	{"&#8364;", ESCAPE_ENTITY, 1, "\xe2\x82\xac", 7},
	{"&#000000065;", ESCAPE_ENTITY, 1, "&", 1},
	{"&#;", ESCAPE_ENTITY, 1, "&", 1},
	{"&#xd800;", ESCAPE_ENTITY, 1, "&", 1},
	{"&amp;", ESCAPE_ENTITY, 1, "&", 5},
	{"&AMP;", ESCAPE_ENTITY, 1, "&", 5},
	{"&lowbar;", ESCAPE_ENTITY, 1, "_", 8},
	{"&amp", ESCAPE_ENTITY, 1, "&", 1},
	{"&amp=", ESCAPE_ENTITY, 1, "&", 1},
	{"&nbsp;", ESCAPE_ENTITY, 1, "&", 1},
	{"&averyveryverylongname;", ESCAPE_ENTITY, 1, "&", 1},
	{"&amp;#65;", ESCAPE_ENTITY, 2, "A", 9},
	{"&#x26;lt;", ESCAPE_ENTITY, 2, "<", 9},
	{"%5Cu0041", ESCAPE_ALL, 2, "A", 8},
	{"\\u0025\\u0034\\u0031", ESCAPE_ALL, 2, "A", 18},
	{"&#37;41", ESCAPE_ALL, 2, "A", 7},
	{"&#37;41", ESCAPE_ALL, 1, "%", 5},
};

static void units_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct escape_reading reading = {rows[i].kinds, rows[i].depth};
		struct slice text = slice_from_text(rows[i].text);
		struct escape_unit unit;
		size_t length = escape_read(reading, text, 0, true, &unit);

		if (length != rows[i].length)
			print_error("%s: %zu\n", rows[i].text, length);
		assert_int_equal(length, rows[i].length);
		assert_int_equal(unit.length, length);
		assert_true(slice_equal(slice_of(unit.bytes, unit.count),
					slice_from_text(rows[i].decoded)));
		assert_int_equal(escape_read(reading, text, text.len, true, &unit), 0);
	}
}

/* Cut anywhere, a text is read as it is when whole, or not at all. */
static void a_cut_text_is_not_misread(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct escape_reading reading = {rows[i].kinds, rows[i].depth};
		struct slice text = slice_from_text(rows[i].text);

		for (size_t cut = 0; cut <= text.len; cut++) {
			struct escape_unit unit;
			size_t length = escape_read(reading, slice_first(text, cut), 0, false,
						    &unit);

			if (length == 0)
				continue;
			assert_int_equal(length, rows[i].length);
			assert_true(slice_equal(slice_of(unit.bytes, unit.count),
						slice_from_text(rows[i].decoded)));
		}
	}
}

static void a_quick_look_sees_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice text = slice_from_text(rows[i].text);
		struct find_look look;
		bool seen = false;

		if (escape_kind_of(text.ptr[0]) == ESCAPE_NONE)
			continue;
		look = find_look(text);
		for (int j = 0; j < look.count; j++)
			seen |= look.bytes[j] == (unsigned char)rows[i].decoded[0] &&
				look.lengths[j] == rows[i].length;
		if (rows[i].length == 1)
			continue;
		if (!seen && !look.closer)
			print_error("%s\n", rows[i].text);
		assert_true(seen || look.closer);
	}
}

static void a_quick_look_is_enough_for_the_common(void **state)
{
	static const struct {
		const char *text;
		int count;
	} common[] = {
		{"%20x", 1},   {"% of", 0},  {"\\n ", 1},     {"\\\"x", 1},  {"\\u4e00x", 1},
		{"&nbsp;", 0}, {"&b=1", 0},  {"&amp;b=1", 1}, {"&#39;x", 1}, {"&lt;x", 1},
		{"\\\\n", 2},  {"\\ 12", 0}, {"&#8217;x", 1}, {"%253D", 2},  {"\\u00e4x", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		struct find_look look = find_look(slice_from_text(common[i].text));

		if (look.closer || look.count != common[i].count)
			print_error("%s\n", common[i].text);
		assert_false(look.closer);
		assert_int_equal(look.count, common[i].count);
	}
}

static void another_character_is_written_in_the_same_way(void **state)
{
	static const struct {
		const char *text;
		unsigned int depth;
		const char *written; /* "k" in the same way */
	} spelled[] = {
		{"A", 1, "k"},
		{"%41", 1, "%6B"},
		{"%u0041", 1, "%u006B"},
		{"%2541", 2, "%256B"},
		{"\\u0041", 1, "\\u006b"},
		{"\\x41", 1, "\\x6b"},
		{"\\u{0041}", 1, "\\u{006b}"},
		{"\\/", 1, "k"},
		{"\\\\u0041", 2, "\\\\u006b"},
		{"\\u005cu0041", 2, "\\u005cu006b"},
		{"&#065;", 1, "&#107;"},
		{"&#x0041;", 1, "&#x006b;"},
		{"&#x41 ", 1, "&#x6b"},
		{"&lt;", 1, "&#107;"},
		{"&amp;#x41;", 2, "&#38;#x6b;"},
		{"%26#x41;", 2, "%26#x6b;"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(spelled) / sizeof(spelled[0]); i++) {
		struct escape_reading reading = {ESCAPE_ALL, spelled[i].depth};
		struct slice text = slice_from_text(spelled[i].text);
		char out[ESCAPE_WRITTEN_MAX_BYTES];
		struct escape_unit unit;
		size_t length;

		assert_true(escape_read(reading, text, 0, true, &unit) > 0);
		length = escape_write(&unit, 'k', out);
		if (!slice_equal(slice_of(out, length), slice_from_text(spelled[i].written)))
			print_error("%s: %.*s\n", spelled[i].text, (int)length, out);
		assert_true(
			slice_equal(slice_of(out, length), slice_from_text(spelled[i].written)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_are_read),
		cmocka_unit_test(a_cut_text_is_not_misread),
		cmocka_unit_test(a_quick_look_sees_the_same),
		cmocka_unit_test(a_quick_look_is_enough_for_the_common),
		cmocka_unit_test(another_character_is_written_in_the_same_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
