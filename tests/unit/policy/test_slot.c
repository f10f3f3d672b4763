/* Slots, pointers and fields. Threats S8, S11, S12, S33. */
#include "policy/slot.h"

#include "base/error.h"
#include "policy/field.h"
#include "policy/pointer.h"
#include "tests/unit/policy/fixture.h"

static int parse(struct slice text, struct policy_slot *slot, struct slot_fault *fault)
{
	static struct arena arena;

	arena_free(&arena);
	arena_init(&arena, 1 << 16);
	return slot_parse(text, &arena, slot, fault);
}

static void every_slot_is_read(void **state)
{
	static const struct {
		const char *text;
		enum policy_slot_kind kind;
		const char *name;
		size_t tokens; /* of a pointer; 0: none */
		const char *last;
	} rows[] = {
		{"header Authorization", POLICY_SLOT_HEADER, "Authorization", 0, NULL},
		{"header x_api.key", POLICY_SLOT_HEADER, "x_api.key", 0, NULL},
		{"header Sec-WebSocket-Protocol", POLICY_SLOT_HEADER, "Sec-WebSocket-Protocol", 0,
		 NULL},
		{"basic user", POLICY_SLOT_BASIC_USER, "", 0, NULL},
		{"basic password", POLICY_SLOT_BASIC_PASSWORD, "", 0, NULL},
		{"cookie session", POLICY_SLOT_COOKIE, "session", 0, NULL},
		{"cookie __Host-s", POLICY_SLOT_COOKIE, "__Host-s", 0, NULL},
		{"query key", POLICY_SLOT_QUERY, "key", 0, NULL},
		{"query auth[key]", POLICY_SLOT_QUERY, "auth[key]", 0, NULL},
		{"query two words", POLICY_SLOT_QUERY, "two words", 0, NULL},
		{"query 100%", POLICY_SLOT_QUERY, "100%", 0, NULL},
		{"path", POLICY_SLOT_PATH, "", 0, NULL},
		{"form token", POLICY_SLOT_FORM, "token", 0, NULL},
		{"json /a", POLICY_SLOT_JSON, "", 1, "a"},
		{"json /a/0/key", POLICY_SLOT_JSON, "", 3, "key"},
		{"json /", POLICY_SLOT_JSON, "", 1, ""},
		{"json /a//", POLICY_SLOT_JSON, "", 3, ""},
		{"json /a~1b", POLICY_SLOT_JSON, "", 1, "a/b"},
		{"json /m~0n", POLICY_SLOT_JSON, "", 1, "m~n"},
		{"json /~01", POLICY_SLOT_JSON, "", 1, "~1"},
		{"json /a b", POLICY_SLOT_JSON, "", 1, "a b"},
		{"json /c%d", POLICY_SLOT_JSON, "", 1, "c%d"},
		{"json /\xc3\xa4", POLICY_SLOT_JSON, "", 1, "\xc3\xa4"},
		{"body", POLICY_SLOT_BODY, "", 0, NULL},
		{"ws", POLICY_SLOT_WS, "", 0, NULL},
		{"ws /auth/token", POLICY_SLOT_WS, "", 2, "token"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct slice text = slice_from_text(rows[i].text);
		struct slot_fault fault;
		struct policy_slot slot;

		assert_int_equal(parse(text, &slot, &fault), 0);
		assert_int_equal(slot.kind, rows[i].kind);
		assert_true(slice_equal(slot.name, slice_from_text(rows[i].name)));
		assert_true(slice_equal(slot.text, text));
		assert_int_equal(slot.has_pointer, rows[i].tokens > 0);
		assert_int_equal(slot.pointer.count, rows[i].tokens);
		if (rows[i].tokens)
			assert_true(slice_equal(slot.pointer.tokens[rows[i].tokens - 1],
						slice_from_text(rows[i].last)));
	}
}

static void what_is_no_slot_is_refused(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{"", "unknown slot"},
		{"Header X", "unknown slot"},
		{"heade X", "unknown slot"},
		{"header", "slot \"header\" needs the field's name"},
		{"header ", "slot \"header\" needs the field's name"},
		{"header  X", "this is not the name of a field"},
		{"header X Y", "this is not the name of a field"},
		{"header X:", "this is not the name of a field"},
		{"header :path", "this is not the name of a field"},
		{"header Host", "where the request goes"},
		{"header content-length", "frames"},
		{"header Transfer-Encoding", "frames"},
		{"header Connection", "one hop"},
		{"header Upgrade", "one hop"},
		{"header Proxy-Authorization", "one hop"},
		{"header Cookie", "the whole field is not a slot"},
		{"header Content-Digest", "computed from the body"},
		{"header Sec-WebSocket-Key", "handshake"},
		{"header X-HTTP-Method-Override", "always taken out"},
		{"basic", "either"},
		{"basic ", "either"},
		{"basic both", "either"},
		{"cookie", "slot \"cookie\" needs the cookie's name"},
		{"cookie a;b", "this is not the name of a cookie"},
		{"cookie a=b", "this is not the name of a cookie"},
		{"query", "slot \"query\" needs the parameter's name"},
		{"query  key", "the name starts or ends with a space"},
		{"query key ", "the name starts or ends with a space"},
		{"query key=x", "a name is all that is needed"},
		{"query a&b", "a name is all that is needed"},
		{"query a%5Bb%5D", "names are compared decoded"},
		{"form", "slot \"form\" needs the field's name"},
		{"form a%20b", "names are compared decoded"},
		{"path ", "slot \"path\" is a whole segment"},
		{"path 2", "slot \"path\" is a whole segment"},
		{"body x", "slot \"body\" is anywhere in the body"},
		{"json", "the pointer is missing"},
		{"json ", "the pointer is missing"},
		{"ws ", "the pointer is missing"},
		{"json a", "a pointer starts with a slash"},
		{"json #/a", "a pointer starts with a slash"},
		{"json $.a", "a pointer starts with a slash"},
		{"json  /a", "a pointer starts with a slash"},
		{"json /a~", "\"~\" is written ~0"},
		{"json /a~2", "\"~\" is written ~0"},
		{"json /~/a", "\"~\" is written ~0"},
		{"ws a", "a pointer starts with a slash"},
		{"json /0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2",
		 "the pointer goes too deep"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct slot_fault fault;
		struct policy_slot slot;

		assert_true(parse(slice_from_text(rows[i].text), &slot, &fault) < 0);
		if (!strstr(fault.why, rows[i].part))
			print_error("%s: %s\n", rows[i].text, fault.why);
		assert_non_null(strstr(fault.why, rows[i].part));
	}
}

static void a_slot_has_a_bounded_length(void **state)
{
	char text[SLOT_NAME_MAX_BYTES + 1];
	struct slot_fault fault;
	struct policy_slot slot;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "header ", 7);
	assert_int_equal(parse(slice_of(text, SLOT_NAME_MAX_BYTES), &slot, &fault), 0);
	assert_int_equal(parse(slice_of(text, sizeof(text)), &slot, &fault), ERROR_SYNTAX);
	assert_string_equal(fault.why, "the slot is too long");
}

