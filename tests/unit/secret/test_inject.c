/* Threats S7, S8, S10, S21, S27, S30, S33: a secret goes into its slot, and nowhere else. */
#include "proxy/secret/inject.h"

#include "base/base64.h"
#include "tests/unit/secret/secret_fixture.h"

static struct fixture f;

static int set_up(void **state)
{
	(void)state;
	fixture_set_up(&f);
	memset(f.scratch, 0, SECRET_SCRATCH_BYTES);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_tear_down(&f);
	return 0;
}

static const char *basic(const char *user_and_password)
{
	static char text[512];
	size_t len;

	memcpy(text, "Basic ", 6);
	len = base64_encode(slice_from_text(user_and_password), text + 6);
	text[6 + len] = '\0';
	return text;
}

static void a_header_slot_gets_its_secret(void **state)
{
	(void)state;
	fixture_request(&f, "POST", "api.example.com", "/v1/chat", "");
	fixture_field(&f, "X-Other", "nothing");
	fixture_field(&f, "authorization", "Bearer " PLACEHOLDER("KEY"));
	fixture_plan(&f);
	assert_int_equal(f.plan.item_count, 1);
	assert_int_equal(f.plan.misuse_count, 0);
	assert_sent(&f, 1, "Bearer real-KEY-value");
}

static void every_occurrence_in_the_slot_is_replaced(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "Authorization", PLACEHOLDER("KEY") "," PLACEHOLDER("KEY"));
	fixture_plan(&f);
	assert_sent(&f, 0, "real-KEY-value,real-KEY-value");
}

static void assert_blocked(const char *name, enum secret_place place)
{
	fixture_plan(&f);
	assert_int_equal(f.plan.item_count, 0);
	assert_non_null(f.plan.refusal);
	assert_string_equal(f.plan.refusal->entry->policy->name, name);
	assert_int_equal(f.plan.refusal->place, place);
	assert_false(f.plan.kill);
}

static void outside_its_slot_it_is_blocked(void **state)
{
	(void)state;
	/* Another field. */
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "X-Key", PLACEHOLDER("KEY"));
	assert_blocked("KEY", SECRET_IN_FIELD);
	/* Another path, method, host. */
	fixture_request(&f, "GET", "api.example.com", "/v2/x", "");
	fixture_field(&f, "Authorization", PLACEHOLDER("KEY"));
	assert_blocked("KEY", SECRET_IN_FIELD);
	fixture_request(&f, "DELETE", "api.example.com", "/v1/x", "");
	fixture_field(&f, "Authorization", PLACEHOLDER("KEY"));
	assert_blocked("KEY", SECRET_IN_FIELD);
	fixture_request(&f, "GET", "other.example.com", "/v1/x", "");
	fixture_field(&f, "Authorization", PLACEHOLDER("KEY"));
	assert_blocked("KEY", SECRET_IN_FIELD);
	/* Cookie, query, path, the name of a field. */
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "Cookie", "a=" PLACEHOLDER("KEY"));
	assert_blocked("KEY", SECRET_IN_COOKIE);
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "?k=" PLACEHOLDER("KEY"));
	assert_blocked("KEY", SECRET_IN_QUERY);
	fixture_request(&f, "GET", "api.example.com", "/v1/" PLACEHOLDER("KEY"), "");
	assert_blocked("KEY", SECRET_IN_PATH);
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "X-" PLACEHOLDER("KEY"), "y");
	assert_blocked("KEY", SECRET_IN_FIELD_NAME);
	/* Basic, when it is bound to the field as it stands. */
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "Authorization", basic("x:" PLACEHOLDER("KEY")));
	assert_blocked("KEY", SECRET_IN_BASIC);
}

static void plain_http_gets_no_secret(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	f.request.scheme = POLICY_HTTP;
	fixture_field(&f, "Authorization", PLACEHOLDER("KEY"));
	assert_blocked("KEY", SECRET_IN_FIELD);
}

static void basic_is_decoded_and_encoded_anew(void **state)
{
	char expected[512];

	(void)state;
	fixture_request(&f, "GET", "git.example.com", "/r.git", "");
	fixture_field(&f, "Authorization", basic(PLACEHOLDER("LOGIN") ":" PLACEHOLDER("PASS")));
	fixture_plan(&f);
	assert_int_equal(f.plan.item_count, 2);
	strcpy(expected, basic("real-LOGIN-value:real-PASS-value"));
	assert_sent(&f, 0, expected);

	fixture_request(&f, "GET", "git.example.com", "/r.git", "");
	fixture_field(&f, "Authorization", basic("x-access-token:" PLACEHOLDER("PASS")));
	fixture_plan(&f);
	assert_int_equal(f.plan.item_count, 1);
	strcpy(expected, basic("x-access-token:real-PASS-value"));
	assert_sent(&f, 0, expected);
}

