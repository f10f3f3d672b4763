/* Threats S6, S19. */
#include "proxy/engine/generation.h"

#include "proxy/engine/sandbox.h"
#include "tests/unit/secret/secret_fixture.h"

static const char policy_text[] = "sallyport: 1\n"
				  "name: test\n"
				  "secrets:\n"
				  "  CLIENT:\n"
				  "    from: env\n"
				  "    capture: true\n"
				  "    use: [{at: api.example.com, slot: header Authorization}]\n"
				  "rules: [{allow: api.example.com}]\n";

/* What of a sandbox has to do with secrets. */
struct test {
	struct policy *policy;
	struct sandbox sandbox;
	size_t tokens;
};

static void begin(struct test *test)
{
	struct fixture fixture;
	struct error err;

	fixture_set_up_with(&fixture, policy_text);
	*test = (struct test){.policy = fixture.policy};
	list_init(&test->sandbox.generations);
	/* The store moves. */
	test->sandbox.secrets = fixture.store;
	fixture.store = (struct secret_store){0};
	fixture.policy = NULL;
	arena_free(&fixture.arena);
	free(fixture.scratch);
	assert_int_equal(generation_begin(&test->sandbox, &err), 0);
}

static void end(struct test *test)
{
	generation_end_all(&test->sandbox);
	secret_store_free(&test->sandbox.secrets);
	policy_free(test->policy);
}

static struct slice capture(struct test *test, struct error *err)
{
	char token[64];

	snprintf(token, sizeof(token), "token-number-%zu-of-the-server", test->tokens++);
	return generation_capture(&test->sandbox, &test->policy->secrets[0], slice_from_text(token),
				  err);
}

static size_t count(const struct test *test)
{
	size_t found = 0;

	list_for_each(node, &test->sandbox.generations)
		found++;
	return found;
}

static void one_that_nobody_uses_goes_when_a_newer_one_comes(void **state)
{
	struct test test;
	struct error err;

	(void)state;
	begin(&test);
	assert_ptr_equal(test.sandbox.field_scrubber, test.sandbox.generation->field_scrubber);
	for (size_t i = 0; i < 5; i++)
		assert_non_null(capture(&test, &err).ptr);
	assert_int_equal(count(&test), 1);
	assert_ptr_equal(test.sandbox.secrets.scanner, test.sandbox.generation->scanner);
	assert_ptr_equal(test.sandbox.body_scrubber, test.sandbox.generation->body_scrubber);
	end(&test);
}

static void each_is_there_exactly_as_long_as_it_is_used(void **state)
{
	struct generation_use first = {0}, second = {0}, none = {0};
	struct secret_plan plan = {0};
	struct generation *used;
	struct error err;
	struct test test;

	(void)state;
	begin(&test);
	generation_use(&test.sandbox, &first, &plan);
	used = first.generation;
	capture(&test, &err);
	generation_use(&test.sandbox, &second, &plan);
	assert_ptr_not_equal(second.generation, used);
	capture(&test, &err);
	capture(&test, &err);
	/* Two that are used, and the newest; not the one between. */
	assert_int_equal(count(&test), 3);
	assert_ptr_equal(first.generation, used);
	generation_leave(&test.sandbox, &second);
	assert_int_equal(count(&test), 2);
	generation_use(&test.sandbox, &first, &plan);
	assert_int_equal(count(&test), 1);
	assert_ptr_equal(first.generation, test.sandbox.generation);
	generation_leave(&test.sandbox, &first);
	generation_leave(&test.sandbox, &first);
	generation_leave(&test.sandbox, &none);
	assert_int_equal(count(&test), 1);
	end(&test);
}

static void what_was_captured_is_scrubbed_from_then_on(void **state)
{
	struct slice text = SLICE_LITERAL("x token-number-0-of-the-server x"), placeholder;
	struct arena arena;
	struct test test;
	struct error err;
	uint64_t hits = 0;

	(void)state;
	begin(&test);
	arena_init(&arena, 1 << 16);
	scrub_text(test.sandbox.body_scrubber, text, &arena, &hits);
	assert_int_equal(hits, 0);
	placeholder = capture(&test, &err);
	text = scrub_text(test.sandbox.body_scrubber, text, &arena, &hits);
	assert_int_equal(hits, 1);
	assert_true(slice_find(text, placeholder) < text.len);
	arena_free(&arena);
	end(&test);
}

