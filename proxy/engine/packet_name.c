#include "proxy/engine/packet_name.h"

#include <netinet/in.h>

#include "proxy/tls/quic.h"

enum { PROTOCOL_IGMP = 2, PROTOCOL_IPV4 = 4, PROTOCOL_OSPF = 89, PROTOCOL_L2TP = 115 };

#define NO_WAY	   ": there is no way out for it"
#define OUR_DNS	   ": names are resolved by Sallyport alone"
#define NO_NETWORK ": a sandbox has no network around it"

static const struct packet_name unknown = {NULL, "neither TCP nor DNS" NO_WAY};
static const struct packet_name quic = {"quic",
					"QUIC (HTTP/3)" NO_WAY "; clients fall back to TCP"};
static const struct packet_name multicast = {"multicast", "multicast" NO_NETWORK};
static const struct packet_name broadcast = {"broadcast", "broadcast" NO_NETWORK};

struct row {
	uint16_t first, last; /* destination ports, types of ICMP, or protocols */
	struct packet_name name;
};

static const struct row udp_rows[] = {
	{53, 53, {"dns", "DNS past Sallyport's resolver" OUR_DNS}},
	{67, 68, {"dhcp", "DHCP" NO_NETWORK}},
	{69, 69, {"tftp", "TFTP" NO_WAY}},
	{123, 123, {"ntp", "NTP (time): a sandbox's clock comes from the host"}},
	{137, 138, {"netbios", "NetBIOS names" OUR_DNS}},
	{161, 162, {"snmp", "SNMP" NO_WAY}},
	{500, 500, {"ipsec", "IPsec (IKE)" NO_WAY}},
	{514, 514, {"syslog", "syslog" NO_WAY}},
	{546, 547, {"dhcpv6", "DHCPv6" NO_NETWORK}},
	{784, 784, {"doq", "DNS over QUIC" OUR_DNS}},
	{853, 853, {"doq", "DNS over QUIC or DTLS" OUR_DNS}},
	{1194, 1194, {"openvpn", "OpenVPN" NO_WAY}},
	{1701, 1701, {"l2tp", "L2TP" NO_WAY}},
	{1900, 1900, {"ssdp", "SSDP (UPnP)" NO_NETWORK}},
	{3478, 3481, {"stun", "STUN or TURN (WebRTC)" NO_WAY}},
	{3702, 3702, {"ws-discovery", "WS-Discovery" NO_NETWORK}},
	{4500, 4500, {"ipsec", "IPsec (behind NAT)" NO_WAY}},
	{5349, 5349, {"stun", "STUN or TURN over DTLS (WebRTC)" NO_WAY}},
	{5350, 5351, {"nat-pmp", "NAT-PMP or PCP" NO_NETWORK}},
	{5353, 5353, {"mdns", "mDNS" OUR_DNS}},
	{5355, 5355, {"llmnr", "LLMNR" OUR_DNS}},
	{8853, 8853, {"doq", "DNS over QUIC" OUR_DNS}},
	{19302, 19309, {"stun", "STUN or TURN (WebRTC)" NO_WAY}},
	{33434, 33534, {"traceroute", "traceroute" NO_WAY}},
	{41641, 41641, {"wireguard", "WireGuard (Tailscale)" NO_WAY}},
	{51820, 51820, {"wireguard", "WireGuard" NO_WAY}},
};

static const struct row tcp_rows[] = {
	{53, 53, {"dns", "DNS past Sallyport's resolver" OUR_DNS}},
	{853, 853, {"dot", "DNS over TLS" OUR_DNS}},
	{5355, 5355, {"llmnr", "LLMNR" OUR_DNS}},
};

static const struct row icmp_rows[] = {
	{5, 5, {"redirect", "an ICMP redirect" NO_NETWORK}},
	{8, 8, {"ping", "a ping (ICMP echo)" NO_WAY}},
	{9, 10, {"router", "ICMP router discovery" NO_NETWORK}},
	{0, 255, {"icmp", "ICMP" NO_WAY}},
};

static const struct row icmpv6_rows[] = {
	{128, 128, {"ping", "a ping (ICMPv6 echo)" NO_WAY}},
	{130, 132, {"mld", "MLD (multicast groups)" NO_NETWORK}},
	{133, 133, {"router", "an IPv6 router solicitation" NO_NETWORK}},
	{134, 134, {"router", "an IPv6 router advertisement" NO_NETWORK}},
	{135, 135, {"neighbour", "an IPv6 neighbour solicitation" NO_NETWORK}},
	{136, 136, {"neighbour", "an IPv6 neighbour advertisement" NO_NETWORK}},
	{137, 137, {"redirect", "an ICMPv6 redirect" NO_NETWORK}},
	{143, 143, {"mld", "MLD (multicast groups)" NO_NETWORK}},
	{0, 255, {"icmpv6", "ICMPv6" NO_WAY}},
};

