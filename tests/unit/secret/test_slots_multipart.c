/* Slots in multipart forms: threats S8, S11, S15. */
#include "policy/slot.h"
#include "tests/unit/secret/slots_drive.h"

#define P	 SLOTS_PLACEHOLDER
#define V	 SLOTS_VALUE
#define N	 "\r\n"
#define PART	 "--xYz" N "Content-Disposition: form-data; name="
#define END	 N "--xYz--" N
#define KEY(...) PART "\"key\"" N __VA_ARGS__ N

static struct stage *make(const struct slots_test *test)
{
	return slots_multipart_stage(&test->owner, SLICE_LITERAL("xYz"));
}

/* Boundaries in practice begin with many dashes. */
static struct stage *make_dashes(const struct slots_test *test)
{
	return slots_multipart_stage(&test->owner, SLICE_LITERAL("----a--"));
}

static struct stage *make_overlap(const struct slots_test *test)
{
	return slots_multipart_stage(&test->owner, SLICE_LITERAL("x---y"));
}

struct row {
	const char *text, *expected, *asked;
};

static void check_rows(const struct row rows[], size_t count)
{
	struct slots_test test;

	slots_set_up(&test);
	for (size_t i = 0; i < count; i++)
		slots_assert(&test, make, slice_from_text(rows[i].text),
			     slice_from_text(rows[i].expected ? rows[i].expected : rows[i].text),
			     rows[i].asked);
	slots_tear_down(&test);
}

