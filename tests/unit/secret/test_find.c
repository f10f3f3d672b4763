/* Threats S2, S5, S8: values found in every form and every spelling. */
#include "proxy/secret/find.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/random.h"
#include "tests/unit/allocation.h"

static struct finder *create(const struct slice values[], size_t count)
{
	struct finder *finder;
	struct error err;

	assert_int_equal(finder_create(values, count, FORMS_OF_SECRET, true, &finder, &err), 0);
	return finder;
}

static void each_way_to_spell_a_value_is_found(void **state)
{
	static const char *const texts[] = {
		"sk-A1/b+c=d_e~f",
		"sk-A1%2Fb%2Bc%3Dd_e~f",
		"sk-A1%2fb%2bc%3dd_e~f",
		"sk-A1%252Fb%252Bc%253Dd_e~f",
		"%73%6B%2D%41%31%2F%62%2B%63%3D%64%5F%65%7E%66",
		"%2573%256B%252D%2541%2531%252F%2562%252B%2563%253D%2564%255F%2565%257E%2566",
		"sk-A1\\/b+c=d_e~f",
		"sk\\-A1/b+c=d\\_e~f",
		"\\u0073k-A1/b\\u002bc\\u003Dd_e~f",
		"\\\\u0073k-A1/b+c=d_e~f",
		"\\x73k-A1/b+c=d_e~\\u{66}",
		"%u0073k-A1/b+c=d_e~f",
		"sk-A1\\\\%2Fb+c=d_e~f",
		"sk-A1\\\\&#47;b+c=d_e~f",
		"sk-A1\\\\\\/b+c=d_e~f",
		"sk-A1/b+c\\\\\\u0075003dd_e~f",
		"%73k-A1\\\\%2Fb+c=d_e~f",
		"sk-A1&#47;b&#43;c&#61;d_e~f",
		"sk-A1&#x2F;b&#x2B;c&#x3d;d_e~f",
		"sk-A1&sol;b&plus;c&equals;d&lowbar;e~f",
		"sk-A1&amp;#47;b+c=d_e~f",
		"sk-A1&#0000047b+c=d_e~f",
		"SK-A1/B+C=D_E~F",
		"sk-a1/b+c=d_e~f",
		"f~e_d=c+b/1A-ks",
		"c2stQTEvYitjPWRfZX5m",
		"eHNrLUExL2IrYz1kX2V+Zg==",
		"eHlzay1BMS9iK2M9ZF9lfmY=",
		"eHNrLUExL2IrYz1kX2V-Zg",
		"c2stQTEvYit\njPWRfZX5m",
		"c2st\r\nQTEvYitjPWRfZX5m",
		"c2stQTEvYit\\njPWRfZX5m",
		"c2stQTEvYit%0D%0AjPWRfZX5m",
		"c2st\rQTEvYitjPWRfZX5m",
		"c2st\r\\nQTEvYitjPWRfZX5m",
		"c2stQTEvYit\r%0AjPWRfZX5m",
		"736b2d41312f622b633d645f657e66",
		"736B2D41312F622B633D645F657E66",
		"73\n6b2d41312f622b633d645f657e66",
		"736b2d41312f\n622b633d645f657e66",
	};
	const struct slice value = SLICE_LITERAL("sk-A1/b+c=d_e~f");
	struct finder *finder = create(&value, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct find_hit hit;

		if (!finder_find(finder, slice_from_text(texts[i]), 0, true, &hit))
			fail_msg("not found: %s", texts[i]);
		assert_int_equal(hit.form->owner, 0);
	}
	finder_free(finder);
}

/* Nobody writes so; and how much is held back depends on it. */
static void a_character_spelled_at_too_great_length_is_not_read(void **state)
{
	static const char *const befores[] = {"c2stQTEv", "c2stQTEv\n", "%63%32stQTEv"};
	const struct slice value = SLICE_LITERAL("sk-A1/b+c=d_e~f");
	struct finder *finder = create(&value, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(befores) / sizeof(befores[0]); i++) {
		static const char inner[] = "\\u{00000059}";
		char text[256];
		struct find_hit hit;
		size_t used = (size_t)sprintf(text, "%s", befores[i]);

		for (size_t k = 0; k < sizeof(inner) - 1; k++)
			used += (size_t)sprintf(text + used, "&#x%08x;", inner[k]);
		used += (size_t)sprintf(text + used, "itjPWRfZX5m");
		assert_true(used - strlen(befores[i]) > ESCAPE_UNIT_MAX_BYTES);
		assert_false(finder_find(finder, slice_of(text, used), 0, true, &hit));
	}
	finder_free(finder);
}

