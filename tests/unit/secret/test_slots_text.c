/* The slot "body", and WebSocket messages as text: threats S8, S11, S31. */
#include "tests/unit/secret/slots_drive.h"

#define P SLOTS_PLACEHOLDER
#define V SLOTS_VALUE

static struct stage *make(const struct slots_test *test)
{
	return slots_text_stage(&test->owner, POLICY_SLOT_BODY);
}

static struct stage *make_message(const struct slots_test *test)
{
	return slots_text_stage(&test->owner, POLICY_SLOT_WS);
}

static void a_placeholder_stands_everywhere_as_it_is(void **state)
{
	static const struct {
		const char *text, *expected, *asked;
	} rows[] = {
		{"<p>" P "</p>" P SLOTS_OTHER, "<p>" V "</p>" V SLOTS_OTHER,
		 "KEY body; KEY body; OTHER body; "},
		{P, V, "KEY body; "},
		{"ph%2Fkey-0123456789 ph&#x2f;key-0123456789",
		 "ph%2Fkey-0123456789 ph&#x2f;key-0123456789",
		 "KEY body disguised; KEY body disguised; "},
		{"cGgva2V5\r\nLTAxMjM0NTY3ODk=", "cGgva2V5\r\nLTAxMjM0NTY3ODk=",
		 "KEY body disguised; "},
		{"nothing, ph/key-012345678", "nothing, ph/key-012345678", ""},
		{"", "", ""},
	};
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	test.no_slot = POLICY_SLOT_COUNT;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		slots_assert(&test, make, slice_from_text(rows[i].text),
			     slice_from_text(rows[i].expected), rows[i].asked);
	slots_assert(&test, make_message, SLICE_LITERAL("auth " P), SLICE_LITERAL("auth " V),
		     "KEY ws; ");
	slots_tear_down(&test);
}

static void what_is_taken_out_or_refused_is_gone(void **state)
{
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	test.no_slot = POLICY_SLOT_COUNT;
	test.verdict = test.elsewhere = SLOTS_TAKE_OUT;
	slots_assert(&test, make, SLICE_LITERAL("a" P "b ph%2Fkey-0123456789 c" P),
		     SLICE_LITERAL("ab  c"), "KEY body; KEY body disguised; KEY body; ");
	test.verdict = SLOTS_REFUSE;
	slots_assert_refused(&test, make, SLICE_LITERAL("a " P));
	test.elsewhere = SLOTS_PUT_IN;
	slots_assert_refused(&test, make, SLICE_LITERAL("a ph%2Fkey-0123456789"));
	slots_tear_down(&test);
}

static void running_out_of_memory_is_reported(void **state)
{
	struct slots_test test;
	struct slots_attempt attempt = {
		&test, make, {SLICE_LITERAL("text ph/k"), SLICE_LITERAL("ey-0123456789")}};

	(void)state;
	slots_set_up(&test);
	test.no_slot = POLICY_SLOT_COUNT;
	allocation_try_all(slots_try, &attempt, false);
	slots_tear_down(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_placeholder_stands_everywhere_as_it_is),
		cmocka_unit_test(what_is_taken_out_or_refused_is_gone),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
