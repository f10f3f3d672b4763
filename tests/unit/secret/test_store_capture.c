/* Threats S6, S9, S19. */
#include "tests/unit/secret/secret_fixture.h"

static const char policy_text[] = "sallyport: 1\n"
				  "name: test\n"
				  "secrets:\n"
				  "  CLIENT:\n"
				  "    from: env\n"
				  "    capture: true\n"
				  "    use: [{at: api.example.com, slot: header Authorization}]\n"
				  "rules: [{allow: api.example.com}]\n";

static const struct secret_entry *take(struct fixture *fixture, const char *token, uint64_t in_use,
				       struct error *err)
{
	struct scanner *scanner = fixture->store.scanner;
	struct finder *finder = fixture->store.finder;
	const struct secret_entry *entry = secret_store_capture(
		&fixture->store, &fixture->policy->secrets[0], slice_from_text(token), in_use, err);

	/* Nobody uses the ones before. */
	if (fixture->store.scanner != scanner) {
		scanner_free(scanner);
		finder_free(finder);
	}
	return entry;
}

static const struct secret_entry *take_number(struct fixture *fixture, size_t number,
					      uint64_t in_use)
{
	char token[64];
	struct error err;

	snprintf(token, sizeof(token), "token-number-%zu-of-the-server", number);
	return take(fixture, token, in_use, &err);
}

static void a_token_becomes_an_entry_of_its_own_in_locked_memory(void **state)
{
	struct fixture fixture;
	const struct secret_entry *entry;
	const struct locked *locked = &fixture.store.captured_values;
	struct scan_hit hit;
	struct error err;

	(void)state;
	fixture_set_up_with(&fixture, policy_text);
	entry = take(&fixture, "sk-proj-abcdefghijklmnopqrstuvwx", 0, &err);
	assert_non_null(entry);
	assert_ptr_equal(entry->policy, &fixture.policy->secrets[0]);
	assert_true(slice_equal(entry->value, SLICE_LITERAL("sk-proj-abcdefghijklmnopqrstuvwx")));
	assert_true(entry->value.ptr >= locked->bytes &&
		    entry->value.ptr < locked->bytes + locked->size);
	assert_int_equal(entry->placeholder.len, entry->value.len);
	assert_true(slice_starts_with(entry->placeholder, SLICE_LITERAL("sk-proj-")));
	assert_false(slice_equal(entry->placeholder, entry->value));
	assert_ptr_equal(secret_find(&fixture.store, entry->placeholder, 0, &hit), entry);
	/* The secret's own goes on. */
	assert_non_null(
		secret_find(&fixture.store, slice_from_text(PLACEHOLDER("CLIENT")), 0, &hit));
	assert_ptr_equal(secret_store_entry(&fixture.store, &fixture.policy->secrets[0]),
			 &fixture.store.entries[0]);
	fixture_tear_down(&fixture);
}

static void what_is_known_is_not_captured_again(void **state)
{
	struct fixture fixture;
	const struct secret_entry *entry;
	struct error err;

	(void)state;
	fixture_set_up_with(&fixture, policy_text);
	entry = take(&fixture, "the-token-of-the-server", 0, &err);
	assert_ptr_equal(take(&fixture, "the-token-of-the-server", 0, &err), entry);
	assert_ptr_equal(take(&fixture, "real-CLIENT-value", 0, &err), &fixture.store.entries[0]);
	assert_ptr_equal(take(&fixture, PLACEHOLDER("CLIENT"), 0, &err), &fixture.store.entries[0]);
	assert_int_equal(fixture.store.count, 2);
	fixture_tear_down(&fixture);
}

static void what_no_slot_could_take_is_refused_without_being_shown(void **state)
{
	static char long_one[SECRET_CAPTURED_MAX_BYTES + 2];
	static const char *const bad[] = {"short-7", "token\nwith a line", long_one};
	struct fixture fixture;
	struct error err;

	(void)state;
	memset(long_one, 'q', sizeof(long_one) - 1);
	fixture_set_up_with(&fixture, policy_text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(take(&fixture, bad[i], 0, &err));
		assert_non_null(strstr(err.text, "CLIENT"));
		assert_null(strstr(err.text, "qqq"));
		assert_null(strstr(err.text, "short-7"));
	}
	assert_int_equal(fixture.store.count, 1);
	long_one[SECRET_CAPTURED_MAX_BYTES] = '\0';
	assert_non_null(take(&fixture, long_one, 0, &err));
	fixture_tear_down(&fixture);
}