static void user_and_password_are_slots_of_their_own(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "git.example.com", "/r.git", "");
	fixture_field(&f, "Authorization", basic(PLACEHOLDER("PASS") ":x"));
	assert_blocked("PASS", SECRET_IN_BASIC);
	fixture_request(&f, "GET", "git.example.com", "/r.git", "");
	fixture_field(&f, "Authorization", basic("x:" PLACEHOLDER("LOGIN")));
	assert_blocked("LOGIN", SECRET_IN_BASIC);
	/* Not as a bearer either. */
	fixture_request(&f, "GET", "git.example.com", "/r.git", "");
	fixture_field(&f, "Authorization", "Bearer " PLACEHOLDER("PASS"));
	assert_blocked("PASS", SECRET_IN_FIELD);
}

static void basic_slots_are_of_authorization_only(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "git.example.com", "/r.git", "");
	fixture_field(&f, "X-Authorization", basic("x:" PLACEHOLDER("PASS")));
	assert_blocked("PASS", SECRET_IN_BASIC);
}

static void percent_encoding_does_not_hide_it(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "?k=%70h-KEY-0123456789abcdef");
	assert_blocked("KEY", SECRET_IN_QUERY);
	fixture_request(&f, "GET", "api.example.com", "/v1/x",
			"?k=%2570h%252dKEY-0123456789abcdef");
	assert_blocked("KEY", SECRET_IN_QUERY);
	/* A query is read decoded once, so that this can be taken out; not what is encoded more. */
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "?k=%70h-STRIP-0123456789abcdef&z");
	fixture_plan(&f);
	assert_null(f.plan.refusal);
	assert_true(slice_equal(f.message.query, SLICE_LITERAL("?k=&z")));
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "?k=%2570h-STRIP-0123456789abcdef");
	assert_blocked("STRIP", SECRET_IN_QUERY);
}

static void misuse_is_dealt_with_as_each_secret_says(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/x", "?k=" PLACEHOLDER("PASSING"));
	fixture_plan(&f);
	assert_null(f.plan.refusal);
	assert_int_equal(f.plan.misuses[0].action, SECRET_PASSED);
	assert_true(slice_equal(f.message.query, SLICE_LITERAL("?k=" PLACEHOLDER("PASSING"))));

	fixture_request(&f, "GET", "api.example.com", "/a/" PLACEHOLDER("STRIP") "/b",
			"?k=" PLACEHOLDER("STRIP") "&z");
	fixture_field(&f, "X-Other", "v " PLACEHOLDER("STRIP"));
	fixture_field(&f, "Authorization",
		      basic("u" PLACEHOLDER("STRIP") ":p" PLACEHOLDER("STRIP")));
	fixture_plan(&f);
	assert_null(f.plan.refusal);
	assert_true(slice_equal(f.message.path, SLICE_LITERAL("/a//b")));
	assert_true(slice_equal(f.message.query, SLICE_LITERAL("?k=&z")));
	assert_true(slice_equal(f.message.fields.list[0].value, SLICE_LITERAL("v")));
	assert_true(slice_equal(f.message.fields.list[1].value, slice_from_text(basic("u:p"))));

	fixture_request(&f, "GET", "api.example.com", "/x", "?k=" PLACEHOLDER("KILL"));
	fixture_plan(&f);
	assert_non_null(f.plan.refusal);
	assert_true(f.plan.kill);
}

static void stripping_does_not_close_up_to_another_one(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/x",
			"?k=ph-STRIP-01234567" PLACEHOLDER("STRIP") "89abcdef");
	fixture_plan(&f);
	assert_true(slice_equal(f.message.query, SLICE_LITERAL("?k=")));
}

static void stripping_does_not_close_up_to_what_another_setting_refuses(void **state)
{
	static const char split[] = "ph-KEY-01234567" PLACEHOLDER("STRIP") "89abcdef";

	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "X-Other", split);
	assert_blocked("KEY", SECRET_IN_FIELD);
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "Authorization", basic(split));
	assert_blocked("KEY", SECRET_IN_BASIC);
	fixture_request(&f, "GET", "api.example.com", "/v1/x",
			"?ph-KEY-01234567" PLACEHOLDER("STRIP") "89abcdef");
	assert_blocked("KEY", SECRET_IN_QUERY);
}

static void a_field_name_is_refused_and_not_stripped(void **state)
{
	(void)state;
	fixture_request(&f, "POST", "api.example.com", "/v1/x", "");
	fixture_field(&f, "Transfer-" PLACEHOLDER("STRIP") "Encoding", "chunked");
	assert_blocked("STRIP", SECRET_IN_FIELD_NAME);
}

static void stripping_leaves_what_is_bound(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "Authorization", PLACEHOLDER("KEY") " " PLACEHOLDER("STRIP"));
	fixture_plan(&f);
	assert_null(f.plan.refusal);
	assert_sent(&f, 0, "real-KEY-value");
}

static void a_bound_secret_does_not_excuse_a_misused_one(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "Authorization", PLACEHOLDER("KEY") PLACEHOLDER("STRICT"));
	fixture_plan(&f);
	assert_non_null(f.plan.refusal);
	assert_string_equal(f.plan.refusal->entry->policy->name, "STRICT");
}

