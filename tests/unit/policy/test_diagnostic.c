/* Threat C11: what is shown of a policy cannot play with the terminal. */
#include "policy/diagnostic.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/allocation.h"

static void assert_rendered(const struct diagnostics *diagnostics, const char *expected)
{
	char *text = diagnostics_render(diagnostics);

	assert_string_equal(text, expected);
	free(text);
}

static void shows_the_line_and_marks_the_place(void **state)
{
	struct diagnostics d;

	(void)state;
	diagnostics_init(&d, "p.yaml", SLICE_LITERAL("one: 1\r\n\ttw\xc3\xb6: x\nthree\n"));
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){2, 6, 2, 0}, "try again",
			"wrong %s", "x");
	diagnostics_add(&d, DIAGNOSTIC_WARNING, (struct diagnostic_place){1, 1, 3, 0}, NULL, "odd");
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){0, 0, 0, 0}, NULL,
			"cannot read");
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){2, 2, 3, 0}, NULL, "first");
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){4, 1, 0, 0}, NULL, "end");
	assert_rendered(&d, "p.yaml: error: cannot read\n"
			    "p.yaml:1:1: warning: odd\n"
			    "    1 | one: 1\n"
			    "      | ^^^\n"
			    "p.yaml:2:2: error: first\n"
			    "    2 |  tw\xc3\xb6: x\n"
			    "      |  ^^^\n"
			    "p.yaml:2:6: error: wrong x\n"
			    "    2 |  tw\xc3\xb6: x\n"
			    "      |      ^^\n"
			    "      = try again\n"
			    "p.yaml:4:1: error: end\n"
			    "    4 | \n"
			    "      | ^\n");
	assert_int_equal(d.count, 5);
	assert_int_equal(d.errors, 4);
}

static void faults_are_shown_in_their_files(void **state)
{
	struct diagnostics d;

	(void)state;
	diagnostics_init(&d, "p.yaml", SLICE_LITERAL("one\n"));
	d.files[d.file_count++] = (struct diagnostic_file){
		.name = "other.yaml", .text = SLICE_LITERAL("first\nsecond\n")};
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){2, 1, 6, 1}, NULL, "b");
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){1, 1, 3, 1}, NULL, "a");
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){1, 1, 3, 0}, NULL, "a");
	assert_rendered(&d, "p.yaml:1:1: error: a\n"
			    "    1 | one\n"
			    "      | ^^^\n"
			    "other.yaml:1:1: error: a\n"
			    "    1 | first\n"
			    "      | ^^^\n"
			    "other.yaml:2:1: error: b\n"
			    "    2 | second\n"
			    "      | ^^^^^^\n");
}

static void what_is_not_visible_is_a_question_mark(void **state)
{
	struct diagnostics d;

	(void)state;
	diagnostics_init(&d, "p", SLICE_LITERAL("a\x1b[31m\xff\0\xe2\x80\xae.\n"));
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){1, 2, 1, 0},
			"\x1b[0m \xc2\x9b", "bad \x1b[1m\n\xff\x7f \xe2\x82\xac");
	assert_rendered(&d, "p:1:2: error: bad ?[1m??? \xe2\x82\xac\n"
			    "    1 | a?[31m???.\n"
			    "      |  ^\n"
			    "      = ?[0m ??\n");
}

static void a_long_line_is_shown_around_the_place(void **state)
{
	char line[1000], expected[1000];
	struct diagnostics d;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[500] = 'Y';
	diagnostics_init(&d, "p", slice_of(line, sizeof(line)));
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){1, 501, 900, 0}, NULL,
			"here");
	snprintf(expected, sizeof(expected),
		 "p:1:501: error: here\n"
		 "    1 | ...%.60sY%.29s...\n"
		 "      | %63s%.30s\n",
		 line, line, "", "^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^");
	assert_rendered(&d, expected);
}

static void the_same_fault_is_told_once(void **state)
{
	struct diagnostics d;
	struct diagnostic_place place = {1, 1, 1, 0};

	(void)state;
	diagnostics_init(&d, "p", SLICE_LITERAL("x"));
	for (int i = 0; i < 3; i++)
		diagnostics_add(&d, DIAGNOSTIC_ERROR, place, NULL, "twice");
	diagnostics_add(&d, DIAGNOSTIC_WARNING, place, NULL, "twice");
	assert_int_equal(d.count, 2);
	assert_int_equal(d.errors, 1);
}

static void errors_take_the_room_of_warnings(void **state)
{
	struct diagnostics d;
	char *text;

	(void)state;
	diagnostics_init(&d, "p", SLICE_LITERAL("x"));
	for (int i = 0; i < DIAGNOSTIC_MAX; i++)
		diagnostics_add(&d, DIAGNOSTIC_WARNING, (struct diagnostic_place){1, 1, 1, 0}, NULL,
				"warning %d", i);
	for (int i = 0; i < DIAGNOSTIC_MAX + 5; i++)
		diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){1, 1, 1, 0}, NULL,
				"error %d", i);
	assert_int_equal(d.count, DIAGNOSTIC_MAX);
	assert_int_equal(d.errors, DIAGNOSTIC_MAX + 5);
	assert_int_equal(d.dropped, DIAGNOSTIC_MAX + 5);
	text = diagnostics_render(&d);
	assert_null(strstr(text, "warning"));
	assert_non_null(strstr(text, "p: 55 more not shown\n"));
	free(text);
}

static void long_text_is_cut(void **state)
{
	char text[2000];
	struct diagnostics d;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	diagnostics_init(&d, "p", SLICE_LITERAL("x"));
	diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){0, 0, 0, 0}, text, "%s",
			text);
	assert_int_equal(strlen(d.list[0].text), DIAGNOSTIC_TEXT_BYTES - 1);
	assert_non_null(strstr(d.list[0].text, "x..."));
	assert_non_null(strstr(d.list[0].hint, "x..."));
}

static void near_words_are_found(void **state)
{
	static const char *const words[] = {"allow", "deny", "methods", "reason", "wide"};
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		{"alow", "allow"},
		{"allwo", "allow"},
		{"ALLOW", "allow"},
		{"denny", "deny"},
		{"method", "methods"},
		{"resaon", "reason"},
		{"wde", "wide"},
		{"x", NULL},
		{"", NULL},
		{"banana", NULL},
		{"al", NULL},
		{"a-word-that-is-much-longer-than-any-key-there-is", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *nearest = diagnostic_nearest(slice_from_text(rows[i].word), words, 5);

		if (rows[i].nearest)
			assert_string_equal(nearest, rows[i].nearest);
		else
			assert_null(nearest);
	}
}

static int render(void *context)
{
	char *text = diagnostics_render(context);

	free(text);
	return text ? 0 : -1;
}

static void running_out_of_memory_is_reported(void **state)
{
	struct diagnostics d;

	(void)state;
	diagnostics_init(&d, "p", SLICE_LITERAL("x"));
	for (int i = 0; i < DIAGNOSTIC_MAX; i++)
		diagnostics_add(&d, DIAGNOSTIC_ERROR, (struct diagnostic_place){1, 1, 1, 0}, "hint",
				"error %d", i);
	allocation_try_all(render, &d, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_the_line_and_marks_the_place),
		cmocka_unit_test(faults_are_shown_in_their_files),
		cmocka_unit_test(what_is_not_visible_is_a_question_mark),
		cmocka_unit_test(a_long_line_is_shown_around_the_place),
		cmocka_unit_test(the_same_fault_is_told_once),
		cmocka_unit_test(errors_take_the_room_of_warnings),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(near_words_are_found),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
