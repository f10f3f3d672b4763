/* The small vocabularies: methods, variables. Threat P12. */
#include "policy/methods.h"
#include "policy/variable.h"
#include "tests/unit/policy/fixture.h"

static void methods_have_their_standing(void **state)
{
	static const struct {
		struct slice method;
		enum method_standing standing;
	} rows[] = {
		{SLICE_LITERAL("GET"), METHOD_COMMON},
		{SLICE_LITERAL("HEAD"), METHOD_COMMON},
		{SLICE_LITERAL("POST"), METHOD_COMMON},
		{SLICE_LITERAL("PUT"), METHOD_COMMON},
		{SLICE_LITERAL("PATCH"), METHOD_COMMON},
		{SLICE_LITERAL("DELETE"), METHOD_COMMON},
		{SLICE_LITERAL("OPTIONS"), METHOD_COMMON},
		{SLICE_LITERAL("TRACE"), METHOD_LISTED},
		{SLICE_LITERAL("PROPFIND"), METHOD_LISTED},
		{SLICE_LITERAL("CONNECT"), METHOD_TUNNEL},
		{SLICE_LITERAL("get"), METHOD_UNKNOWN},
		{SLICE_LITERAL("GET "), METHOD_UNKNOWN},
		{SLICE_LITERAL("GET\0"), METHOD_UNKNOWN},
		{SLICE_LITERAL(""), METHOD_UNKNOWN},
		{SLICE_LITERAL("PRI"), METHOD_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(method_standing(rows[i].method), rows[i].standing);
	assert_string_equal(method_nearest(SLICE_LITERAL("post")), "POST");
	assert_string_equal(method_nearest(SLICE_LITERAL("DELTE")), "DELETE");
}

static void an_unwritten_list_is_the_common_ones_or_for_a_denial_all(void **state)
{
	static const struct policy_methods none = {0};
	static const struct policy_methods get = {1, {{"GET", 3}}};
	static const struct policy_methods dav = {2, {{"GET", 3}, {"PROPFIND", 8}}};
	static const struct policy_methods find = {1, {{"PROPFIND", 8}}};

	(void)state;
	assert_true(methods_have(&none, false, SLICE_LITERAL("PATCH")));
	assert_false(methods_have(&none, false, SLICE_LITERAL("PROPFIND")));
	assert_false(methods_have(&none, false, SLICE_LITERAL("TRACE")));
	assert_true(methods_have(&none, true, SLICE_LITERAL("PROPFIND")));
	assert_true(methods_have(&none, true, SLICE_LITERAL("anything")));
	assert_true(methods_have(&dav, false, SLICE_LITERAL("PROPFIND")));
	assert_false(methods_have(&dav, true, SLICE_LITERAL("POST")));

	assert_true(methods_cover(&none, false, &get));
	assert_true(methods_cover(&none, false, &none));
	assert_false(methods_cover(&none, false, &dav));
	assert_true(methods_cover(&none, true, &dav));
	assert_false(methods_cover(&get, false, &none));
	assert_true(methods_cover(&dav, false, &get));

	assert_true(methods_overlap(&none, false, &dav, false));
	assert_false(methods_overlap(&none, false, &find, false));
	assert_true(methods_overlap(&none, true, &find, false));
	assert_true(methods_overlap(&find, false, &none, true));
	assert_false(methods_overlap(&get, true, &find, false));
}

static void variables_have_names(void **state)
{
	static const char *const good[] = {"A", "_a", "OPENAI_API_KEY", "a1"};
	static const struct slice bad[] = {SLICE_LITERAL(""),	 SLICE_LITERAL("1A"),
					   SLICE_LITERAL("A-B"), SLICE_LITERAL("A=B"),
					   SLICE_LITERAL("A\0"), SLICE_LITERAL("\xc3\xa9")};
	static const char *const reserved[] = {"PATH",	      "LD_PRELOAD",  "LD_ANYTHING",
					       "HOME",	      "LC_ALL",	     "SSL_CERT_FILE",
					       "https_proxy", "SALLYPORT_X", "NODE_OPTIONS"};
	char long_name[VARIABLE_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ROWS(good); i++) {
		assert_true(variable_is_name(slice_from_text(good[i])));
		assert_false(variable_is_reserved(slice_from_text(good[i])));
	}
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_false(variable_is_name(bad[i]));
	for (size_t i = 0; i < ROWS(reserved); i++)
		assert_true(variable_is_reserved(slice_from_text(reserved[i])));
	memset(long_name, 'A', sizeof(long_name));
	assert_true(variable_is_name(slice_of(long_name, VARIABLE_NAME_MAX)));
	assert_false(variable_is_name(slice_of(long_name, VARIABLE_NAME_MAX + 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(methods_have_their_standing),
		cmocka_unit_test(an_unwritten_list_is_the_common_ones_or_for_a_denial_all),
		cmocka_unit_test(variables_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
