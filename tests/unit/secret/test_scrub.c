/* Threats S1 to S5: a secret does not come back, in whatever form, wherever the text is cut. */
#include "proxy/secret/scrub.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/random.h"
#include "tests/unit/allocation.h"
#include "tests/unit/secret/stage_drive.h"

enum { TEXT_BYTES = 4096 };

static struct scrubber *create(const struct scrub_item items[], size_t count)
{
	struct scrubber *scrubber;
	struct error err;

	assert_int_equal(scrubber_create(items, count, &scrubber, &err), 0);
	return scrubber;
}

static struct finder *find_values(const struct scrub_item items[], size_t count)
{
	struct slice values[16];
	struct finder *finder;

	for (size_t i = 0; i < count; i++)
		values[i] = items[i].value;
	assert_int_equal(finder_create(values, count, FORMS_OF_SECRET, false, &finder, NULL), 0);
	return finder;
}

static uint64_t scrub(const struct scrubber *scrubber, struct slice text, size_t first, size_t cut,
		      bool after, struct buffer *out)
{
	uint64_t count = 0;
	struct stage *stage = scrub_stage(scrubber, &count);

	assert_non_null(stage);
	buffer_init(out, 1 << 24);
	assert_int_equal(drive(stage, text, first, cut, after, out), STAGE_END);
	stage->ops->free(stage);
	return count;
}

/* However TEXT is cut, the same comes out, and it holds no form of a secret. */
static void assert_scrubbed(const struct scrubber *scrubber, const struct finder *finder,
			    struct slice text, const char *expected)
{
	struct arena arena;
	struct slice whole;
	struct find_hit hit;
	uint64_t count = 0;

	arena_init(&arena, 1 << 20);
	whole = scrub_text(scrubber, text, &arena, &count);
	if (count == 0)
		fail_msg("not found: %.*s", SLICE_ARGS(text));
	if (expected && !slice_equal(whole, slice_from_text(expected)))
		fail_msg("%.*s: %.*s", SLICE_ARGS(text), SLICE_ARGS(whole));
	if (finder_find(finder, whole, 0, true, &hit))
		fail_msg("%.*s: %.*s", SLICE_ARGS(text), SLICE_ARGS(whole));
	if (scrubber_keeps_length(scrubber))
		assert_int_equal(whole.len, text.len);
	for (size_t cut = 0; cut <= text.len; cut++) {
		struct buffer out;
		size_t first = cut ? cut : 1, then = cut ? text.len : 1;

		assert_int_equal(scrub(scrubber, text, first, then, cut % 2, &out), count);
		if (!slice_equal(buffer_slice(&out), whole))
			fail_msg("%.*s cut at %zu: %.*s", SLICE_ARGS(text), cut,
				 SLICE_ARGS(buffer_slice(&out)));
		buffer_free(&out);
	}
	arena_free(&arena);
}

/* ENCODING of VALUE with BEFORE and BEHIND around it. */
static size_t spell_all(const char *format, struct slice value, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < value.len; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		used += (size_t)sprintf(out + used, format, (unsigned char)value.ptr[i],
					(unsigned char)value.ptr[i]);
#pragma GCC diagnostic pop
	}
	return used;
}

/* Only what is no letter or digit. */
static size_t spell_marks(const char *format, struct slice value, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (ascii_is_alnum(value.ptr[i]))
			out[used++] = value.ptr[i];
		else
			used += spell_all(format, slice_of(value.ptr + i, 1), out + used);
	}
	return used;
}

/* Every third character. */
static size_t spell_some(const char *format, struct slice value, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (i % 3)
			out[used++] = value.ptr[i];
		else
			used += spell_all(format, slice_of(value.ptr + i, 1), out + used);
	}
	return used;
}

static size_t as_form(enum form_kind kind, struct slice value, char *out)
{
	return form_write(kind, value, out);
}

static size_t in_lines(enum form_kind kind, struct slice value, const char *line_break, char *out)
{
	char form[TEXT_BYTES];
	size_t len = form_write(kind, value, form), used = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && i % 7 == 0)
			used += (size_t)sprintf(out + used, "%s", line_break);
		out[used++] = form[i];
	}
	return used;
}

static const char *const formats[] = {
	"%%%02x",    "%%%02X",	   "%%25%02x",	  "%%25%02X",	 "%%u%04x",	"\\u%04x",
	"\\u%04X",   "\\\\u%04x",  "\\x%02x",	  "\\u{%x}",	 "&#%u;",	"&#x%x;",
	"&#X%X;",    "&#%07u;",	   "&amp;#%u;",	  "%%26%%23%u;", "\\u0025%02x", "%%5Cu%04x",
	"&#37;%02x", "&#92;u%04x", "\\u0026#%u;", "\\%c",	 "\\\\u%04X",
};

