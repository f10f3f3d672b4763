#include "proxy/steer/datagram.h"

/* Before the kernel's, which define what it does not. */
#include <netinet/in.h>

#include <arpa/inet.h>
#include <linux/in6.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

enum { HOP_LIMIT = 64, ICMP_HEADER_BYTES = 8, REJECT_ROUTE = 6 };

_Static_assert(sizeof(struct datagram_flow) == 40, "there is no padding");

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static bool read_end(const union address *from, uint8_t address[16], uint16_t *port,
		     uint8_t *family)
{
	if (from->any.sa_family == AF_INET) {
		memcpy(address, &from->four.sin_addr, 4);
		*port = ntohs(from->four.sin_port);
		*family = 4;
		return true;
	}
	if (from->any.sa_family == AF_INET6) {
		memcpy(address, &from->six.sin6_addr, 16);
		*port = ntohs(from->six.sin6_port);
		*family = 6;
		return true;
	}
	return false;
}

/* What the kernel tells beside the datagram. False if it does not tell where that was sent to. */
static bool read_control(struct msghdr *header, struct datagram_flow *flow, uint32_t *dropped)
{
	union address remote = {0};
	uint8_t family = 0;
	bool known = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL &&
		    len == sizeof(*dropped))
			memcpy(dropped, CMSG_DATA(c), len);
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_ORIGDSTADDR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_ORIGDSTADDR)) {
			memcpy(&remote, CMSG_DATA(c), len < sizeof(remote) ? len : sizeof(remote));
			known = read_end(&remote, flow->remote, &flow->remote_port, &family);
		}
	}
	return known && family == flow->family;
}

ssize_t datagram_receive(int fd, void *bytes, size_t size, struct datagram_flow *flow,
			 uint32_t *dropped)
{
	_Alignas(struct cmsghdr) char control[256];
	union address client = {0};
	struct iovec part = {bytes, size};
	struct msghdr header = {
		.msg_name = &client,
		.msg_namelen = sizeof(client),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(fd, &header, MSG_DONTWAIT);

	if (got < 0)
		return -errno;
	*flow = (struct datagram_flow){0};
	if (!read_end(&client, flow->client, &flow->client_port, &flow->family) ||
	    !read_control(&header, flow, dropped))
		return -EBADMSG;
	return got;
}

/* The ones' complement sum of RFC 1071, on 32 bits at a time. */
static uint64_t sum(uint64_t so_far, const void *bytes, size_t len)
{
	const char *at = bytes;
	uint32_t word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		so_far += word;
	}
	word = 0;
	memcpy(&word, at, len);
	return so_far + word;
}