static int parse_without_memory(void *context)
{
	struct arena arena;
	struct slot_fault fault;
	struct policy_slot slot;
	int rc;

	(void)context;
	arena_init(&arena, 1 << 16);
	rc = slot_parse(SLICE_LITERAL("json /a/b"), &arena, &slot, &fault);
	arena_free(&arena);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(parse_without_memory, NULL, false);
}

static void fields_have_their_roles(void **state)
{
	static const struct {
		const char *name;
		bool slot, set;
	} rows[] = {
		{"Authorization", true, true},
		{"X-Api-Key", true, true},
		{"Cookie", false, true},
		{"Sec-WebSocket-Protocol", true, false},
		{"host", false, false},
		{"CONTENT-LENGTH", false, false},
		{"connection", false, false},
		{"Trailer", false, false},
		{"accept-encoding", false, false},
		{"digest", false, false},
		{"x-rewrite-url", false, false},
		{"", false, false},
		{"a b", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct slice name = slice_from_text(rows[i].name);
		struct field_fault fault;

		assert_int_equal(field_may_be_named(name, FIELD_OF_SLOT, &fault), rows[i].slot);
		assert_int_equal(!fault.why, rows[i].slot);
		assert_int_equal(field_may_be_named(name, FIELD_OF_SET, &fault), rows[i].set);
		assert_int_equal(!fault.why, rows[i].set);
	}
}

/* Letters of the places that take the value: header, user, password, cookie, query, path, form,
 * json, body, ws. */
static void values_cannot_break_out_of_their_slots(void **state)
{
	static const struct {
		struct slice value;
		const char *taken;
	} rows[] = {
		{SLICE_LITERAL("sk-123"), "hupcqsfjbw"},
		{SLICE_LITERAL("~!$'()*+-._=@"), "hupcqsfjbw"},
		{SLICE_LITERAL("two words"), "hupqsfjbw"},
		{SLICE_LITERAL("with:colon"), "hpcqsfjbw"},
		{SLICE_LITERAL("quote\"d"), "hupqsfjbw"},
		{SLICE_LITERAL("a,b"), "hupqsfjbw"},
		{SLICE_LITERAL("a;b"), "hupqfjbw"},
		{SLICE_LITERAL("back\\slash"), "hupqfjbw"},
		{SLICE_LITERAL("a/b"), "hupcqfjbw"},
		{SLICE_LITERAL("50%25"), "hupcqfjbw"},
		{SLICE_LITERAL("."), "hupcqfjbw"},
		{SLICE_LITERAL(".."), "hupcqfjbw"},
		{SLICE_LITERAL("..."), "hupcqsfjbw"},
		{SLICE_LITERAL("p\xc3\xa4ss"), "upqsfjbw"},
		{SLICE_LITERAL("p\xe4ss"), "up"},
		{SLICE_LITERAL("\xed\xa0\x80"), "up"},
		{SLICE_LITERAL(" x"), "upqsfjbw"},
		{SLICE_LITERAL("x "), "upqsfjbw"},
		{SLICE_LITERAL(""), ""},
		{SLICE_LITERAL("x\r\nHost: y"), ""},
		{SLICE_LITERAL("x\n"), ""},
		{SLICE_LITERAL("x\0y"), ""},
		{SLICE_LITERAL("x\ty"), ""},
		{SLICE_LITERAL("x\x7f"), ""},
	};
	static const char letters[] = "hupcqsfjbw";

	(void)state;
	_Static_assert(sizeof(letters) - 1 == POLICY_SLOT_COUNT, "every slot has a letter");
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (unsigned int kind = 0; kind < POLICY_SLOT_COUNT; kind++) {
			struct policy_slot slot = {.kind = kind};
			bool taken = strchr(rows[i].taken, letters[kind]);
			const char *why;

			if ((slot_check_value(&slot, rows[i].value, &why) == 0) != taken)
				print_error("%s in %c\n", rows[i].value.ptr, letters[kind]);
			assert_int_equal(slot_check_value(&slot, rows[i].value, &why) == 0, taken);
			assert_int_equal(!why, taken);
		}
	}
}

