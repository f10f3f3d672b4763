/*
 * The worker's jail. The worker reads hostile bytes, so that by the time it does it can do nothing
 * but move bytes between sockets (design section 2). In stages, each with its reason:
 *
 *   1. jail_begin()   right after the fork, before anything is allocated: its own session (the
 * terminal's signals are for the command), not dumpable (no core, no ptrace by the same user,
 * /proc/PID closed), its death tied to the supervisor's, the environment overwritten, every
 * descriptor closed but those it was given
 *   2. jail_enter()   when files are not needed any more: user, mount, pid, ipc and uts namespaces
 * of its own, an empty root directory, no capabilities, no new privileges, no new processes, a
 * seccomp filter that knows only what the loop, sockets and memory need
 *
 * The network namespace stays the host's: that is what the worker is for.
 */
#ifndef PROXY_ENGINE_JAIL_H
#define PROXY_ENGINE_JAIL_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* KEEP: the descriptors that stay open (ascending), besides 0, 1 and 2. PARENT: the supervisor. */
int jail_begin(pid_t parent, const int *keep, size_t count, struct error *err);

int jail_enter(struct error *err);

#endif
