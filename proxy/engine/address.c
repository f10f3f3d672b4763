#include "proxy/engine/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "base/error.h"

enum rule {
	NEVER,	/* no policy can allow it */
	LISTED, /* inside a range that the policy lists */
	PUBLIC, /* an exception, reachable by anybody, inside a wider range that is not */
};

/* Where an address carries an IPv4 address. */
enum embedding {
	PLAIN,
	IPV4_LAST,   /* bytes 12 to 15 */
	IPV4_6TO4,   /* bytes 2 to 5 (RFC 3056 section 2) */
	IPV4_TEREDO, /* the server's in bytes 4 to 7, the client's inverted in 12 to 15 (RFC 4380
			  section 4) */
	IPV4_NAT64,  /* at one of several places (RFC 6052 section 2.2) */
};

struct range {
	uint8_t prefix[16];
	uint8_t bits;
	enum rule rule;
	const char *class;
	enum embedding embeds;
};

/*
 * The IANA IPv4 Special-Purpose Address Registry (RFC 6890 and successors), multicast (RFC 5771),
 * and the metadata services. The first row that holds an address decides, so exceptions stand
 * before the ranges that they are in. What is in no row is public.
 */
static const struct range ipv4_ranges[] = {
	{{169, 254, 169, 254}, 32, NEVER, "cloud metadata service", PLAIN},
	{{169, 254, 170, 2}, 32, NEVER, "cloud metadata service (ECS credentials)", PLAIN},
	{{169, 254, 170, 23}, 32, NEVER, "cloud metadata service (EKS identity)", PLAIN},
	{{100, 100, 100, 200}, 32, NEVER, "cloud metadata service (Alibaba)", PLAIN},
	{{168, 63, 129, 16}, 32, NEVER, "cloud metadata service (Azure)", PLAIN},
	{{192, 0, 0, 192}, 32, NEVER, "cloud metadata service (Oracle)", PLAIN},
	{{0, 0, 0, 0}, 32, NEVER, "unspecified", PLAIN},
	{{255, 255, 255, 255}, 32, NEVER, "broadcast", PLAIN},
	{{198, 18, 0, 0}, 15, NEVER, "synthetic, of a sandbox (RFC 2544)", PLAIN},
	{{0, 0, 0, 0}, 8, NEVER, "\"this network\" (RFC 791)", PLAIN},
	{{10, 0, 0, 0}, 8, LISTED, "private (RFC 1918)", PLAIN},
	{{100, 64, 0, 0}, 10, LISTED, "shared by a provider (RFC 6598)", PLAIN},
	{{127, 0, 0, 0}, 8, LISTED, "loopback", PLAIN},
	{{169, 254, 0, 0}, 16, NEVER, "link-local", PLAIN},
	{{172, 16, 0, 0}, 12, LISTED, "private (RFC 1918)", PLAIN},
	{{192, 0, 0, 9}, 32, PUBLIC, "anycast (RFC 7723)", PLAIN},
	{{192, 0, 0, 10}, 32, PUBLIC, "anycast (RFC 8155)", PLAIN},
	{{192, 0, 0, 0}, 24, LISTED, "for protocols (RFC 6890)", PLAIN},
	{{192, 0, 2, 0}, 24, LISTED, "for documentation (RFC 5737)", PLAIN},
	{{192, 88, 99, 0}, 24, LISTED, "a 6to4 relay (RFC 7526)", PLAIN},
	{{192, 168, 0, 0}, 16, LISTED, "private (RFC 1918)", PLAIN},
	{{198, 51, 100, 0}, 24, LISTED, "for documentation (RFC 5737)", PLAIN},
	{{203, 0, 113, 0}, 24, LISTED, "for documentation (RFC 5737)", PLAIN},
	{{224, 0, 0, 0}, 4, NEVER, "multicast", PLAIN},
	{{240, 0, 0, 0}, 4, LISTED, "reserved (RFC 1112)", PLAIN},
};

/*
 * The IANA IPv6 Special-Purpose Address Registry. Outside 2000::/3 nothing is global unicast (RFC
 * 4291 section 2.4) but the well-known NAT64 prefix; the last rows see to it.
 */
