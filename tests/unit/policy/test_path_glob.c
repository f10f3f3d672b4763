#include "policy/path.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "tests/unit/allocation.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct path_glob glob_of(const char *text)
{
	struct path_glob glob;
	const char *why;

	assert_int_equal(path_glob_parse(slice_from_text(text), &glob, &why), 0);
	return glob;
}

static void stars_stay_within_a_segment_or_do_not(void **state)
{
	static const struct {
		const char *glob, *path;
		bool matches;
	} rows[] = {
		{"/", "/", true},
		{"/", "/a", false},
		{"/**", "/", true},
		{"/**", "/a/b/c", true},
		{"/a", "/a", true},
		{"/a", "/a/", false},
		{"/a", "/A", false},
		{"/a/**", "/a/", true},
		{"/a/**", "/a", false},
		{"/a/**", "/ab/c", false},
		{"/a/*", "/a/b", true},
		{"/a/*", "/a/", true},
		{"/a/*", "/a/b/c", false},
		{"/a*", "/abc", true},
		{"/a*", "/abc/", false},
		{"/*.json", "/x.json", true},
		{"/*.json", "/x/y.json", false},
		{"/**.json", "/x/y.json", true},
		{"/a/*/b/*", "/a/1/b/2", true},
		{"/a/*/b/*", "/a/1/2/b/3", false},
		{"/a/**/b", "/a/1/2/b", true},
		{"/a/**/b", "/a/b", false},
		{"/a/**b", "/a/b", true},
		{"/**/b/*", "/x/b/y/b/z", true},
		{"/**/b/*", "/x/b/y/b/z/", false},
		{"/*a*b", "/aab", true},
		{"/*a*b", "/aabc", false},
		{"/ab*ba", "/aba", false},
		{"/ab**ba", "/abba", true},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct path_glob glob = glob_of(rows[i].glob);

		assert_int_equal(path_glob_match(&glob, slice_from_text(rows[i].path)),
				 rows[i].matches);
	}
}

static void a_glob_is_canonical_or_refused(void **state)
{
	static const char *const rows[] = {
		"",	  "a",	   "**",      "/a/../b",  "/a/./**",  "/%61",
		"/%2f",	  "/a?b",  "/a b",    "/***",	  "/a\\b",    "/%zz",
		"/{a,b}", "/[ab]", "/%C0%AF", "/..%2F**", "/a/..;**", "/%252F",
	};
	char text[PATH_GLOB_MAX_BYTES + 1];
	struct path_glob glob;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(path_glob_parse(slice_from_text(rows[i]), &glob, &why),
				 ERROR_SYNTAX);
		assert_non_null(why);
	}
	memset(text, '/', sizeof(text));
	assert_int_equal(path_glob_parse(slice_of(text, sizeof(text) - 1), &glob, &why), 0);
	assert_int_equal(path_glob_parse(slice_of(text, sizeof(text)), &glob, &why), ERROR_LIMIT);
}

/* Says what a glob means, with no thought for time. */
static bool plainly_matches(const char *glob, const char *text)
{
	if (glob[0] == '*' && glob[1] == '*')
		return plainly_matches(glob + 2, text) ||
		       (*text && plainly_matches(glob, text + 1));
	if (glob[0] == '*')
		return plainly_matches(glob + 1, text) ||
		       (*text && *text != '/' && plainly_matches(glob, text + 1));
	if (!*glob || *glob != *text)
		return !*glob && !*text;
	return plainly_matches(glob + 1, text + 1);
}

/* A slash, and up to MAX - 1 of the letters of ALPHABET. */
static void random_text(char *out, size_t max, const char *alphabet)
{
	size_t len = (size_t)rand() % max;

	out[0] = '/';
	for (size_t i = 1; i <= len; i++)
		out[i] = alphabet[(size_t)rand() % strlen(alphabet)];
	out[len + 1] = '\0';
}

static void random_glob(char *out, size_t max)
{
	do {
		random_text(out, max, "a/**b*");
	} while (strstr(out, "***"));
}

static void matches_as_the_plain_definition_does(void **state)
{
	size_t matched = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		char glob_text[16], text[16];
		struct path_glob glob;
		bool expected;

		random_glob(glob_text, 9);
		random_text(text, 9, "aab/");
		glob = glob_of(glob_text);
		expected = plainly_matches(glob_text, text);
		matched += expected;
		assert_int_equal(path_glob_match(&glob, slice_from_text(text)), expected);
	}
	assert_true(matched > 10000);
}

