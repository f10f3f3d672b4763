#include "proxy/engine/packet_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/unit/allocation.h"

#define QUIC_START "\xc0\x00\x00\x00\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00\x00\x44\x9e"

static struct steer_packet packet_to(const char *destination, uint8_t protocol, uint16_t port)
{
	struct steer_packet packet = {
		.protocol = protocol, .destination_port = port, .payload = SLICE_EMPTY};
	bool six = strchr(destination, ':') != NULL;

	packet.family = six ? 6 : 4;
	assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, destination, packet.destination), 1);
	return packet;
}

static void assert_name(const struct steer_packet *packet, const char *service, const char *part)
{
	const struct packet_name *name = packet_name_of(packet);

	if (service)
		assert_string_equal(name->service, service);
	else
		assert_null(name->service);
	assert_non_null(strstr(name->reason, part));
}

static void services_are_named_by_their_ports(void **state)
{
	static const struct row {
		const char *destination;
		uint8_t protocol;
		uint16_t port;
		const char *service, *part;
	} rows[] = {
		{"8.8.8.8", IPPROTO_UDP, 443, "quic", "clients fall back to TCP"},
		{"2001:db8::1", IPPROTO_UDP, 443, "quic", "clients fall back to TCP"},
		{"8.8.8.8", IPPROTO_UDP, 853, "doq", "DNS over QUIC"},
		{"94.140.14.14", IPPROTO_UDP, 784, "doq", "DNS over QUIC"},
		{"8.8.8.8", IPPROTO_TCP, 853, "dot", "DNS over TLS"},
		{"8.8.8.8", IPPROTO_UDP, 53, "dns", "resolved by Sallyport alone"},
		{"224.0.0.251", IPPROTO_UDP, 5353, "mdns", "mDNS"},
		{"ff02::fb", IPPROTO_UDP, 5353, "mdns", "mDNS"},
		{"192.168.1.5", IPPROTO_UDP, 5353, "mdns", "mDNS"},
		{"224.0.0.252", IPPROTO_UDP, 5355, "llmnr", "LLMNR"},
		{"ff02::1:3", IPPROTO_UDP, 5355, "llmnr", "LLMNR"},
		{"10.0.0.255", IPPROTO_UDP, 137, "netbios", "NetBIOS"},
		{"239.255.255.250", IPPROTO_UDP, 1900, "ssdp", "SSDP"},
		{"93.184.0.1", IPPROTO_UDP, 123, "ntp", "clock comes from the host"},
		{"93.184.0.1", IPPROTO_UDP, 3478, "stun", "TURN"},
		{"93.184.0.1", IPPROTO_UDP, 51820, "wireguard", "WireGuard"},
		{"255.255.255.255", IPPROTO_UDP, 67, "dhcp", "DHCP"},
		{"ff02::1:2", IPPROTO_UDP, 547, "dhcpv6", "DHCPv6"},
		{"93.184.0.1", IPPROTO_UDP, 33434, "traceroute", "traceroute"},
		{"93.184.0.1", IPPROTO_UDP, 33534, "traceroute", "traceroute"},
		{"93.184.0.1", IPPROTO_UDP, 33535, NULL, "neither TCP nor DNS"},
		{"93.184.0.1", IPPROTO_UDP, 9, NULL, "neither TCP nor DNS"},
		{"93.184.0.1", IPPROTO_TCP, 443, NULL, "there is no way out"},
		{"224.0.0.1", IPPROTO_UDP, 9, "multicast", "multicast"},
		{"ff05::1", IPPROTO_UDP, 9, "multicast", "multicast"},
		{"255.255.255.255", IPPROTO_UDP, 9, "broadcast", "broadcast"},
		{"240.0.0.1", IPPROTO_UDP, 9, NULL, "neither TCP nor DNS"},
		{"224.0.0.22", IPPROTO_IGMP, 0, "igmp", "IGMP"},
		{"93.184.0.1", IPPROTO_GRE, 0, "gre", "GRE"},
		{"93.184.0.1", IPPROTO_SCTP, 53, "sctp", "SCTP"},
		{"93.184.0.1", IPPROTO_DCCP, 443, "dccp", "DCCP"},
		{"93.184.0.1", IPPROTO_UDPLITE, 443, "udplite", "UDP-Lite"},
		{"93.184.0.1", IPPROTO_ESP, 0, "ipsec", "ESP"},
		{"93.184.0.1", IPPROTO_AH, 0, "ipsec", "AH"},
		{"93.184.0.1", IPPROTO_IPIP, 0, "tunnel", "IP in IP"},
		{"93.184.0.1", IPPROTO_IPV6, 0, "tunnel", "IPv6 in IP"},
		{"93.184.0.1", 253, 0, NULL, "neither TCP nor DNS"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct steer_packet packet = packet_to(rows[i].destination, rows[i].protocol,
						       rows[i].port);

		assert_name(&packet, rows[i].service, rows[i].part);
	}
}

static void icmp_is_named_by_its_type(void **state)
{
	static const struct row {
		uint8_t protocol, type;
		const char *service, *part;
	} rows[] = {
		{IPPROTO_ICMP, 8, "ping", "echo"},
		{IPPROTO_ICMP, 5, "redirect", "redirect"},
		{IPPROTO_ICMP, 10, "router", "router"},
		{IPPROTO_ICMP, 0, "icmp", "ICMP"},
		{IPPROTO_ICMP, 255, "icmp", "ICMP"},
		{IPPROTO_ICMPV6, 128, "ping", "echo"},
		{IPPROTO_ICMPV6, 131, "mld", "MLD"},
		{IPPROTO_ICMPV6, 133, "router", "router solicitation"},
		{IPPROTO_ICMPV6, 134, "router", "router advertisement"},
		{IPPROTO_ICMPV6, 135, "neighbour", "neighbour solicitation"},
		{IPPROTO_ICMPV6, 136, "neighbour", "neighbour advertisement"},
		{IPPROTO_ICMPV6, 137, "redirect", "redirect"},
		{IPPROTO_ICMPV6, 143, "mld", "MLD"},
		{IPPROTO_ICMPV6, 200, "icmpv6", "ICMPv6"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct steer_packet packet = packet_to("93.184.0.1", rows[i].protocol, 0);

		packet.icmp_type = rows[i].type;
		assert_name(&packet, rows[i].service, rows[i].part);
	}
}

static void quic_is_known_by_its_first_bytes(void **state)
{
	static const struct row {
		uint16_t port;
		struct slice payload;
		const char *service;
	} rows[] = {
		{443, SLICE_LITERAL(QUIC_START), "quic"},
		{8443, SLICE_LITERAL(QUIC_START), "quic"},
		{443, SLICE_LITERAL("\x41 a short header"), "quic"},
		{8443, SLICE_LITERAL("\x41 a short header"), NULL},
		{443, SLICE_LITERAL("\xc0\xfa\xce\xb0\x02\x00\x00"), "quic"},
		{8443, SLICE_LITERAL("\xc0\xfa\xce\xb0\x02\x00\x00"), NULL},
		{443, SLICE_LITERAL("\x16\xfe\xfd is DTLS"), NULL},
		{443, SLICE_LITERAL("\x01\x00\x00\x00 is WireGuard"), NULL},
		{123, SLICE_LITERAL("\xe3\x00\x03\xfa\x00\x01\x00\x00\x00\x01"), "ntp"},
		{853, SLICE_LITERAL(QUIC_START), "doq"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct steer_packet packet = packet_to("93.184.0.1", IPPROTO_UDP, rows[i].port);

		packet.payload = rows[i].payload;
		assert_name(&packet, rows[i].service, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_named_by_their_ports),
		cmocka_unit_test(icmp_is_named_by_its_type),
		cmocka_unit_test(quic_is_known_by_its_first_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
