#include "proxy/engine/jail_filter.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <seccomp.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const int allowed[] = {
	/* The loop. */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_create1), /* libev opens its own anew after an error */
	SCMP_SYS(eventfd2),	 /* likewise */
	SCMP_SYS(poll),		 /* libev's check for descriptors that were closed */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(clock_nanosleep), /* libev's back-off */
	SCMP_SYS(nanosleep),
	/* Connections: those of the sandbox are accepted, those to origins and name servers made.
	 */
	SCMP_SYS(accept4),
	SCMP_SYS(connect),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(close),
	/* Bytes. */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(splice), /* passed-through connections */
	SCMP_SYS(pipe2),
	/* Memory. */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock), /* for tokens that are captured; what mlock2() does without flags */
	SCMP_SYS(futex), /* OpenSSL's locks */
	SCMP_SYS(getrandom),
	/* Itself. */
	SCMP_SYS(getpid), /* OpenSSL looks whether it was forked */
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask), /* abort() */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(tgkill), /* abort(), on itself: there is no other process to be seen */
#if SANITIZED
	/* The sanitizers' run time, which reads its own maps and waits for a helper. */
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_yield),
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(wait4),
	SCMP_SYS(prctl),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(getppid),
	SCMP_SYS(kill),
	SCMP_SYS(getdents64),
	SCMP_SYS(lseek),
	SCMP_SYS(prlimit64),
#endif
};

/* Libraries look for files (a time zone, a list of hosts) and do without: the root is empty. Asking
 * is answered, and not punished. */
static const int absent[] = {
	SCMP_SYS(open),	  SCMP_SYS(openat),	SCMP_SYS(access),   SCMP_SYS(faccessat),
	SCMP_SYS(stat),	  SCMP_SYS(newfstatat), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(statx),  SCMP_SYS(lstat),	SCMP_SYS(uname),    SCMP_SYS(sysinfo),
	SCMP_SYS(getcwd),
};

static int add_lists(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SANITIZED ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOENT),
				      absent[i], 0);
	return rc;
}

static int allow_when(scmp_filter_ctx filter, int call, unsigned int argument, scmp_datum_t mask,
		      scmp_datum_t value)
{
	const struct scmp_arg_cmp condition = {argument, SCMP_CMP_MASKED_EQ, mask, value};

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);
}

/* Calls that are allowed with some arguments only. */
static int add_conditions(scmp_filter_ctx filter)
{
	const int families[] = {AF_INET, AF_INET6};
	const int fcntls[] = {F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_SETPIPE_SZ};
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++)
		rc = allow_when(filter, SCMP_SYS(socket), 0, 0xffffffff, (scmp_datum_t)families[i]);
	for (size_t i = 0; i < sizeof(fcntls) / sizeof(fcntls[0]) && rc == 0; i++)
		rc = allow_when(filter, SCMP_SYS(fcntl), 1, 0xffffffff, (scmp_datum_t)fcntls[i]);
	/* Memory that is made or made over is never executable. */
	if (rc == 0)
		rc = allow_when(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	if (rc == 0)
		rc = allow_when(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fstat), 0);
	/* stdio asks whether stderr is a terminal. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0);
	return rc;
}

int jail_filter_load(struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc;

	if (!filter)
		return error_set_code(err, -ENOMEM, "cannot make the worker's system call filter");
	rc = add_lists(filter);
	if (rc == 0)
		rc = add_conditions(filter);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc < 0)
		return error_set_code(err, rc, "cannot load the worker's system call filter");
	return 0;
}
