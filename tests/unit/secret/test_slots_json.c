/* Slots in JSON bodies: threats S8, S11, S14, S15. */
#include "tests/unit/secret/slots_drive.h"

#define VALUE_IN_JSON "r\\\"e\\\\a&l=v %a+l\xc3\xbc"

static struct stage *make(const struct slots_test *test)
{
	return slots_json_stage(&test->owner, POLICY_SLOT_JSON);
}

static struct stage *make_message(const struct slots_test *test)
{
	return slots_json_stage(&test->owner, POLICY_SLOT_WS);
}

#define P SLOTS_PLACEHOLDER
#define V VALUE_IN_JSON

static void values_are_put_in_where_they_stand_and_nowhere_else(void **state)
{
	static const struct {
		const char *text, *expected, *asked;
	} rows[] = {
		{"{\"a\": {\"b\": [1, \"" P "\"]}}", "{\"a\": {\"b\": [1, \"" V "\"]}}",
		 "KEY json /a/b/1; "},
		{"{\"a\":\"Bearer " P ", " P "\"}", "{\"a\":\"Bearer " V ", " V "\"}",
		 "KEY json /a; KEY json /a; "},
		/* JSON's own escapes. */
		{"[\"ph\\/key-\\u00301\\u00323456789\"]", "[\"" V "\"]", "KEY json /0; "},
		{"[\"\\\\" P "\\n" P "\"]", "[\"\\\\" V "\\n" V "\"]",
		 "KEY json /0; KEY json /0; "},
		{"[\"\\" P "\", \"\\u" P "\"]", "[\"\\" P "\", \"\\u" P "\"]",
		 "KEY body disguised; KEY body; "},
		/* In a name, and outside of strings. */
		{"{\"" P "\": \"" P "\"}", "{\"" P "\": \"" V "\"}", "KEY body; KEY json /" P "; "},
		{"[" P ", \"" P "\"]", "[" P ", \"" P "\"]", "KEY body; KEY body; "},
		{"{\"a\":\"" SLOTS_OTHER "\"}", "{\"a\":\"" SLOTS_OTHER "\"}", "OTHER json /a; "},
		/* In disguise (threat S8). */
		{"[\"ph%2Fkey-0123456789\"]", "[\"ph%2Fkey-0123456789\"]",
		 "KEY json /0 disguised; "},
		{"[\"ph%252Fkey-0123456789\"]", "[\"ph%252Fkey-0123456789\"]",
		 "KEY json /0 disguised; "},
		{"[\"ph\\\\u002fkey-0123456789\"]", "[\"ph\\\\u002fkey-0123456789\"]",
		 "KEY json /0 disguised; "},
		{"[\"\\u0070h&#47;key-0123456789\"]", "[\"\\u0070h&#47;key-0123456789\"]",
		 "KEY json /0 disguised; "},
		{"[\"ph\\x2fkey-0123456789\"]", "[\"ph\\x2fkey-0123456789\"]",
		 "KEY json /0 disguised; "},
		{"[\"cGgva2V5LTAxMjM0NTY3ODk=\"]", "[\"cGgva2V5LTAxMjM0NTY3ODk=\"]",
		 "KEY json /0 disguised; "},
		{"[\"eHBoL2tleS0wMTIzNDU2Nzg5\"]", "[\"eHBoL2tleS0wMTIzNDU2Nzg5\"]",
		 "KEY json /0 disguised; "},
		{"[\"eHlwaC9rZXktMDEyMzQ1Njc4OQ==\"]", "[\"eHlwaC9rZXktMDEyMzQ1Njc4OQ==\"]",
		 "KEY json /0 disguised; "},
		/* No JSON any more: nothing stands there, but it is found. */
		{"{\"a\":\"" P "\",'b':\"" P "\"}", "{\"a\":\"" V "\",'b':\"" P "\"}",
		 "KEY json /a; KEY body; "},
		{"", "", ""},
		{"{}", "{}", ""},
	};
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		slots_assert(&test, make, slice_from_text(rows[i].text),
			     slice_from_text(rows[i].expected), rows[i].asked);
	slots_assert(&test, make_message, SLICE_LITERAL("{\"t\": \"" P "\"}"),
		     SLICE_LITERAL("{\"t\": \"" V "\"}"), "KEY ws /t; ");
	/* What is no value of JSON is text of the message. */
	slots_assert(&test, make_message, SLICE_LITERAL("{\"" P "\": auth " P "}"),
		     SLICE_LITERAL("{\"" V "\": auth " V "}"), "KEY ws; KEY ws; ");
	test.elsewhere = SLOTS_PUT_IN;
	slots_assert(&test, make, SLICE_LITERAL("{\"" P "\": auth " P "}"),
		     SLICE_LITERAL("{\"" V "\": auth " V "}"), "KEY body; KEY body; ");
	slots_tear_down(&test);
}

