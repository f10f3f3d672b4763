/* Threats S2, S5: the forms of a value. */
#include "proxy/secret/forms.h"

#include "base/base64.h"
#include "base/random.h"
#include "tests/unit/allocation.h"

static void each_form_is_what_its_encoder_writes(void **state)
{
	static const struct {
		enum form_kind kind;
		struct slice text;
	} rows[] = {
		{FORM_PLAIN, SLICE_LITERAL("Ab c?>-z")},
		{FORM_PLUS, SLICE_LITERAL("Ab+c?>-z")},
		{FORM_UPPER, SLICE_LITERAL("AB C?>-Z")},
		{FORM_LOWER, SLICE_LITERAL("ab c?>-z")},
		{FORM_REVERSED, SLICE_LITERAL("z->?c bA")},
		{FORM_BASE64_0, SLICE_LITERAL("QWIgYz8+LX")},
		{FORM_BASE64_1, SLICE_LITERAL("FiIGM/Pi16")},
		{FORM_BASE64_2, SLICE_LITERAL("BYiBjPz4te")},
		{FORM_BASE64URL_0, SLICE_LITERAL("QWIgYz8-LX")},
		{FORM_BASE64URL_1, SLICE_LITERAL("FiIGM_Pi16")},
		{FORM_BASE64URL_2, SLICE_LITERAL("BYiBjPz4te")},
		{FORM_HEX_LOWER, SLICE_LITERAL("416220633f3e2d7a")},
		{FORM_HEX_UPPER, SLICE_LITERAL("416220633F3E2D7A")},
		{FORM_UTF16LE, SLICE_LITERAL("A\0b\0 \0c\0?\0>\0-\0z\0")},
		{FORM_UTF16BE, SLICE_LITERAL("\0A\0b\0 \0c\0?\0>\0-\0z")},
	};
	const struct slice value = SLICE_LITERAL("Ab c?>-z");

	(void)state;
	_Static_assert(sizeof(rows) / sizeof(rows[0]) == FORM_KIND_COUNT, "every form has a row");
	for (size_t i = 0; i < FORM_KIND_COUNT; i++) {
		char out[64];

		assert_int_equal(rows[i].kind, i);
		assert_int_equal(form_length(rows[i].kind, value), rows[i].text.len);
		assert_int_equal(form_write(rows[i].kind, value, out), rows[i].text.len);
		if (memcmp(out, rows[i].text.ptr, rows[i].text.len) != 0)
			print_error("%zu: %.*s\n", i, (int)rows[i].text.len, out);
		assert_memory_equal(out, rows[i].text.ptr, rows[i].text.len);
	}
}

/* Whatever is around a value, its base64 is in that of the whole, and no character could be added.
 */
static void base64_is_all_that_depends_on_the_value_alone(void **state)
{
	(void)state;
	for (int round = 0; round < 2000; round++) {
		char plain[80], encoded[2][120], form[80];
		size_t before = random_below(12), len = 8 + random_below(40), end, first;
		size_t total = before + len + random_below(12), form_len;

		random_bytes(plain, sizeof(plain));
		form_len = form_write(FORM_BASE64_0 + before % 3, slice_of(plain + before, len),
				      form);
		first = (before * 8 + 5) / 6;
		end = first + form_len;
		for (int side = 0; side < 2; side++) {
			base64_encode(slice_of(plain, total), encoded[side]);
			assert_memory_equal(encoded[side] + first, form, form_len);
			random_bytes(plain, before);
			random_bytes(plain + before + len, total - before - len);
		}
		/* The digits on either side take bits of the neighbours. */
		assert_true(first == 0 || (first - 1) * 6 < before * 8);
		assert_true((end + 1) * 6 > (before + len) * 8);
	}
}

static void a_text_is_there_once(void **state)
{
	const struct slice digits = SLICE_LITERAL("0123456789");
	struct form forms[FORMS_OF_ONE_MAX];
	char memory[10 * FORMS_BYTES_FACTOR];
	size_t used, count = forms_make(digits, 7, FORMS_OF_SECRET, memory, &used, forms);

	(void)state;
	assert_true(used <= sizeof(memory));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(forms[i].owner, 7);
		assert_true(forms[i].text.len >= 8);
		assert_int_not_equal(forms[i].kind, FORM_UPPER);
		assert_int_not_equal(forms[i].kind, FORM_HEX_UPPER);
		for (size_t j = 0; j < i; j++)
			assert_false(slice_equal(forms[i].text, forms[j].text));
	}
	/* Plain, backwards, base64 and hex with and without their beginning, UTF-16. */
	assert_int_equal(count, 2 + 3 * 2 + 2 + 2);
}

static void what_is_not_asked_for_is_not_made(void **state)
{
	const struct slice value = SLICE_LITERAL("Mixed-Case-Value");
	struct form forms[FORMS_OF_ONE_MAX];
	char memory[16 * FORMS_BYTES_FACTOR];
	size_t used, count = forms_make(value, 0, FORMS_OF_PLACEHOLDER, memory, &used, forms);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_int_not_equal(forms[i].kind, FORM_UPPER);
		assert_int_not_equal(forms[i].kind, FORM_LOWER);
		assert_int_not_equal(forms[i].kind, FORM_REVERSED);
	}
	assert_int_equal(forms_make(value, 0, 0, memory, &used, forms), 0);
}

static void memory_is_enough_for_every_value(void **state)
{
	(void)state;
	for (size_t len = 8; len < 300; len++) {
		char value[300], memory[300 * FORMS_BYTES_FACTOR];
		struct form forms[FORMS_OF_ONE_MAX];
		size_t used;

		for (size_t i = 0; i < len; i++)
			value[i] = (char)(' ' + random_below(95));
		forms_make(slice_of(value, len), 0, FORMS_OF_SECRET, memory, &used, forms);
		assert_true(used <= len * FORMS_BYTES_FACTOR);
	}
}

static void what_is_not_utf8_has_no_utf16(void **state)
{
	(void)state;
	assert_int_equal(form_length(FORM_UTF16LE, SLICE_LITERAL("not\xffutf8")), 0);
	assert_int_equal(form_length(FORM_UTF16BE, SLICE_LITERAL("\xf0\x9f\x9a\xaa")), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_what_its_encoder_writes),
		cmocka_unit_test(base64_is_all_that_depends_on_the_value_alone),
		cmocka_unit_test(a_text_is_there_once),
		cmocka_unit_test(what_is_not_asked_for_is_not_made),
		cmocka_unit_test(memory_is_enough_for_every_value),
		cmocka_unit_test(what_is_not_utf8_has_no_utf16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