static const struct range ipv6_ranges[] = {
	{{0xfd, 0, 0x0e, 0xc2}, 32, NEVER, "cloud metadata service (AWS)", PLAIN},
	{{0xfd, 0x20, 0, 0xce, [14] = 2, 0x54},
	 128,
	 NEVER,
	 "cloud metadata service (Google)",
	 PLAIN},
	{{0xfd, 0, 0, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe},
	 128,
	 NEVER,
	 "cloud metadata service (Oracle)",
	 PLAIN},
	{{0xfd, 0, 0, 0x42, [15] = 0x42}, 128, NEVER, "cloud metadata service (Scaleway)", PLAIN},
	{{0xfd, 0x73, 0x61, 0x6c, 0x6c, 0x79}, 96, NEVER, "synthetic, of a sandbox", PLAIN},
	{{0}, 128, NEVER, "unspecified", PLAIN},
	{{[15] = 1}, 128, LISTED, "loopback", PLAIN},
	{{[10] = 0xff, 0xff}, 96, LISTED, "IPv4-mapped (RFC 4291)", IPV4_LAST},
	{{[8] = 0xff, 0xff}, 96, LISTED, "IPv4-translated (RFC 2765)", IPV4_LAST},
	{{0}, 96, LISTED, "IPv4-compatible (RFC 4291)", IPV4_LAST},
	{{0, 0x64, 0xff, 0x9b}, 96, PUBLIC, "NAT64 (RFC 6052)", IPV4_LAST},
	{{0, 0x64, 0xff, 0x9b, 0, 1}, 48, LISTED, "local NAT64 (RFC 8215)", IPV4_NAT64},
	{{1, 0}, 64, LISTED, "discard-only (RFC 6666)", PLAIN},
	{{0x20, 1, 0, 0}, 32, LISTED, "Teredo (RFC 4380)", IPV4_TEREDO},
	{{0x20, 1, 0, 1, [15] = 1}, 128, PUBLIC, "anycast (RFC 7723)", PLAIN},
	{{0x20, 1, 0, 1, [15] = 2}, 128, PUBLIC, "anycast (RFC 8155)", PLAIN},
	{{0x20, 1, 0, 1, [15] = 3}, 128, PUBLIC, "anycast (RFC 9665)", PLAIN},
	{{0x20, 1, 0, 3}, 32, PUBLIC, "AMT (RFC 7450)", PLAIN},
	{{0x20, 1, 0, 4, 1, 0x12}, 48, PUBLIC, "AS112 (RFC 7535)", PLAIN},
	{{0x20, 1, 0, 0x20}, 28, LISTED, "ORCHIDv2 (RFC 7343)", PLAIN},
	{{0x20, 1}, 23, LISTED, "for protocols (RFC 2928)", PLAIN},
	{{0x20, 1, 0x0d, 0xb8}, 32, LISTED, "for documentation (RFC 3849)", PLAIN},
	{{0x20, 2}, 16, LISTED, "6to4 (RFC 7526)", IPV4_6TO4},
	{{0x3f, 0xff}, 20, LISTED, "for documentation (RFC 9637)", PLAIN},
	{{0x5f, 0}, 16, LISTED, "for segment routing (RFC 9602)", PLAIN},
	{{0xfc}, 7, LISTED, "private (RFC 4193)", PLAIN},
	{{0xfe, 0x80}, 10, NEVER, "link-local", PLAIN},
	{{0xfe, 0xc0}, 10, LISTED, "site-local (RFC 3879)", PLAIN},
	{{0xff}, 8, NEVER, "multicast", PLAIN},
	{{0x20}, 3, PUBLIC, "global unicast", PLAIN},
	{{0}, 0, LISTED, "not allocated (RFC 4291)", PLAIN},
};

