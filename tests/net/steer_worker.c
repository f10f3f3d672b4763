#include "tests/net/steer_worker.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "proxy/steer/datagram.h"

enum {
	CONNECTIONS_MAX = 256,
	DNS_BYTES = 1500,
	DNS_HEADER_BYTES = 12,
	FIXED_SOCKETS = 10,
};

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static void format_address(const union address *address, char *out, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	if (address->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &address->four.sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &address->six.sin6_addr, text, sizeof(text));
	snprintf(out, size, "%s %u", text, ntohs(address->four.sin_port));
}

static void greet(int fd)
{
	union address own = {0}, peer = {0};
	socklen_t own_len = sizeof(own), peer_len = sizeof(peer);
	char dialled[64], from[64], line[160];

	getsockname(fd, &own.any, &own_len);
	getpeername(fd, &peer.any, &peer_len);
	format_address(&own, dialled, sizeof(dialled));
	format_address(&peer, from, sizeof(from));
	snprintf(line, sizeof(line), "to %s from %s\n", dialled, from);
	fd_write_all(fd, slice_from_text(line));
}

/* Turns the query in BYTES into its answer. The answer's length, or 0. */
static size_t answer_dns(uint8_t *bytes, size_t len)
{
	static const uint8_t four[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 203, 0, 113, 7};
	static const uint8_t six[] = {0xc0, 12,	  0, 28, 0, 1, 0, 0, 0, 5, 0, 16, 0x20, 0x01,
				      0x0d, 0xb8, 0, 0,	 0, 0, 0, 0, 0, 0, 0, 0,  0,	7};
	size_t end = DNS_HEADER_BYTES;
	uint8_t type;

	while (end < len && bytes[end])
		end += 1u + bytes[end];
	if (end + 5 > len || len + sizeof(six) > DNS_BYTES)
		return 0;
	type = bytes[end + 2];
	end += 5;
	bytes[2] = 0x81;
	bytes[3] = 0x80;
	memset(bytes + 6, 0, 6);
	if (type == 1 || type == 28) {
		bytes[7] = 1;
		memcpy(bytes + end, type == 1 ? four : six, type == 1 ? sizeof(four) : sizeof(six));
		end += type == 1 ? sizeof(four) : sizeof(six);
	}
	return end;
}

