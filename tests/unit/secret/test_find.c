/* Threats S2, S5, S8: values found in every form and every spelling. */
#include "proxy/secret/find.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/random.h"
#include "tests/unit/allocation.h"

static const struct escape_reading readings[] = {
	{ESCAPE_NONE, 0},      {ESCAPE_PERCENT, 1},   {ESCAPE_PERCENT, 2},
	{ESCAPE_BACKSLASH, 1}, {ESCAPE_BACKSLASH, 2}, {ESCAPE_ENTITY, 1},
	{ESCAPE_ENTITY, 2},    {ESCAPE_ALL, 1},	      {ESCAPE_ALL, 2},
};

static struct finder *create(const struct slice values[], size_t count)
{
	struct finder *finder;
	struct error err;

	assert_int_equal(finder_create(values, count, FORMS_OF_SECRET, true, &finder, &err), 0);
	return finder;
}

/* Whether FORM is at START, its first K characters plain and the others as one reader sees them: 1
 * with its length, 0, or -1 when the text ends too early to say. */
static int match_simply(const struct form *form, size_t k, struct slice text, size_t start,
			bool whole, struct escape_reading reading, size_t *length)
{
	size_t at = start + k;
	char last = 0;

	while (k < form->text.len) {
		struct escape_unit unit;
		size_t n = escape_read(reading, text, at, whole, &unit);
		char c = unit.bytes[0];

		if (n == 0)
			return whole ? 0 : -1;
		if (n > ESCAPE_UNIT_MAX_BYTES)
			return 0;
		at += n;
		if (form->breaks && k >= FIND_BREAK_MIN_BYTES && unit.count == 1 &&
		    ((c == '\r' && last == 0) || (c == '\n' && last != '\n'))) {
			last = c;
			continue;
		}
		if (unit.count > form->text.len - k ||
		    memcmp(unit.bytes, form->text.ptr + k, unit.count) != 0)
			return 0;
		k += unit.count;
		last = 0;
	}
	*length = at - start;
	return 1;
}

/* The same for every K and every reader: the longest. */
static int match_somehow(const struct form *form, struct slice text, size_t start, bool whole,
			 size_t *longest)
{
	struct slice rest = slice_from(text, start);
	int found = 0;

	for (size_t k = 0;
	     k <= form->text.len && slice_starts_with(rest, slice_first(form->text, k)); k++) {
		for (size_t j = 0; j < sizeof(readings) / sizeof(readings[0]); j++) {
			size_t length = 0;
			int rc = match_simply(form, k, text, start, whole, readings[j], &length);

			if (rc == 1 && length > *longest)
				*longest = length;
			if (rc && found >= 0)
				found = rc;
		}
	}
	return found;
}

static bool find_simply(const struct finder *finder, struct slice text, size_t from, bool whole,
			size_t *start, size_t *length)
{
	for (*start = from; *start < text.len; (*start)++) {
		*length = 0;
		for (size_t i = 0; i < finder_count(finder); i++)
			match_somehow(finder_form(finder, i), text, *start, whole, length);
		if (*length)
			return true;
	}
	return false;
}

static size_t partial_simply(const struct finder *finder, struct slice text)
{
	for (size_t start = 0; start < text.len; start++) {
		for (size_t i = 0; i < finder_count(finder); i++) {
			size_t length = 0;

			if (match_somehow(finder_form(finder, i), text, start, false, &length) < 0)
				return text.len - start;
		}
	}
	return 0;
}

/* One look says the same as two. */
static void compare_look(const struct finder *finder, struct slice text)
{
	struct find_hit hit, other;
	size_t partial;
	bool found = finder_look(finder, text, &hit, &partial);

	assert_int_equal(found, finder_find(finder, text, 0, false, &other));
	if (found) {
		assert_int_equal(hit.start, other.start);
		assert_int_equal(hit.length, other.length);
	} else {
		assert_int_equal(partial, finder_partial(finder, text));
	}
}

