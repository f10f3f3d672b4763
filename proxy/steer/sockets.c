#include "proxy/steer/sockets.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/steer/netlink_message.h"
#include "proxy/steer/packet_queue.h"
#include "proxy/steer/steer.h"

enum {
	DNS_PORT = 53,
	BACKLOG = 4096,
	LOG_ROOM_BYTES = 1 << 20,   /* the kernel cuts it to its limit */
	RELAY_ROOM_BYTES = 1 << 20, /* likewise */
	LOG_MESSAGE_BYTES = 256,    /* that the kernel sets aside for a small packet */
};

/* The N-th of them, in a fixed order. */
static int *nth(struct steer_sockets *sockets, size_t n)
{
	int *const all[STEER_SOCKETS] = {
		&sockets->tcp[0],     &sockets->tcp[1],	    &sockets->dns_udp[0],
		&sockets->dns_udp[1], &sockets->dns_tcp[0], &sockets->dns_tcp[1],
		&sockets->log_fd,     &sockets->udp[0],	    &sockets->udp[1],
		&sockets->raw[0],     &sockets->raw[1],	    &sockets->queue_fd,
	};

	_Static_assert(sizeof(struct steer_sockets) == STEER_SOCKETS * sizeof(int),
		       "every member is listed");
	return all[n];
}

void steer_sockets_init(struct steer_sockets *sockets)
{
	for (size_t n = 0; n < STEER_SOCKETS; n++)
		*nth(sockets, n) = -1;
}

void steer_sockets_close(struct steer_sockets *sockets)
{
	for (size_t n = 0; n < STEER_SOCKETS; n++)
		cleanup_close_fd(nth(sockets, n));
}

uint32_t steer_sockets_list(const struct steer_sockets *sockets, int fds[STEER_SOCKETS],
			    size_t *count)
{
	struct steer_sockets copy = *sockets;
	uint32_t which = 0;

	*count = 0;
	for (size_t n = 0; n < STEER_SOCKETS; n++) {
		int fd = *nth(&copy, n);

		if (fd < 0)
			continue;
		which |= 1u << n;
		fds[(*count)++] = fd;
	}
	return which;
}

bool steer_sockets_take(struct steer_sockets *sockets, uint32_t which, const int *fds, size_t count)
{
	size_t next = 0;

	steer_sockets_init(sockets);
	if (which >> STEER_SOCKETS || (size_t)__builtin_popcount(which) != count)
		return false;
	for (size_t n = 0; n < STEER_SOCKETS; n++) {
		if (which & 1u << n)
			*nth(sockets, n) = fds[next++];
	}
	return true;
}

static int enable(int fd, int level, int option)
{
	const int one = 1;

	return setsockopt(fd, level, option, &one, sizeof(one)) < 0 ? -errno : 0;
}

/* TRANSPARENT lets a socket speak for addresses that are not its own; only the network namespace's
 * administrator may set it. */
static int set_options(int fd, int family, int type)
{
	bool four = family == AF_INET;
	int level = four ? IPPROTO_IP : IPPROTO_IPV6;
	int rc = enable(fd, level, four ? IP_TRANSPARENT : IPV6_TRANSPARENT);

	if (rc == 0 && !four)
		rc = enable(fd, level, IPV6_V6ONLY);
	/* So that the answer can come from the very address that was asked. */
	if (rc == 0 && type == SOCK_DGRAM)
		rc = enable(fd, level, four ? IP_PKTINFO : IPV6_RECVPKTINFO);
	/* A steered connection occupies, as a local address of the accepted socket, what was
	 * dialled. With this, a server inside may still listen on the same port. */
	if (rc == 0 && type == SOCK_STREAM)
		rc = enable(fd, SOL_SOCKET, SO_REUSEADDR);
	return rc;
}

static int bind_to_any(int fd, int family, uint16_t port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr *address = (void *)&four;
	socklen_t len = sizeof(four);

	if (family == AF_INET6) {
		address = (void *)&six;
		len = sizeof(six);
	}
	return bind(fd, address, len) < 0 ? -errno : 0;
}

int sockets_open_one(int family, int type, uint16_t port, struct error *err)
{
	cleanup_close int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : set_options(fd, family, type);

	if (rc == 0)
		rc = bind_to_any(fd, family, port);
	if (rc == 0 && type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc < 0)
		return error_set_code(err, rc, "cannot open the sandbox's %s socket on %s port %u",
				      family == AF_INET ? "IPv4" : "IPv6",
				      type == SOCK_STREAM ? "TCP" : "UDP", port);
	return take_fd(&fd);
}

static void put_log_command(struct nlmsghdr *header, uint8_t command)
{
	struct nfulnl_msg_config_cmd value = {.command = command};

	mnl_attr_put(header, NFULA_CFG_CMD, sizeof(value), &value);
}