/* From the very address that was asked: the packet information goes back as it came. */
static void serve_udp(int fd)
{
	_Alignas(8) char control[256];
	uint8_t bytes[DNS_BYTES];
	union address peer;
	struct iovec part = {bytes, sizeof(bytes)};
	struct msghdr header = {
		.msg_name = &peer,
		.msg_namelen = sizeof(peer),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(fd, &header, 0);
	struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&header) : NULL;

	if (!c || !(part.iov_len = answer_dns(bytes, (size_t)got)))
		return;
	if (c->cmsg_level == IPPROTO_IP)
		((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_spec_dst =
			((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_addr;
	sendmsg(fd, &header, 0);
}

static void serve_dns_tcp(int fd)
{
	uint8_t bytes[2 + DNS_BYTES];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
	size_t len = got > 2 ? answer_dns(bytes + 2, (size_t)got - 2) : 0;

	bytes[0] = (uint8_t)(len >> 8);
	bytes[1] = (uint8_t)len;
	if (len)
		fd_write_all(fd, slice_of(bytes, len + 2));
}

/* False when the connection is over: the client ended it, or said that we should. */
static bool echo(int fd)
{
	char bytes[4096];
	ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

	if (got <= 0 || slice_equal(slice_of(bytes, (size_t)got), SLICE_LITERAL("bye\n")))
		return false;
	return fd_write_all(fd, slice_of(bytes, (size_t)got)) == 0;
}

struct worker {
	struct pollfd watched[FIXED_SOCKETS + CONNECTIONS_MAX];
	nfds_t count;
	struct steer_log_state log;
	struct steer_queue_state queue;
	int raw[2];
};

static void accept_echo(struct worker *worker, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (worker->count == sizeof(worker->watched) / sizeof(worker->watched[0])) {
		close(fd);
		return;
	}
	greet(fd);
	worker->watched[worker->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void accept_dns(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	serve_dns_tcp(fd);
	close(fd);
}

static void serve_connections(struct worker *worker)
{
	nfds_t kept = FIXED_SOCKETS;

	for (nfds_t i = FIXED_SOCKETS; i < worker->count; i++) {
		struct pollfd *connection = &worker->watched[i];

		if (connection->revents && !echo(connection->fd))
			close(connection->fd);
		else
			worker->watched[kept++] = *connection;
	}
	worker->count = kept;
}

static void read_log(struct worker *worker, const struct worker_listener *listener, int fd)
{
	uint64_t lost = worker->log.lost;

	steer_read_log(fd, listener->packet, NULL, &worker->log);
	if (worker->log.lost != lost)
		listener->lost(worker->log.lost);
}

/* Capitals show that the answer was made here. */
static void answer_datagram(int fd, int raw)
{
	static char bytes[DATAGRAM_MAX_BYTES];
	struct datagram_flow flow;
	uint32_t dropped;
	ssize_t got = datagram_receive(fd, bytes, sizeof(bytes), &flow, &dropped);

	if (got < 0)
		return;
	if (slice_equal(slice_of(bytes, (size_t)got), SLICE_LITERAL("no port"))) {
		datagram_refuse(raw, &flow, (size_t)got, DATAGRAM_NO_PORT);
		return;
	}
	for (ssize_t i = 0; i < got; i++)
		bytes[i] = (char)toupper((unsigned char)bytes[i]);
	datagram_answer(raw, &flow, slice_of(bytes, (size_t)got));
}

static void judge(struct worker *worker, const struct worker_listener *listener, int fd)
{
	struct steer_queued queued[16];
	uint64_t dropped = worker->queue.dropped;
	int count = steer_read_queue(fd, queued, 16, &worker->queue);

	for (int i = 0; i < count; i++) {
		const struct steer_packet *packet = &queued[i].packet;
		uint8_t last = packet->destination[packet->family == 4 ? 3 : 15];
		struct steer_verdict verdict = {queued[i].id,
						last % 2 ? STEER_MARK_REFUSED : STEER_MARK_ALLOWED};

		listener->queued(packet);
		steer_judge(fd, &verdict, 1);
	}
	if (worker->queue.dropped != dropped)
		listener->dropped(worker->queue.dropped);
}

static void serve(struct worker *worker, const struct worker_listener *listener)
{
	struct pollfd *watched = worker->watched;

	serve_connections(worker);
	for (int i = 0; i < 2; i++) {
		if (watched[i].revents)
			accept_echo(worker, watched[i].fd);
		if (watched[2 + i].revents)
			serve_udp(watched[2 + i].fd);
		if (watched[4 + i].revents)
			accept_dns(watched[4 + i].fd);
	}
	if (watched[6].revents)
		read_log(worker, listener, watched[6].fd);
	for (int i = 7; i < 9; i++) {
		if (watched[i].revents)
			answer_datagram(watched[i].fd, worker->raw[i - 7]);
	}
	if (watched[9].revents)
		judge(worker, listener, watched[9].fd);
}

_Noreturn void worker_run(struct steer_sockets *sockets, const struct worker_listener *listener)
{
	static struct worker worker;
	const int fds[FIXED_SOCKETS] = {
		sockets->tcp[0],     sockets->tcp[1],	  sockets->dns_udp[0], sockets->dns_udp[1],
		sockets->dns_tcp[0], sockets->dns_tcp[1], sockets->log_fd,     sockets->udp[0],
		sockets->udp[1],     sockets->queue_fd,
	};

	signal(SIGPIPE, SIG_IGN);
	memcpy(worker.raw, sockets->raw, sizeof(worker.raw));
	for (int i = 0; i < FIXED_SOCKETS; i++)
		worker.watched[worker.count++] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	for (;;) {
		if (poll(worker.watched, worker.count, -1) > 0)
			serve(&worker, listener);
	}
}
