#include "proxy/steer/namespaces.h"

#include <string.h>

#include "tests/unit/allocation.h"

static void expect(int code, struct namespace_limits limits, const char *wanted)
{
	struct error err;

	assert_int_equal(namespaces_explain(code, &limits, &err), code);
	assert_int_equal(err.code, code);
	if (!strstr(err.text, wanted))
		fail_msg("\"%s\" does not say \"%s\"", err.text, wanted);
}

static void each_restriction_is_named_with_its_remedy(void **state)
{
	(void)state;
	expect(-ENOSPC, (struct namespace_limits){.exhausted = "user.max_net_namespaces"},
	       "sysctl -w user.max_net_namespaces=15000");
	expect(-EPERM, (struct namespace_limits){.unprivileged_clone_off = true},
	       "sysctl -w kernel.unprivileged_userns_clone=1");
	expect(-EACCES, (struct namespace_limits){.apparmor_restricts = true},
	       "kernel.apparmor_restrict_unprivileged_userns=0");
	expect(-EPERM, (struct namespace_limits){.system_calls_are_filtered = true},
	       "--security-opt seccomp=unconfined");
	expect(-ENOSYS, (struct namespace_limits){.system_calls_are_filtered = true},
	       "--security-opt seccomp=unconfined");
	expect(-EINVAL, (struct namespace_limits){.system_calls_are_filtered = true},
	       "CONFIG_USER_NS");
	expect(-ENOSPC, (struct namespace_limits){0}, "too many exist already");
	expect(-EPERM, (struct namespace_limits){0}, "chroot");
	expect(-EAGAIN, (struct namespace_limits){0}, "ulimit -u");
	expect(-ENOMEM, (struct namespace_limits){0}, "Cannot allocate memory");
}

/* A limit of none explains more than a filter that may well have nothing to do with it. */
static void the_surest_cause_is_named_first(void **state)
{
	(void)state;
	expect(-EPERM,
	       (struct namespace_limits){.unprivileged_clone_off = true,
					 .system_calls_are_filtered = true},
	       "unprivileged_userns_clone");
	expect(-ENOSPC,
	       (struct namespace_limits){.exhausted = "user.max_user_namespaces",
					 .apparmor_restricts = true},
	       "user.max_user_namespaces");
}

static void init_is_never_root(void **state)
{
	struct identity inner = namespaces_inner((struct identity){0, 0});

	(void)state;
	assert_int_not_equal(inner.uid, 0);
	assert_int_not_equal(inner.gid, 0);
	inner = namespaces_inner((struct identity){1000, 100});
	assert_int_equal(inner.uid, 1000);
	assert_int_equal(inner.gid, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_restriction_is_named_with_its_remedy),
		cmocka_unit_test(the_surest_cause_is_named_first),
		cmocka_unit_test(init_is_never_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