static void the_same_token_again_makes_no_generation(void **state)
{
	struct generation *before;
	struct slice first;
	struct error err;
	struct test test;

	(void)state;
	begin(&test);
	first = capture(&test, &err);
	before = test.sandbox.generation;
	test.tokens--;
	assert_true(slice_equal(capture(&test, &err), first));
	assert_ptr_equal(test.sandbox.generation, before);
	end(&test);
}

static void what_an_exchange_has_put_in_does_not_give_way(void **state)
{
	struct generation_use use = {0};
	struct secret_plan plan = {0};
	const struct secret_entry *entry;
	struct scan_hit hit;
	struct slice first;
	struct error err;
	struct test test;
	char text[64];

	(void)state;
	begin(&test);
	first = capture(&test, &err);
	snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(first));
	entry = secret_find(&test.sandbox.secrets, first, 0, &hit);
	generation_use(&test.sandbox, &use, &plan);
	assert_int_equal(secret_plan_add(&plan, entry, &test.policy->secrets[0].uses[0], NULL), 0);
	for (size_t i = 0; i < 3 * SECRET_CAPTURED_MAX; i++)
		assert_non_null(capture(&test, &err).ptr);
	assert_non_null(secret_find(&test.sandbox.secrets, slice_from_text(text), 0, &hit));
	assert_true(slice_equal(entry->value, SLICE_LITERAL("token-number-0-of-the-server")));
	generation_leave(&test.sandbox, &use);
	for (size_t i = 0; i < SECRET_CAPTURED_MAX; i++)
		assert_non_null(capture(&test, &err).ptr);
	assert_null(secret_find(&test.sandbox.secrets, slice_from_text(text), 0, &hit));
	end(&test);
}

static void there_are_not_too_many(void **state)
{
	struct generation_use uses[GENERATIONS_MAX] = {0};
	struct secret_plan plan = {0};
	struct error err;
	struct test test;

	(void)state;
	begin(&test);
	for (size_t i = 0; i < GENERATIONS_MAX; i++) {
		generation_use(&test.sandbox, &uses[i], &plan);
		assert_int_equal(capture(&test, &err).ptr != NULL, i < GENERATIONS_MAX - 1);
	}
	assert_non_null(strstr(err.text, "CLIENT"));
	assert_int_equal(count(&test), GENERATIONS_MAX);
	generation_leave(&test.sandbox, &uses[3]);
	assert_non_null(capture(&test, &err).ptr);
	for (size_t i = 0; i < GENERATIONS_MAX; i++)
		generation_leave(&test.sandbox, &uses[i]);
	assert_int_equal(count(&test), 1);
	end(&test);
}

static void without_memory_the_one_before_goes_on(void **state)
{
	struct generation_use use = {0};
	struct secret_plan plan = {0};
	struct generation *before;
	struct scan_hit hit;
	struct error err;
	struct test test;

	(void)state;
	begin(&test);
	generation_use(&test.sandbox, &use, &plan);
	before = test.sandbox.generation;
	for (unsigned long n = 1;; n++) {
		struct slice placeholder;

		allocation_fail_nth(n);
		placeholder = capture(&test, &err);
		if (!allocation_failed()) {
			allocation_fail_nth(0);
			assert_true(n > 3 && placeholder.ptr);
			break;
		}
		allocation_fail_nth(0);
		assert_null(placeholder.ptr);
		assert_int_equal(count(&test), 1);
		assert_ptr_equal(test.sandbox.generation, before);
		assert_ptr_equal(test.sandbox.secrets.scanner, before->scanner);
		assert_ptr_equal(test.sandbox.secrets.finder, before->finder);
		assert_non_null(secret_find(&test.sandbox.secrets,
					    slice_from_text(PLACEHOLDER("CLIENT")), 0, &hit));
	}
	generation_leave(&test.sandbox, &use);
	end(&test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_nobody_uses_goes_when_a_newer_one_comes),
		cmocka_unit_test(each_is_there_exactly_as_long_as_it_is_used),
		cmocka_unit_test(what_was_captured_is_scrubbed_from_then_on),
		cmocka_unit_test(the_same_token_again_makes_no_generation),
		cmocka_unit_test(what_an_exchange_has_put_in_does_not_give_way),
		cmocka_unit_test(there_are_not_too_many),
		cmocka_unit_test(without_memory_the_one_before_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
