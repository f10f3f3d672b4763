#include "proxy/steer/packet_log.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

#define IPV4_UDP                                                                                   \
	"\x45\x00\x00\x1d\x12\x34\x40\x00\x40\x11\x00\x00\xc6\x12\x00\x01\x08\x08\x08\x08"         \
	"\xc0\x00\x01\xbb\x00\x09\x00\x00"
#define IPV6_START(next) "\x60\x00\x00\x00\x00\x20" next "\x40"
#define IPV6_ADDRESSES                                                                             \
	"\xfd\x73\x61\x6c\x6c\x79\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"                         \
	"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08"

static struct steer_packet parse(struct slice bytes)
{
	struct steer_packet packet;

	assert_int_equal(packet_log_parse_packet(bytes, &packet), 0);
	return packet;
}

static void reads_udp_over_ipv4(void **state)
{
	struct steer_packet packet = parse(SLICE_LITERAL(IPV4_UDP));

	(void)state;
	assert_int_equal(packet.family, 4);
	assert_int_equal(packet.protocol, IPPROTO_UDP);
	assert_memory_equal(packet.source, "\xc6\x12\x00\x01", 4);
	assert_memory_equal(packet.destination, "\x08\x08\x08\x08", 4);
	assert_int_equal(packet.source_port, 0xc000);
	assert_int_equal(packet.destination_port, 443);
}