static void a_secret_is_checked_for_all_its_places(void **state)
{
	static const struct policy_use uses[] = {
		{.slot = {.kind = POLICY_SLOT_JSON, .text = {"json /a", 7}}},
		{.slot = {.kind = POLICY_SLOT_PATH, .text = {"path", 4}}},
	};
	struct policy_secret secret = {.uses = uses, .use_count = 1};
	struct slice where, value = SLICE_LITERAL("p\xc3\xa4th/x");
	const char *why;

	(void)state;
	assert_int_equal(slot_check_secret(&secret, value, &where, &why), 0);
	secret.use_count = 2;
	assert_int_equal(slot_check_secret(&secret, value, &where, &why), ERROR_SYNTAX);
	assert_string_equal(where.ptr, "path");
	secret.use_count = 0;
	assert_int_equal(slot_check_secret(&secret, value, &where, &why), 0);
	secret.is_set = true;
	assert_int_equal(slot_check_secret(&secret, value, &where, &why), ERROR_SYNTAX);
	assert_string_equal(where.ptr, "a field that a rule sets");
	assert_string_equal(why, "the value of a field must be ASCII");
	secret.is_set = false;
	secret.is_login = true;
	assert_int_equal(slot_check_secret(&secret, value, &where, &why), ERROR_SYNTAX);
	assert_string_equal(where.ptr, "login of the upstream proxy");
	assert_string_equal(why, "the value is not of the form user:password");
	value = SLICE_LITERAL("me:p\xc3\xa4th/x:y");
	assert_int_equal(slot_check_secret(&secret, value, &where, &why), 0);
	value = SLICE_LITERAL("me:pass\nword");
	assert_int_equal(slot_check_secret(&secret, value, &where, &why), ERROR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_slot_is_read),
		cmocka_unit_test(what_is_no_slot_is_refused),
		cmocka_unit_test(a_slot_has_a_bounded_length),
		cmocka_unit_test(running_out_of_memory_is_reported),
		cmocka_unit_test(fields_have_their_roles),
		cmocka_unit_test(values_cannot_break_out_of_their_slots),
		cmocka_unit_test(a_secret_is_checked_for_all_its_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
