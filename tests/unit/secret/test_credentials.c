/* Threats N12, S20: credentials that are none of ours. */
#include "proxy/secret/credentials.h"

#include "base/base64.h"
#include "tests/unit/secret/secret_fixture.h"

static const char policy[] =
	"sallyport: 1\n"
	"name: test\n"
	"secrets:\n"
	"  KEY: {from: env, use: [{at: a.example.com, slot: header Authorization}, {at: "
	"a.example.com, slot: header X-Odd}]}\n"
	"  WORD: {from: env, use: [{at: a.example.com, slot: basic password}]}\n"
	"  USER_KEY: {from: env, use: [{at: a.example.com, slot: basic user}]}\n"
	"  SESSION: {from: env, use: [{at: a.example.com, slot: cookie session}]}\n"
	"  QUERY: {from: env, use: [{at: a.example.com, slot: query map}]}\n"
	"  BOT: {from: env, use: [{at: https://a.example.com/bot/*/send, slot: path}]}\n"
	"  HOOK: {from: env, use: [{at: https://a.example.com/hook/*, slot: path}]}\n"
	"  HIDDEN: {from: env}\n"
	"rules: [{allow: a.example.com, credentials: ours, set: {X-Api-Key: \"{HIDDEN}\"}}]\n";

static struct fixture f;

static int set_up(void **state)
{
	(void)state;
	fixture_set_up_with(&f, policy);
	memset(f.scratch, 0, SECRET_SCRATCH_BYTES);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_tear_down(&f);
	return 0;
}

static void ask(const char *path, const char *query)
{
	fixture_request(&f, "GET", "a.example.com", path, query);
}

static struct credentials_foreign look(void)
{
	struct credentials_foreign foreign;

	fixture_plan(&f);
	assert_int_equal(credentials_find_foreign(&f.plan, &f.message, &foreign), 0);
	return foreign;
}

static struct credentials_foreign look_at_field(const char *name, const char *value)
{
	ask("/x", "");
	fixture_field(&f, name, value);
	return look();
}

static const char *basic(const char *text)
{
	static char out[256];

	memcpy(out, "Basic ", 6);
	out[6 + base64_encode(slice_from_text(text), out + 6)] = '\0';
	return out;
}

static void a_field_with_a_foreign_credential_is_found(void **state)
{
	static const char *const names[] = {
		"Authorization",
		"authorization",
		"AUTHORIZATION",
		"X-Api-Key",
		"x_api_key",
		"X-API_KEY",
		"api-key",
		"apikey",
		"X-Goog-Api-Key",
		"X-Auth-Token",
		"PRIVATE-TOKEN",
		"X-Amz-Security-Token",
		"xi-api-key",
		"X-Vault-Token",
		"DD-API-KEY",
		"X-Access-Token",
		"X-Authorization",
		"JOB-TOKEN",
		"X-Functions-Key",
		"CF-Access-Client-Secret",
		"X-Forwarded-Access-Token",
		"Token",
		"X-Shopify-Access-Token",
		"Proxy_Authorization",
		"X-Odd",
		"x_odd",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct credentials_foreign foreign = look_at_field(names[i], "attackers-own-key");

		if (!foreign.where)
			print_error("%s\n", names[i]);
		assert_string_equal(foreign.where, "field");
		assert_true(slice_equal(foreign.name, slice_from_text(names[i])));
	}
	assert_non_null(look_at_field("X-Whatever", "bearer attackers-own-key").where);
	assert_non_null(look_at_field("X-Whatever", basic("a:b")).where);
	assert_non_null(
		look_at_field("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.sk-abc")
			.where);
}

