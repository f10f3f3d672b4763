/*
 * Steering: a sandbox is a network namespace with no way out (design section 1).
 *
 * steer_launch() makes, without root, the process sandbox:
 *
 *   user namespace 1, which owns the rest; INIT alone lives in it
 *     network   lo with 198.18.0.1/32 and fd73:616c:6c79::1/128, a local default route for each
 *               family, one nft table, the transparent sockets. No other interface, no uplink.
 *     mount     runtime directories, secret files and the host's unix sockets are masked; /proc,
 *               /dev and /sys are the sandbox's own
 *     pid       INIT is pid 1: it waits for COMMAND, forwards signals, reaps. Not dumpable.
 *     ipc, uts
 *     user namespace 2, which owns nothing
 *       COMMAND  no capability over anything above, no_new_privs, the caller's uid, a system call
 *                filter against the other doors (AF_VSOCK, TIOCSTI, io_uring, keyrings ...)
 *
 * Order: namespaces, then rules, then the network, then the sockets handed out, then the masks,
 * then COMMAND's process, which is confined and waits. Only when the supervisor says so
 * (steer_start()) does it execute COMMAND. If a step fails, all of it is gone and the error says
 * which one.
 *
 * Packets, in the one table "inet sallyport":
 *   TCP to anything but the sandbox's own addresses   TPROXY to the TCP sockets
 *   UDP and TCP to port 53, wherever to               the DNS sockets
 *   127.0.0.0/8, ::1, the own addresses               the sandbox's own business
 *   UDP to a port that some rule of the policy names  NFQUEUE, the first to each destination: the
 *                                                     engine's verdict comes back as a mark.
 *                                                     Allowed: TPROXY to the UDP sockets, for a
 *                                                     while unasked. Refused: as below
 *   everything else                                   logged (NFLOG, to log_fd) and rejected: the
 *                                                     program's send fails with EPERM, and an ICMP
 *                                                     error comes back
 * With the sockets gone (worker dead), TCP is reset, DNS gets port unreachable, and datagrams are
 * refused or dropped: nothing hangs, nothing leaves. The sandbox's side keeps no copy of the
 * sockets.
 *
 * Verdicts on queued packets can be told to the kernel only by a process with CAP_NET_ADMIN over
 * the namespace, and only through the very socket that the queue is bound to. The worker, which
 * decides, has no capability; so it reads the queue, and the supervisor, whose own the sandbox's
 * user namespace is, tells the kernel (steer_judge()).
 *
 * What the relay sends back to the sandbox must come from the address and port that the datagram
 * went to. No socket outside can be bound to them; so the relay has raw sockets, made inside, and
 * writes the headers itself. Nothing that they send can leave the namespace.
 *
 * What the host shares with the sandbox is its files, with the caller's rights to them; what others
 * do with a file that COMMAND wrote (a synchronised folder, a shell's start file) is theirs. A unix
 * socket with a path is a way out of any network namespace: those of the host's that exist at
 * launch are masked. One that is made later in a directory that is shared (/tmp, the home
 * directory) is not; nor one of another network namespace (a container, another sandbox), nor one
 * bound by a relative path. A masked file that the host replaces by renaming another over it
 * becomes visible.
 *
 * All functions are for the thread that called steer_launch(), which must be the only one of its
 * process at that time, and must live as long as the sandbox (the kernel ends INIT with it).
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
	STEER_LOG_DELAY_MS = 10, /* at most, until log_fd tells of a packet */
	STEER_QUEUE = 1,
	STEER_PORTS_MAX = 1024, /* for datagrams */
	STEER_PATHS_MAX = 1024, /* of a plan, in each of its lists */
};

/* On packets; 0: none yet. */
enum steer_mark {
	STEER_MARK_ALLOWED = 1,
	STEER_MARK_REFUSED = 2,
	STEER_MARK_ANSWER = 3, /* of the raw sockets */
};