static const struct row protocol_rows[] = {
	{PROTOCOL_IGMP, PROTOCOL_IGMP, {"igmp", "IGMP (multicast groups)" NO_NETWORK}},
	{PROTOCOL_IPV4, PROTOCOL_IPV4, {"tunnel", "a tunnel (IP in IP)" NO_WAY}},
	{IPPROTO_DCCP, IPPROTO_DCCP, {"dccp", "DCCP" NO_WAY}},
	{IPPROTO_IPV6, IPPROTO_IPV6, {"tunnel", "a tunnel (IPv6 in IP)" NO_WAY}},
	{IPPROTO_GRE, IPPROTO_GRE, {"gre", "a tunnel (GRE)" NO_WAY}},
	{IPPROTO_ESP, IPPROTO_ESP, {"ipsec", "IPsec (ESP)" NO_WAY}},
	{IPPROTO_AH, IPPROTO_AH, {"ipsec", "IPsec (AH)" NO_WAY}},
	{PROTOCOL_OSPF, PROTOCOL_OSPF, {"ospf", "OSPF" NO_NETWORK}},
	{PROTOCOL_L2TP, PROTOCOL_L2TP, {"l2tp", "a tunnel (L2TP)" NO_WAY}},
	{IPPROTO_SCTP, IPPROTO_SCTP, {"sctp", "SCTP" NO_WAY}},
	{IPPROTO_UDPLITE, IPPROTO_UDPLITE, {"udplite", "UDP-Lite" NO_WAY}},
};

#define FIND(rows, number) find_row(rows, sizeof(rows) / sizeof((rows)[0]), number)

static const struct packet_name *find_row(const struct row *rows, size_t count, uint16_t number)
{
	for (size_t i = 0; i < count; i++) {
		if (number >= rows[i].first && number <= rows[i].last)
			return &rows[i].name;
	}
	return NULL;
}

enum { HTTPS_PORT = 443, QUIC_FIXED_BIT = 0x40 };

/* At HTTPS's port also what was cut off, and packets after the first (a short header: RFC 9000
 * section 17.3); anywhere, a version that is known. */
static bool is_quic(const struct steer_packet *packet)
{
	struct quic_header header;

	if (quic_read_header(packet->payload, &header))
		return packet->destination_port == HTTPS_PORT ||
		       (header.version != QUIC_VERSION_OTHER &&
			header.version != QUIC_VERSION_NONE);
	if (packet->destination_port != HTTPS_PORT)
		return false;
	return packet->payload.len == 0 || (packet->payload.ptr[0] & QUIC_FIXED_BIT);
}

static const struct packet_name *find_udp(const struct steer_packet *packet)
{
	const struct packet_name *name = FIND(udp_rows, packet->destination_port);

	return !name && is_quic(packet) ? &quic : name;
}

static const struct packet_name *find_by_protocol(const struct steer_packet *packet)
{
	switch (packet->protocol) {
	case IPPROTO_UDP:
		return find_udp(packet);
	case IPPROTO_TCP:
		return FIND(tcp_rows, packet->destination_port);
	case IPPROTO_ICMP:
		return FIND(icmp_rows, packet->icmp_type);
	case IPPROTO_ICMPV6:
		return FIND(icmpv6_rows, packet->icmp_type);
	default:
		return FIND(protocol_rows, packet->protocol);
	}
}

static const struct packet_name *find_by_address(const struct steer_packet *packet)
{
	static const uint8_t everyone[] = {255, 255, 255, 255};
	const uint8_t *to = packet->destination;

	if (packet->family == 6)
		return to[0] == 0xff ? &multicast : NULL;
	if (memcmp(to, everyone, sizeof(everyone)) == 0)
		return &broadcast;
	return to[0] >= 224 && to[0] < 240 ? &multicast : NULL;
}

const struct packet_name *packet_name_of(const struct steer_packet *packet)
{
	const struct packet_name *name = find_by_protocol(packet);

	if (!name)
		name = find_by_address(packet);
	return name ? name : &unknown;
}