/* Which of the ways to write all, some, or the marks; false: there are no more. */
static bool encode(size_t which, struct slice value, char *out, size_t *len)
{
	static const char *const breaks[] = {"\n",  "\r\n",   "\\n",  "\\r\\n",
					     "%0A", "%0d%0a", "&#10;"};
	const size_t formats_count = sizeof(formats) / sizeof(formats[0]);
	const size_t breaks_count = sizeof(breaks) / sizeof(breaks[0]);
	const char *format;

	if (which < FORM_KIND_COUNT) {
		*len = as_form((enum form_kind)which, value, out);
		return true;
	}
	which -= FORM_KIND_COUNT;
	if (which < breaks_count * 2) {
		*len = in_lines(which % 2 ? FORM_BASE64_0 : FORM_HEX_LOWER, value,
				breaks[which / 2], out);
		return true;
	}
	which -= breaks_count * 2;
	if (which >= formats_count * 3)
		return false;
	format = formats[which / 3];
	/* A letter behind a backslash is another character. */
	if (strcmp(format, "\\%c") == 0)
		*len = spell_marks(format, value, out);
	else if (which % 3 == 0)
		*len = spell_all(format, value, out);
	else if (which % 3 == 1)
		*len = spell_some(format, value, out);
	else
		*len = spell_marks(format, value, out);
	return true;
}

static void no_form_comes_back_at_any_offset_however_it_is_cut(void **state)
{
	static const struct scrub_item items[] = {
		{SLICE_LITERAL("sk-T3st/with+all=kinds_of~it"),
		 SLICE_LITERAL("sk-pl4ceholder-0123456789abc")},
	};
	struct scrubber *scrubber = create(items, 1);
	struct finder *finder = find_values(items, 1);
	size_t len = 0, count;

	(void)state;
	assert_true(scrubber_keeps_length(scrubber));
	for (count = 0;; count++) {
		char encoded[TEXT_BYTES];

		if (!encode(count, items[0].value, encoded, &len))
			break;
		for (size_t offset = 0; offset < 4; offset += 3) {
			char text[TEXT_BYTES] = "{\"a\": ";

			memcpy(text + offset, encoded, len);
			memcpy(text + offset + len, " \"b\"}", 5);
			if (len)
				assert_scrubbed(scrubber, finder, slice_of(text, offset + len + 5),
						NULL);
		}
	}
	assert_true(count >= 40);
	finder_free(finder);
	scrubber_free(scrubber);
}

static void what_stands_there_instead_is_the_placeholder_in_the_same_form(void **state)
{
	static const struct scrub_item items[] = {
		{SLICE_LITERAL("sk/abcdef"), SLICE_LITERAL("ph-012345")},
	};
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"sk/abcdef", "ph-012345"},
		{"x sk/abcdef y sk/abcdef z", "x ph-012345 y ph-012345 z"},
		{"SK/ABCDEF", "PH-012345"},
		{"fedcba/ks", "543210-hp"},
		{"sk%2Fabcdef", "ph%2D012345"},
		{"%73%6b%2f%61%62%63%64%65%66", "%70%68%2D%30%31%32%33%34%35"},
		{"sk%252Fabcdef", "ph%252D012345"},
		{"s\\u006b/abcdef", "p\\u0068-012345"},
		{"&#x73;k/abcdef", "&#x70;h-012345"},
		{"&#115;k/abcdef", "&#112;h-012345"},
		{"sk&sol;abcdef", "ph&#45;012345"},
		{"sk\\/abcdef", "**********"},
		{"736b2f616263646566", "70682d303132333435"},
		{"736B2F616263646566", "70682D303132333435"},
		{"c2svYWJjZGVm", "cGgtMDEyMzQ1"},
		{"eHNrL2FiY2RlZg==", "eHBoLTAxMjM0Ng=="},
		{"c2svYWJj\nZGVm", "cGgtMDEy\nMzQ1"},
		{"sk/abcdeF", "sk/abcdeF"},
	};
	struct scrubber *scrubber = create(items, 1);
	struct finder *finder = find_values(items, 1);

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(rows) / sizeof(rows[0]); i++)
		assert_scrubbed(scrubber, finder, slice_from_text(rows[i].text), rows[i].expected);
	finder_free(finder);
	scrubber_free(scrubber);
}