/* A file to be seen inside, at STEER_RUNTIME_DIR/NAME, mode 0444. */
struct steer_file {
	const char *name; /* without '/', not beginning with '.' */
	struct slice bytes;
};

/* A place whose content is replaced by that of a file of the plan, where the place exists: the
 * system's CA bundles. */
struct steer_overlay {
	const char *path;
	const char *file;
};

struct steer_plan {
	const char *const *argv; /* COMMAND, looked up in the PATH of envp if it has no slash */
	const char *const *envp; /* its whole environment */
	const char *workdir;	 /* NULL: the caller's */
	const char *sandbox;	 /* its id, for the host name inside: letters, digits, '-' */
	const struct steer_file *files;
	size_t file_count;
	const struct steer_overlay *overlays;
	size_t overlay_count;
	/* Files and directories to hide: secret files, the audit log. Absent: ok. */
	const char *const *masked;
	size_t masked_count;
	/* Files and directories to protect from writing: the policy. Absent: ok. These names and
	 * the masked ones are protected too: the directories above them become mount points, which
	 * cannot be renamed (and a rename from one to another fails with EXDEV). A symbolic link
	 * that leads to one is not. */
	const char *const *read_only;
	size_t read_only_count;
	/* Ports that datagrams may be relayed to, each once; none: there is no queue, and the
	 * sockets for it are not made. */
	const uint16_t *datagram_ports;
	size_t datagram_port_count;
};

/* The sockets of a sandbox, made inside and owned by whoever holds them. All close-on-exec and not
 * blocking. The IPv6 ones are -1 where the kernel has no IPv6; the sandbox has none either then. */
struct steer_sockets {
	int tcp[2]; /* listening, transparent, on STEER_TPROXY_PORT; IPv4, IPv6 */
	int dns_udp[2];
	int dns_tcp[2];
	int log_fd; /* netlink, NFLOG group STEER_LOG_GROUP, of the sandbox's namespace */
	/* With datagram ports only: */
	int udp[2];   /* transparent, on STEER_TPROXY_PORT; tell where a datagram was sent to */
	int raw[2];   /* send whole packets, headers included */
	int queue_fd; /* netlink, queue STEER_QUEUE */
};

enum { STEER_SOCKETS = 12 };

/* Lists those that there are in FDS, in a fixed order. Returns a set of bits, which ones they are.
 */
uint32_t steer_sockets_list(const struct steer_sockets *sockets, int fds[STEER_SOCKETS],
			    size_t *count);

/* The reverse. False when the COUNT of FDS is another than that of the bits: nothing is taken. */
bool steer_sockets_take(struct steer_sockets *sockets, uint32_t which, const int *fds,
			size_t count);

void steer_sockets_init(struct steer_sockets *sockets);
void steer_sockets_close(struct steer_sockets *sockets);

struct steer_sandbox {
	pid_t init;  /* pid 1 of the sandbox, as seen from the host; 0: none */
	int pidfd;   /* of INIT; readable when it is gone */
	int control; /* SOCK_SEQPACKET; readable when there is an event */
	/* Whether the caller's process group had the terminal at launch. */
	bool had_terminal;
};

/* No sandbox: steer_end() may be called on it. */
void steer_sandbox_init(struct steer_sandbox *sandbox);

/* Refuses a caller that is the host's root, whose uid inside would be root's too; the text says how
 * to run as somebody else. Root of a user namespace (a rootless container) is fine. Called by
 * steer_launch() as well. 0 or -EPERM. */
int steer_check_caller(struct error *err);

/* To be called first in main(): INIT executes this program anew, so that nothing of the
 * supervisor's memory stays with it. Returns at once in every other process. */
void steer_become_init(int argc, char **argv);

/* Refuses standard streams that would be a way around the firewall: a directory, a network socket,
 * a unix socket that may be pointed elsewhere. Those that are closed are opened to /dev/null. To be
 * called before the program opens anything, as what it opens could else become a standard stream,
 * and COMMAND's. Called by steer_launch() as well. 0 or a negated errno. */
