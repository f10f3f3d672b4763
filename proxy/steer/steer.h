/*
 * Steering: a sandbox is a network namespace with no way out (design section 1).
 *
 * steer_launch() makes, without root, the process sandbox:
 *
 *   user namespace 1   owns the rest; the caller's uid is mapped to itself
 *     network          lo, with 198.18.0.1/32 and fd73:616c:6c79::1/128, local default routes for
 * both families, one nft table, the transparent sockets; no other interface, no uplink mount masks
 * over runtime directories, secret files, the host's unix sockets; own /proc pid, ipc, uts INIT pid
 * 1, of this program, waits for COMMAND, forwards signals, reaps; not dumpable user namespace 2
 *       COMMAND        no capability over anything above, no_new_privs, the caller's uid, a seccomp
 * filter against what leaves by other doors (AF_VSOCK and the like, TIOCSTI, io_uring, keyrings)
 *
 * Order: namespaces, then rules, then sockets handed out, then masks, and only when the supervisor
 * says so (steer_start()) does COMMAND come to be. If any step fails, all of it is gone and the
 * error says which.
 *
 * Packets, in the one table "inet sallyport":
 *   TCP to anything but the sandbox's own addresses   TPROXY to the TCP sockets
 *   UDP and TCP to port 53, wherever to               the DNS sockets
 *   127.0.0.0/8, ::1, the own addresses               the sandbox's own business
 *   everything else                                   logged (NFLOG to log_fd), and rejected: the
 * program's send fails with EPERM, and an ICMP error comes back With the sockets gone (worker
 * dead), TCP is reset and DNS gets port unreachable: nothing hangs, nothing leaves. The sandbox
 * side keeps no copy of the sockets.
 */
#ifndef PROXY_STEER_STEER_H
#define PROXY_STEER_STEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"

#define STEER_OWN_IPV4	  "198.18.0.1"
#define STEER_OWN_IPV6	  "fd73:616c:6c79::1"
#define STEER_RUNTIME_DIR "/run/sallyport" /* inside: the files of the plan */

enum {
	STEER_TPROXY_PORT = 1, /* below 1024: nothing in the sandbox may bind it */
	STEER_LOG_GROUP = 1,
	STEER_PATHS_MAX = 1024,
};

/* A file to be seen inside, at STEER_RUNTIME_DIR/NAME, mode 0444. */
struct steer_file {
	const char *name;
	struct slice bytes;
};

struct steer_plan {
	const char *const *argv; /* COMMAND, looked up in the PATH of envp if it has no slash */
	const char *const *envp; /* its whole environment */
	const char *workdir;	 /* NULL: the caller's */
	const char *sandbox;	 /* its id, for the host name inside */
	const struct steer_file *files;
	size_t file_count;
	/* Places whose content is replaced by that of a file of the plan, where the place exists:
	 * the system's CA bundles. */
	const struct steer_overlay {
		const char *path;
		const char *file;
	} * overlays;
	size_t overlay_count;
	const char *const *
		masked; /* files and directories to hide: secret files, the audit log; absent: ok */
	size_t masked_count;
	const char *const *read_only; /* files to protect from writing: the policy */
	size_t read_only_count;
};

/* The sockets of a sandbox, made inside and owned by whoever holds them. All close-on-exec and not
 * blocking. */
struct steer_sockets {
	int tcp[2]; /* listening, transparent, on STEER_TPROXY_PORT; IPv4, IPv6 */
	int dns_udp[2];
	int dns_tcp[2];
	int log_fd; /* netlink, NFLOG group STEER_LOG_GROUP, of the sandbox's namespace */
};

void steer_sockets_init(struct steer_sockets *sockets);
void steer_sockets_close(struct steer_sockets *sockets);

struct steer_sandbox {
	pid_t init;  /* pid 1 of the sandbox, as seen from the host */
	int control; /* SOCK_SEQPACKET; readable when there is an event */
};

/* Makes the sandbox and its sockets, all but COMMAND. The plan must live until steer_start(). */
int steer_launch(const struct steer_plan *plan, struct steer_sandbox *sandbox,
		 struct steer_sockets *sockets, struct error *err);

/* Lets COMMAND come to be. The outcome is an event. */
int steer_start(struct steer_sandbox *sandbox);

enum steer_event_kind {
	STEER_EVENT_STARTED,
	STEER_EVENT_EXEC_FAILED, /* value: errno of execve */
	STEER_EVENT_STOPPED,	 /* value: the signal that stopped COMMAND */
	STEER_EVENT_CONTINUED,
	STEER_EVENT_EXITED, /* value: as from waitpid(2) */
	STEER_EVENT_LOST,   /* INIT is gone */
	STEER_EVENT_COUNT,
};

struct steer_event {
	enum steer_event_kind kind;
	int value;
};

/* Reads one event from the control socket. 1, or 0 when there is none now. */
int steer_next_event(struct steer_sandbox *sandbox, struct steer_event *event);

/* Sends SIGNAL to COMMAND. With ONLY_OTHER_GROUP, only if COMMAND is not in the supervisor's own
 * process group, whose members got it from the terminal already. */
int steer_signal(struct steer_sandbox *sandbox, int signal, bool only_other_group);

/* Ends everything in the sandbox and releases it. */
void steer_end(struct steer_sandbox *sandbox);

/* A packet that was refused, from log_fd. */
struct steer_packet {
	uint8_t family; /* 4 or 6 */
	uint8_t protocol;
	uint8_t source[16];
	uint8_t destination[16];
	uint16_t source_port;
	uint16_t destination_port;
};

/* Reads what log_fd holds and calls VISIT for each packet. Returns the number, or a negated errno;
 * *LOST is increased when the kernel says that it dropped some for want of room. */
int steer_read_log(int log_fd, void (*visit)(void *context, const struct steer_packet *packet),
		   void *context, uint64_t *lost);

/* Probes for `sallyport doctor`; each is really tried, in namespaces of its own. */
enum steer_probe {
	STEER_PROBE_USER_NAMESPACE,
	STEER_PROBE_NFT,
	STEER_PROBE_TPROXY,
	STEER_PROBE_LOG,
	STEER_PROBE_QUEUE,
	STEER_PROBE_PROC, /* a new /proc may be mounted */
	STEER_PROBE_COUNT,
};

struct steer_probe_result {
	bool works;
	char found[200]; /* "nft_queue", "xt_NFQUEUE through nft_compat" */
	char mend[400];	 /* how to mend it, when it does not work */
};

void steer_probe(enum steer_probe probe, struct steer_probe_result *result);

#endif