static void what_is_no_credential_passes(void **state)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{"Accept", "application/json"},
		{"X-CSRF-Token", "abc"},
		{"Authorization", ""},
		{"Idempotency-Key", "123"},
		{"X-Request-Id", "abc"},
		{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
		{"Sec-WebSocket-Protocol", "mqtt"},
		{"anthropic-version", "2023-06-01"},
		{"OpenAI-Organization", "org-x"},
		{"X-Stainless-Lang", "python"},
		{"If-None-Match", "\"abc\""},
		{"Git-Protocol", "version=2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_null(look_at_field(rows[i].name, rows[i].value).where);
	ask("/x", "?page=2&keyword=a&tokens=5&page_token=x&key=&monkey=1&q=token");
	assert_null(look().where);
}

static void a_placeholder_in_its_slot_is_ours(void **state)
{
	static const char *const values[] = {
		PLACEHOLDER("KEY"),
		"Bearer " PLACEHOLDER("KEY"),
		"token " PLACEHOLDER("KEY"),
		"Token token=\"" PLACEHOLDER("KEY") "\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_null(look_at_field("Authorization", values[i]).where);
	assert_null(look_at_field("X-Odd", PLACEHOLDER("KEY")).where);
	assert_null(
		look_at_field("Authorization", basic("me@example.com:" PLACEHOLDER("WORD"))).where);
	assert_null(look_at_field("Authorization", basic(PLACEHOLDER("USER_KEY") ":")).where);
	assert_null(look_at_field("Authorization", basic(PLACEHOLDER("USER_KEY") ":x-oauth-basic"))
			    .where);
	assert_null(look_at_field("Authorization",
				  basic(PLACEHOLDER("USER_KEY") ":" PLACEHOLDER("WORD")))
			    .where);
	ask("/x", "?map=" PLACEHOLDER("QUERY") "&z=1");
	assert_null(look().where);
	ask("/x", "?m%61p=%70h-QUERY-0123456789abcdef");
	assert_null(look().where);
	ask("/bot/" PLACEHOLDER("BOT") "/send", "");
	assert_null(look().where);
}

static void a_placeholder_does_not_excuse_what_stands_beside_it(void **state)
{
	static const char *const values[] = {
		"Bearer attackers-own-key " PLACEHOLDER("KEY"),
		"attackers-own-long-key-0 " PLACEHOLDER("KEY"),
		"sk-attackers " PLACEHOLDER("KEY"),
		"Bearer " PLACEHOLDER("KEY") ", Bearer attackers-own-key",
		"Bearer " PLACEHOLDER("KEY") "x",
		"Bearer x=y=" PLACEHOLDER("KEY"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_non_null(look_at_field("Authorization", values[i]).where);
	assert_non_null(
		look_at_field("Authorization", basic("ghp_attackers:" PLACEHOLDER("WORD"))).where);
	assert_non_null(look_at_field("Authorization",
				      basic(PLACEHOLDER("USER_KEY") ":attackers-own-password"))
				.where);
	assert_non_null(look_at_field("Authorization", basic("me:x" PLACEHOLDER("WORD"))).where);
	/* A second field. */
	ask("/x", "");
	fixture_field(&f, "Authorization", "Bearer " PLACEHOLDER("KEY"));
	fixture_field(&f, "authorization", "Bearer mine");
	assert_non_null(look().where);
}

static void a_parameter_with_a_foreign_credential_is_found(void **state)
{
	static const char *const queries[] = {
		"?access_token=x",
		"?a=1&api_key=x",
		"?apikey=x",
		"?API-KEY=x",
		"?key=x",
		"?token=x",

		"?%74oken=x",
		"?%2574oken=x",
		"?to%6Ben=x",
		"?token[]=x",
		"?a=1;token=x",
		"?+token=x",
		"?api.key=x",
		"?api+key=x",
		"?to%00ken=x",
		"?map=x",
		"?map=xph-QUERY-0123456789abcdef",
		"?map=" PLACEHOLDER("QUERY") "&map=x",
		"?map=" PLACEHOLDER("QUERY") ";token=x",
		"?client_secret=x",
		"?token=%20",
		"?private_token=x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct credentials_foreign foreign;

		ask("/x", queries[i]);
		foreign = look();
		if (!foreign.where)
			print_error("%s\n", queries[i]);
		assert_string_equal(foreign.where, "parameter");
	}
}

static void an_address_that_is_signed_may_be_read_and_no_more(void **state)
{
	static const char *const queries[] = {"?sig=x", "?X-Amz-Signature=x", "?Signature=x",
					      "?a&X-Amz-Security-Token=x"};

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		ask("/x", queries[i]);
		assert_null(look().where);
		ask("/x", queries[i]);
		f.message.method = SLICE_LITERAL("PUT");
		assert_string_equal(look().where, "parameter");
	}
}

static void a_path_with_something_else_in_its_slot_is_found(void **state)
{
	(void)state;
	ask("/bot/123:attackers-own/send", "");
	assert_string_equal(look().where, "path");
	ask("/hook/x", "");
	assert_string_equal(look().where, "path");
	ask("/bot/x/other", "");
	assert_null(look().where);
}

static void foreign_cookies_are_taken_out(void **state)
{
	(void)state;
	ask("/x", "");
	fixture_field(&f, "X-First", "a");
	fixture_field(&f, "Cookie", "__cf_bm=x; session=" PLACEHOLDER("SESSION") "; sid=mine");
	fixture_field(&f, "cookie", "sid=mine");
	fixture_field(&f, "X_Last", "b");
	assert_null(look().where);
	assert_int_equal(f.message.fields.count, 3);
	assert_sent(&f, 1, "session=real-SESSION-value");
	ask("/x", "");
	fixture_field(&f, "Cookie", "session=mine; session=x" PLACEHOLDER("SESSION"));
	assert_null(look().where);
	assert_int_equal(f.message.fields.count, 0);
}

static void what_the_rule_sets_is_ours(void **state)
{
	struct credentials_foreign foreign;

	(void)state;
	ask("/x", "");
	fixture_field(&f, "X_API_KEY", "mine");
	f.plan = (struct secret_plan){0};
	secret_plan_begin(&f.plan, f.policy, &f.request);
	assert_int_equal(secret_plan_set(&f.policy->rules[0], &f.message, &f.plan), 0);
	assert_int_equal(secret_plan_make(&f.store, &f.message, &f.plan), 0);
	assert_int_equal(credentials_find_foreign(&f.plan, &f.message, &foreign), 0);
	assert_null(foreign.where);
	assert_int_equal(f.message.fields.count, 1);
	assert_sent(&f, 0, "real-HIDDEN-value");
}

static void all_credentials_can_be_taken_out(void **state)
{
	(void)state;
	ask("/x", "?a=1&%61pi_key=x&b=2&map=" PLACEHOLDER("QUERY") "&c;token=y");
	fixture_field(&f, "X_Api_Key", "x");
	fixture_field(&f, "Accept", "y");
	fixture_field(&f, "Authorization", "Bearer " PLACEHOLDER("KEY"));
	fixture_field(&f, "Cookie", "a=b");
	f.plan = (struct secret_plan){0};
	secret_plan_begin(&f.plan, f.policy, &f.request);
	assert_int_equal(credentials_take_out(&f.plan, &f.message), 0);
	assert_int_equal(f.message.fields.count, 1);
	assert_true(slice_equal(f.message.query, SLICE_LITERAL("?a=1&b=2")));
	f.message.query = SLICE_LITERAL("?token=x");
	assert_int_equal(credentials_take_out(&f.plan, &f.message), 0);
	assert_int_equal(f.message.query.len, 0);
	/* What has none stays as it is. */
	f.message.query = SLICE_LITERAL("?&&a&b=&");
	assert_int_equal(credentials_take_out(&f.plan, &f.message), 0);
	assert_true(slice_equal(f.message.query, SLICE_LITERAL("?&&a&b=&")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_with_a_foreign_credential_is_found),
		cmocka_unit_test(what_is_no_credential_passes),
		cmocka_unit_test(a_placeholder_in_its_slot_is_ours),
		cmocka_unit_test(a_placeholder_does_not_excuse_what_stands_beside_it),
		cmocka_unit_test(a_parameter_with_a_foreign_credential_is_found),
		cmocka_unit_test(an_address_that_is_signed_may_be_read_and_no_more),
		cmocka_unit_test(a_path_with_something_else_in_its_slot_is_found),
		cmocka_unit_test(foreign_cookies_are_taken_out),
		cmocka_unit_test(what_the_rule_sets_is_ours),
		cmocka_unit_test(all_credentials_can_be_taken_out),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