static void utf16_and_spaces_are_found(void **state)
{
	const struct slice value = SLICE_LITERAL("zwei W\xc3\xb6rter \xf0\x9f\x9a\xaa");
	static const struct slice texts[] = {
		SLICE_LITERAL("zwei+W%C3%B6rter+%F0%9F%9A%AA"),
		SLICE_LITERAL("zwei W\\u00f6rter \\ud83d\\udeaa"),
		SLICE_LITERAL("zwei W&#246;rter &#x1F6aa;"),
		SLICE_LITERAL("z\0w\0e\0i\0 \0W\0\xf6\0r\0t\0e\0r\0 \0\x3d\xd8\xaa\xde"),
		SLICE_LITERAL("\0z\0w\0e\0i\0 \0W\0\xf6\0r\0t\0e\0r\0 \xd8\x3d\xde\xaa"),
		SLICE_LITERAL("z\\u0000w\\u0000e\0i\0 \0W\0\xf6\0r\0t\0e\0r\0 \0\x3d\xd8\xaa\xde"),
	};
	struct finder *finder = create(&value, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct find_hit hit;

		assert_true(finder_find(finder, texts[i], 0, true, &hit));
		assert_int_equal(hit.start, 0);
		assert_int_equal(hit.length, texts[i].len);
	}
	finder_free(finder);
}

static void base64_is_found_at_every_place_in_a_text(void **state)
{
	const struct slice value = SLICE_LITERAL("sk-A1?b>c=d_e~f");
	struct finder *finder = create(&value, 1);
	char plain[64], encoded[128];

	(void)state;
	for (size_t before = 0; before < 9; before++) {
		for (size_t behind = 0; behind < 9; behind++) {
			size_t len = before + value.len + behind;
			struct find_hit hit;

			memset(plain, 'x', sizeof(plain));
			memcpy(plain + before, value.ptr, value.len);
			len = base64_encode(slice_of(plain, len), encoded);
			assert_true(finder_find(finder, slice_of(encoded, len), 0, true, &hit));
			assert_in_range(hit.start, before * 8 / 6, before * 8 / 6 + 1);
			assert_in_range(hit.length, 19, 20);
		}
	}
	finder_free(finder);
}

static size_t spell(char c, char *out)
{
	return (size_t)sprintf(out, "\\u%04X", (unsigned int)(unsigned char)c);
}

static void long_values_are_found_whole(void **state)
{
	static char value[5000], text[sizeof(value) * 6 + 100];
	const struct slice values[] = {{value, sizeof(value)}, {value, 70}, {value + 1000, 64}};
	struct finder *finder;
	struct find_hit hit;
	size_t used = 10;

	(void)state;
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)('a' + random_below(26));
	finder = create(values, 3);
	/* Plain, and with its last character spelled. */
	memset(text, '-', sizeof(text));
	memcpy(text + used, value, sizeof(value));
	assert_true(finder_find(finder, slice_of(text, sizeof(text)), 0, true, &hit));
	assert_int_equal(hit.start, used);
	assert_int_equal(hit.length, sizeof(value));
	assert_int_equal(finder_partial(finder, slice_of(text, used + sizeof(value) - 1)),
			 sizeof(value) - 1);
	spell(value[sizeof(value) - 1], text + used + sizeof(value) - 1);
	assert_true(finder_find(finder, slice_of(text, sizeof(text)), 0, true, &hit));
	assert_int_equal(hit.length, sizeof(value) + 5);
	for (size_t cut = 1; cut < 6; cut++)
		assert_int_equal(
			finder_partial(finder, slice_of(text, used + sizeof(value) - 1 + cut)),
			sizeof(value) - 1 + cut);
	/* All of it spelled. */
	for (size_t i = 0; i < sizeof(value); i++)
		used += spell(value[i], text + used);
	assert_true(finder_find(finder, slice_of(text, used), 0, true, &hit));
	assert_int_equal(hit.length, sizeof(value) * 6);
	/* It is not there whole: the shorter ones are found. */
	memset(text, '-', sizeof(text));
	memcpy(text, value, sizeof(value) - 1);
	assert_true(finder_find(finder, slice_of(text, sizeof(text)), 0, true, &hit));
	assert_int_equal(hit.length, 70);
	assert_int_equal(hit.start, 0);
	assert_true(finder_find(finder, slice_of(text, sizeof(text)), 1, true, &hit));
	assert_int_equal(hit.start, 1000);
	finder_free(finder);
}