static void covering_is_never_claimed_wrongly(void **state)
{
	size_t covering = 0;

	(void)state;
	srand(2);
	for (int i = 0; i < 20000; i++) {
		char outer_text[12], inner_text[12], text[12];
		struct path_glob outer, inner;

		random_glob(outer_text, 6);
		random_glob(inner_text, 6);
		outer = glob_of(outer_text);
		inner = glob_of(inner_text);
		if (!path_glob_covers(&outer, &inner))
			continue;
		covering++;
		for (int j = 0; j < 100; j++) {
			random_text(text, 9, "ab/");
			if (path_glob_match(&inner, slice_from_text(text)))
				assert_true(path_glob_match(&outer, slice_from_text(text)));
		}
	}
	assert_true(covering > 500);
}

static void covering_is_seen_where_people_write_it(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool covers;
	} rows[] = {
		{"/**", "/a/*/b", true},    {"/a/**", "/a/b/**", true}, {"/a/**", "/a/*", true},
		{"/a/*", "/a/**", false},   {"/a/*", "/a/b", true},	{"/a/*", "/a/*", true},
		{"/a/b", "/a/b", true},	    {"/a/b", "/a/c", false},	{"/a/**", "/a", false},
		{"/a/*/c", "/a/*/c", true}, {"/*/c", "/**/c", false},	{"/**/c", "/*/c", true},
		{"/**/c", "/a/b/c", true},  {"/a**", "/a*", true},	{"/a*", "/a**", false},
		{"/a*b*", "/a*b", true},    {"/", "/**", false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct path_glob outer = glob_of(rows[i].outer), inner = glob_of(rows[i].inner);

		assert_int_equal(path_glob_covers(&outer, &inner), rows[i].covers);
	}
}

/* Every text of up to five characters after the slash. */
static bool some_text_matches_both(const struct path_glob *a, const struct path_glob *b)
{
	for (unsigned int number = 0; number < 1024 * 5; number++) {
		unsigned int length = number / 1024 + 1, letters = number % 1024;
		char text[8] = "/";

		for (unsigned int i = 0; i < length; i++) {
			text[i + 1] = "ab/a"[letters & 3];
			letters >>= 2;
		}
		if (path_glob_match(a, slice_from_text(text)) &&
		    path_glob_match(b, slice_from_text(text)))
			return true;
	}
	return path_glob_match(a, SLICE_LITERAL("/")) && path_glob_match(b, SLICE_LITERAL("/"));
}

static void overlap_is_what_some_path_shows(void **state)
{
	size_t overlapping = 0;

	(void)state;
	srand(3);
	for (int i = 0; i < 3000; i++) {
		char a_text[12], b_text[12];
		struct path_glob a, b;
		bool expected;

		/* Two globs of four elements, if they overlap at all, do so in a short text. */
		random_glob(a_text, 4);
		random_glob(b_text, 4);
		a = glob_of(a_text);
		b = glob_of(b_text);
		expected = some_text_matches_both(&a, &b);
		overlapping += expected;
		assert_int_equal(path_glob_overlaps(&a, &b), expected);
	}
	assert_true(overlapping > 100 && overlapping < 2900);
}

static void many_stars_do_not_take_forever(void **state)
{
	static char text[PATH_MAX_BYTES];
	char stars[PATH_GLOB_MAX_BYTES + 1] = "/";
	struct path_glob glob;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	for (size_t i = 1; i + 4 < sizeof(stars); i += 3)
		memcpy(stars + i, "**a", 4);
	strcat(stars, "b");
	glob = glob_of(stars);
	for (int i = 0; i < 10; i++)
		assert_false(path_glob_match(&glob, slice_of(text, sizeof(text))));
	text[sizeof(text) - 1] = 'b';
	assert_true(path_glob_match(&glob, slice_of(text, sizeof(text))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stars_stay_within_a_segment_or_do_not),
		cmocka_unit_test(a_glob_is_canonical_or_refused),
		cmocka_unit_test(matches_as_the_plain_definition_does),
		cmocka_unit_test(covering_is_never_claimed_wrongly),
		cmocka_unit_test(covering_is_seen_where_people_write_it),
		cmocka_unit_test(overlap_is_what_some_path_shows),
		cmocka_unit_test(many_stars_do_not_take_forever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
