/* Threats S12, S13, S24. */
#include "proxy/secret/store.h"

#include "tests/unit/allocation.h"

static const struct policy_use header_use = {.slot = {.kind = POLICY_SLOT_HEADER}};
static const struct policy_use user_use = {.slot = {.kind = POLICY_SLOT_BASIC_USER}};
static const struct policy_secret secret = {.name = "API_KEY", .uses = &header_use, .use_count = 1};
static const struct policy_secret user_secret = {
	.name = "LOGIN", .uses = &user_use, .use_count = 1};

static void a_value_that_would_break_its_slot_is_refused_without_being_shown(void **state)
{
	static const struct slice bad[] = {
		SLICE_LITERAL(""),
		SLICE_LITERAL("tok\ren"),
		SLICE_LITERAL("tok\nen"),
		SLICE_LITERAL("tok\0en"),
		SLICE_LITERAL("tok\x01en"),
		SLICE_LITERAL("token\n"),
		SLICE_LITERAL("tok\x7f"
			      "en"),
		SLICE_LITERAL(" token"),
		SLICE_LITERAL("token "),
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(secret_check_value(&secret, bad[i], &err) < 0);
		assert_non_null(strstr(err.text, "API_KEY"));
		assert_null(strstr(err.text, "tok"));
	}
	assert_int_equal(secret_check_value(&secret, SLICE_LITERAL("a:b"), &err), 0);
	assert_true(secret_check_value(&user_secret, SLICE_LITERAL("a:b"), &err) < 0);
	assert_non_null(strstr(err.text, "colon"));
}

static void fill(struct secret_store *store)
{
	struct error err;

	assert_int_equal(secret_store_init(store, &err), 0);
	assert_int_equal(secret_store_add(store, &secret, SLICE_LITERAL("sk-placeholder-000001"),
					  SLICE_LITERAL("sk-the-real-value"), &err),
			 0);
	assert_int_equal(secret_store_add(store, &user_secret,
					  SLICE_LITERAL("user-placeholder-0002"),
					  SLICE_LITERAL("alice"), &err),
			 0);
	assert_int_equal(secret_store_seal(store, &err), 0);
}

static void logs_show_names_for_placeholders(void **state)
{
	struct secret_store store;
	struct arena arena;
	struct slice shown, plain = SLICE_LITERAL("/nothing/here");

	(void)state;
	fill(&store);
	arena_init(&arena, 1 << 16);
	shown = secret_redact(&store,
			      SLICE_LITERAL("/a?k=sk-placeholder-000001&u=user-placeholder-0002"),
			      &arena);
	assert_true(slice_equal(shown, SLICE_LITERAL("/a?k={API_KEY}&u={LOGIN}")));
	/* Text without placeholders is not copied. */
	assert_ptr_equal(secret_redact(&store, plain, &arena).ptr, plain.ptr);
	arena_free(&arena);
	secret_store_free(&store);
}

static void values_are_kept_in_locked_memory(void **state)
{
	struct secret_store store;
	const char *value;

	(void)state;
	fill(&store);
	value = store.entries[0].value.ptr;
	assert_true(value >= store.values.bytes && value < store.values.bytes + store.values.size);
	assert_memory_equal(value, "sk-the-real-value", 17);
	secret_store_free(&store);
}

static int make(void *context)
{
	struct secret_store store;
	struct error err;
	int rc = secret_store_init(&store, &err);

	(void)context;
	if (rc == 0)
		rc = secret_store_add(&store, &secret, SLICE_LITERAL("sk-placeholder-000001"),
				      SLICE_LITERAL("sk-the-real-value"), &err);
	if (rc == 0)
		rc = secret_store_seal(&store, &err);
	secret_store_free(&store);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(make, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_that_would_break_its_slot_is_refused_without_being_shown),
		cmocka_unit_test(logs_show_names_for_placeholders),
		cmocka_unit_test(values_are_kept_in_locked_memory),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
