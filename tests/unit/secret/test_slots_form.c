/* Slots in urlencoded forms: threats S8, S11, S15. */
#include "tests/unit/secret/slots_drive.h"

#define P SLOTS_PLACEHOLDER
#define V "r%22e%5Ca%26l%3Dv%20%25a%2Bl%C3%BC"

static struct stage *make(const struct slots_test *test)
{
	return slots_form_stage(&test->owner);
}

static void values_are_put_in_where_they_stand_and_nowhere_else(void **state)
{
	static const struct {
		const char *text, *expected, *asked;
	} rows[] = {
		{"a=b&key=" P "&c=d", "a=b&key=" V "&c=d", "KEY form key; "},
		{"key=" P, "key=" V, "KEY form key; "},
		{"key=x" P "=" P, "key=x" V "=" V, "KEY form key; KEY form key; "},
		/* Percent-encoded, as forms are. */
		{"key=ph%2Fkey-0123456789", "key=" V, "KEY form key; "},
		{"key=%70h%2fkey%2D012345678%39&", "key=" V "&", "KEY form key; "},
		{"auth%5Bkey%5D=" P "&a+b%20c=" P, "auth%5Bkey%5D=" V "&a+b%20c=" V,
		 "KEY form auth[key]; KEY form a b c; "},
		{"=" P "&&" P "&a=" P, "=" V "&&" P "&a=" V, "KEY form ; KEY body; KEY form a; "},
		/* In a name. */
		{P "=" P, P "=" V, "KEY body; KEY form " P "; "},
		{"a" P, "a" P, "KEY body; "},
		/* In disguise (threat S8). */
		{"a=ph%252Fkey-0123456789", "a=ph%252Fkey-0123456789", "KEY form a disguised; "},
		{"a=ph\\/key-0123456789", "a=ph\\/key-0123456789", "KEY form a disguised; "},
		{"a=%5Cu0070h%2Fkey-0123456789", "a=%5Cu0070h%2Fkey-0123456789",
		 "KEY form a disguised; "},
		{"a=cGgva2V5LTAxMjM0NTY3ODk%3D", "a=cGgva2V5LTAxMjM0NTY3ODk%3D",
		 "KEY form a disguised; "},
		{"a=70682f6b65792d30313233343536373839", "a=70682f6b65792d30313233343536373839",
		 "KEY form a disguised; "},
		/* Some take ";" for "&": then it is another field. */
		{"key=x;other=" P "&key=" P ";x", "key=x;other=" P "&key=" V ";x",
		 "KEY body; KEY form key; "},
		{"x;key=" P, "x;key=" P, "KEY body; "},
		/* Names that are no names. */
		{"k%ey=" P "&k%e=" P "&k%=" P "&key=%" P, "k%ey=" P "&k%e=" P "&k%=" P "&key=%" P,
		 "KEY body; KEY body; KEY body; KEY form key disguised; "},
		{"", "", ""},
	};
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		slots_assert(&test, make, slice_from_text(rows[i].text),
			     slice_from_text(rows[i].expected), rows[i].asked);
	slots_tear_down(&test);
}

static void names_are_bounded(void **state)
{
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	for (size_t length = 255; length <= 257; length++) {
		char text[600], asked[300] = "KEY body; ";
		struct buffer out;
		size_t used = length;

		memset(text, 'n', length);
		used += (size_t)sprintf(text + used, "=%s", P);
		if (length < 257)
			sprintf(asked, "KEY form %.*s; ", (int)length, text);
		assert_int_equal(slots_run(&test, make(&test), slice_of(text, used), used, 1, &out),
				 STAGE_END);
		assert_string_equal(test.asked, asked);
		buffer_free(&out);
	}
	slots_tear_down(&test);
}

static void what_is_taken_out_or_refused_is_gone(void **state)
{
	struct slots_test test;

	(void)state;
	slots_set_up(&test);
	test.verdict = test.elsewhere = SLOTS_TAKE_OUT;
	slots_assert(&test, make, SLICE_LITERAL("a" P "b=" P "&c=x" P "y&" P),
		     SLICE_LITERAL("ab=&c=xy&"), "KEY body; KEY form ab; KEY form c; KEY body; ");
	test.verdict = SLOTS_REFUSE;
	slots_assert_refused(&test, make, SLICE_LITERAL("a=b&c=" P));
	test.elsewhere = SLOTS_PUT_IN;
	slots_assert_refused(&test, make, SLICE_LITERAL("a=b&c=ph%252Fkey-0123456789"));
	slots_tear_down(&test);
}

static void running_out_of_memory_is_reported(void **state)
{
	struct slots_test test;
	struct slots_attempt attempt = {
		&test, make, {SLICE_LITERAL("a=ph%2Fk"), SLICE_LITERAL("ey-0123456789")}};

	(void)state;
	slots_set_up(&test);
	allocation_try_all(slots_try, &attempt, false);
	slots_tear_down(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_put_in_where_they_stand_and_nowhere_else),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(what_is_taken_out_or_refused_is_gone),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