static void a_placeholder_of_another_length_changes_the_text_s(void **state)
{
	static const struct scrub_item items[] = {
		{SLICE_LITERAL("sk/abcdef"), SLICE_LITERAL("placeholder-0123")},
		{SLICE_LITERAL("a-longer-secret-value"), SLICE_LITERAL("ph-56789")},
	};
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"<sk/abcdef>", "<placeholder-0123>"},
		{"<sk%2Fabcdef>", "<pl%61ceholder-0123>"},
		{"<sk\\/abcdef>", "<placeholder-0123>"},
		{"<%73%6B%2F%61%62%63%64%65%66>",
		 "<%70%6C%61%63%65%68%6F%6C%64%65%72%2D%30%31%32%33>"},
		{"<a-longer-secret-value>", "<ph-56789>"},
		{"<c2svYWJjZGVm>", "<cGxhY2Vob2xk>"},
		{"<612d6c6f6e6765722d7365637265742d76616c7565>", "<70682d3536373839>"},
	};
	struct scrubber *scrubber = create(items, 2);
	struct finder *finder = find_values(items, 2);

	(void)state;
	assert_false(scrubber_keeps_length(scrubber));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_scrubbed(scrubber, finder, slice_from_text(rows[i].text), rows[i].expected);
	finder_free(finder);
	scrubber_free(scrubber);
}

static void secrets_that_overlap_go_altogether(void **state)
{
	static const struct scrub_item items[] = {
		{SLICE_LITERAL("prefix-of-another"), SLICE_LITERAL("AAAAAAAAAAAAAAAAA")},
		{SLICE_LITERAL("prefix-of-another-and-more"),
		 SLICE_LITERAL("BBBBBBBBBBBBBBBBBBBBBBBBBB")},
		{SLICE_LITERAL("another-and-more-still"), SLICE_LITERAL("CCCCCCCCCCCCCCCCCCCCCC")},
		{SLICE_LITERAL("-and-more"), SLICE_LITERAL("DDDDDDDDD")},
		/* The hex of another. */
		{SLICE_LITERAL("7072656669782d6f662d616e6f74686572"),
		 SLICE_LITERAL("EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE")},
	};
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"(prefix-of-another)", "(AAAAAAAAAAAAAAAAA)"},
		{"(prefix-of-another-and-more)", "(BBBBBBBBBBBBBBBBBBBBBBBBBB)"},
		{"(prefix-of-another-and-mor)", "(AAAAAAAAAAAAAAAAA-and-mor)"},
		{"(prefix-of-another-and-more-still)", "(BBBBBBBBBBBBBBBBBBBBBBBBBB******)"},
		{"(another-and-more)", "(anotherDDDDDDDDD)"},
		{"(another-and-more-still)", "(CCCCCCCCCCCCCCCCCCCCCC)"},
		{"(prefix-of-anotherprefix-of-another)", "(AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA)"},
		{"(prefix-of-another\\u002dand-more)", "(BBBBBBBBBBBBBBBBB\\u0042BBBBBBBB)"},
	};
	struct scrubber *scrubber = create(items, 5);
	struct finder *finder = find_values(items, 5);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_scrubbed(scrubber, finder, slice_from_text(rows[i].text), rows[i].expected);
	assert_scrubbed(scrubber, finder, items[4].value, NULL);
	finder_free(finder);
	scrubber_free(scrubber);
}

static void any_mixture_comes_out_without_a_secret(void **state)
{
	/* No placeholder and no neighbour has the secrets' letters, so that none is made anew. */
	static const struct scrub_item items[] = {
		{SLICE_LITERAL("aabbaabbab"), SLICE_LITERAL("0000000000")},
		{SLICE_LITERAL("bbaabbabba"), SLICE_LITERAL("1111111111")},
		{SLICE_LITERAL("abababababababab"), SLICE_LITERAL("2222222222222222")},
		{SLICE_LITERAL("b/a+b%ab\\a&b;"), SLICE_LITERAL("3333333333333")},
	};
	struct scrubber *scrubber = create(items, 4);
	struct finder *finder = find_values(items, 4);

	(void)state;
	for (int round = 0; round < 1000; round++) {
		char text[TEXT_BYTES * 2];
		size_t used = 0, len;
		struct find_hit hit;
		struct buffer out, other;

		while (used < 200) {
			struct slice value = items[random_below(4)].value;
			size_t which = random_below(120);

			if (random_below(2) || !encode(which, value, text + used, &len)) {
				text[used++] = "ab.%\\&2"[random_below(7)];
				continue;
			}
			used += len - (random_below(3) ? 0 : len / 3);
		}
		scrub(scrubber, slice_of(text, used), used, 1, false, &out);
		scrub(scrubber, slice_of(text, used), 1, 1 + random_below(20), true, &other);
		assert_true(slice_equal(buffer_slice(&out), buffer_slice(&other)));
		assert_int_equal(buffer_length(&out), used);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(slice_find(buffer_slice(&out), items[i].value), used);
		if (finder_find(finder, buffer_slice(&out), 0, true, &hit))
			fail_msg("%.*s\n%.*s at %zu", (int)used, text,
				 SLICE_ARGS(buffer_slice(&out)), hit.start);
		buffer_free(&out);
		buffer_free(&other);
	}
	finder_free(finder);
	scrubber_free(scrubber);
}

