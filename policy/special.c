#include "policy/special.h"

#include <string.h>

static const struct special_range ipv4_ranges[] = {
	{{169, 254, 169, 254}, 32, SPECIAL_METADATA, "cloud metadata service", SPECIAL_PLAIN},
	{{169, 254, 170, 2},
	 32,
	 SPECIAL_METADATA,
	 "cloud metadata service (ECS credentials)",
	 SPECIAL_PLAIN},
	{{169, 254, 170, 23},
	 32,
	 SPECIAL_METADATA,
	 "cloud metadata service (EKS identity)",
	 SPECIAL_PLAIN},
	{{169, 254, 0, 23},
	 32,
	 SPECIAL_METADATA,
	 "cloud metadata service (Tencent)",
	 SPECIAL_PLAIN},
	{{169, 254, 42, 42},
	 32,
	 SPECIAL_METADATA,
	 "cloud metadata service (Scaleway)",
	 SPECIAL_PLAIN},
	{{100, 100, 100, 200},
	 32,
	 SPECIAL_METADATA,
	 "cloud metadata service (Alibaba)",
	 SPECIAL_PLAIN},
	{{168, 63, 129, 16}, 32, SPECIAL_METADATA, "cloud metadata service (Azure)", SPECIAL_PLAIN},
	{{192, 0, 0, 192}, 32, SPECIAL_METADATA, "cloud metadata service (Oracle)", SPECIAL_PLAIN},
	{{0, 0, 0, 0}, 32, SPECIAL_NEVER, "unspecified", SPECIAL_PLAIN},
	{{255, 255, 255, 255}, 32, SPECIAL_NEVER, "broadcast", SPECIAL_PLAIN},
	{{198, 18, 0, 0}, 15, SPECIAL_NEVER, "synthetic, of a sandbox (RFC 2544)", SPECIAL_PLAIN},
	{{0, 0, 0, 0}, 8, SPECIAL_NEVER, "\"this network\" (RFC 791)", SPECIAL_PLAIN},
	{{10, 0, 0, 0}, 8, SPECIAL_LISTED, "private (RFC 1918)", SPECIAL_PLAIN},
	{{100, 64, 0, 0}, 10, SPECIAL_LISTED, "shared by a provider (RFC 6598)", SPECIAL_PLAIN},
	{{127, 0, 0, 0}, 8, SPECIAL_LISTED, "loopback", SPECIAL_PLAIN},
	{{169, 254, 0, 0}, 16, SPECIAL_NEVER, "link-local", SPECIAL_PLAIN},
	{{172, 16, 0, 0}, 12, SPECIAL_LISTED, "private (RFC 1918)", SPECIAL_PLAIN},
	{{192, 0, 0, 9}, 32, SPECIAL_PUBLIC, "anycast (RFC 7723)", SPECIAL_PLAIN},
	{{192, 0, 0, 10}, 32, SPECIAL_PUBLIC, "anycast (RFC 8155)", SPECIAL_PLAIN},
	{{192, 0, 0, 0}, 24, SPECIAL_LISTED, "for protocols (RFC 6890)", SPECIAL_PLAIN},
	{{192, 0, 2, 0}, 24, SPECIAL_LISTED, "for documentation (RFC 5737)", SPECIAL_PLAIN},
	{{192, 88, 99, 0}, 24, SPECIAL_LISTED, "a 6to4 relay (RFC 7526)", SPECIAL_PLAIN},
	{{192, 168, 0, 0}, 16, SPECIAL_LISTED, "private (RFC 1918)", SPECIAL_PLAIN},
	{{198, 51, 100, 0}, 24, SPECIAL_LISTED, "for documentation (RFC 5737)", SPECIAL_PLAIN},
	{{203, 0, 113, 0}, 24, SPECIAL_LISTED, "for documentation (RFC 5737)", SPECIAL_PLAIN},
	{{224, 0, 0, 0}, 4, SPECIAL_NEVER, "multicast", SPECIAL_PLAIN},
	{{240, 0, 0, 0}, 4, SPECIAL_LISTED, "reserved (RFC 1112)", SPECIAL_PLAIN},
};

/* Outside 2000::/3 nothing is global unicast (RFC 4291 section 2.4) but the well-known NAT64
 * prefix; the last rows see to it. */
