#include "base/locked.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

static void a_forked_child_finds_it_wiped(void **state)
{
	struct locked region;
	struct error err;
	char *secret;
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(locked_init(&region, 100, &err), 0);
	secret = locked_alloc(&region, 16);
	memcpy(secret, "a real secret...", 16);
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 16; i++) {
			if (secret[i])
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_memory_equal(secret, "a real secret...", 16);
	locked_free(&region);
}

static void a_full_region_refuses(void **state)
{
	struct locked region;
	struct error err;

	(void)state;
	assert_int_equal(locked_init(&region, 4096, &err), 0);
	assert_non_null(locked_alloc(&region, 4000));
	assert_null(locked_alloc(&region, 97));
	assert_non_null(locked_alloc(&region, 96));
	locked_free(&region);
	locked_free(&region);
}

static void says_how_to_mend_a_low_limit(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		const struct rlimit none = {0, 0};
		struct locked region;
		struct error err = {0};

		/* Root may lock memory whatever the limit says. */
		if (getuid() == 0 && setuid(65534) < 0)
			_exit(2);
		setrlimit(RLIMIT_MEMLOCK, &none);
		if (locked_init(&region, 4096, &err) >= 0)
			_exit(3);
		_exit(strstr(err.text, "ulimit -l") ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forked_child_finds_it_wiped),
		cmocka_unit_test(a_full_region_refuses),
		cmocka_unit_test(says_how_to_mend_a_low_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
