#include "proxy/steer/packet_log.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cursor.h"
#include "base/error.h"
#include "proxy/steer/netlink_message.h"
#include "proxy/steer/sockets.h"

enum {
	DATAGRAM_MAX_BYTES = 64 << 10,
	DATAGRAMS_AT_ONCE = 32,
	IPV4_HEADER_BYTES = 20,
	UDP_HEADER_BYTES = 8,
	EXTENSIONS_MAX = 8,
	FRAGMENT_OFFSET_IPV4 = 0x1fff,
	FRAGMENT_OFFSET_IPV6 = 0xfff8,
};

static bool has_ports(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return true;
	default:
		return false;
	}
}

/* What is behind UDP's header (RFC 768), no longer than that says. A length of 0 is a jumbogram's
 * (RFC 2675 section 4). */
static struct slice read_payload(struct reader *r)
{
	size_t length = reader_u16(r), left;

	reader_skip(r, 2); /* checksum */
	if (r->error)
		return SLICE_EMPTY;
	left = reader_left(r);
	if (length >= UDP_HEADER_BYTES && length - UDP_HEADER_BYTES < left)
		left = length - UDP_HEADER_BYTES;
	return reader_bytes(r, left);
}

/* Of the transport's header, as much as was copied. */
static void read_transport(struct reader *r, struct steer_packet *packet)
{
	uint16_t source, destination;

	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6)
		packet->icmp_type = reader_u8(r);
	if (!has_ports(packet->protocol))
		return;
	source = reader_u16(r);
	destination = reader_u16(r);
	if (r->error)
		return;
	packet->source_port = source;
	packet->destination_port = destination;
	if (packet->protocol == IPPROTO_UDP)
		packet->payload = read_payload(r);
}

static void read_address(struct reader *r, uint8_t address[16], size_t len)
{
	struct slice bytes = reader_bytes(r, len);

	if (bytes.len == len)
		memcpy(address, bytes.ptr, len);
}

static int parse_ipv4(struct reader *r, size_t header_bytes, struct steer_packet *packet)
{
	uint16_t fragment;

	if (header_bytes < IPV4_HEADER_BYTES)
		return ERROR_SYNTAX;
	reader_skip(r, 5); /* type of service, length, identification */
	fragment = reader_u16(r);
	reader_skip(r, 1);
	packet->protocol = reader_u8(r);
	reader_skip(r, 2);
	read_address(r, packet->source, 4);
	read_address(r, packet->destination, 4);
	if (r->error)
		return r->error;
	reader_skip(r, header_bytes - IPV4_HEADER_BYTES);
	if (!(fragment & FRAGMENT_OFFSET_IPV4))
		read_transport(r, packet);
	return 0;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

/* Steps over one extension header. False when what follows is not the start of the next one. */
static bool skip_extension(struct reader *r, struct steer_packet *packet)
{
	bool fragment = packet->protocol == IPPROTO_FRAGMENT;
	uint8_t next = reader_u8(r);
	uint8_t length = reader_u8(r);
	uint16_t offset = reader_u16(r);

	reader_skip(r, fragment ? 4 : 4 + 8 * (size_t)length);
	if (r->error)
		return false;
	packet->protocol = next;
	return !fragment || !(offset & FRAGMENT_OFFSET_IPV6);
}

static int parse_ipv6(struct reader *r, struct steer_packet *packet)
{
	reader_skip(r, 5); /* flow label, length */
	packet->protocol = reader_u8(r);
	reader_skip(r, 1);
	read_address(r, packet->source, 16);
	read_address(r, packet->destination, 16);
	if (r->error)
		return r->error;
	for (int i = 0; i < EXTENSIONS_MAX && is_extension(packet->protocol); i++) {
		if (!skip_extension(r, packet))
			return 0;
	}
	read_transport(r, packet);
	return 0;
}

int packet_log_parse_packet(struct slice bytes, struct steer_packet *packet)
{
	struct reader r = reader_of(bytes);
	uint8_t first = reader_u8(&r);

	*packet = (struct steer_packet){.family = first >> 4, .payload = SLICE_EMPTY};
	if (r.error)
		return r.error;
	if (packet->family == 4)
		return parse_ipv4(&r, 4u * (first & 15), packet);
	if (packet->family == 6)
		return parse_ipv6(&r, packet);
	return ERROR_SYNTAX;
}

struct attributes {
	struct slice payload;
	uint32_t sequence;
	bool has_sequence;
};

static int take_attribute(const struct nlattr *attribute, void *data)
{
	struct attributes *attributes = data;
	size_t len = mnl_attr_get_payload_len(attribute);

	switch (mnl_attr_get_type(attribute)) {
	case NFULA_PAYLOAD:
		attributes->payload = slice_of(mnl_attr_get_payload(attribute), len);
		break;
	case NFULA_SEQ:
		if (len != sizeof(uint32_t))
			return MNL_CB_ERROR;
		attributes->sequence = ntohl(mnl_attr_get_u32(attribute));
		attributes->has_sequence = true;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

/* The kernel numbers the packets before it finds that there is no room for one. */
static void count_lost(uint32_t sequence, struct steer_log_state *state)
{
	if (state->started)
		state->lost += (uint32_t)(sequence - state->next_sequence);
	else
		state->lost += sequence;
	state->started = true;
	state->next_sequence = sequence + 1;
}

int packet_log_parse(struct slice datagram, packet_log_visit *visit, void *context,
		     struct steer_log_state *state)
{
	const struct nlmsghdr *header = (const void *)datagram.ptr;
	int left = (int)datagram.len, count = 0;

	for (; netlink_message_fits(header, left); header = mnl_nlmsg_next(header, &left)) {
		struct attributes attributes = {.payload = SLICE_EMPTY};
		struct steer_packet packet;

		if (!netlink_is_netfilter(header, NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET) ||
		    mnl_attr_parse(header, sizeof(struct nfgenmsg), take_attribute, &attributes) <
			    0)
			continue;
		if (attributes.has_sequence)
			count_lost(attributes.sequence, state);
		if (packet_log_parse_packet(attributes.payload, &packet) < 0)
			continue;
		visit(context, &packet);
		count++;
	}
	return count;
}

int steer_read_log(int log_fd, packet_log_visit *visit, void *context,
		   struct steer_log_state *state)
{
	_Alignas(8) static char bytes[DATAGRAM_MAX_BYTES];
	int count = 0;

	for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		ssize_t got = sockets_receive_netfilter(log_fd, bytes, sizeof(bytes));

		if (got == -EAGAIN)
			break;
		/* Told once when packets were lost; how many, the numbers of later ones show. */
		if (got == -ENOBUFS || got == -EINTR)
			continue;
		if (got < 0)
			return (int)got;
		count += packet_log_parse(slice_of(bytes, (size_t)got), visit, context, state);
	}
	return count;
}
