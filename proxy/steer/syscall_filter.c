/*
 * The filter on COMMAND's system calls. It allows by default: what COMMAND may do to files and
 * processes is decided by its uid and its namespaces. Refused is what leads around those, with the
 * error that the kernel itself gives where it lacks the thing, so that programs take their way
 * without it.
 *
 * The kernel takes 32 bits of most arguments and a filter sees 64: all comparisons are masked, else
 * a bit set above would pass.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "proxy/steer/confine.h"

enum {
	FAMILY_BITS = 5, /* families below 1 << 5 are listed one by one */
	LOW_BITS = 32,
};

#define LOW_32 UINT64_C(0xffffffff)

struct row {
	int call;
	int error;
	/* Nothing, or which argument is compared with what. */
	bool compares;
	unsigned int argument;
	uint64_t value;
	/* and a second one. */
	bool also;
	unsigned int also_argument;
	uint64_t also_value;
};

#define CALL(name, number)                                                                         \
	{                                                                                          \
		.call = SCMP_SYS(name), .error = (number)                                          \
	}
#define CALL_IF(name, number, arg, datum)                                                          \
	{                                                                                          \
		.call = SCMP_SYS(name), .error = (number), .compares = true, .argument = (arg),    \
		.value = (datum)                                                                   \
	}

static const struct row rows[] = {
	/* Its requests make sockets, and no filter sees them. */
	CALL(io_uring_setup, ENOSYS),
	CALL(io_uring_enter, ENOSYS),
	CALL(io_uring_register, ENOSYS),
	/* A keyring is a place to leave a secret in and to find one; a request for a key of type
	 * dns_resolver makes the host look a name up. */
	CALL(add_key, ENOSYS),
	CALL(request_key, ENOSYS),
	CALL(keyctl, ENOSYS),
	/* Puts bytes into the terminal's input, where the caller's shell reads them as typed. */
	CALL_IF(ioctl, EPERM, 1, TIOCSTI),
	/* The same by way of a console's selection. */
	CALL_IF(ioctl, EPERM, 1, TIOCLINUX),
	/* Turns the terminal into a network interface, and loads the kernel module that does. */
	CALL_IF(ioctl, EPERM, 1, TIOCSETD),
	/* Programs in the kernel, its counters, and pauses in the middle of its work: nothing that
	 * ordinary programs need, and much that has been used to break out. */
	CALL(bpf, EPERM),
	CALL(perf_event_open, EPERM),
	CALL(userfaultfd, EPERM),
	/* Opens a file by its number, past what is mounted over its name. */
	CALL(open_by_handle_at, EPERM),
	/* The host's log. */
	CALL(syslog, EPERM),
	/* Pid 1 has the same uid, and so COMMAND might set its limits: no processor time, no files.
	 * In a nested pid namespace it is another process that is refused, which does no harm. */
	CALL_IF(prlimit64, EPERM, 0, 1),
};

/* Sockets of these are in the network namespace, or reach no farther than a path does. */
static bool is_family_allowed(unsigned int family)
{
	return family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
}

/* What the C libraries, ss and udev use. The others (netfilter, ipsec, crypto, generic ...) are the
 * kernel's largest attack surface for whoever makes a namespace of his own to be root in. */
static bool is_netlink_allowed(unsigned int protocol)
{
	return protocol == NETLINK_ROUTE || protocol == NETLINK_SOCK_DIAG ||
	       protocol == NETLINK_KOBJECT_UEVENT;
}

static int add_row(scmp_filter_ctx filter, const struct row *row)
{
	struct scmp_arg_cmp comparisons[2] = {
		SCMP_CMP64(row->argument, SCMP_CMP_MASKED_EQ, LOW_32, row->value),
		SCMP_CMP64(row->also_argument, SCMP_CMP_MASKED_EQ, LOW_32, row->also_value),
	};
	unsigned int count = row->also ? 2 : row->compares ? 1 : 0;

	return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned int)row->error), row->call,
				      count, comparisons);
}

/* A number of which any bit from FIRST on is set: one rule for each bit. */
static int refuse_large(scmp_filter_ctx filter, int call, unsigned int argument, int first,
			int error)
{
	int rc = 0;

	for (int bit = first; rc == 0 && bit < LOW_BITS; bit++) {
		uint64_t mask = UINT64_C(1) << bit;
		struct scmp_arg_cmp comparison = SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask,
							    mask);

		rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned int)error), call, 1,
					    &comparison);
	}
	return rc;
}

static int refuse_families(scmp_filter_ctx filter, int call)
{
	int rc = refuse_large(filter, call, 0, FAMILY_BITS, EAFNOSUPPORT);

	for (unsigned int family = 0; rc == 0 && family < 1u << FAMILY_BITS; family++) {
		struct row row = {
			.call = call, .error = EAFNOSUPPORT, .compares = true, .value = family};

		if (!is_family_allowed(family))
			rc = add_row(filter, &row);
	}
	return rc;
}

static int refuse_netlink(scmp_filter_ctx filter)
{
	int rc = 0;

	for (unsigned int protocol = 0; rc == 0 && protocol < MAX_LINKS; protocol++) {
		struct row row = {.call = SCMP_SYS(socket),
				  .error = EPROTONOSUPPORT,
				  .compares = true,
				  .value = AF_NETLINK,
				  .also = true,
				  .also_argument = 2,
				  .also_value = protocol};

		if (!is_netlink_allowed(protocol))
			rc = add_row(filter, &row);
	}
	return rc;
}

/* One call that makes sockets with its arguments in memory, where a filter cannot look. Programs of
 * the last ten years do without. */
static int refuse_socketcall(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(socketcall), 0);
}

static int fill(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		rc = add_row(filter, &rows[i]);
	if (rc == 0)
		rc = refuse_families(filter, SCMP_SYS(socket));
	if (rc == 0)
		rc = refuse_families(filter, SCMP_SYS(socketpair));
	if (rc == 0)
		rc = refuse_netlink(filter);
	return rc;
}

/* 32-bit programs have their own numbers: the filter holds both. x32 has a third set; its calls,
 * and those of machines that nobody thought of, do not exist. */
static int choose_architectures(scmp_filter_ctx filter)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

	if (rc == 0 && seccomp_arch_native() == SCMP_ARCH_X86_64)
		rc = seccomp_arch_add(filter, SCMP_ARCH_X86);
	return rc;
}

int confine_system_calls(struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc;

	if (!filter)
		return error_set_code(err, -ENOMEM, "cannot build the filter of system calls");
	rc = choose_architectures(filter);
	if (rc == 0)
		rc = fill(filter);
	if (rc == 0 && seccomp_arch_native() == SCMP_ARCH_X86_64)
		rc = refuse_socketcall(filter);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc < 0)
		return error_set_code(err, rc,
				      "the kernel refuses the filter of system calls "
				      "(CONFIG_SECCOMP_FILTER)");
	return 0;
}