static void little_is_held_back(void **state)
{
	static const struct {
		const char *text;
		size_t partial;
	} rows[] = {
		{"some text that ends in a line\n", 0},
		{"data: {\"a\": \"b\"}\n\n", 0},
		{"data: X\n\n", 0},
		{"data: X\r\n\r\n", 0},
		{"ends in X", 1},
		{"ends in XXs", 3},
		{"ends in X!", 0},
		{"a % sign, and &", 1},
		{"a \\", 1},
		{"a \\n", 0},
		{"a & b &c=", 0},
		{"a%5", 2},
		{"a%58", 3},
		{"a%58X", 4},
		{"XX%5", 4},
		{"%58X-", 0},
	};
	const struct slice value = SLICE_LITERAL("XXsecret-value");
	struct finder *finder = create(&value, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t partial = finder_partial(finder, slice_from_text(rows[i].text));

		if (partial != rows[i].partial)
			fail_msg("%s: %zu", rows[i].text, partial);
	}
	finder_free(finder);
}

static void values_out_of_bounds_are_refused(void **state)
{
	static char bytes[FIND_VALUE_MAX_BYTES + 1];
	struct slice values[FIND_VALUES_MAX + 1];
	struct finder *finder;
	struct error err;

	(void)state;
	values[0] = slice_of(bytes, FIND_VALUE_MIN_BYTES - 1);
	assert_int_equal(finder_create(values, 1, FORMS_OF_SECRET, false, &finder, &err),
			 ERROR_LIMIT);
	values[0] = slice_of(bytes, sizeof(bytes));
	assert_int_equal(finder_create(values, 1, FORMS_OF_SECRET, false, &finder, &err),
			 ERROR_LIMIT);
	for (size_t i = 0; i <= FIND_VALUES_MAX; i++)
		values[i] = slice_of(bytes, 8);
	assert_int_equal(
		finder_create(values, FIND_VALUES_MAX + 1, FORMS_OF_SECRET, false, &finder, &err),
		ERROR_LIMIT);
}

static void nothing_is_found_without_values(void **state)
{
	struct finder *finder = create(NULL, 0);
	struct find_hit hit;

	(void)state;
	assert_false(
		finder_find(finder, SLICE_LITERAL("some text%41\n, long enough"), 0, true, &hit));
	assert_int_equal(finder_partial(finder, SLICE_LITERAL("some text%4")), 0);
	finder_free(finder);
}

static int create_once(void *context)
{
	const struct slice value = SLICE_LITERAL("0123456789");
	struct finder *finder = NULL;
	int rc = finder_create(&value, 1, FORMS_OF_SECRET, *(bool *)context, &finder, NULL);

	if (rc == 0)
		finder_free(finder);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	bool secret = false;

	(void)state;
	allocation_try_all(create_once, &secret, false);
	secret = true;
	allocation_try_all(create_once, &secret, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_to_spell_a_value_is_found),
		cmocka_unit_test(a_character_spelled_at_too_great_length_is_not_read),
		cmocka_unit_test(utf16_and_spaces_are_found),
		cmocka_unit_test(base64_is_found_at_every_place_in_a_text),
		cmocka_unit_test(long_values_are_found_whole),
		cmocka_unit_test(little_is_held_back),
		cmocka_unit_test(values_out_of_bounds_are_refused),
		cmocka_unit_test(nothing_is_found_without_values),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