static void the_payload_of_udp_is_as_long_as_its_header_says(void **state)
{
	static const struct row {
		struct slice behind;
		size_t len;
	} rows[] = {
		{SLICE_LITERAL("\x00\x0b\x00\x00"
			       "abcd"),
		 3}, /* a link's padding is left out */
		{SLICE_LITERAL("\x00\xff\x00\x00"
			       "abc"),
		 3}, /* cut off */
		{SLICE_LITERAL("\x00\x00\x00\x00"
			       "abc"),
		 3}, /* a jumbogram */
		{SLICE_LITERAL("\x00\x07\x00\x00"
			       "abc"),
		 3}, /* nonsense */
		{SLICE_LITERAL("\x00\x08\x00\x00"
			       "abc"),
		 0},
		{SLICE_LITERAL("\x00\x0b\x00\x00"), 0},
		{SLICE_LITERAL("\x00\x0b\x00"), 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char bytes[64] = IPV4_UDP;
		struct steer_packet packet;

		memcpy(bytes + 24, rows[i].behind.ptr, rows[i].behind.len);
		packet = parse(slice_of(bytes, 24 + rows[i].behind.len));
		assert_int_equal(packet.destination_port, 443);
		assert_int_equal(packet.payload.len, rows[i].len);
		if (rows[i].len)
			assert_memory_equal(packet.payload.ptr, "abc", 3);
	}
}

static void the_type_of_icmp_is_read(void **state)
{
	struct steer_packet packet = parse(
		SLICE_LITERAL(IPV6_START("\x3a") IPV6_ADDRESSES "\x85\x00\x00\x00"));

	(void)state;
	assert_int_equal(packet.icmp_type, 133);
	assert_int_equal(packet.payload.len, 0);
}

static void steps_over_options_of_ipv4(void **state)
{
	struct steer_packet packet = parse(SLICE_LITERAL(
		"\x46\x00\x00\x20\x12\x34\x40\x00\x40\x84\x00\x00\xc6\x12\x00\x01\x08\x08\x08\x08"
		"\x01\x01\x01\x00"
		"\x00\x05\x00\x07"));

	(void)state;
	assert_int_equal(packet.protocol, IPPROTO_SCTP);
	assert_int_equal(packet.source_port, 5);
	assert_int_equal(packet.destination_port, 7);
}

static void a_later_fragment_has_no_ports(void **state)
{
	struct steer_packet packet = parse(SLICE_LITERAL(
		"\x45\x00\x00\x1d\x12\x34\x00\x01\x40\x11\x00\x00\xc6\x12\x00\x01\x08\x08\x08\x08"
		"\xc0\x00\x01\xbb"));

	(void)state;
	assert_int_equal(packet.protocol, IPPROTO_UDP);
	assert_int_equal(packet.destination_port, 0);
}

static void what_has_no_ports_is_read_without(void **state)
{
	struct steer_packet packet = parse(SLICE_LITERAL(
		"\x45\x00\x00\x1d\x12\x34\x40\x00\x40\x01\x00\x00\xc6\x12\x00\x01\x08\x08\x08\x08"
		"\x08\x00\x01\xbb"));

	(void)state;
	assert_int_equal(packet.protocol, IPPROTO_ICMP);
	assert_int_equal(packet.source_port, 0);
	assert_int_equal(packet.destination_port, 0);
}

static void ports_that_were_cut_off_are_zero(void **state)
{
	struct steer_packet packet = parse(slice_first(SLICE_LITERAL(IPV4_UDP), 22));

	(void)state;
	assert_int_equal(packet.source_port, 0);
	assert_int_equal(packet.destination_port, 0);
}

static void reads_udp_over_ipv6(void **state)
{
	struct steer_packet packet = parse(
		SLICE_LITERAL(IPV6_START("\x11") IPV6_ADDRESSES "\xc0\x00\x01\xbb"));

	(void)state;
	assert_int_equal(packet.family, 6);
	assert_int_equal(packet.protocol, IPPROTO_UDP);
	assert_memory_equal(packet.source, IPV6_ADDRESSES, 16);
	assert_memory_equal(packet.destination, &IPV6_ADDRESSES[16], 16);
	assert_int_equal(packet.destination_port, 443);
}

static void steps_over_extension_headers(void **state)
{
	struct steer_packet packet = parse(SLICE_LITERAL(IPV6_START("\x00") IPV6_ADDRESSES
							 "\x3c\x00\x00\x00\x00\x00\x00\x00"
							 "\x2c\x01\x00\x00\x00\x00\x00\x00"
							 "\x00\x00\x00\x00\x00\x00\x00\x00"
							 "\x11\x00\x00\x01\x00\x00\x00\x07"
							 "\xc0\x00\x01\xbb"));

	(void)state;
	assert_int_equal(packet.protocol, IPPROTO_UDP);
	assert_int_equal(packet.destination_port, 443);
}

static void a_later_fragment_of_ipv6_has_no_ports(void **state)
{
	struct steer_packet packet = parse(SLICE_LITERAL(IPV6_START("\x2c") IPV6_ADDRESSES
							 "\x11\x00\x00\x08\x00\x00\x00\x07"
							 "\xc0\x00\x01\xbb"));

	(void)state;
	assert_int_equal(packet.protocol, IPPROTO_UDP);
	assert_int_equal(packet.destination_port, 0);
}

static void extension_headers_without_end_are_given_up(void **state)
{
	static char bytes[40 + 100 * 8] = IPV6_START("\x3c") IPV6_ADDRESSES;
	struct steer_packet packet;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		bytes[40 + 8 * i] = 0x3c;
	packet = parse(slice_of(bytes, sizeof(bytes)));
	assert_int_equal(packet.protocol, IPPROTO_DSTOPTS);
}

static void refuses_what_is_not_a_packet(void **state)
{
	static const struct {
		struct slice bytes;
		int code;
	} refused[] = {
		{{"", 0}, ERROR_TRUNCATED},
		{{"\x00", 1}, ERROR_SYNTAX},
		{{"\x75", 1}, ERROR_SYNTAX},
		{{"\x45", 1}, ERROR_TRUNCATED},
		{{"\x44\x00\x00\x1d\x12\x34\x40\x00\x40\x11\x00\x00\xc6\x12\x00\x01\x08\x08\x08"
		  "\x08",
		  20},
		 ERROR_SYNTAX},
		{{IPV4_UDP, 19}, ERROR_TRUNCATED},
		{{IPV6_START("\x11") IPV6_ADDRESSES, 39}, ERROR_TRUNCATED},
	};
	struct steer_packet packet;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(packet_log_parse_packet(refused[i].bytes, &packet),
				 refused[i].code);
}

struct datagram {
	_Alignas(8) char bytes[4096];
	size_t len;
};

static struct nlmsghdr *start_message(struct datagram *datagram)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(datagram->bytes + datagram->len);

	header->nlmsg_type = (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET;
	mnl_nlmsg_put_extra_header(header, sizeof(struct nfgenmsg));
	return header;
}

static void add_packet(struct datagram *datagram, uint32_t sequence)
{
	struct nlmsghdr *header = start_message(datagram);

	mnl_attr_put_u32(header, NFULA_SEQ, htonl(sequence));
	mnl_attr_put(header, NFULA_PAYLOAD, sizeof(IPV4_UDP) - 1, IPV4_UDP);
	datagram->len += header->nlmsg_len;
}

static void count(void *context, const struct steer_packet *packet)
{
	int *counted = context;

	assert_int_equal(packet->destination_port, 443);
	(*counted)++;
}

static void expect(const struct datagram *datagram, struct steer_log_state *log, int wanted)
{
	int counted = 0;

	assert_int_equal(
		packet_log_parse(slice_of(datagram->bytes, datagram->len), count, &counted, log),
		wanted);
	assert_int_equal(counted, wanted);
}

static void a_datagram_may_hold_several_packets(void **state)
{
	struct datagram datagram = {.len = 0};
	struct steer_log_state log = {0};

	(void)state;
	add_packet(&datagram, 0);
	add_packet(&datagram, 1);
	add_packet(&datagram, 2);
	expect(&datagram, &log, 3);
	assert_int_equal(log.lost, 0);
}

static void missing_numbers_are_losses(void **state)
{
	struct datagram datagram = {.len = 0};
	struct steer_log_state log = {0};

	(void)state;
	add_packet(&datagram, 2);
	expect(&datagram, &log, 1);
	assert_int_equal(log.lost, 2);
	datagram.len = 0;
	add_packet(&datagram, 3);
	add_packet(&datagram, 10);
	expect(&datagram, &log, 2);
	assert_int_equal(log.lost, 8);
}

static void numbers_may_go_round(void **state)
{
	struct datagram datagram = {.len = 0};
	struct steer_log_state log = {.started = true, .next_sequence = 0xffffffff};

	(void)state;
	add_packet(&datagram, 0xffffffff);
	add_packet(&datagram, 0);
	add_packet(&datagram, 2);
	expect(&datagram, &log, 3);
	assert_int_equal(log.lost, 1);
}

static void what_is_malformed_is_left_out(void **state)
{
	struct datagram datagram = {.len = 0};
	struct steer_log_state log = {0};
	struct nlmsghdr *header;

	(void)state;
	/* Another type of message. */
	header = start_message(&datagram);
	header->nlmsg_type = NLMSG_NOOP;
	datagram.len += header->nlmsg_len;
	/* Too short for its own head. */
	header = mnl_nlmsg_put_header(datagram.bytes + datagram.len);
	header->nlmsg_type = (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET;
	datagram.len += header->nlmsg_len;
	/* A number of the wrong size. */
	header = start_message(&datagram);
	mnl_attr_put_u8(header, NFULA_SEQ, 1);
	datagram.len += header->nlmsg_len;
	/* No packet in it; counts as seen all the same. */
	header = start_message(&datagram);
	mnl_attr_put_u32(header, NFULA_SEQ, htonl(0));
	datagram.len += header->nlmsg_len;
	add_packet(&datagram, 1);
	expect(&datagram, &log, 1);
	assert_int_equal(log.lost, 0);
}

static void a_length_beyond_all_bounds_ends_the_datagram(void **state)
{
	struct datagram datagram = {.len = 0};
	struct steer_log_state log = {0};
	struct nlmsghdr *header;

	(void)state;
	add_packet(&datagram, 0);
	header = start_message(&datagram);
	datagram.len += header->nlmsg_len;
	header->nlmsg_len = 0xbb0b0b0b;
	add_packet(&datagram, 1);
	expect(&datagram, &log, 1);
}

/* Each cut in its own memory, so that a read past the end shows under AddressSanitizer. */
static void a_datagram_may_be_cut_anywhere(void **state)
{
	struct datagram datagram = {.len = 0};

	(void)state;
	add_packet(&datagram, 0);
	add_packet(&datagram, 1);
	for (size_t len = 0; len < datagram.len; len++) {
		struct steer_log_state log = {0};
		char *exact = malloc(len ? len : 1);
		int counted = 0;

		assert_non_null(exact);
		memcpy(exact, datagram.bytes, len);
		assert_in_range(packet_log_parse(slice_of(exact, len), count, &counted, &log), 0,
				1);
		free(exact);
	}
}

static void only_the_kernel_is_listened_to(void **state)
{
	struct datagram datagram = {.len = 0};
	struct steer_log_state log = {0};
	int pair[2], counted = 0;

	(void)state;
	add_packet(&datagram, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(send(pair[0], datagram.bytes, datagram.len, 0), datagram.len);
	assert_int_equal(steer_read_log(pair[1], count, &counted, &log), 0);
	assert_int_equal(counted, 0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_udp_over_ipv4),
		cmocka_unit_test(the_payload_of_udp_is_as_long_as_its_header_says),
		cmocka_unit_test(the_type_of_icmp_is_read),
		cmocka_unit_test(steps_over_options_of_ipv4),
		cmocka_unit_test(a_later_fragment_has_no_ports),
		cmocka_unit_test(what_has_no_ports_is_read_without),
		cmocka_unit_test(ports_that_were_cut_off_are_zero),
		cmocka_unit_test(reads_udp_over_ipv6),
		cmocka_unit_test(steps_over_extension_headers),
		cmocka_unit_test(a_later_fragment_of_ipv6_has_no_ports),
		cmocka_unit_test(extension_headers_without_end_are_given_up),
		cmocka_unit_test(refuses_what_is_not_a_packet),
		cmocka_unit_test(a_datagram_may_hold_several_packets),
		cmocka_unit_test(missing_numbers_are_losses),
		cmocka_unit_test(numbers_may_go_round),
		cmocka_unit_test(what_is_malformed_is_left_out),
		cmocka_unit_test(a_length_beyond_all_bounds_ends_the_datagram),
		cmocka_unit_test(a_datagram_may_be_cut_anywhere),
		cmocka_unit_test(only_the_kernel_is_listened_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