static void trailers_hold_no_secret(void **state)
{
	struct http_fields trailers = {0};

	(void)state;
	fixture_request(&f, "POST", "api.example.com", "/v1/x", "");
	fixture_plan(&f);
	http_fields_add(&trailers, &f.arena, SLICE_LITERAL("X-Sum"),
			SLICE_LITERAL(PLACEHOLDER("KEY")));
	assert_int_equal(secret_plan_trailers(&f.store, &trailers, &f.arena, &f.plan), 0);
	assert_non_null(f.plan.refusal);
	assert_int_equal(f.plan.refusal->place, SECRET_IN_TRAILER);

	fixture_request(&f, "POST", "api.example.com", "/v1/x", "");
	fixture_plan(&f);
	trailers = (struct http_fields){0};
	http_fields_add(&trailers, &f.arena, SLICE_LITERAL(PLACEHOLDER("KEY")), SLICE_LITERAL("x"));
	assert_int_equal(secret_plan_trailers(&f.store, &trailers, &f.arena, &f.plan), 0);
	assert_non_null(f.plan.refusal);
}

static void another_sandboxs_placeholder_is_just_text(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "Authorization", "Bearer ph-KEY-fedcba9876543210");
	fixture_plan(&f);
	assert_int_equal(f.plan.item_count, 0);
	assert_int_equal(f.plan.misuse_count, 0);
	assert_sent(&f, 0, "Bearer ph-KEY-fedcba9876543210");
}

static void malformed_basic_is_left_alone(void **state)
{
	static const char *const values[] = {"Basic", "Basic !!!!", "Basic YQ=", "Basic "};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		fixture_request(&f, "GET", "git.example.com", "/", "");
		fixture_field(&f, "Authorization", values[i]);
		fixture_plan(&f);
		assert_int_equal(f.plan.item_count, 0);
		assert_sent(&f, 0, values[i]);
	}
}

static void what_is_put_in_follows_its_field_when_others_are_taken_out(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/v1/x", "");
	fixture_field(&f, "X-First", "a");
	fixture_field(&f, "Authorization", PLACEHOLDER("KEY"));
	fixture_field(&f, "X-Key", PLACEHOLDER("PASSING"));
	fixture_plan(&f);
	assert_int_equal(f.plan.item_count, 1);
	http_fields_remove_name(&f.message.fields, SLICE_LITERAL("X-First"));
	assert_sent(&f, 0, "real-KEY-value");
	assert_sent(&f, 1, PLACEHOLDER("PASSING"));
}

/* Arenas take their memory in large blocks; this one has none to begin with. */
static int plan_anew(void *context)
{
	struct arena before = f.arena;
	struct http_field fields[2] = {f.message.fields.list[0], f.message.fields.list[1]};
	struct slice path = f.message.path, query = f.message.query;
	int rc;

	(void)context;
	arena_init(&f.arena, 1 << 20);
	f.message.arena = &f.arena;
	f.plan = (struct secret_plan){0};
	rc = secret_plan_begin(&f.plan, f.policy, &f.request);
	while (rc == 0 && (rc = secret_plan_path(&f.store, &f.message, &f.plan)) == 1)
		rc = 0;
	if (rc == 0)
		rc = secret_plan_make(&f.store, &f.message, &f.plan);
	arena_free(&f.arena);
	f.arena = before;
	f.message.fields.list[0] = fields[0];
	f.message.fields.list[1] = fields[1];
	f.message.path = path;
	f.message.query = query;
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	fixture_request(&f, "GET", "api.example.com", "/v1/%20x", "?a=" PLACEHOLDER("STRIP") "%20");
	fixture_field(&f, "Authorization", basic("x:" PLACEHOLDER("STRIP")));
	fixture_field(&f, "X-Strip", PLACEHOLDER("STRIP") PLACEHOLDER("STRIP"));
	allocation_try_all(plan_anew, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_slot_gets_its_secret),
		cmocka_unit_test(every_occurrence_in_the_slot_is_replaced),
		cmocka_unit_test(outside_its_slot_it_is_blocked),
		cmocka_unit_test(plain_http_gets_no_secret),
		cmocka_unit_test(basic_is_decoded_and_encoded_anew),
		cmocka_unit_test(user_and_password_are_slots_of_their_own),
		cmocka_unit_test(basic_slots_are_of_authorization_only),
		cmocka_unit_test(percent_encoding_does_not_hide_it),
		cmocka_unit_test(misuse_is_dealt_with_as_each_secret_says),
		cmocka_unit_test(stripping_does_not_close_up_to_another_one),
		cmocka_unit_test(stripping_does_not_close_up_to_what_another_setting_refuses),
		cmocka_unit_test(a_field_name_is_refused_and_not_stripped),
		cmocka_unit_test(stripping_leaves_what_is_bound),
		cmocka_unit_test(a_bound_secret_does_not_excuse_a_misused_one),
		cmocka_unit_test(trailers_hold_no_secret),
		cmocka_unit_test(another_sandboxs_placeholder_is_just_text),
		cmocka_unit_test(malformed_basic_is_left_alone),
		cmocka_unit_test(what_is_put_in_follows_its_field_when_others_are_taken_out),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
