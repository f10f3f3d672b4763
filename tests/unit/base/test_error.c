#include "base/error.h"

#include <string.h>

#include "tests/unit/allocation.h"

static void every_code_has_a_name(void **state)
{
	(void)state;
	for (int code = ERROR_FIRST; code >= ERROR_LAST; code--)
		assert_true(strlen(error_name(code)) > 3);
	assert_string_equal(error_name(-ENOENT), "No such file or directory");
	assert_string_equal(error_name(-9999), "unknown error");
}

static void context_goes_before_the_text(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(error_set(&err, ERROR_LIMIT, "too %s", "much"), ERROR_LIMIT);
	assert_int_equal(error_wrap(&err, ERROR_SYNTAX, "while loading %s", "x"), ERROR_LIMIT);
	assert_string_equal(err.text, "while loading x: too much");
	assert_int_equal(error_set_code(&err, -ENOENT, "cannot open %s", "f"), -ENOENT);
	assert_string_equal(err.text, "cannot open f: No such file or directory");
	assert_int_equal(error_set(NULL, ERROR_LIMIT, "ignored"), ERROR_LIMIT);
}

static void a_long_text_is_cut_with_an_ellipsis(void **state)
{
	char long_text[3000];
	struct error err;

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	error_set(&err, ERROR_LIMIT, "%s", long_text);
	assert_int_equal(strlen(err.text), ERROR_TEXT_BYTES - 1);
	assert_string_equal(err.text + ERROR_TEXT_BYTES - 4, "...");
	error_wrap(&err, ERROR_LIMIT, "outer");
	assert_memory_equal(err.text, "outer: xxx", 10);
	assert_string_equal(err.text + ERROR_TEXT_BYTES - 4, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_name),
		cmocka_unit_test(context_goes_before_the_text),
		cmocka_unit_test(a_long_text_is_cut_with_an_ellipsis),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
