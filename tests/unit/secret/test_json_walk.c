/* Where in a JSON text a byte is, however the text is cut. */
#include "proxy/secret/json_walk.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/allocation.h"

/* Feeds TEXT in pieces of CUT bytes, and writes down the pointer of each "@" to OUT: "/a/0 ", or
 * "- " where none is. */
static void walk_along(struct json_walk *walk, struct slice text, size_t cut, char *out)
{
	size_t used = 0;

	json_walk_init(walk);
	for (size_t at = 0; at < text.len;) {
		struct slice rest = slice_from(text, at);
		size_t len = slice_find_char(rest, '@');
		int count;

		len = len ? len : 1;
		len = len < cut ? len : cut;
		if (text.ptr[at] == '@') {
			count = json_walk_pointer(walk);
			for (int i = 0; i < count; i++)
				used += (size_t)sprintf(out + used, "/%.*s",
							SLICE_ARGS(walk->pointer[i]));
			used += (size_t)sprintf(out + used, count < 0 ? "- " : " ");
		}
		json_walk_feed(walk, slice_first(rest, len));
		at += len;
	}
	out[used] = 0;
}

static void the_pointer_of_each_value_is_known(void **state)
{
	static const struct {
		const char *text, *pointers;
	} rows[] = {
		{"\"@\"", " "},
		{"{\"a\": \"@\"}", "/a "},
		{"{\"a\": {\"b\": \"x@\", \"c\":[\"@\",1,\"@\"]}, \"d\":\"@\"}",
		 "/a/b /a/c/0 /a/c/2 /d "},
		{"[[[\"@\"]],{},[],\"@\"]", "/0/0/0 /3 "},
		{"{\"@\": \"@\"}", "- /@ "},
		{"{\"a\\u0062\\/\\n\": \"@\"}", "/ab/\n "},
		{"{\"\\ud83d\\udeaa\": \"@\"}", "/\xf0\x9f\x9a\xaa "},
		{"{\"\\u00fC\": \"@\", \"\\u20ac\": \"@\"}", "/\xc3\xbc /\xe2\x82\xac "},
		{"{\"\": \"@\", \"~/\": \"@\"}", "/ /~/ "},
		/* Names that are no Unicode are no pointer's; what is beside them is. */
		{"{\"\\ud83d\": \"@\", \"a\": \"@\"}", "- /a "},
		{"{\"\\ud83dx\": \"@\", \"\\udeaa\": [\"@\"]}", "- - "},
		{"{\"\\ud83d\\n\": \"@\", \"\\ud83d\\ud83d\\udeaa\": \"@\"}", "- - "},
		{"{\"a\": \"\\\"@\", \"b\": \"\\\\\", \"c\": \"@\"}", "/a /c "},
		{"{\"a\": -1.5e+3, \"b\": true, \"c\": null, \"d\": NaN ,\"e\":\"@\"}", "/e "},
		{" [ \"a\" , {\"b\" : \"@\" } ] ", "/1/b "},
		/* Not in a string. */
		{"[@, \"@\"]", "- - "},
		{"{\"a\": @", "- "},
		/* No JSON: lost from there on. */
		{"{\"a\": \"x\" \"@\"}", "- "},
		{"{a: \"@\"}", "- "},
		{"{\"a\" \"@\"}", "- "},
		{"{\"a\": \"@\"]: \"@\"}", "/a - "},
		{"{\"a\": \"@\", }, \"@\"", "/a - "},
		{"[\"@\", ], [\"@\"", "/0 - "},
		{"[,\"@\"]", "- "},
		{"[\"@\"}, \"@\"", "/0 - "},
		{"{\"a\": 'x', \"b\": \"@\"}", "- "},
		{"/**/{\"a\": \"@\"}", "- "},
		{"{\"a\": \"@\"} {\"a\": \"@\"}", "/a - "},
		{"{\"a\": \"@\"},{\"a\": \"@\"}", "/a - "},
		{"\"a\"\"@\"", "- "},
		{"{\"a\": \"\\x40\", \"b\": \"@\"}", "- "},
		{"{\"a\": \"\\u00g0\", \"b\": \"@\"}", "- "},
		{"{\"a\": \"\t\", \"b\": \"@\"}", "- "},
		{"{\"a\": \"\n\", \"b\": \"@\"}", "- "},
		{"\xef\xbb\xbf{\"a\": \"@\"}", "- "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice text = slice_from_text(rows[i].text);

		for (size_t cut = 1; cut <= text.len; cut++) {
			struct json_walk walk;
			char out[256];

			walk_along(&walk, text, cut, out);
			if (strcmp(out, rows[i].pointers) != 0)
				fail_msg("%s in pieces of %zu: %s", rows[i].text, cut, out);
		}
	}
}

static void a_string_s_end_and_its_middle_are_told_apart(void **state)
{
	struct json_walk walk;

	(void)state;
	json_walk_init(&walk);
	assert_false(json_walk_in_string(&walk));
	json_walk_feed(&walk, SLICE_LITERAL("{\"a"));
	assert_true(json_walk_in_string(&walk));
	json_walk_feed(&walk, SLICE_LITERAL("\\"));
	assert_false(json_walk_in_string(&walk));
	json_walk_feed(&walk, SLICE_LITERAL("u00"));
	assert_false(json_walk_in_string(&walk));
	json_walk_feed(&walk, SLICE_LITERAL("41\":\"b"));
	assert_true(json_walk_in_string(&walk));
	assert_int_equal(json_walk_pointer(&walk), 1);
	assert_true(slice_equal(walk.pointer[0], SLICE_LITERAL("aA")));
	json_walk_feed(&walk, SLICE_LITERAL("\""));
	assert_false(json_walk_in_string(&walk));
}

/* LEVELS arrays around a string. */
static int depth_of(struct json_walk *walk, size_t levels)
{
	json_walk_init(walk);
	for (size_t i = 0; i < levels; i++)
		json_walk_feed(walk, SLICE_LITERAL("[0,"));
	json_walk_feed(walk, SLICE_LITERAL("\"x"));
	return json_walk_pointer(walk);
}

static void depth_is_bounded(void **state)
{
	struct json_walk walk;

	(void)state;
	assert_int_equal(depth_of(&walk, POINTER_TOKENS_MAX), POINTER_TOKENS_MAX);
	assert_true(slice_equal(walk.pointer[31], SLICE_LITERAL("1")));
	assert_int_equal(depth_of(&walk, POINTER_TOKENS_MAX + 1), -1);
	assert_int_equal(depth_of(&walk, SLOTS_DEPTH_MAX), -1);
	assert_true(json_walk_in_string(&walk));
	/* Back up, pointers are known again. */
	json_walk_feed(&walk, SLICE_LITERAL("\""));
	for (size_t i = 0; i < SLOTS_DEPTH_MAX - 1; i++)
		json_walk_feed(&walk, SLICE_LITERAL("]"));
	json_walk_feed(&walk, SLICE_LITERAL(",\"x"));
	assert_int_equal(json_walk_pointer(&walk), 1);
	assert_true(slice_equal(walk.pointer[0], SLICE_LITERAL("2")));
	depth_of(&walk, SLOTS_DEPTH_MAX + 1);
	assert_int_equal(walk.state, JSON_LOST);
}

static void names_are_bounded(void **state)
{
	static char name[JSON_NAMES_MAX_BYTES + 1];
	struct json_walk walk;

	(void)state;
	memset(name, 'n', sizeof(name));
	for (size_t length = sizeof(name) - 2; length <= sizeof(name); length++) {
		json_walk_init(&walk);
		json_walk_feed(&walk, SLICE_LITERAL("{\"a\":{\""));
		json_walk_feed(&walk, slice_of(name, length - 1));
		json_walk_feed(&walk, SLICE_LITERAL("\":\"x"));
		assert_int_equal(json_walk_pointer(&walk), length < sizeof(name) ? 2 : -1);
		if (length < sizeof(name))
			assert_int_equal(walk.pointer[1].len, length - 1);
		json_walk_feed(&walk, SLICE_LITERAL("\",\"b\":\"x"));
		assert_int_equal(json_walk_pointer(&walk), 2);
	}
}

static void strings_are_read_as_json_reads_them(void **state)
{
	static const struct {
		const char *text;
		bool reads;
	} rows[] = {
		{"ph/k\"y", false},
		{"ph/k\\\"y", true},
		{"ph\\/k\\\"y", true},
		{"\\u0070h/k\\u0022y", true},
		{"ph/k\\u0022\\u0079", true},
		{"ph/k\\\"", false},
		{"ph/k\\\"yy", false},
		{"ph/k\\\"\\u007", false},
		{"ph/k\\\"\\u00790", false},
		{"\\ph/k\\\"y", false},
		{"ph/k\\\"\\u0179", false},
		{"ph/k\\x22y", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (json_reads_as(slice_from_text(rows[i].text), SLICE_LITERAL("ph/k\"y")) !=
		    rows[i].reads)
			fail_msg("%s", rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pointer_of_each_value_is_known),
		cmocka_unit_test(a_string_s_end_and_its_middle_are_told_apart),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(strings_are_read_as_json_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
