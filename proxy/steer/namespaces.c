#include "proxy/steer/namespaces.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "proxy/steer/steer.h"

enum {
	SMALL_FILE_BYTES = 64 << 10,
	INNER_ID_OF_ROOT = 1, /* any but 0 */
};

/* The one line of the initial user namespace's map. */
static bool owns_the_host(void)
{
	cleanup_free char *map = NULL;
	unsigned long inside, outside, count;
	size_t len;

	if (fd_read_file("/proc/self/uid_map", SMALL_FILE_BYTES, &map, &len, NULL) < 0)
		return true; /* without /proc we cannot tell: the safe answer */
	if (sscanf(map, "%lu %lu %lu", &inside, &outside, &count) != 3)
		return true;
	return inside == 0 && outside == 0 && count == 4294967295ul;
}

int steer_check_caller(struct error *err)
{
	uid_t real, effective, saved;

	if (getresuid(&real, &effective, &saved) < 0)
		return error_set_code(err, -errno, "cannot read the user id");
	if (real != effective || real != saved)
		return error_set(err, -EPERM,
				 "this program must not be installed set-user-id (it runs for user "
				 "%u as user %u): remove the bit with chmod u-s",
				 real, effective);
	if (effective == 0 && owns_the_host())
		return error_set(err, -EPERM,
				 "refusing to run as root: COMMAND would be root over this host's "
				 "files; run as an ordinary user, for example: "
				 "runuser -u NAME -- sallyport run ...");
	return 0;
}

struct identity namespaces_inner(struct identity caller)
{
	return (struct identity){
		.uid = caller.uid ? caller.uid : INNER_ID_OF_ROOT,
		.gid = caller.gid ? caller.gid : INNER_ID_OF_ROOT,
	};
}

pid_t namespaces_clone(int *pidfd)
{
	unsigned long flags = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |
			      CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD | SIGCHLD;
	/* One call for all: pid 1 of the new pid namespace is then a child of the caller itself, so
	 * that the parent-death signal ties it to the supervisor with nothing in between. */
	long pid = syscall(SYS_clone, flags, NULL, pidfd, NULL, 0);

	return pid < 0 ? -errno : (pid_t)pid;
}

static int write_map(const char *path, const char *text, struct error *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set_code(err, -errno, "cannot open %s", path);
	if (write(fd, text, strlen(text)) < 0)
		return error_set_code(err, -errno, "cannot write %s", path);
	return 0;
}

static int write_maps(struct identity inside, struct identity outside, struct error *err)
{
	char uids[64], gids[64];
	int rc;

	snprintf(uids, sizeof(uids), "%u %u 1", inside.uid, outside.uid);
	snprintf(gids, sizeof(gids), "%u %u 1", inside.gid, outside.gid);
	rc = write_map("/proc/self/uid_map", uids, err);
	if (rc < 0)
		return rc;
	/* Else dropping a group could give access that the group was meant to take away. */
	rc = write_map("/proc/self/setgroups", "deny", err);
	if (rc < 0)
		return rc;
	return write_map("/proc/self/gid_map", gids, err);
}

int namespaces_map(struct identity inside, struct identity outside, struct error *err)
{
	int before = prctl(PR_GET_DUMPABLE), rc;

	/* The files of a process that is not dumpable belong to root. */
	prctl(PR_SET_DUMPABLE, 1);
	rc = write_maps(inside, outside, err);
	prctl(PR_SET_DUMPABLE, before == 1);
	return rc;
}

/* The number in the file at PATH, or FALLBACK if there is none. */
static long read_number(const char *path, long fallback)
{
	cleanup_free char *text = NULL;
	char *end;
	size_t len;
	long number;

	if (fd_read_file(path, SMALL_FILE_BYTES, &text, &len, NULL) < 0)
		return fallback;
	number = strtol(text, &end, 10);
	return end == text ? fallback : number;
}

static const char *find_exhausted_limit(void)
{
	static const char *const names[] = {
		"user.max_user_namespaces", "user.max_net_namespaces", "user.max_mnt_namespaces",
		"user.max_pid_namespaces",  "user.max_ipc_namespaces", "user.max_uts_namespaces",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/sys/user/%s", strchr(names[i], '.') + 1);
		if (read_number(path, 1) == 0)
			return names[i];
	}
	return NULL;
}

void namespaces_read_limits(struct namespace_limits *limits)
{
	*limits = (struct namespace_limits){
		.exhausted = find_exhausted_limit(),
		.unprivileged_clone_off = read_number("/proc/sys/kernel/unprivileged_userns_clone",
						      1) == 0,
		.apparmor_restricts =
			read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) !=
			0,
		.system_calls_are_filtered = prctl(PR_GET_SECCOMP) != 0,
	};
}

#define CANNOT "cannot make the sandbox's namespaces: "

static int explain_failure(int code, struct error *err)
{
	switch (code) {
	case -ENOSPC:
	case -EUSERS:
		return error_set(err, code,
				 CANNOT
				 "too many exist already, or they are nested too deeply; see "
				 "the sysctls user.max_*_namespaces");
	case -EINVAL:
		return error_set(err, code,
				 CANNOT "the kernel is built without one of them (CONFIG_USER_NS, "
					"CONFIG_NET_NS, CONFIG_PID_NS)");
	case -EAGAIN:
		return error_set(err, code,
				 CANNOT "this user has as many processes as it may; see ulimit -u");
	case -EPERM:
		return error_set(err, code,
				 CANNOT "the kernel forbids it (are we in a chroot, or under a "
					"security module's policy?)");
	default:
		return error_set(err, code, CANNOT "%s", error_name(code));
	}
}

/* Those restrictions that answer with one of these codes. */
static bool is_refusal(int code)
{
	return code == -EPERM || code == -EACCES || code == -ENOSYS;
}

int namespaces_explain(int code, const struct namespace_limits *limits, struct error *err)
{
	if (limits->exhausted)
		return error_set(err, code,
				 CANNOT "the sysctl %s allows none; allow some with "
					"sysctl -w %s=15000",
				 limits->exhausted, limits->exhausted);
	if (!is_refusal(code))
		return explain_failure(code, err);
	if (limits->unprivileged_clone_off)
		return error_set(err, code,
				 CANNOT
				 "the sysctl kernel.unprivileged_userns_clone forbids them to "
				 "ordinary users; allow them with "
				 "sysctl -w kernel.unprivileged_userns_clone=1");
	if (limits->apparmor_restricts)
		return error_set(err, code,
				 CANNOT
				 "AppArmor keeps them from programs without a profile; give "
				 "sallyport one that has \"userns,\", or allow all with sysctl "
				 "-w kernel.apparmor_restrict_unprivileged_userns=0");
	if (limits->system_calls_are_filtered)
		return error_set(err, code,
				 CANNOT
				 "a seccomp filter forbids it, as those of container runtimes "
				 "do; start the container with --security-opt "
				 "seccomp=unconfined, or with a profile that allows clone, "
				 "unshare and mount");
	return explain_failure(code, err);
}
