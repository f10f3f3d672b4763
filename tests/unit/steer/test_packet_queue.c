#include "proxy/steer/packet_queue.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

#define IPV4_UDP                                                                                   \
	"\x45\x00\x00\x1d\x12\x34\x40\x00\x40\x11\x00\x00\xc6\x12\x00\x01\x08\x08\x08\x08"         \
	"\xc0\x00\x01\xbb\x00\x09\x00\x00"

enum { ROOM = 4 };

static _Alignas(8) char bytes[1024];
static struct steer_queued queued[ROOM];

static struct nlmsghdr *start_message(void *at, uint16_t type)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(at);
	struct nfgenmsg *message;

	header->nlmsg_type = type;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	memset(message, 0, sizeof(*message));
	return header;
}

static size_t put_packet(void *at, uint32_t id, struct slice packet)
{
	struct nlmsghdr *header = start_message(at, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET);
	const struct nfqnl_msg_packet_hdr head = {.packet_id = htonl(id)};

	mnl_attr_put(header, NFQA_PACKET_HDR, sizeof(head), &head);
	mnl_attr_put(header, NFQA_PAYLOAD, packet.len, packet.ptr);
	return header->nlmsg_len;
}

static void reads_id_and_packet(void **state)
{
	size_t len = put_packet(bytes, 77, SLICE_LITERAL(IPV4_UDP));

	(void)state;
	assert_int_equal(packet_queue_parse(slice_of(bytes, len), queued, ROOM), 1);
	assert_int_equal(queued[0].id, 77);
	assert_int_equal(queued[0].packet.family, 4);
	assert_int_equal(queued[0].packet.protocol, IPPROTO_UDP);
	assert_int_equal(queued[0].packet.destination_port, 443);
}

/* It waits for a verdict like the others. */
static void a_packet_that_cannot_be_read_is_told(void **state)
{
	size_t len = put_packet(bytes, 5, SLICE_LITERAL("\x75"));

	(void)state;
	assert_int_equal(packet_queue_parse(slice_of(bytes, len), queued, ROOM), 1);
	assert_int_equal(queued[0].id, 5);
	assert_int_equal(queued[0].packet.family, 0);
}

static void no_more_are_read_than_there_is_room_for(void **state)
{
	size_t len = 0;

	(void)state;
	for (uint32_t i = 0; i < 6; i++)
		len += put_packet(bytes + len, i, SLICE_LITERAL(IPV4_UDP));
	assert_int_equal(packet_queue_parse(slice_of(bytes, len), queued, ROOM), ROOM);
	assert_int_equal(queued[ROOM - 1].id, ROOM - 1);
}

static void what_is_no_packet_is_left_out(void **state)
{
	struct nlmsghdr *header;
	const struct nfqnl_msg_packet_hdr head = {.packet_id = htonl(1)};

	(void)state;
	header = start_message(bytes, NLMSG_ERROR);
	assert_int_equal(packet_queue_parse(slice_of(bytes, header->nlmsg_len), queued, ROOM), 0);
	header = start_message(bytes, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET);
	mnl_attr_put(header, NFQA_PAYLOAD, 28, IPV4_UDP);
	assert_int_equal(packet_queue_parse(slice_of(bytes, header->nlmsg_len), queued, ROOM), 0);
	header = start_message(bytes, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET);
	mnl_attr_put(header, NFQA_PACKET_HDR, sizeof(head.packet_id), &head);
	assert_int_equal(packet_queue_parse(slice_of(bytes, header->nlmsg_len), queued, ROOM), 0);
	assert_int_equal(packet_queue_parse(slice_of(bytes, 3), queued, ROOM), 0);
}

struct sent {
	uint32_t verdict;
	uint32_t id;
	uint32_t mark;
};

static int take_sent(const struct nlattr *attribute, void *data)
{
	struct sent *sent = data;
	struct nfqnl_msg_verdict_hdr head;

	if (mnl_attr_get_type(attribute) == NFQA_VERDICT_HDR) {
		memcpy(&head, mnl_attr_get_payload(attribute), sizeof(head));
		sent->verdict = ntohl(head.verdict);
		sent->id = ntohl(head.id);
	} else if (mnl_attr_get_type(attribute) == NFQA_MARK) {
		sent->mark = ntohl(mnl_attr_get_u32(attribute));
	}
	return MNL_CB_OK;
}

/* Whatever else a worker says is a refusal; and no packet is let past the rules. */
static void every_verdict_goes_through_the_rules_again(void **state)
{
	static const struct steer_verdict verdicts[] = {
		{10, STEER_MARK_ALLOWED}, {11, STEER_MARK_REFUSED},
		{12, STEER_MARK_ANSWER},  {13, 0},
		{14, UINT32_MAX},
	};
	int pair[2], left;
	const struct nlmsghdr *header = (const void *)bytes;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(steer_judge(pair[0], verdicts, 5), 0);
	left = (int)read(pair[1], bytes, sizeof(bytes));
	for (size_t i = 0; i < 5; i++) {
		struct sent sent = {0};

		assert_true(mnl_nlmsg_ok(header, left));
		mnl_attr_parse(header, sizeof(struct nfgenmsg), take_sent, &sent);
		assert_int_equal(sent.verdict, NF_REPEAT);
		assert_int_equal(sent.id, verdicts[i].id);
		assert_int_equal(sent.mark, i == 0 ? STEER_MARK_ALLOWED : STEER_MARK_REFUSED);
		header = mnl_nlmsg_next(header, &left);
	}
	assert_int_equal(left, 0);
	close(pair[0]);
	close(pair[1]);
}

static void what_does_not_come_from_the_kernel_is_not_read(void **state)
{
	struct steer_queue_state counted = {0};
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_true(write(pair[0], bytes, put_packet(bytes, 1, SLICE_LITERAL(IPV4_UDP))) > 0);
	assert_int_equal(steer_read_queue(pair[1], queued, ROOM, &counted), 0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_id_and_packet),
		cmocka_unit_test(a_packet_that_cannot_be_read_is_told),
		cmocka_unit_test(no_more_are_read_than_there_is_room_for),
		cmocka_unit_test(what_is_no_packet_is_left_out),
		cmocka_unit_test(every_verdict_goes_through_the_rules_again),
		cmocka_unit_test(what_does_not_come_from_the_kernel_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
