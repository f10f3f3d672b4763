/*
 * Datagrams. The sockets are bound to the wildcard address and receive what was sent to any
 * resolver that the sandbox's programs believe in, so the address that was asked is taken from the
 * packet (IP_PKTINFO, ip(7); IPV6_PKTINFO, RFC 3542 section 6) and given as the answer's source.
 */
#include "proxy/dns/transport.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Room for the address, and for what else the maker of the socket may have asked for. */
union control {
	char bytes[256];
	struct cmsghdr align;
};

int dns_udp_prepare(int fd)
{
	int family, on = 1;
	socklen_t size = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
		return -errno;
	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0 ? -errno : 0;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0 ? -errno : 0;
}

static struct cmsghdr *find_packet_info(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO))
			return c;
	}
	return NULL;
}

/* Turns the control data of the query into that of the answer, in place. For IPv4 the kernel gives
 * the address that was asked as ipi_addr and takes the one to answer from as ipi_spec_dst; for IPv6
 * they are the same field. The interface stays, so that the answer goes where the query came from.
 */
static bool turn_around(struct msghdr *message)
{
	struct cmsghdr *info = find_packet_info(message);
	struct in_pktinfo ipv4;

	if (!info)
		return false;
	if (info->cmsg_level == IPPROTO_IP) {
		memcpy(&ipv4, CMSG_DATA(info), sizeof(ipv4));
		ipv4.ipi_spec_dst = ipv4.ipi_addr;
		memcpy(CMSG_DATA(info), &ipv4, sizeof(ipv4));
	}
	message->msg_control = info;
	message->msg_controllen = CMSG_ALIGN(info->cmsg_len);
	message->msg_flags = 0;
	return true;
}

/* One datagram. False when there is none left. An answer that cannot be sent is lost, as datagrams
 * may be; the asker asks again. */
static bool serve_datagram(struct dns_server *server, int fd)
{
	char query[DNS_MESSAGE_MAX_BYTES], answer[DNS_UDP_MAX_BYTES];
	struct sockaddr_storage peer;
	union control control;
	struct iovec part = {.iov_base = query, .iov_len = sizeof(query)};
	struct msghdr message = {.msg_name = &peer,
				 .msg_namelen = sizeof(peer),
				 .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(fd, &message, 0);

	if (length < 0)
		return errno != EAGAIN && errno != EWOULDBLOCK;
	if (!turn_around(&message))
		return true;
	part.iov_len = dns_respond(server, slice_of(query, (size_t)length), true, answer);
	part.iov_base = answer;
	if (part.iov_len > 0)
		sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return true;
}

void dns_udp_readable(struct ev_loop *loop, ev_io *watcher, int revents)
{
	struct dns_socket *socket = container_of(watcher, struct dns_socket, watcher);

	(void)loop;
	(void)revents;
	for (int i = 0; i < DNS_BATCH && serve_datagram(socket->server, watcher->fd); i++)
		continue;
}