static void values_are_put_in_where_they_stand(void **state)
{
	static const struct row rows[] = {
		{KEY() P END, KEY() V END, "KEY form key; "},
		{KEY() "a " P " b" P N KEY() P N PART "other" N N P END,
		 KEY() "a " V " b" V N KEY() V N PART "other" N N V END,
		 "KEY form key; KEY form key; KEY form key; KEY form other; "},
		{"preamble" N KEY() P N "--xYz \t" N
					"content-disposition:FORM-data;  filename=a ;NAME=b" N
					"Content-Type: text/plain; charset=utf-8" N N P END,
		 "preamble" N KEY() V N "--xYz \t" N
					"content-disposition:FORM-data;  filename=a ;NAME=b" N
					"Content-Type: text/plain; charset=utf-8" N N P END,
		 "KEY form key; KEY body; "},
		{KEY("Content-Transfer-Encoding: 8BIT" N) P END,
		 KEY("Content-Transfer-Encoding: 8BIT" N) V END, "KEY form key; "},
		/* Not ended, or nothing at all. */
		{KEY() P, KEY() V, "KEY form key; "},
		{"", NULL, ""},
		{"--xYz--", NULL, ""},
		/* What only begins as a delimiter does. */
		{KEY() "--" N "--xY" N "\r--xy" N "-" P END,
		 KEY() "--" N "--xY" N "\r--xy" N "-" V END, "KEY form key; "},
		{KEY() END KEY() P, NULL, "KEY body; "},
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void outside_of_the_content_of_parts_nothing_stands(void **state)
{
	static const struct row rows[] = {
		{P N KEY() "x" END, NULL, "KEY body; "},
		{KEY() "x" END P, NULL, "KEY body; "},
		{KEY("X-Field: " P N) "x" END, NULL, "KEY body; "},
		{PART "\"" P "\"" N N P END, PART "\"" P "\"" N N V END,
		 "KEY body; KEY form " P "; "},
		{"--xYz " P N N "x" END, NULL, "KEY body; "},
		/* In disguise. */
		{KEY() "ph%2Fkey-0123456789 cGgva2V5" N "LTAxMjM0NTY3ODk=" END, NULL,
		 "KEY form key disguised; KEY form key disguised; "},
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void what_is_not_read_alike_everywhere_has_no_slot(void **state)
{
	static const struct row rows[] = {
		/* Of a part. */
		{"--xYz" N N P N KEY() P END, "--xYz" N N P N KEY() V END,
		 "KEY body; KEY form key; "},
		{"--xYz" N "Content-Disposition: attachment; name=key" N N P END, NULL,
		 "KEY body; "},
		{PART "key; name=other" N N P END, NULL, "KEY body; "},
		{PART "key; name*=utf-8''other" N N P END, NULL, "KEY body; "},
		{PART "key; filename*=utf-8''f" N N P END, NULL, "KEY body; "},
		{PART "\"k\\ey\"" N N P END, NULL, "KEY body; "},
		{PART "\"key" N N P END, NULL, "KEY body; "},
		{PART "key other" N N P END, NULL, "KEY body; "},
		{KEY("Content-Disposition: form-data; name=other" N) P END, NULL, "KEY body; "},
		{KEY("Content-Transfer-Encoding: base64" N) P END, NULL, "KEY body; "},
		{KEY("Content-Type: multipart/mixed; boundary=b" N) P END, NULL, "KEY body; "},
		{KEY(" folded" N) P END, NULL, "KEY body; "},
		{KEY("no field" N) P END, NULL, "KEY body; "},
		{KEY("Field : x" N) P END, NULL, "KEY body; "},
		/* Of all that follows. */
		{KEY() "x\n" KEY() P END, NULL, "KEY body; "},
		{KEY() "x\r" KEY() P END, NULL, "KEY body; "},
		{KEY() "x" KEY() P END, NULL, "KEY body; "},
		{KEY() N "--" KEY() P END, NULL, "KEY body; "},
		{KEY() N "--xYzz" N KEY() P END, NULL, "KEY body; "},
		{KEY() N "--xYz-" N KEY() P END, NULL, "KEY body; "},
		{KEY() N "--xYz --" N KEY() P END, NULL, "KEY body; "},
		{KEY() N "--xYz\n" KEY() P END, NULL, "KEY body; "},
		{KEY() N "--xYz\rx" KEY() P END, NULL, "KEY body; "},
		{"--xYz" N "Content-Disposition: form-data; name=key\n\n" P END, NULL,
		 "KEY body; "},
		{KEY("X: --xYz" N) P END, NULL, "KEY body; "},
		{KEY("--xYz" N) P END, NULL, "KEY body; "},
		{KEY("X: a\rb" N) P END, NULL, "KEY body; "},
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_boundary_may_begin_with_dashes(void **state)
{
	static const char head[] = "------a--" N "Content-Disposition: form-data; name=k" N N;
	char text[400], expected[400];
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	sprintf(text, "%s-----a--" N "------a-" N "%s" N "------a----" N, head, P);
	sprintf(expected, "%s-----a--" N "------a-" N "%s" N "------a----" N, head, V);
	slots_assert(&test, make_dashes, slice_from_text(text), slice_from_text(expected),
		     "KEY form k; ");
	/* One dash more: the boundary is in the middle of a line. */
	sprintf(text, "%s-%s%s", head, head, P);
	slots_assert(&test, make_dashes, slice_from_text(text), slice_from_text(text),
		     "KEY body; ");
	slots_tear_down(&test);
}

/* The boundary begins within what is nearly the boundary. */
static void a_boundary_may_overlap_itself(void **state)
{
	static const char part[] = "--x---y" N "Content-Disposition: form-data; name=k" N N;
	char text[400];
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	sprintf(text, "%s--x-%s%s", part, part, P);
	slots_assert(&test, make_overlap, slice_from_text(text), slice_from_text(text),
		     "KEY body; ");
	slots_tear_down(&test);
}

static void what_is_taken_out_leaves_delimiters_as_the_origin_sees_them(void **state)
{
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	test.verdict = test.elsewhere = SLOTS_TAKE_OUT;
	slots_assert(&test, make,
		     SLICE_LITERAL(KEY() "x" N "--x" P "Yz" N "Content-Disposition: form-data; na" P
					 "me=b" N N P END),
		     SLICE_LITERAL(KEY() "x" N PART "b" N N END),
		     "KEY form key; KEY body; KEY form b; ");
	test.verdict = SLOTS_REFUSE;
	slots_assert_refused(&test, make, SLICE_LITERAL(KEY() P END));
	/* Put into a head: its part is not known any more. */
	test.verdict = test.elsewhere = SLOTS_PUT_IN;
	slots_assert(&test, make, SLICE_LITERAL(KEY("X: " P N) P END),
		     SLICE_LITERAL(KEY("X: " V N) V END), "KEY body; KEY body; ");
	slots_tear_down(&test);
}

static void heads_and_names_are_bounded(void **state)
{
	static char text[SLOTS_PART_HEAD_MAX_BYTES + 200];
	static const char first[] = "--xYz" N,
			  last[] = N "Content-Disposition: form-data; name=k" N N;
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	for (size_t over = 0; over < 2; over++) {
		size_t fill = SLOTS_PART_HEAD_MAX_BYTES + over - (sizeof(last) - 1), used = 0;
		struct buffer out;

		used += (size_t)sprintf(text, "%sX:", first);
		memset(text + used, 'x', fill - 2);
		used += fill - 2;
		used += (size_t)sprintf(text + used, "%s%s", last, P);
		assert_int_equal(slots_run(&test, make(&test), slice_of(text, used), 10, 100, &out),
				 STAGE_END);
		assert_string_equal(test.asked, over ? "KEY body; " : "KEY form k; ");
		buffer_free(&out);
	}
	for (size_t length = SLOT_NAME_MAX_BYTES; length <= SLOT_NAME_MAX_BYTES + 1; length++) {
		char name[SLOT_NAME_MAX_BYTES + 2], asked[400] = "KEY body; ";
		struct buffer out;
		size_t used;

		memset(name, 'n', length);
		name[length] = 0;
		used = (size_t)sprintf(text, "%s%s" N N "%s", PART, name, P);
		if (length == SLOT_NAME_MAX_BYTES)
			sprintf(asked, "KEY form %s; ", name);
		assert_int_equal(slots_run(&test, make(&test), slice_of(text, used), 9, 7, &out),
				 STAGE_END);
		assert_string_equal(test.asked, asked);
		buffer_free(&out);
	}
	slots_tear_down(&test);
}

/* Files stream, whatever is in them. */
static void a_large_file_streams(void **state)
{
	enum { PIECES = 3000 };
	static char piece[5000];
	struct slots_test test;
	struct stage *stage;
	struct buffer out;
	size_t total = 0;

	(void)state;
	slots_set_up(&test);
	stage = make(&test);
	buffer_init(&out, 1 << 20);
	drive_piece(stage, SLICE_LITERAL(PART "f; filename=g" N N), false, &out);
	buffer_consume(&out, buffer_length(&out));
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (char)(i * i >> 3);
	piece[sizeof(piece) - 1] = 'x';
	for (size_t i = 0; i < PIECES; i++) {
		assert_int_equal(drive_piece(stage, slice_of(piece, sizeof(piece)), false, &out),
				 STAGE_MORE);
		total += buffer_length(&out);
		buffer_consume(&out, buffer_length(&out));
	}
	assert_int_equal(total, PIECES * sizeof(piece));
	drive_piece(stage, SLICE_LITERAL(N KEY() P END), true, &out);
	assert_true(slice_equal(buffer_slice(&out), SLICE_LITERAL(N KEY() V END)));
	buffer_free(&out);
	stage->ops->free(stage);
	slots_tear_down(&test);
}

static void running_out_of_memory_is_reported(void **state)
{
	struct slots_test test;
	struct slots_attempt attempt = {
		&test, make, {SLICE_LITERAL(KEY() "ph/k"), SLICE_LITERAL("ey-0123456789" END)}};

	(void)state;
	slots_set_up(&test);
	allocation_try_all(slots_try, &attempt, false);
	slots_tear_down(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_put_in_where_they_stand),
		cmocka_unit_test(outside_of_the_content_of_parts_nothing_stands),
		cmocka_unit_test(what_is_not_read_alike_everywhere_has_no_slot),
		cmocka_unit_test(a_boundary_may_begin_with_dashes),
		cmocka_unit_test(a_boundary_may_overlap_itself),
		cmocka_unit_test(what_is_taken_out_leaves_delimiters_as_the_origin_sees_them),
		cmocka_unit_test(heads_and_names_are_bounded),
		cmocka_unit_test(a_large_file_streams),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
