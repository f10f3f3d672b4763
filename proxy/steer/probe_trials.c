#include "proxy/steer/probe.h"

/* Before the kernel's, which define what it does not. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/steer/namespaces.h"
#include "proxy/steer/network.h"
#include "proxy/steer/nft_batch.h"
#include "proxy/steer/packet_queue.h"
#include "proxy/steer/sockets.h"
#include "proxy/steer/view.h"

enum {
	PATIENCE_MS = 2000,
	QUEUE_NUMBER = 1,
	DISCARD_PORT = 9,
	FOREIGN_PORT = 80,
};

/* Reserved for documentation (RFC 5737): nobody's. */
#define FOREIGN_ADDRESS "192.0.2.1"

/* One chain with one rule of up to two terms. */
struct small_table {
	uint32_t family;
	uint32_t hook;
	int32_t priority;
	const char *what;
	const char *module;
	struct nft_term terms[2];
};

static int load(const struct small_table *small, struct error *err)
{
	const struct nft_chain chain = {"chain", small->hook, small->priority, NF_ACCEPT};
	struct nft_rule rule = {"chain", small->what, small->module, {small->terms[0]}};
	const struct nft_table table = {
		.family = small->family,
		.name = "probe",
		.chains = &chain,
		.chain_count = 1,
		.rules = &rule,
		.rule_count = 1,
	};

	rule.terms[1] = small->terms[1];
	return nft_batch_load(&table, err);
}

static int bring_network_up(struct error *err)
{
	bool ipv6;

	return network_configure((struct identity){getuid(), getgid()}, &ipv6, err);
}

static int try_user_namespace(char found[PROBE_FOUND_BYTES], struct error *err)
{
	(void)err;
	snprintf(found, PROBE_FOUND_BYTES,
		 "user, network, mount, pid, ipc, uts: made without root");
	return 0;
}

static int try_nft(char found[PROBE_FOUND_BYTES], struct error *err)
{
	static const struct small_table small = {
		.family = NFPROTO_INET,
		.hook = NF_INET_LOCAL_OUT,
		.what = "accepts",
		.terms = {{.kind = NFT_TERM_VERDICT, .key = NF_ACCEPT}},
	};
	int rc = load(&small, err);

	snprintf(found, PROBE_FOUND_BYTES, "a table of the inet family was loaded");
	return rc;
}

static bool becomes_readable(int fd)
{
	struct pollfd watched = {.fd = fd, .events = POLLIN};

	return poll(&watched, 1, PATIENCE_MS) == 1;
}

