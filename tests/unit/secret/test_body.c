/* Threats S8, S11, S15: placeholders in bodies, wherever the body is cut. */
#include "proxy/secret/body.h"

#include "tests/unit/secret/secret_fixture.h"

static struct fixture f;

static const char settings[] =
	"sallyport: 1\n"
	"name: test\n"
	"secrets:\n"
	"  KEY: {from: env, use: [{at: api.example.com, slot: header Authorization}]}\n"
	"  STRICT: {from: env, misuse: strict, use: [{at: api.example.com, slot: header X}]}\n"
	"rules: [{allow: api.example.com}]\n";

/* Feeds TEXT in pieces of CUT bytes. *FED is how many were taken before it was refused. */
static int feed(struct slice text, size_t cut, size_t *fed)
{
	struct secret_body body;
	int rc = 0;

	f.plan = (struct secret_plan){0};
	secret_body_init(&body, &f.store, &f.plan);
	for (*fed = 0; *fed < text.len; *fed += cut) {
		rc = secret_body_feed(&body, slice_first(slice_from(text, *fed), cut));
		if (rc < 0)
			break;
	}
	secret_body_free(&body);
	return rc;
}

static void a_blocked_one_is_inert_in_a_body_and_counted(void **state)
{
	struct slice text = SLICE_LITERAL("{\"key\":\"" PLACEHOLDER("KEY") "\"}");
	size_t fed;

	(void)state;
	fixture_set_up_with(&f, settings);
	for (size_t cut = 1; cut <= text.len; cut++) {
		assert_int_equal(feed(text, cut, &fed), 0);
		assert_int_equal(f.plan.misuse_count, 1);
		assert_int_equal(f.plan.misuses[0].action, SECRET_PASSED);
		assert_int_equal(f.plan.misuses[0].place, SECRET_IN_BODY);
	}
	fixture_tear_down(&f);
}

static void a_strict_one_is_refused_before_it_is_whole_outside(void **state)
{
	struct slice text = SLICE_LITERAL("some text before " PLACEHOLDER("STRICT") " and behind");
	size_t fed;

	(void)state;
	fixture_set_up_with(&f, settings);
	for (size_t cut = 1; cut <= text.len; cut++) {
		assert_int_equal(feed(text, cut, &fed), ERROR_DENIED);
		assert_true(fed < 17 + sizeof(PLACEHOLDER("STRICT")) - 1);
		assert_non_null(f.plan.refusal);
	}
	fixture_tear_down(&f);
}

static void only_some_settings_need_bodies_in_the_clear(void **state)
{
	(void)state;
	fixture_set_up(&f);
	assert_true(secret_body_must_inspect(&f.store));
	assert_true(secret_body_may_change(&f.store));
	fixture_tear_down(&f);
	fixture_set_up_with(&f, settings);
	assert_true(secret_body_must_inspect(&f.store));
	assert_false(secret_body_may_change(&f.store));
	fixture_tear_down(&f);
}

/* As in observe mode. */
static void whoever_lets_a_misuse_pass_may_go_on(void **state)
{
	struct slice strict = SLICE_LITERAL(PLACEHOLDER("STRICT")),
		     key = SLICE_LITERAL(PLACEHOLDER("KEY"));
	struct secret_body body;

	(void)state;
	fixture_set_up_with(&f, settings);
	f.plan = (struct secret_plan){0};
	secret_body_init(&body, &f.store, &f.plan);
	for (size_t i = 0; i < 1000; i++) {
		int rc = secret_body_feed(&body, slice_first(strict, strict.len / 2));

		assert_true(rc == 0 || rc == ERROR_DENIED);
		f.plan.refusal = NULL;
		assert_int_equal(secret_body_feed(&body, slice_from(strict, strict.len / 2)),
				 ERROR_DENIED);
		/* Said of each, and not only of the first. */
		assert_non_null(f.plan.refusal);
		assert_true(buffer_length(&body.tail) < strict.len);
	}
	assert_int_equal(f.plan.misuse_count, 1);
	secret_body_feed(&body, key);
	assert_int_equal(f.plan.misuse_count, 2);
	secret_body_free(&body);
	fixture_tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blocked_one_is_inert_in_a_body_and_counted),
		cmocka_unit_test(a_strict_one_is_refused_before_it_is_whole_outside),
		cmocka_unit_test(whoever_lets_a_misuse_pass_may_go_on),
		cmocka_unit_test(only_some_settings_need_bodies_in_the_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