static uint16_t fold(uint64_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

static size_t address_bytes(const struct datagram_flow *flow)
{
	return flow->family == 4 ? 4 : 16;
}

/* RFC 768; RFC 8200 section 8.1. The order of the addresses makes no difference. */
static uint64_t sum_pseudo_header(const struct datagram_flow *flow, uint8_t protocol, size_t len)
{
	const uint32_t rest[2] = {htonl((uint32_t)len), htonl(protocol)};
	uint64_t total = sum(0, rest, sizeof(rest));

	total = sum(total, flow->client, address_bytes(flow));
	return sum(total, flow->remote, address_bytes(flow));
}

/* An IP header with LEN bytes behind it. Its length. */
static size_t put_ip(void *out, const uint8_t *source, const uint8_t *destination, uint8_t family,
		     uint8_t protocol, size_t len)
{
	if (family == 4) {
		struct iphdr ip = {
			.version = 4,
			.ihl = 5,
			.ttl = HOP_LIMIT,
			.protocol = protocol,
			.tot_len = htons((uint16_t)(sizeof(ip) + len)),
		};

		/* The kernel fills the rest in. */
		memcpy(&ip.saddr, source, 4);
		memcpy(&ip.daddr, destination, 4);
		memcpy(out, &ip, sizeof(ip));
		return sizeof(ip);
	}
	struct ip6_hdr ip6 = {
		.ip6_flow = htonl(6u << 28),
		.ip6_plen = htons((uint16_t)len),
		.ip6_nxt = protocol,
		.ip6_hlim = HOP_LIMIT,
	};

	memcpy(&ip6.ip6_src, source, 16);
	memcpy(&ip6.ip6_dst, destination, 16);
	memcpy(out, &ip6, sizeof(ip6));
	return sizeof(ip6);
}

static int send_packet(int raw_fd, const struct datagram_flow *flow, struct slice head,
		       struct slice payload)
{
	struct iovec parts[] = {{(void *)(uintptr_t)head.ptr, head.len},
				{(void *)(uintptr_t)payload.ptr, payload.len}};
	union address to = {0};
	struct msghdr header = {.msg_name = &to, .msg_iov = parts, .msg_iovlen = 2};

	if (flow->family == 4) {
		to.four.sin_family = AF_INET;
		memcpy(&to.four.sin_addr, flow->client, 4);
		header.msg_namelen = sizeof(to.four);
	} else {
		to.six.sin6_family = AF_INET6;
		memcpy(&to.six.sin6_addr, flow->client, 16);
		header.msg_namelen = sizeof(to.six);
	}
	return sendmsg(raw_fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int datagram_answer(int raw_fd, const struct datagram_flow *flow, struct slice payload)
{
	char head[sizeof(struct ip6_hdr) + sizeof(struct udphdr)];
	size_t len = sizeof(struct udphdr) + payload.len, at;
	struct udphdr udp = {
		.source = htons(flow->remote_port),
		.dest = htons(flow->client_port),
		.len = htons((uint16_t)len),
	};
	uint64_t total;

	if (len + (flow->family == 4 ? sizeof(struct iphdr) : 0) > UINT16_MAX)
		return -EMSGSIZE;
	total = sum(sum_pseudo_header(flow, IPPROTO_UDP, len), &udp, sizeof(udp));
	udp.check = fold(sum(total, payload.ptr, payload.len));
	/* None at all is written as 0, which is no sum. */
	if (udp.check == 0)
		udp.check = 0xffff;
	at = put_ip(head, flow->remote, flow->client, flow->family, IPPROTO_UDP, len);
	memcpy(head + at, &udp, sizeof(udp));
	return send_packet(raw_fd, flow, slice_of(head, at + sizeof(udp)), payload);
}

/* The start of the datagram that is answered, as it was. */
static size_t put_quote(char *out, const struct datagram_flow *flow, size_t length)
{
	size_t len = sizeof(struct udphdr) + length;
	struct udphdr udp = {
		.source = htons(flow->client_port),
		.dest = htons(flow->remote_port),
		.len = htons((uint16_t)len),
	};
	size_t at = put_ip(out, flow->client, flow->remote, flow->family, IPPROTO_UDP, len);

	memcpy(out + at, &udp, sizeof(udp));
	return at + sizeof(udp);
}

int datagram_refuse(int raw_fd, const struct datagram_flow *flow, size_t length,
		    enum datagram_error error)
{
	/* Of the codes there are, those that a kernel tells a program that waits. */
	static const uint8_t codes4[] = {
		[DATAGRAM_PROHIBITED] = ICMP_PKT_FILTERED,
		[DATAGRAM_NO_HOST] = ICMP_HOST_UNKNOWN,
		[DATAGRAM_NO_PORT] = ICMP_PORT_UNREACH,
	};
	static const uint8_t codes6[] = {
		[DATAGRAM_PROHIBITED] = ICMP6_DST_UNREACH_ADMIN,
		[DATAGRAM_NO_HOST] = REJECT_ROUTE,
		[DATAGRAM_NO_PORT] = ICMP6_DST_UNREACH_NOPORT,
	};
	bool four = flow->family == 4;
	uint8_t protocol = four ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	char icmp[ICMP_HEADER_BYTES + sizeof(struct ip6_hdr) + sizeof(struct udphdr)] = {0};
	char head[sizeof(struct ip6_hdr)];
	size_t len = ICMP_HEADER_BYTES + put_quote(icmp + ICMP_HEADER_BYTES, flow, length);
	uint16_t check;

	icmp[0] = four ? ICMP_DEST_UNREACH : ICMP6_DST_UNREACH;
	icmp[1] = (char)(four ? codes4[error] : codes6[error]);
	check = fold(sum(four ? 0 : sum_pseudo_header(flow, protocol, len), icmp, len));
	memcpy(icmp + 2, &check, sizeof(check));
	return send_packet(raw_fd, flow,
			   slice_of(head, put_ip(head, flow->remote, flow->client, flow->family,
						 protocol, len)),
			   slice_of(icmp, len));
}