static void what_cannot_be_a_secret_is_not_held_back(void **state)
{
	static const struct scrub_item items[] = {
		{SLICE_LITERAL("sk-0123456789"), SLICE_LITERAL("ph-0123456789")}};
	struct scrubber *scrubber = create(items, 1);
	uint64_t count = 0;
	struct stage *stage = scrub_stage(scrubber, &count);
	struct buffer out;

	(void)state;
	buffer_init(&out, 1 << 20);
	assert_int_equal(
		drive_piece(stage, SLICE_LITERAL("data: {\"text\":\"sk\"}\n\n"), false, &out),
		STAGE_MORE);
	assert_int_equal(buffer_length(&out), 21);
	drive_piece(stage, SLICE_LITERAL("and sk-01"), false, &out);
	assert_int_equal(buffer_length(&out), 25);
	drive_piece(stage, SLICE_LITERAL("-"), false, &out);
	assert_int_equal(buffer_length(&out), 31);
	drive_piece(stage, SLICE_EMPTY, true, &out);
	assert_int_equal(count, 0);
	buffer_free(&out);
	stage->ops->free(stage);
	scrubber_free(scrubber);
}

static void text_without_secrets_is_not_copied(void **state)
{
	static const struct scrub_item items[] = {
		{SLICE_LITERAL("sk-0123456789"), SLICE_LITERAL("ph-0123456789")}};
	struct scrubber *scrubber = create(items, 1);
	struct slice text = SLICE_LITERAL("some text"), scrubbed;
	struct arena arena;
	uint64_t count = 0;

	(void)state;
	arena_init(&arena, 16);
	scrubbed = scrub_text(scrubber, text, &arena, &count);
	assert_ptr_equal(scrubbed.ptr, text.ptr);
	assert_int_equal(scrubbed.len, text.len);
	/* No memory: not the text as it was. */
	scrubbed = scrub_text(scrubber, SLICE_LITERAL("has sk-0123456789 in it"), &arena, &count);
	assert_null(scrubbed.ptr);
	assert_int_equal(count, 0);
	arena_free(&arena);
	scrubber_free(scrubber);
}

static void big_bodies_pass_through_small_rooms(void **state)
{
	static const struct scrub_item items[] = {
		{SLICE_LITERAL("sk-0123456789"), SLICE_LITERAL("ph-01234567890123456789")}};
	struct scrubber *scrubber = create(items, 1);
	size_t size = 3 << 20, used = 0;
	char *text = malloc(size);
	struct buffer out;
	uint64_t count;

	(void)state;
	while (used + 100 < size)
		used += (size_t)sprintf(text + used, "%s%s", random_below(3) ? "x%20" : "",
					random_below(9) ? "some\n" : "sk-0123456789");
	count = scrub(scrubber, slice_of(text, used), 100000, 300000, false, &out);
	assert_true(count > 10000);
	assert_int_equal(buffer_length(&out), used + count * 10);
	assert_int_equal(slice_find(buffer_slice(&out), items[0].value), buffer_length(&out));
	buffer_free(&out);
	free(text);
	scrubber_free(scrubber);
}

static void no_secrets_are_no_work(void **state)
{
	struct scrubber *scrubber = create(NULL, 0);
	struct buffer out;

	(void)state;
	assert_true(scrubber_keeps_length(scrubber));
	assert_int_equal(scrub(scrubber, SLICE_LITERAL("text %41"), 3, 1, false, &out), 0);
	assert_true(slice_equal(buffer_slice(&out), SLICE_LITERAL("text %41")));
	buffer_free(&out);
	scrubber_free(scrubber);
}

static void short_values_are_refused(void **state)
{
	static const struct scrub_item item = {SLICE_LITERAL("1234567"), SLICE_LITERAL("ph")};
	struct scrubber *scrubber;
	struct error err;

	(void)state;
	assert_int_equal(scrubber_create(&item, 1, &scrubber, &err), ERROR_LIMIT);
	assert_null(strstr(err.text, "1234567"));
}

