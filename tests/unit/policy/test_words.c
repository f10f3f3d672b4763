/* The small vocabularies: methods, slots, variables. Threats P12, S8, S11, S12. */
#include "base/error.h"
#include "policy/methods.h"
#include "policy/slot.h"
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

static void slots_are_known_or_refused(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *part;
	} rows[] = {
		{"header Authorization", 0, ""},
		{"header X-Api-Key", 0, ""},
		{"header x_api.key", 0, ""},
		{"basic user", 0, ""},
		{"basic password", 0, ""},
		{"header", ERROR_SYNTAX, "needs the field's name"},
		{"header ", ERROR_SYNTAX, "needs the field's name"},
		{"header  X", ERROR_SYNTAX, "not the name of a field"},
		{"header X Y", ERROR_SYNTAX, "not the name of a field"},
		{"header X:", ERROR_SYNTAX, "not the name of a field"},
		{"header :path", ERROR_SYNTAX, "not the name of a field"},
		{"header Host", ERROR_SYNTAX, "where the request goes"},
		{"header content-length", ERROR_SYNTAX, "frames"},
		{"header Transfer-Encoding", ERROR_SYNTAX, "frames"},
		{"header Connection", ERROR_SYNTAX, "one hop"},
		{"header Upgrade", ERROR_SYNTAX, "one hop"},
		{"header Proxy-Authorization", ERROR_SYNTAX, "one hop"},
		{"header Cookie", ERROR_SYNTAX, "not yet supported"},
		{"basic", ERROR_SYNTAX, "either"},
		{"basic both", ERROR_SYNTAX, "either"},
		{"Header X", ERROR_SYNTAX, "unknown slot"},
		{"heade X", ERROR_SYNTAX, "unknown slot"},
		{"cookie session", ERROR_UNSUPPORTED, "not yet supported"},
		{"query key", ERROR_UNSUPPORTED, "not yet supported"},
		{"path", ERROR_UNSUPPORTED, "not yet supported"},
		{"form field", ERROR_UNSUPPORTED, "not yet supported"},
		{"json /a", ERROR_UNSUPPORTED, "not yet supported"},
		{"body", ERROR_UNSUPPORTED, "not yet supported"},
		{"ws", ERROR_UNSUPPORTED, "not yet supported"},
	};
	struct policy_slot slot;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *why = "", *hint;

		assert_int_equal(slot_parse(slice_from_text(rows[i].text), &slot, &why, &hint),
				 rows[i].rc);
		assert_non_null(strstr(why, rows[i].part));
	}
	slot_parse(SLICE_LITERAL("header X-Key"), &slot, &(const char *){0}, &(const char *){0});
	assert_int_equal(slot.kind, POLICY_SLOT_HEADER);
	assert_true(slice_equal(slot.name, SLICE_LITERAL("X-Key")));
	assert_true(slice_equal(slot.text, SLICE_LITERAL("header X-Key")));
}

static void values_cannot_break_out_of_their_slots(void **state)
{
	static const struct {
		struct slice value;
		bool field, user, password;
	} rows[] = {
		{SLICE_LITERAL("sk-123"), true, true, true},
		{SLICE_LITERAL("two words"), true, true, true},
		{SLICE_LITERAL("with:colon"), true, false, true},
		{SLICE_LITERAL("quote\"d"), true, true, true},
		{SLICE_LITERAL("p\xc3\xa4ss"), false, true, true},
		{SLICE_LITERAL(" x"), false, true, true},
		{SLICE_LITERAL("x "), false, true, true},
		{SLICE_LITERAL(""), false, false, false},
		{SLICE_LITERAL("x\r\nHost: y"), false, false, false},
		{SLICE_LITERAL("x\n"), false, false, false},
		{SLICE_LITERAL("x\0y"), false, false, false},
		{SLICE_LITERAL("x\ty"), false, false, false},
		{SLICE_LITERAL("x\x7f"), false, false, false},
	};
	static const struct policy_slot field = {.kind = POLICY_SLOT_HEADER};
	static const struct policy_slot user = {.kind = POLICY_SLOT_BASIC_USER};
	static const struct policy_slot password = {.kind = POLICY_SLOT_BASIC_PASSWORD};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *why;

		assert_int_equal(slot_check_value(&field, rows[i].value, &why) == 0, rows[i].field);
		assert_int_equal(slot_check_value(&user, rows[i].value, &why) == 0, rows[i].user);
		assert_int_equal(slot_check_value(&password, rows[i].value, &why) == 0,
				 rows[i].password);
	}
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
		cmocka_unit_test(slots_are_known_or_refused),
		cmocka_unit_test(values_cannot_break_out_of_their_slots),
		cmocka_unit_test(variables_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