/* Dials a foreign address and looks whether LISTENER, on another port, is given the connection. */
static int dial(int listener, struct error *err)
{
	cleanup_close int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(FOREIGN_PORT)};
	struct sockaddr_in dialled = {0};
	socklen_t len = sizeof(dialled);
	cleanup_close int accepted = -1;

	inet_pton(AF_INET, FOREIGN_ADDRESS, &address.sin_addr);
	if (connect(client, (void *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
		return error_set_code(err, -errno, "cannot dial inside the namespace");
	if (becomes_readable(listener))
		accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (accepted < 0 || getsockname(accepted, (void *)&dialled, &len) < 0)
		return error_set(err, ERROR_TIMEOUT, "the rule is there, but does not steer");
	if (dialled.sin_addr.s_addr != address.sin_addr.s_addr)
		return error_set(err, ERROR_MISMATCH,
				 "steering loses the address that was dialled");
	return 0;
}

static int try_tproxy(char found[PROBE_FOUND_BYTES], struct error *err)
{
	static const uint8_t tcp = IPPROTO_TCP;
	static const struct small_table small = {
		.family = NFPROTO_INET,
		.hook = NF_INET_PRE_ROUTING,
		.priority = NF_IP_PRI_MANGLE,
		.what = "steers TCP",
		.module = "nft_tproxy",
		.terms = {{.kind = NFT_TERM_META, .key = NFT_META_L4PROTO, .len = 1, .value = &tcp},
			  {.kind = NFT_TERM_TPROXY, .key = STEER_TPROXY_PORT}},
	};
	cleanup_close int listener = -1;
	int rc = load(&small, err);

	if (rc == 0)
		rc = bring_network_up(err);
	if (rc < 0)
		return rc;
	listener = sockets_open_one(AF_INET, SOCK_STREAM, STEER_TPROXY_PORT, err);
	if (listener < 0)
		return listener;
	snprintf(found, PROBE_FOUND_BYTES, "nft_tproxy: a connection was steered");
	return dial(listener, err);
}

static int send_datagram(struct error *err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(DISCARD_PORT)};

	inet_pton(AF_INET, FOREIGN_ADDRESS, &address.sin_addr);
	if (sendto(fd, "", 0, 0, (void *)&address, sizeof(address)) < 0)
		return error_set_code(err, -errno, "cannot send inside the namespace");
	return 0;
}

static void count_packet(void *context, const struct steer_packet *packet)
{
	int *count = context;

	*count += packet->protocol == IPPROTO_UDP && packet->destination_port == DISCARD_PORT;
}

static int try_log(char found[PROBE_FOUND_BYTES], struct error *err)
{
	static const struct small_table small = {
		.family = NFPROTO_INET,
		.hook = NF_INET_LOCAL_OUT,
		.what = "logs",
		.module = "nft_log nfnetlink_log",
		.terms = {{.kind = NFT_TERM_LOG, .key = STEER_LOG_GROUP}},
	};
	struct steer_log_state state = {0};
	cleanup_close int log_fd = -1;
	int count = 0, rc;

	rc = load(&small, err);
	if (rc == 0)
		rc = bring_network_up(err);
	if (rc < 0)
		return rc;
	log_fd = sockets_open_log(STEER_LOG_GROUP, err);
	rc = log_fd < 0 ? log_fd : send_datagram(err);
	if (rc < 0)
		return rc;
	if (!becomes_readable(log_fd) || steer_read_log(log_fd, count_packet, &count, &state) < 0 ||
	    count != 1)
		return error_set(err, ERROR_TIMEOUT,
				 "the packet log is bound, but tells of no packet; try: "
				 "modprobe nfnetlink_log");
	snprintf(found, PROBE_FOUND_BYTES, "nft_log, nfnetlink_log: a packet was logged");
	return 0;
}

static int load_queue_rule(const char **name, struct error *err)
{
	struct small_table small = {
		.family = NFPROTO_INET,
		.hook = NF_INET_LOCAL_OUT,
		.what = "queues",
		.module = "nft_queue (or nft_compat xt_NFQUEUE)",
		.terms = {{.kind = NFT_TERM_QUEUE, .key = QUEUE_NUMBER}},
	};

	*name = "nft_queue";
	if (load(&small, err) == 0)
		return 0;
	*name = "xt_NFQUEUE through nft_compat";
	small.terms[0].kind = NFT_TERM_QUEUE_COMPAT;
	return load(&small, err);
}

static int try_queue(char found[PROBE_FOUND_BYTES], struct error *err)
{
	const char *name;
	cleanup_close int queue = -1;
	int rc = load_queue_rule(&name, err);

	if (rc == 0)
		rc = bring_network_up(err);
	if (rc < 0)
		return rc;
	queue = packet_queue_open(QUEUE_NUMBER, err);
	rc = queue < 0 ? queue : send_datagram(err);
	if (rc < 0)
		return rc;
	if (!becomes_readable(queue))
		return error_set(err, ERROR_TIMEOUT, "the queue is bound, but gets no packet");
	snprintf(found, PROBE_FOUND_BYTES, "%s: a packet was queued", name);
	return 0;
}

static int try_proc(char found[PROBE_FOUND_BYTES], struct error *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set_code(err, -errno, "cannot make the mounts private");
	snprintf(found, PROBE_FOUND_BYTES, "mounted in a pid namespace");
	return view_arrange_proc(err);
}

probe_trial *const probe_trials[STEER_PROBE_COUNT] = {
	[STEER_PROBE_USER_NAMESPACE] = try_user_namespace,
	[STEER_PROBE_NFT] = try_nft,
	[STEER_PROBE_TPROXY] = try_tproxy,
	[STEER_PROBE_LOG] = try_log,
	[STEER_PROBE_QUEUE] = try_queue,
	[STEER_PROBE_PROC] = try_proc,
};