static int scrub_once(void *context)
{
	static const struct scrub_item item = {SLICE_LITERAL("sk/0123456789"),
					       SLICE_LITERAL("ph-0123456789")};
	struct slice pieces[] = {SLICE_LITERAL("text sk%2F01"), SLICE_LITERAL("23456789 text")};
	struct scrubber *scrubber = NULL;
	struct stage *stage;
	uint64_t count = 0;
	int rc = scrubber_create(&item, 1, &scrubber, NULL);

	(void)context;
	if (rc < 0)
		return rc;
	stage = scrub_stage(scrubber, &count);
	rc = stage ? 0 : -ENOMEM;
	for (size_t i = 0; i < 2 && rc >= 0; i++) {
		uint8_t room[STAGE_OUT_BYTES];
		struct writer out = writer_of(room, sizeof(room));

		rc = stage->ops->step(stage, &pieces[i], i == 1, &out);
		if (rc < 0)
			assert_string_equal(stage->why, "out of memory");
	}
	if (stage)
		stage->ops->free(stage);
	scrubber_free(scrubber);
	return rc;
}

/* Feeds TEXT byte by byte, and has let out what is held after each. */
static void drip(const struct scrubber *scrubber, struct slice text, struct buffer *out)
{
	uint64_t count = 0;
	struct stage *stage = scrub_stage(scrubber, &count);

	buffer_init(out, 1 << 20);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t room[STAGE_OUT_BYTES];
		struct writer early = writer_of(room, sizeof(room));
		size_t waits;

		assert_int_equal(drive_piece(stage, slice_of(text.ptr + i, 1), false, out),
				 STAGE_MORE);
		waits = stage->ops->release(stage, NULL);
		assert_int_equal(stage->ops->release(stage, &early), waits);
		assert_int_equal(writer_length(&early), waits);
		assert_int_equal(stage->ops->release(stage, NULL), 0);
		buffer_append(out, slice_of(room, waits));
	}
	assert_int_equal(drive_piece(stage, SLICE_EMPTY, true, out), STAGE_END);
	stage->ops->free(stage);
}

static void assert_drips(const struct scrubber *scrubber, const char *text, const char *expected)
{
	struct buffer out;

	drip(scrubber, slice_from_text(text), &out);
	if (!slice_equal(buffer_slice(&out), slice_from_text(expected)))
		fail_msg("%s: %.*s", text, SLICE_ARGS(buffer_slice(&out)));
	buffer_free(&out);
}

static void what_was_let_out_early_is_completed_by_the_placeholder(void **state)
{
	static const struct scrub_item items[] = {
		{SLICE_LITERAL("key-Zq7Rk2Wm9Xv4Tn8Bc3Hf6Jd1Lg5"),
		 SLICE_LITERAL("key-AAAAAAAAAAAAAAAAAAAAAAAAAAA")},
	};
	struct scrubber *scrubber = create(items, 1);

	(void)state;
	assert_drips(scrubber, "a key and k, ke, key", "a key and k, ke, key");
	assert_drips(scrubber, "key-Zq7Rk2Wm9", "key-Zq7Rk2Wm9");
	/* The prefix is the placeholder's, too; what follows it waits. */
	assert_drips(scrubber, "<key-Zq7Rk2Wm9Xv4Tn8Bc3Hf6Jd1Lg5>",
		     "<key-AAAAAAAAAAAAAAAAAAAAAAAAAAA>");
	/* Backwards an eighth of it has gone out: three of the characters. */
	assert_drips(scrubber, "<5gL1dJ6fH3cB8nT4vX9mW2kR7qZ-yek>",
		     "<5gLAAAAAAAAAAAAAAAAAAAAAAAA-yek>");
	scrubber_free(scrubber);
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(scrub_once, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_form_comes_back_at_any_offset_however_it_is_cut),
		cmocka_unit_test(what_stands_there_instead_is_the_placeholder_in_the_same_form),
		cmocka_unit_test(a_placeholder_of_another_length_changes_the_text_s),
		cmocka_unit_test(secrets_that_overlap_go_altogether),
		cmocka_unit_test(any_mixture_comes_out_without_a_secret),
		cmocka_unit_test(what_cannot_be_a_secret_is_not_held_back),
		cmocka_unit_test(text_without_secrets_is_not_copied),
		cmocka_unit_test(big_bodies_pass_through_small_rooms),
		cmocka_unit_test(no_secrets_are_no_work),
		cmocka_unit_test(short_values_are_refused),
		cmocka_unit_test(what_was_let_out_early_is_completed_by_the_placeholder),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
