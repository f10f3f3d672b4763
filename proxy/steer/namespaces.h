/* User namespaces: who may make them, the maps, and why the kernel refuses. */
#ifndef PROXY_STEER_NAMESPACES_H
#define PROXY_STEER_NAMESPACES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* A user and a group as they are in some user namespace. */
struct identity {
	uid_t uid;
	gid_t gid;
};

/* Who INIT is in user namespace 1, given the caller. Never root, even if the caller is root of a
 * container: some sysctls of a namespace may be written by the root of the user namespace that owns
 * it, by uid alone, and COMMAND has INIT's uid. */
struct identity namespaces_inner(struct identity caller);

/* Forks, the child being pid 1 of new user, network, mount, pid, ipc and uts namespaces. Returns
 * the pid and stores a pidfd, or 0 in the child, or a negated errno. The process must have one
 * thread only. */
pid_t namespaces_clone(int *pidfd);

/* Maps INSIDE to OUTSIDE, and nothing else, in the calling process's new user namespace, and denies
 * setgroups. A process that is not dumpable is for as long as that takes. */
int namespaces_map(struct identity inside, struct identity outside, struct error *err);

/* What on this host can stand in the way of user namespaces. */
struct namespace_limits {
	const char *exhausted;		/* the sysctl that allows none of a kind, or NULL */
	bool unprivileged_clone_off;	/* Debian's kernel.unprivileged_userns_clone is 0 */
	bool apparmor_restricts;	/* Ubuntu's kernel.apparmor_restrict_unprivileged_userns */
	bool system_calls_are_filtered; /* by a container runtime's seccomp profile */
};

void namespaces_read_limits(struct namespace_limits *limits);

/* Fills ERR for namespaces that could not be made, or used, for CODE (a negated errno): which
 * restriction it is, and how to lift it. Returns CODE. */
int namespaces_explain(int code, const struct namespace_limits *limits, struct error *err);

#endif
