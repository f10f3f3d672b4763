#include "proxy/engine/jail.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cap-ng.h>

#include "base/fd.h"
#include "proxy/engine/jail_filter.h"

/* What the supervisor's environment held is not for a process that reads hostile bytes. */
static void wipe_environment(void)
{
	extern char **environ;

	for (char **variable = environ; variable && *variable; variable++)
		explicit_bzero(*variable, strlen(*variable));
	clearenv();
}

int jail_begin(pid_t parent, const int *keep, size_t count, struct error *err)
{
	const struct rlimit no_core = {0, 0};
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return error_set_code(err, -errno, "cannot confine the worker");
	/* The supervisor may have died before its death was tied to ours. */
	if (getppid() != parent)
		return error_set(err, -ESRCH, "the supervisor is gone");
	setsid();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_CORE, &no_core);
	wipe_environment();
	return fd_close_except(3, keep, count);
}

/* No user is mapped into the new namespace: the worker is nobody there, and needs to be nobody
 * else. (Its maps could not be written anyway: what is not dumpable has a /proc of root's.) */
static int enter_namespaces(struct error *err)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return error_set_code(err, -errno, "cannot give the worker namespaces of its own");
	return 0;
}

/* A tmpfs becomes the root, empty and read-only; the old one is let go of. */
static int enter_empty_root(struct error *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,mode=0555") <
		    0 ||
	    chdir("/tmp") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ||
	    mount(NULL, "/", NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return error_set_code(err, -errno, "cannot give the worker an empty root");
	return 0;
}

static int drop_privileges(struct error *err)
{
	const struct rlimit no_processes = {0, 0};

	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_ALL) < 0)
		return error_set(err, -EPERM, "cannot drop the worker's capabilities");
	setrlimit(RLIMIT_NPROC, &no_processes);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set_code(err, -errno, "cannot confine the worker");
	/* Changing credentials has made it dumpable again, and untied its death from the
	 * supervisor's. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_set_code(err, -errno, "cannot confine the worker");
	return 0;
}

int jail_enter(struct error *err)
{
	int rc = enter_namespaces(err);

	if (rc == 0)
		rc = enter_empty_root(err);
	if (rc == 0)
		rc = drop_privileges(err);
	if (rc == 0)
		rc = jail_filter_load(err);
	return rc;
}
