/* Threats S8, S11, S15: placeholders in bodies, wherever the body is cut. */
#include "proxy/secret/body.h"

#include "tests/unit/secret/secret_fixture.h"

static struct fixture f;

static const char without_strip[] =
	"sallyport: 1\n"
	"name: test\n"
	"secrets:\n"
	"  KEY: {from: env, use: [{at: api.example.com, slot: header Authorization}]}\n"
	"  STRICT: {from: env, misuse: strict, use: [{at: api.example.com, slot: header X}]}\n"
	"rules: [{allow: api.example.com}]\n";

/* Feeds TEXT in pieces of CUT bytes; what comes out is joined. */
static int feed(struct slice text, size_t cut, char *out, size_t *out_len)
{
	struct secret_body body;
	struct slice passed;
	int rc = 0;

	f.plan = (struct secret_plan){0};
	*out_len = 0;
	secret_body_init(&body, &f.store, &f.plan);
	for (size_t at = 0; at < text.len && rc == 0; at += cut) {
		rc = secret_body_feed(&body, slice_first(slice_from(text, at), cut), false,
				      &passed);
		if (rc < 0)
			break;
		memcpy(out + *out_len, passed.ptr, passed.len);
		*out_len += passed.len;
	}
	if (rc == 0) {
		rc = secret_body_feed(&body, SLICE_EMPTY, true, &passed);
		memcpy(out + *out_len, passed.ptr, passed.len);
		*out_len += passed.len;
	}
	secret_body_free(&body);
	return rc;
}

static void a_blocked_one_is_inert_in_a_body_and_counted(void **state)
{
	struct slice text = SLICE_LITERAL("{\"key\":\"" PLACEHOLDER("KEY") "\"}");
	char out[256];
	size_t len;

	(void)state;
	fixture_set_up_with(&f, without_strip);
	for (size_t cut = 1; cut <= text.len; cut++) {
		assert_int_equal(feed(text, cut, out, &len), 0);
		assert_int_equal(len, text.len);
		assert_memory_equal(out, text.ptr, text.len);
		assert_int_equal(f.plan.misuse_count, 1);
		assert_int_equal(f.plan.misuses[0].action, SECRET_PASSED);
		assert_int_equal(f.plan.misuses[0].place, SECRET_IN_BODY);
	}
	fixture_tear_down(&f);
}

static void a_strict_one_is_refused_before_it_is_whole_outside(void **state)
{
	struct slice text = SLICE_LITERAL("some text before " PLACEHOLDER("STRICT") " and behind");
	char out[256];
	size_t len;

	(void)state;
	fixture_set_up_with(&f, without_strip);
	for (size_t cut = 1; cut <= text.len; cut++) {
		assert_int_equal(feed(text, cut, out, &len), ERROR_DENIED);
		assert_true(len < 17 + sizeof(PLACEHOLDER("STRICT")) - 1);
		assert_non_null(f.plan.refusal);
	}
	fixture_tear_down(&f);
}

static void a_stripped_one_is_taken_out_and_nothing_else(void **state)
{
	struct slice text = SLICE_LITERAL("ph-STRIP ph- " PLACEHOLDER("STRIP") "x" PLACEHOLDER(
		"KEY") "y" PLACEHOLDER("STRIP") PLACEHOLDER("STRIP") "ph-STRIP-0123");
	const char *expected = "ph-STRIP ph- x" PLACEHOLDER("KEY") "yph-STRIP-0123";
	char out[256];
	size_t len;

	(void)state;
	fixture_set_up(&f);
	for (size_t cut = 1; cut <= text.len; cut++) {
		assert_int_equal(feed(text, cut, out, &len), 0);
		assert_int_equal(len, strlen(expected));
		assert_memory_equal(out, expected, len);
	}
	fixture_tear_down(&f);
}

/* The end of a placeholder that is the beginning of another one must not be held back from it. */
static void a_placeholder_is_found_whatever_it_ends_in(void **state)
{
	static const struct slice odd = SLICE_LITERAL("strict-0123456789abcdefph-");
	struct error err;
	char out[256];
	size_t len;

	(void)state;
	fixture_set_up(&f);
	for (size_t i = 0; i < f.store.count; i++) {
		if (strcmp(f.store.entries[i].policy->name, "STRICT") == 0)
			f.store.entries[i].placeholder = odd;
	}
	scanner_free(f.store.scanner);
	assert_int_equal(secret_store_seal(&f.store, &err), 0);
	for (size_t cut = 1; cut <= odd.len; cut++)
		assert_int_equal(feed(odd, cut, out, &len), ERROR_DENIED);
	fixture_tear_down(&f);
}

static void nothing_is_held_back_without_need(void **state)
{
	struct secret_body body;
	struct slice passed;

	(void)state;
	fixture_set_up(&f);
	f.plan = (struct secret_plan){0};
	secret_body_init(&body, &f.store, &f.plan);
	assert_int_equal(secret_body_feed(&body, SLICE_LITERAL("data: event\n\n"), false, &passed),
			 0);
	assert_int_equal(passed.len, 13);
	assert_int_equal(secret_body_feed(&body, SLICE_LITERAL("more ph-ST"), false, &passed), 0);
	assert_int_equal(passed.len, 5);
	assert_int_equal(secret_body_feed(&body, SLICE_LITERAL("OP"), false, &passed), 0);
	assert_true(slice_equal(passed, SLICE_LITERAL("ph-STOP")));
	secret_body_free(&body);
	fixture_tear_down(&f);
}

static void only_some_settings_need_bodies_in_the_clear(void **state)
{
	(void)state;
	fixture_set_up(&f);
	assert_true(secret_body_must_inspect(&f.store));
	assert_true(secret_body_may_change(&f.store));
	fixture_tear_down(&f);
	fixture_set_up_with(&f, without_strip);
	assert_true(secret_body_must_inspect(&f.store));
	assert_false(secret_body_may_change(&f.store));
	fixture_tear_down(&f);
}

static int feed_all(void *context)
{
	char out[256];
	size_t len;

	(void)context;
	return feed(SLICE_LITERAL("ph-S" PLACEHOLDER("STRIP") "x" PLACEHOLDER("KEY")), 7, out,
		    &len);
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	fixture_set_up(&f);
	allocation_try_all(feed_all, NULL, false);
	fixture_tear_down(&f);
	fixture_set_up_with(&f, without_strip);
	allocation_try_all(feed_all, NULL, false);
	fixture_tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blocked_one_is_inert_in_a_body_and_counted),
		cmocka_unit_test(a_strict_one_is_refused_before_it_is_whole_outside),
		cmocka_unit_test(a_stripped_one_is_taken_out_and_nothing_else),
		cmocka_unit_test(a_placeholder_is_found_whatever_it_ends_in),
		cmocka_unit_test(nothing_is_held_back_without_need),
		cmocka_unit_test(running_out_of_memory_is_reported),
		cmocka_unit_test(only_some_settings_need_bodies_in_the_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