static const struct special_range ipv6_ranges[] = {
	{{0xfd, 0, 0x0e, 0xc2},
	 32,
	 SPECIAL_METADATA,
	 "cloud metadata service (AWS)",
	 SPECIAL_PLAIN},
	{{0xfd, 0x20, 0, 0xce, [14] = 2, 0x54},
	 128,
	 SPECIAL_METADATA,
	 "cloud metadata service (Google)",
	 SPECIAL_PLAIN},
	{{0xfd, 0, 0, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe},
	 128,
	 SPECIAL_METADATA,
	 "cloud metadata service (Oracle)",
	 SPECIAL_PLAIN},
	{{0xfd, 0, 0, 0x42, [15] = 0x42},
	 128,
	 SPECIAL_METADATA,
	 "cloud metadata service (Scaleway)",
	 SPECIAL_PLAIN},
	{{0xfd, 0x73, 0x61, 0x6c, 0x6c, 0x79},
	 96,
	 SPECIAL_NEVER,
	 "synthetic, of a sandbox",
	 SPECIAL_PLAIN},
	{{0}, 128, SPECIAL_NEVER, "unspecified", SPECIAL_PLAIN},
	{{[15] = 1}, 128, SPECIAL_LISTED, "loopback", SPECIAL_PLAIN},
	{{[10] = 0xff, 0xff}, 96, SPECIAL_LISTED, "IPv4-mapped (RFC 4291)", SPECIAL_IPV4_LAST},
	{{[8] = 0xff, 0xff}, 96, SPECIAL_LISTED, "IPv4-translated (RFC 2765)", SPECIAL_IPV4_LAST},
	{{0}, 96, SPECIAL_LISTED, "IPv4-compatible (RFC 4291)", SPECIAL_IPV4_LAST},
	{{0, 0x64, 0xff, 0x9b}, 96, SPECIAL_PUBLIC, "NAT64 (RFC 6052)", SPECIAL_IPV4_LAST},
	{{0, 0x64, 0xff, 0x9b, 0, 1},
	 48,
	 SPECIAL_LISTED,
	 "local NAT64 (RFC 8215)",
	 SPECIAL_IPV4_NAT64},
	{{1, 0}, 64, SPECIAL_LISTED, "discard-only (RFC 6666)", SPECIAL_PLAIN},
	{{0x20, 1, 0, 0}, 32, SPECIAL_LISTED, "Teredo (RFC 4380)", SPECIAL_IPV4_TEREDO},
	{{0x20, 1, 0, 1, [15] = 1}, 128, SPECIAL_PUBLIC, "anycast (RFC 7723)", SPECIAL_PLAIN},
	{{0x20, 1, 0, 1, [15] = 2}, 128, SPECIAL_PUBLIC, "anycast (RFC 8155)", SPECIAL_PLAIN},
	{{0x20, 1, 0, 1, [15] = 3}, 128, SPECIAL_PUBLIC, "anycast (RFC 9665)", SPECIAL_PLAIN},
	{{0x20, 1, 0, 3}, 32, SPECIAL_PUBLIC, "AMT (RFC 7450)", SPECIAL_PLAIN},
	{{0x20, 1, 0, 4, 1, 0x12}, 48, SPECIAL_PUBLIC, "AS112 (RFC 7535)", SPECIAL_PLAIN},
	{{0x20, 1, 0, 0x20}, 28, SPECIAL_LISTED, "ORCHIDv2 (RFC 7343)", SPECIAL_PLAIN},
	{{0x20, 1}, 23, SPECIAL_LISTED, "for protocols (RFC 2928)", SPECIAL_PLAIN},
	{{0x20, 1, 0x0d, 0xb8}, 32, SPECIAL_LISTED, "for documentation (RFC 3849)", SPECIAL_PLAIN},
	{{0x20, 2}, 16, SPECIAL_LISTED, "6to4 (RFC 7526)", SPECIAL_IPV4_6TO4},
	{{0x3f, 0xff}, 20, SPECIAL_LISTED, "for documentation (RFC 9637)", SPECIAL_PLAIN},
	{{0x5f, 0}, 16, SPECIAL_LISTED, "for segment routing (RFC 9602)", SPECIAL_PLAIN},
	{{0xfc}, 7, SPECIAL_LISTED, "private (RFC 4193)", SPECIAL_PLAIN},
	{{0xfe, 0x80}, 10, SPECIAL_NEVER, "link-local", SPECIAL_PLAIN},
	{{0xfe, 0xc0}, 10, SPECIAL_LISTED, "site-local (RFC 3879)", SPECIAL_PLAIN},
	{{0xff}, 8, SPECIAL_NEVER, "multicast", SPECIAL_PLAIN},
	{{0x20}, 3, SPECIAL_PUBLIC, "global unicast", SPECIAL_PLAIN},
	{{0}, 0, SPECIAL_LISTED, "not allocated (RFC 4291)", SPECIAL_PLAIN},
};

const struct special_range *special_ranges(size_t len, size_t *count)
{
	*count = len == 4 ? sizeof(ipv4_ranges) / sizeof(ipv4_ranges[0])
			  : sizeof(ipv6_ranges) / sizeof(ipv6_ranges[0]);
	return len == 4 ? ipv4_ranges : ipv6_ranges;
}

bool special_same_prefix(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

const struct special_range *special_find(const uint8_t *address, size_t len)
{
	size_t count;
	const struct special_range *ranges = special_ranges(len, &count);

	for (size_t i = 0; i < count; i++) {
		if (special_same_prefix(address, ranges[i].prefix, ranges[i].bits))
			return &ranges[i];
	}
	return NULL;
}
