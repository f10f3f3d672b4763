#include "proxy/steer/confine.h"

#include <cap-ng.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

int confine_drop_capabilities(struct error *err)
{
	/* In a rootless container the caller's uid is 0, which executing a file would give all
	 * capabilities again. The other bits stay free: ping insists on setting one of them. */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED) < 0)
		return error_set_code(err, -errno, "cannot take root's privileges away");
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_ALL) < 0)
		return error_set(err, -EPERM, "cannot drop the capabilities");
	return 0;
}

int confine_no_new_privileges(struct error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set_code(err, -errno, "cannot set no_new_privs");
	return 0;
}

int confine_keyring(struct error *err)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0)
		return 0;
	/* A kernel, or a container's filter, without keyrings: then COMMAND has none either. */
	if (errno == ENOSYS || errno == EPERM)
		return 0;
	return error_set_code(err, -errno, "cannot leave the session keyring");
}

/* As of Linux 6.12; older headers do not have the last member. */
struct landlock_rules {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

enum {
	SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,
};

int confine_reach(struct error *err)
{
	struct landlock_rules rules = {.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL};
	cleanup_close int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (fd < 0)
		return 0;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return error_set_code(err, -errno, "cannot limit whom signals reach");
	return 0;
}

int confine_core_dumps(struct error *err)
{
	/* One byte, not none: a pipe is used whatever the limit, but for this value. */
	const struct rlimit limit = {1, 1};

	if (setrlimit(RLIMIT_CORE, &limit) < 0)
		return error_set_code(err, -errno, "cannot limit core dumps");
	return 0;
}