int steer_check_streams(struct error *err);

/* Makes the sandbox and its sockets, all but COMMAND. On failure SANDBOX and SOCKETS are as the
 * _init functions leave them. */
int steer_launch(const struct steer_plan *plan, struct steer_sandbox *sandbox,
		 struct steer_sockets *sockets, struct error *err);

/* Executes COMMAND. The outcome is an event, STARTED or EXEC_FAILED. */
int steer_start(struct steer_sandbox *sandbox);

enum steer_event_kind {
	STEER_EVENT_STARTED,
	STEER_EVENT_EXEC_FAILED, /* value: errno of execve */
	STEER_EVENT_STOPPED,	 /* value: the signal that stopped COMMAND */
	STEER_EVENT_CONTINUED,	 /* left out if COMMAND exits at once */
	STEER_EVENT_EXITED,	 /* value: as from waitpid(2) */
	STEER_EVENT_LOST,	 /* INIT is gone, and with it everything in the sandbox */
	STEER_EVENT_COUNT,
};

struct steer_event {
	enum steer_event_kind kind;
	int value;
};

/* Reads one event from the control socket. 1, or 0 when there is none now. Once INIT is gone, every
 * call gives STEER_EVENT_LOST. */
int steer_next_event(struct steer_sandbox *sandbox, struct steer_event *event);

/* Sends SIGNAL to COMMAND. With ONLY_OTHER_GROUP, only if COMMAND is not in the supervisor's own
 * process group, whose members got it from the terminal already. */
int steer_signal(struct steer_sandbox *sandbox, int signal, bool only_other_group);

/* Ends everything in the sandbox and releases it, and waits until it is gone. If the sandbox left
 * the terminal to a process group that no longer exists, as a shell does that was not told of a
 * group to give it back to, the caller's group gets it again. */
void steer_end(struct steer_sandbox *sandbox);

/* A packet that was refused, from log_fd. */
struct steer_packet {
	uint8_t family; /* 4 or 6 */
	uint8_t protocol;
	uint8_t source[16]; /* of IPv4, the first 4 */
	uint8_t destination[16];
	uint16_t source_port; /* 0 for what has no ports */
	uint16_t destination_port;
};

/* What is known of the log so far; zeroed before the first steer_read_log(). */
struct steer_log_state {
	uint64_t lost; /* packets refused of which the kernel had no room to tell */
	uint32_t next_sequence;
	bool started;
};

/* Reads what log_fd holds, up to a bound that keeps a flood from taking the caller's loop (call
 * again while it is readable), and calls VISIT for each packet. Returns the number, or a negated
 * errno. STATE->lost is exact as soon as a later packet came through. */
int steer_read_log(int log_fd, void (*visit)(void *context, const struct steer_packet *packet),
		   void *context, struct steer_log_state *state);

/* A packet that waits for a verdict. */
struct steer_queued {
	uint32_t id;
	struct steer_packet packet; /* family 0: it could not be read */
};

/* What is known of the queue so far; zeroed before the first steer_read_queue(). */
struct steer_queue_state {
	uint64_t dropped; /* packets that the reader was too slow for */
	uint32_t last_id;
};

/* Reads packets from QUEUE_FD, at most MAX. Their number, or a negated errno. STATE->dropped is
 * exact as soon as a later packet came through. */
int steer_read_queue(int queue_fd, struct steer_queued *queued, size_t max,
		     struct steer_queue_state *state);

struct steer_verdict {
	uint32_t id;
	uint32_t mark; /* STEER_MARK_ALLOWED; everything else is refused */
};

/* Tells the kernel of COUNT verdicts. 0 or a negated errno. */
int steer_judge(int queue_fd, const struct steer_verdict *verdicts, size_t count);

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
