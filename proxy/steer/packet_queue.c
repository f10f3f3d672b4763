#include "proxy/steer/packet_queue.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "proxy/steer/netlink_message.h"
#include "proxy/steer/packet_log.h"
#include "proxy/steer/sockets.h"

enum {
	COPIED_BYTES = 128, /* of a packet: IPv6 with a few extension headers */
	READ_BYTES = 8 << 10,
	VERDICT_BYTES = 64, /* more than a message with one */
	VERDICTS_AT_ONCE = 64,
	ROOM_BYTES = 100 << 10, /* some 250 packets: the kernel doubles it, and counts its own */
	PACKETS_MAX = 1024, /* more than there is room for, as what this drops is not numbered */
};

static const struct nlmsghdr *build_binding(char *bytes, uint16_t number)
{
	struct nlmsghdr *header = netlink_start_netfilter(bytes, NFNL_SUBSYS_QUEUE,
							  NFQNL_MSG_CONFIG, NLM_F_ACK, number);
	const struct nfqnl_msg_config_cmd command = {.command = NFQNL_CFG_CMD_BIND};
	const struct nfqnl_msg_config_params parameters = {
		.copy_range = htonl(COPIED_BYTES),
		.copy_mode = NFQNL_COPY_PACKET,
	};

	mnl_attr_put(header, NFQA_CFG_CMD, sizeof(command), &command);
	mnl_attr_put(header, NFQA_CFG_PARAMS, sizeof(parameters), &parameters);
	mnl_attr_put_u32(header, NFQA_CFG_QUEUE_MAXLEN, htonl(PACKETS_MAX));
	/* Segments of one send are judged as one. What fails open would be let through unseen. */
	mnl_attr_put_u32(header, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
	mnl_attr_put_u32(header, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
	return header;
}

int packet_queue_open(uint16_t number, struct error *err)
{
	_Alignas(8) char request[256];
	const int room = ROOM_BYTES;
	cleanup_close int fd = sockets_open_netfilter();
	int rc = fd < 0 ? fd : sockets_ask_netfilter(fd, build_binding(request, number));

	if (rc == 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0)
		rc = -errno;
	if (rc < 0)
		return error_set_code(err, rc,
				      "the kernel has no packet queue; try: modprobe "
				      "nfnetlink_queue");
	return take_fd(&fd);
}

struct attributes {
	struct slice payload;
	uint32_t id;
	bool has_id;
};

static int take_attribute(const struct nlattr *attribute, void *data)
{
	struct attributes *attributes = data;
	size_t len = mnl_attr_get_payload_len(attribute);
	struct nfqnl_msg_packet_hdr head;

	switch (mnl_attr_get_type(attribute)) {
	case NFQA_PAYLOAD:
		attributes->payload = slice_of(mnl_attr_get_payload(attribute), len);
		break;
	case NFQA_PACKET_HDR:
		if (len < sizeof(head))
			return MNL_CB_ERROR;
		memcpy(&head, mnl_attr_get_payload(attribute), sizeof(head));
		attributes->id = ntohl(head.packet_id);
		attributes->has_id = true;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

size_t packet_queue_parse(struct slice datagram, struct steer_queued *queued, size_t max)
{
	const struct nlmsghdr *header = (const void *)datagram.ptr;
	int left = (int)datagram.len;
	size_t count = 0;

	for (; count < max && netlink_message_fits(header, left);
	     header = mnl_nlmsg_next(header, &left)) {
		struct attributes attributes = {.payload = SLICE_EMPTY};

		if (!netlink_is_netfilter(header, NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET) ||
		    mnl_attr_parse(header, sizeof(struct nfgenmsg), take_attribute, &attributes) <
			    0)
			continue;
		if (!attributes.has_id)
			continue;
		queued[count].id = attributes.id;
		/* One that cannot be read needs a verdict all the same. */
		if (packet_log_parse_packet(attributes.payload, &queued[count].packet) < 0)
			queued[count].packet = (struct steer_packet){0};
		count++;
	}
	return count;
}

/* The kernel numbers the packets before it finds that the socket has no room for one. */
static void count_dropped(const struct steer_queued *queued, size_t count,
			  struct steer_queue_state *state)
{
	for (size_t i = 0; i < count; i++) {
		state->dropped += (uint32_t)(queued[i].id - state->last_id - 1);
		state->last_id = queued[i].id;
	}
}

int steer_read_queue(int queue_fd, struct steer_queued *queued, size_t max,
		     struct steer_queue_state *state)
{
	_Alignas(8) char bytes[READ_BYTES];
	size_t count = 0;

	/* The kernel puts one packet into a datagram. */
	for (size_t i = 0; i < max && count < max; i++) {
		ssize_t got = sockets_receive_netfilter(queue_fd, bytes, sizeof(bytes));

		if (got == -EAGAIN)
			break;
		/* Told once when packets were dropped; how many, the numbers of later ones show. */
		if (got == -ENOBUFS || got == -EINTR)
			continue;
		if (got < 0)
			return (int)got;
		/* Of this message the kernel does not send what fills it up to a border. */
		while (got % MNL_ALIGNTO)
			bytes[got++] = 0;
		count += packet_queue_parse(slice_of(bytes, (size_t)got), queued + count,
					    max - count);
	}
	count_dropped(queued, count, state);
	return (int)count;
}

static size_t put_verdict(char *bytes, const struct steer_verdict *verdict)
{
	struct nlmsghdr *header = netlink_start_netfilter(bytes, NFNL_SUBSYS_QUEUE,
							  NFQNL_MSG_VERDICT, 0, STEER_QUEUE);
	bool allowed = verdict->mark == STEER_MARK_ALLOWED;
	const struct nfqnl_msg_verdict_hdr value = {
		.verdict = htonl(NF_REPEAT),
		.id = htonl(verdict->id),
	};

	mnl_attr_put(header, NFQA_VERDICT_HDR, sizeof(value), &value);
	mnl_attr_put_u32(header, NFQA_MARK,
			 htonl(allowed ? STEER_MARK_ALLOWED : STEER_MARK_REFUSED));
	return header->nlmsg_len;
}

int steer_judge(int queue_fd, const struct steer_verdict *verdicts, size_t count)
{
	_Alignas(8) char bytes[VERDICTS_AT_ONCE * VERDICT_BYTES];

	while (count > 0) {
		size_t n = count < VERDICTS_AT_ONCE ? count : VERDICTS_AT_ONCE, length = 0;

		for (size_t i = 0; i < n; i++)
			length += put_verdict(bytes + length, &verdicts[i]);
		/* A packet that is gone by now is an error that the reader of the queue passes
		 * over. */
		if (send(queue_fd, bytes, length, MSG_NOSIGNAL) < 0)
			return -errno;
		verdicts += n;
		count -= n;
	}
	return 0;
}