static bool has_prefix(const uint8_t *bytes, const uint8_t *prefix, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(bytes, prefix, whole) != 0)
		return false;
	return rest == 0 || (bytes[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

static const struct range *find_range(const uint8_t *bytes, const struct range *ranges,
				      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (has_prefix(bytes, ranges[i].prefix, ranges[i].bits))
			return &ranges[i];
	}
	return NULL;
}

static bool is_listed(const uint8_t *bytes, size_t length, const struct policy *policy)
{
	for (size_t i = 0; i < policy->private_count; i++) {
		const struct policy_cidr *cidr = &policy->private_ranges[i];

		if (cidr->address_bytes == length &&
		    has_prefix(bytes, cidr->address, cidr->prefix_bits))
			return true;
	}
	return false;
}

static int judge(const struct range *range, bool listed, const char **why)
{
	if (!range || range->rule == PUBLIC || (range->rule == LISTED && listed))
		return 0;
	*why = range->class;
	return ERROR_DENIED;
}

static int check_ipv4(const uint8_t bytes[4], const struct policy *policy, const char **why)
{
	const struct range *range = find_range(bytes, ipv4_ranges,
					       sizeof(ipv4_ranges) / sizeof(ipv4_ranges[0]));

	return judge(range, is_listed(bytes, 4, policy), why);
}

/* RFC 6052 section 2.2: behind a prefix of 48, 56, 64 or 96 bits, with byte 8 always skipped. Which
 * one a network uses cannot be told, so all must pass; a place that holds "this network" is not the
 * one in use. */
static int check_nat64(const uint8_t bytes[16], const struct policy *policy, const char **why)
{
	static const uint8_t places[][4] = {
		{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, {12, 13, 14, 15}};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint8_t inner[4];
		int rc;

		for (size_t j = 0; j < sizeof(inner); j++)
			inner[j] = bytes[places[i][j]];
		rc = inner[0] == 0 ? 0 : check_ipv4(inner, policy, why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int check_teredo(const uint8_t bytes[16], const struct policy *policy, const char **why)
{
	uint8_t client[4];
	int rc = check_ipv4(bytes + 4, policy, why);

	for (size_t i = 0; i < sizeof(client); i++)
		client[i] = (uint8_t)~bytes[12 + i];
	return rc < 0 ? rc : check_ipv4(client, policy, why);
}

static int check_embedded(enum embedding embeds, const uint8_t bytes[16],
			  const struct policy *policy, const char **why)
{
	switch (embeds) {
	case PLAIN:
		return 0;
	case IPV4_LAST:
		return check_ipv4(bytes + 12, policy, why);
	case IPV4_6TO4:
		return check_ipv4(bytes + 2, policy, why);
	case IPV4_TEREDO:
		return check_teredo(bytes, policy, why);
	case IPV4_NAT64:
		return check_nat64(bytes, policy, why);
	}
	assert(false);
	return ERROR_DENIED;
}

static int check_ipv6(const uint8_t bytes[16], const struct policy *policy, const char **why)
{
	const struct range *range = find_range(bytes, ipv6_ranges,
					       sizeof(ipv6_ranges) / sizeof(ipv6_ranges[0]));
	int rc = check_embedded(range->embeds, bytes, policy, why);

	return rc < 0 ? rc : judge(range, is_listed(bytes, 16, policy), why);
}

int address_check(const struct address *address, const struct policy *policy, const char **why)
{
	if (address->length == 4)
		return check_ipv4(address->bytes, policy, why);
	if (address->length == 16)
		return check_ipv6(address->bytes, policy, why);
	*why = "not an address";
	return ERROR_DENIED;
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
	int family = address->length == 4 ? AF_INET : AF_INET6;

	if (!inet_ntop(family, address->bytes, text, ADDRESS_TEXT_BYTES))
		text[0] = '\0';
}

socklen_t address_to_sockaddr(const struct address *address, uint16_t port,
			      struct sockaddr_storage *out)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	assert(address->length == 4 || address->length == 16);
	memset(out, 0, sizeof(*out));
	if (address->length == 4) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		memcpy(&in4->sin_addr, address->bytes, 4);
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, address->bytes, 16);
	return sizeof(*in6);
}

struct address address_from_sockaddr(const struct sockaddr *in, uint16_t *port)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)in;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)in;
	struct address address = {.length = 0};

	*port = 0;
	if (in->sa_family == AF_INET) {
		memcpy(address.bytes, &in4->sin_addr, 4);
		address.length = 4;
		*port = ntohs(in4->sin_port);
	} else if (in->sa_family == AF_INET6) {
		memcpy(address.bytes, &in6->sin6_addr, 16);
		address.length = 16;
		*port = ntohs(in6->sin6_port);
	}
	return address;
}