static void the_oldest_gives_way_and_its_value_is_wiped(void **state)
{
	struct fixture fixture;
	const struct secret_entry *first, *last;
	char placeholder[64];
	struct scan_hit hit;

	(void)state;
	fixture_set_up_with(&fixture, policy_text);
	first = take_number(&fixture, 1000000, 0);
	snprintf(placeholder, sizeof(placeholder), "%.*s", SLICE_ARGS(first->placeholder));
	for (size_t i = 1; i < SECRET_CAPTURED_MAX; i++)
		assert_non_null(take_number(&fixture, i, 0));
	assert_int_equal(fixture.store.count, 1 + SECRET_CAPTURED_MAX);
	assert_ptr_equal(secret_find(&fixture.store, slice_from_text(placeholder), 0, &hit), first);
	last = take_number(&fixture, 64, 0);
	assert_ptr_equal(last, first);
	assert_int_equal(fixture.store.count, 1 + SECRET_CAPTURED_MAX);
	assert_null(secret_find(&fixture.store, slice_from_text(placeholder), 0, &hit));
	for (size_t i = last->value.len; i < SECRET_CAPTURED_MAX_BYTES; i++)
		assert_int_equal(last->value.ptr[i], 0);
	fixture_tear_down(&fixture);
}

/* What was put into a request whose answer may still bring it back must stay known. */
static void one_that_is_in_use_does_not_give_way(void **state)
{
	struct fixture fixture;
	const struct secret_entry *first, *second;
	struct error err;

	(void)state;
	fixture_set_up_with(&fixture, policy_text);
	first = take_number(&fixture, 0, 0);
	second = take_number(&fixture, 1, 0);
	assert_int_not_equal(first->mark, 0);
	assert_int_not_equal(first->mark, second->mark);
	for (size_t i = 2; i < SECRET_CAPTURED_MAX; i++)
		assert_non_null(take_number(&fixture, i, 0));
	assert_ptr_equal(take_number(&fixture, 64, first->mark), second);
	assert_true(slice_equal(first->value, SLICE_LITERAL("token-number-0-of-the-server")));
	/* When all are, there is no room. */
	assert_null(take(&fixture, "token-without-a-room", UINT64_MAX, &err));
	assert_non_null(strstr(err.text, "CLIENT"));
	assert_null(strstr(err.text, "without-a-room"));
	fixture_tear_down(&fixture);
}

static void one_that_is_disarmed_is_put_in_nowhere(void **state)
{
	struct fixture fixture;
	const struct secret_entry *entry;
	struct error err;

	(void)state;
	fixture_set_up_with(&fixture, policy_text);
	entry = take(&fixture, "the-token-of-the-server", 0, &err);
	secret_store_disarm(&fixture.store, entry);
	assert_true(slice_equal(entry->value, entry->placeholder));
	/* It may come again. */
	assert_non_null(take(&fixture, "the-token-of-the-server", 0, &err));
	fixture_tear_down(&fixture);
}

static void without_memory_the_old_ones_go_on(void **state)
{
	struct fixture fixture;
	struct scan_hit hit;
	struct error err;
	unsigned long n = 1;

	(void)state;
	fixture_set_up_with(&fixture, policy_text);
	for (;; n++) {
		const struct secret_entry *entry;

		allocation_fail_nth(n);
		entry = take_number(&fixture, 0, 0);
		if (!allocation_failed()) {
			allocation_fail_nth(0);
			assert_non_null(entry);
			break;
		}
		allocation_fail_nth(0);
		assert_null(entry);
		assert_non_null(secret_find(&fixture.store, slice_from_text(PLACEHOLDER("CLIENT")),
					    0, &hit));
		assert_non_null(fixture.store.finder);
	}
	assert_true(n > 1);
	assert_non_null(take(&fixture, "the-token-of-the-server", 0, &err));
	fixture_tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_becomes_an_entry_of_its_own_in_locked_memory),
		cmocka_unit_test(what_is_known_is_not_captured_again),
		cmocka_unit_test(what_no_slot_could_take_is_refused_without_being_shown),
		cmocka_unit_test(the_oldest_gives_way_and_its_value_is_wiped),
		cmocka_unit_test(one_that_is_in_use_does_not_give_way),
		cmocka_unit_test(one_that_is_disarmed_is_put_in_nowhere),
		cmocka_unit_test(without_memory_the_old_ones_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