static void compare(const struct finder *finder, struct slice text, bool whole)
{
	size_t at = 0;

	for (;;) {
		struct find_hit hit;
		size_t start, length;
		bool found = finder_find(finder, text, at, whole, &hit);

		bool simply = find_simply(finder, text, at, whole, &start, &length);
		assert_int_equal(found, simply);
		if (!found)
			break;
		assert_int_equal(hit.start, start);
		assert_int_equal(hit.length, length);
		assert_ptr_equal(hit.form, finder_form(finder, hit.index));
		at = hit.start + 1;
	}
	assert_true(finder_partial(finder, text) >= partial_simply(finder, text));
	compare_look(finder, text);
}

/* Writes C to OUT in a way drawn by lot. */
static size_t spell(char c, unsigned int how, char *out)
{
	unsigned int u = (unsigned char)c;
	char inner[16];

	switch (how) {
	case 0:
		return (size_t)sprintf(out, "%%%02x", u);
	case 1:
		return (size_t)sprintf(out, "\\u%04X", u);
	case 2:
		return (size_t)sprintf(out, "&#%u;", u);
	case 3:
		return (size_t)sprintf(out, "&#x%x", u);
	case 4:
		return (size_t)sprintf(out, "%%25%02X", u);
	case 5:
		return (size_t)sprintf(out, "\\\\u%04x", u);
	case 6:
		return (size_t)sprintf(out, "&amp;#%u;", u);
	case 7:
		sprintf(inner, "%%%02x", u);
		return (size_t)sprintf(out, "%%%02x%%%02x%%%02x", inner[0], inner[1], inner[2]);
	case 8:
		return (size_t)sprintf(out, "\\n%c", c);
	case 9:
		return (size_t)sprintf(out, "\r\n%c", c);
	default:
		out[0] = c;
		return 1;
	}
}

static size_t add_form(const struct finder *finder, char *out)
{
	size_t i = random_below((uint32_t)finder_count(finder)), used = 0;
	struct slice text = finder_form(finder, i)->text;
	unsigned int most = 11 + random_below(60);

	/* Now and then it is not whole. */
	if (random_below(4) == 0)
		text.len -= 1 + random_below((uint32_t)text.len - 1);
	for (size_t k = 0; k < text.len; k++)
		used += spell(text.ptr[k], random_below(most), out + used);
	return used;
}

static void agrees_with_a_simple_search(void **state)
{
	static const char alphabet[] = "ab%&\\;#12u0x5c\n\r";

	(void)state;
	for (int round = 0; round < 400; round++) {
		static char text[1 << 16];
		char bytes[3][128];
		struct slice values[3];
		struct finder *finder;
		size_t used = 0, count = 1 + random_below(3);
		unsigned int letters = random_below(4) ? 2 : sizeof(alphabet) - 1;

		for (size_t i = 0; i < count; i++) {
			size_t len = FIND_VALUE_MIN_BYTES + random_below(round % 10 ? 8 : 100);

			for (size_t k = 0; k < len; k++)
				bytes[i][k] = alphabet[random_below(letters)];
			values[i] = slice_of(bytes[i], len);
		}
		finder = create(values, count);
		while (used < 300) {
			if (random_below(3))
				text[used++] = alphabet[random_below(sizeof(alphabet) - 1)];
			else
				used += add_form(finder, text + used);
		}
		compare(finder, slice_of(text, used), round % 2);
		finder_free(finder);
	}
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
	spell(value[sizeof(value) - 1], 1, text + used + sizeof(value) - 1);
	assert_true(finder_find(finder, slice_of(text, sizeof(text)), 0, true, &hit));
	assert_int_equal(hit.length, sizeof(value) + 5);
	for (size_t cut = 1; cut < 6; cut++)
		assert_int_equal(
			finder_partial(finder, slice_of(text, used + sizeof(value) - 1 + cut)),
			sizeof(value) - 1 + cut);
	/* All of it spelled. */
	for (size_t i = 0; i < sizeof(value); i++)
		used += spell(value[i], 1, text + used);
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
		cmocka_unit_test(utf16_and_spaces_are_found),
		cmocka_unit_test(base64_is_found_at_every_place_in_a_text),
		cmocka_unit_test(long_values_are_found_whole),
		cmocka_unit_test(little_is_held_back),
		cmocka_unit_test(agrees_with_a_simple_search),
		cmocka_unit_test(values_out_of_bounds_are_refused),
		cmocka_unit_test(nothing_is_found_without_values),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