static void a_placeholder_in_utf16_is_in_disguise(void **state)
{
	char text[128] = "[\"", expected[128];
	size_t used = 2;
	struct slots_test test;
	struct buffer out;

	(void)state;
	slots_set_up(&test);
	for (const char *p = P; *p; p++) {
		text[used++] = *p;
		text[used++] = 0;
	}
	memcpy(expected, text, used);
	assert_int_equal(slots_run(&test, make(&test), slice_of(text, used), 1, 1, &out),
			 STAGE_END);
	assert_true(slice_equal(buffer_slice(&out), slice_of(expected, used)));
	assert_string_equal(test.asked, "KEY json /0 disguised; ");
	buffer_free(&out);
	slots_tear_down(&test);
}

static void what_is_taken_out_leaves_the_syntax_as_the_origin_sees_it(void **state)
{
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	test.verdict = test.elsewhere = SLOTS_TAKE_OUT;
	slots_assert(&test, make,
		     SLICE_LITERAL("{\"x" P "y\": [\"" P "\", \"a" P "b\"], \"" P "c\":\"" P "\"}"),
		     SLICE_LITERAL("{\"xy\": [\"\", \"ab\"], \"c\":\"\"}"),
		     "KEY body; KEY json /xy/0; KEY json /xy/1; KEY body; KEY json /c; ");
	/* A backslash before it goes with what follows it. */
	slots_assert(&test, make, SLICE_LITERAL("[\"\\" P "\\\", \"" P "\"]"),
		     SLICE_LITERAL("[\"\\\\\", \"\"]"), "KEY body disguised; KEY json /1; ");
	/* Put in where it is no string's, it is escaped all the same; nothing is known behind it.
	 */
	test.verdict = test.elsewhere = SLOTS_PUT_IN;
	slots_assert(&test, make, SLICE_LITERAL("[" P ", \"" P "\"]"),
		     SLICE_LITERAL("[" V ", \"" V "\"]"), "KEY body; KEY body; ");
	slots_assert(&test, make, SLICE_LITERAL("[" P " \"" P "\"]"),
		     SLICE_LITERAL("[" V " \"" V "\"]"), "KEY body; KEY body; ");
	/* Put into a name: it is not known any more. */
	slots_assert(&test, make, SLICE_LITERAL("{\"" P "\": \"" P "\", \"a\": \"" P "\"}"),
		     SLICE_LITERAL("{\"" V "\": \"" V "\", \"a\": \"" V "\"}"),
		     "KEY body; KEY body; KEY json /a; ");
	slots_tear_down(&test);
}

static void a_refusal_ends_the_stage(void **state)
{
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	test.verdict = SLOTS_REFUSE;
	slots_assert_refused(&test, make, SLICE_LITERAL("{\"a\": \"" P "\"}"));
	/* Nor does a judge's word put a value in where it is in disguise. */
	test.elsewhere = SLOTS_PUT_IN;
	slots_assert_refused(&test, make, SLICE_LITERAL("{\"a\": \"ph%2Fkey-0123456789\"}"));
	slots_tear_down(&test);
}

/* A body much larger than what may be held. */
static void a_large_body_streams_and_the_value_is_near_its_end(void **state)
{
	enum { ITEMS = 200000 };
	static const char item[] = "{\"id\": 1234, \"text\": \"some \\\"text\\\" ph/key-0\"},\n";
	static const char tail[] = "{\"key\": \"" P "\"}]}", rest[] = "{\"key\": \"" V "\"}]}";
	struct slots_test test;
	struct stage *stage;
	struct buffer out;
	size_t total = 0;

	(void)state;
	slots_set_up(&test);
	stage = make(&test);
	assert_non_null(stage);
	buffer_init(&out, 1 << 20);
	assert_int_equal(drive_piece(stage, SLICE_LITERAL("{\"items\": ["), false, &out),
			 STAGE_MORE);
	for (size_t i = 0; i < ITEMS; i++) {
		assert_int_equal(drive_piece(stage, SLICE_LITERAL(item), false, &out), STAGE_MORE);
		total += buffer_length(&out);
		buffer_consume(&out, buffer_length(&out));
	}
	/* Nothing is held back: all has come out. */
	assert_int_equal(total, sizeof("{\"items\": [") - 1 + ITEMS * (sizeof(item) - 1));
	assert_int_equal(drive_piece(stage, SLICE_LITERAL(tail), true, &out), STAGE_END);
	assert_true(slice_equal(buffer_slice(&out), SLICE_LITERAL(rest)));
	assert_string_equal(test.asked, "KEY json /items/200000/key; ");
	buffer_free(&out);
	stage->ops->free(stage);
	slots_tear_down(&test);
}

static void running_out_of_memory_is_reported(void **state)
{
	struct slots_test test;
	struct slots_attempt attempt = {
		&test, make, {SLICE_LITERAL("{\"a\": \"ph/k"), SLICE_LITERAL("ey-0123456789\"}")}};

	(void)state;
	slots_set_up(&test);
	allocation_try_all(slots_try, &attempt, false);
	slots_tear_down(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_put_in_where_they_stand_and_nowhere_else),
		cmocka_unit_test(a_placeholder_in_utf16_is_in_disguise),
		cmocka_unit_test(what_is_taken_out_leaves_the_syntax_as_the_origin_sees_it),
		cmocka_unit_test(a_refusal_ends_the_stage),
		cmocka_unit_test(a_large_body_streams_and_the_value_is_near_its_end),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
