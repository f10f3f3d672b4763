#include "ca/leaf_cache.h"

#include "tests/unit/allocation.h"

static const struct validity day = {1000, 2000};

static void keep(struct leaf_cache *cache, const char *name, X509 *leaf)
{
	assert_int_equal(leaf_cache_keep(cache, slice_from_text(name), leaf, &day), 0);
}

static X509 *find(struct leaf_cache *cache, const char *name, int64_t now)
{
	return leaf_cache_find(cache, slice_from_text(name), now);
}

static void a_leaf_is_good_for_half_its_life(void **state)
{
	struct leaf_cache cache;
	X509 *leaf = X509_new();

	(void)state;
	leaf_cache_init(&cache, 4);
	assert_null(find(&cache, "a", 1000));
	keep(&cache, "a", leaf);
	assert_ptr_equal(find(&cache, "a", 1000), leaf);
	assert_ptr_equal(find(&cache, "a", 1499), leaf);
	assert_null(find(&cache, "a", 1500));
	assert_int_equal(cache.by_name.count, 0);
	/* A clock that was set back. */
	keep(&cache, "a", leaf);
	assert_null(find(&cache, "a", 999));
	leaf_cache_free(&cache);
	X509_free(leaf);
}

static void the_longest_unused_goes_out(void **state)
{
	struct leaf_cache cache;
	X509 *leaf = X509_new();

	(void)state;
	leaf_cache_init(&cache, 3);
	keep(&cache, "a", leaf);
	keep(&cache, "b", leaf);
	keep(&cache, "c", leaf);
	assert_non_null(find(&cache, "a", 1000));
	keep(&cache, "d", leaf);
	assert_null(find(&cache, "b", 1000));
	assert_non_null(find(&cache, "a", 1000));
	assert_non_null(find(&cache, "c", 1000));
	assert_non_null(find(&cache, "d", 1000));
	assert_int_equal(cache.by_name.count, 3);
	leaf_cache_free(&cache);
	X509_free(leaf);
}

static void a_new_leaf_takes_the_place_of_the_old(void **state)
{
	struct leaf_cache cache;
	X509 *old = X509_new(), *new = X509_new();

	(void)state;
	leaf_cache_init(&cache, 3);
	keep(&cache, "a", old);
	keep(&cache, "a", new);
	assert_ptr_equal(find(&cache, "a", 1000), new);
	assert_int_equal(cache.by_name.count, 1);
	leaf_cache_free(&cache);
	X509_free(old);
	X509_free(new);
}

static int keep_two(void *context)
{
	struct leaf_cache cache;
	int rc;

	leaf_cache_init(&cache, 3);
	rc = leaf_cache_keep(&cache, SLICE_LITERAL("a"), context, &day);
	if (rc == 0)
		rc = leaf_cache_keep(&cache, SLICE_LITERAL("b"), context, &day);
	leaf_cache_free(&cache);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	X509 *leaf = X509_new();

	(void)state;
	allocation_try_all(keep_two, leaf, false);
	X509_free(leaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leaf_is_good_for_half_its_life),
		cmocka_unit_test(the_longest_unused_goes_out),
		cmocka_unit_test(a_new_leaf_takes_the_place_of_the_old),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