/* One request: bind, then what is to be told of each packet. */
static void build_log_request(char *bytes, uint16_t group)
{
	struct nlmsghdr *header = netlink_start_netfilter(bytes, NFNL_SUBSYS_ULOG,
							  NFULNL_MSG_CONFIG, NLM_F_ACK, group);
	struct nfulnl_msg_config_mode mode = {
		.copy_range = htonl(STEER_LOGGED_BYTES),
		.copy_mode = NFULNL_COPY_PACKET,
	};

	put_log_command(header, NFULNL_CFG_CMD_BIND);
	mnl_attr_put(header, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(header, NFULA_CFG_NLBUFSIZ, htonl(LOG_MESSAGE_BYTES));
	/* Numbers on the packets show how many were lost. */
	mnl_attr_put_u16(header, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
}

static int await_acknowledgement(int fd)
{
	_Alignas(8) char answer[1024];
	const struct nlmsghdr *header = (const void *)answer;
	const struct nlmsgerr *error;
	ssize_t got = recv(fd, answer, sizeof(answer), 0);

	if (got < 0)
		return -errno;
	if (!netlink_message_fits(header, (int)got) || header->nlmsg_type != NLMSG_ERROR ||
	    mnl_nlmsg_get_payload_len(header) < sizeof(*error))
		return -EBADMSG;
	error = mnl_nlmsg_get_payload(header);
	return error->error;
}

/* The answer is there when the send returns, as the kernel works off a request at once. */
int sockets_ask_netfilter(int fd, const void *request)
{
	const struct nlmsghdr *header = request;

	if (send(fd, request, header->nlmsg_len, 0) < 0)
		return -errno;
	return await_acknowledgement(fd);
}

int sockets_open_netfilter(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
				      NETLINK_NETFILTER);

	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

ssize_t sockets_receive_netfilter(int fd, void *bytes, size_t size)
{
	struct sockaddr_nl from = {0};
	struct iovec part = {bytes, size};
	struct msghdr header = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	ssize_t got = recvmsg(fd, &header, MSG_DONTWAIT);

	if (got < 0)
		return -errno;
	if (header.msg_namelen != sizeof(from) || from.nl_pid != 0 || header.msg_flags & MSG_TRUNC)
		return 0;
	return got;
}

int sockets_open_log(uint16_t group, struct error *err)
{
	_Alignas(8) char request[256];
	const int room = LOG_ROOM_BYTES;
	cleanup_close int fd = sockets_open_netfilter();
	int rc;

	if (fd < 0)
		return error_set_code(err, fd, "cannot open the packet log's netlink socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	build_log_request(request, group);
	rc = sockets_ask_netfilter(fd, request);
	if (rc < 0)
		return error_set_code(err, rc,
				      "the kernel refuses the packet log; try: "
				      "modprobe nfnetlink_log");
	return take_fd(&fd);
}

/* What is sent through it goes to the sandbox, headers and all, and is marked, so that the rules
 * know it for ours. Nothing is ever received: no packet has its protocol. */
static int open_raw(int family, struct error *err)
{
	const int mark = STEER_MARK_ANSWER;
	cleanup_close int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		return error_set_code(err, -errno, "cannot open the relay's raw socket");
	return take_fd(&fd);
}

/* Datagrams that are steered come with the address and port that they were sent to; what there was
 * no room for is counted. */
static int open_steered(int family, struct error *err)
{
	const int room = RELAY_ROOM_BYTES;
	bool four = family == AF_INET;
	cleanup_close int fd = sockets_open_one(family, SOCK_DGRAM, STEER_TPROXY_PORT, err);
	int rc;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	rc = enable(fd, four ? IPPROTO_IP : IPPROTO_IPV6,
		    four ? IP_RECVORIGDSTADDR : IPV6_RECVORIGDSTADDR);
	if (rc == 0)
		rc = enable(fd, SOL_SOCKET, SO_RXQ_OVFL);
	if (rc < 0)
		return error_set_code(err, rc, "cannot open the relay's socket");
	return take_fd(&fd);
}

static int open_relay(struct steer_sockets *sockets, bool ipv6, struct error *err)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (int i = 0; i < (ipv6 ? 2 : 1); i++) {
		sockets->udp[i] = open_steered(families[i], err);
		if (sockets->udp[i] < 0)
			return sockets->udp[i];
		sockets->raw[i] = open_raw(families[i], err);
		if (sockets->raw[i] < 0)
			return sockets->raw[i];
	}
	sockets->queue_fd = packet_queue_open(STEER_QUEUE, err);
	return sockets->queue_fd < 0 ? sockets->queue_fd : 0;
}

static int open_family(struct steer_sockets *sockets, int index, int family, struct error *err)
{
	sockets->tcp[index] = sockets_open_one(family, SOCK_STREAM, STEER_TPROXY_PORT, err);
	if (sockets->tcp[index] < 0)
		return sockets->tcp[index];
	sockets->dns_udp[index] = sockets_open_one(family, SOCK_DGRAM, DNS_PORT, err);
	if (sockets->dns_udp[index] < 0)
		return sockets->dns_udp[index];
	sockets->dns_tcp[index] = sockets_open_one(family, SOCK_STREAM, DNS_PORT, err);
	return sockets->dns_tcp[index] < 0 ? sockets->dns_tcp[index] : 0;
}

int sockets_open(struct steer_sockets *sockets, bool ipv6, bool relays, struct error *err)
{
	int rc;

	steer_sockets_init(sockets);
	rc = open_family(sockets, 0, AF_INET, err);
	if (rc == 0 && ipv6)
		rc = open_family(sockets, 1, AF_INET6, err);
	if (rc == 0) {
		sockets->log_fd = sockets_open_log(STEER_LOG_GROUP, err);
		rc = sockets->log_fd < 0 ? sockets->log_fd : 0;
	}
	if (rc == 0 && relays)
		rc = open_relay(sockets, ipv6, err);
	if (rc < 0)
		steer_sockets_close(sockets);
	return rc;
}
