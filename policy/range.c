#include "policy/range.h"

#include <stdio.h>

#include "base/error.h"

struct known_range {
	struct policy_cidr cidr;
	enum range_standing standing;
	const char *what;
};

/* The first four bytes, or the first three groups and the last one. */
#define V4(a, b, c, d, bits)                                                                       \
	{                                                                                          \
		{a, b, c, d}, 4, bits                                                              \
	}
#define V6(a, b, c, last, bits)                                                                    \
	{                                                                                          \
		{(a) >> 8, (a)&255, (b) >> 8,		(b)&255,                                   \
		 (c) >> 8, (c)&255, [14] = (last) >> 8, (last)&255},                               \
			16, bits                                                                   \
	}

/* IANA's registries of special-purpose addresses. The first that fits is taken. */
static const struct known_range ranges[] = {
	{V4(0, 0, 0, 0, 8), RANGE_NEVER, "\"this\" network"},
	{V4(10, 0, 0, 0, 8), RANGE_PRIVATE, "private (RFC 1918)"},
	{V4(100, 64, 0, 0, 10), RANGE_PRIVATE, "shared address space (RFC 6598)"},
	{V4(127, 0, 0, 0, 8), RANGE_PRIVATE, "loopback"},
	{V4(169, 254, 0, 0, 16), RANGE_PRIVATE, "link-local"},
	{V4(172, 16, 0, 0, 12), RANGE_PRIVATE, "private (RFC 1918)"},
	{V4(192, 0, 0, 0, 24), RANGE_NEVER, "for protocol assignments"},
	{V4(192, 0, 2, 0, 24), RANGE_PRIVATE, "for documentation"},
	{V4(192, 88, 99, 0, 24), RANGE_NEVER, "a 6to4 relay"},
	{V4(192, 168, 0, 0, 16), RANGE_PRIVATE, "private (RFC 1918)"},
	{V4(198, 18, 0, 0, 15), RANGE_NEVER, "the sandbox's own"},
	{V4(198, 51, 100, 0, 24), RANGE_PRIVATE, "for documentation"},
	{V4(203, 0, 113, 0, 24), RANGE_PRIVATE, "for documentation"},
	{V4(224, 0, 0, 0, 4), RANGE_NEVER, "multicast"},
	{V4(240, 0, 0, 0, 4), RANGE_NEVER, "reserved"},
	{V6(0, 0, 0, 1, 128), RANGE_PRIVATE, "loopback"},
	{V6(0, 0, 0, 0, 96), RANGE_NEVER, "an IPv4 address in IPv6 form"},
	{V6(0, 0, 0, 0, 8), RANGE_NEVER, "reserved"},
	{V6(0x64, 0xff9b, 0, 0, 32), RANGE_NEVER, "an IPv4 address in IPv6 form (NAT64)"},
	{V6(0x100, 0, 0, 0, 64), RANGE_NEVER, "discarded"},
	{V6(0x2001, 0, 0, 0, 32), RANGE_NEVER, "an IPv4 address in IPv6 form (Teredo)"},
	{V6(0x2001, 0xdb8, 0, 0, 32), RANGE_PRIVATE, "for documentation"},
	{V6(0x2002, 0, 0, 0, 16), RANGE_NEVER, "an IPv4 address in IPv6 form (6to4)"},
	{V6(0xfd73, 0x616c, 0x6c79, 0, 96), RANGE_NEVER, "the sandbox's own"},
	{V6(0xfc00, 0, 0, 0, 7), RANGE_PRIVATE, "private (unique local)"},
	{V6(0xfe80, 0, 0, 0, 10), RANGE_NEVER, "link-local"},
	{V6(0xfec0, 0, 0, 0, 10), RANGE_NEVER, "site-local"},
	{V6(0xff00, 0, 0, 0, 8), RANGE_NEVER, "multicast"},
};

/* Where the clouds hand out their machines' credentials. */
static const struct known_range metadata[] = {
	{V4(169, 254, 169, 254, 32), RANGE_NEVER, "169.254.169.254 (cloud metadata)"},
	{V4(169, 254, 170, 2, 32), RANGE_NEVER, "169.254.170.2 (AWS container credentials)"},
	{V4(169, 254, 170, 23, 32), RANGE_NEVER, "169.254.170.23 (AWS pod identity)"},
	{V4(169, 254, 0, 23, 32), RANGE_NEVER, "169.254.0.23 (Tencent metadata)"},
	{V4(169, 254, 42, 42, 32), RANGE_NEVER, "169.254.42.42 (Scaleway metadata)"},
	{V4(100, 100, 100, 200, 32), RANGE_NEVER, "100.100.100.200 (Alibaba metadata)"},
	{V4(192, 0, 0, 192, 32), RANGE_NEVER, "192.0.0.192 (Oracle metadata)"},
	{V4(168, 63, 129, 16, 32), RANGE_NEVER, "168.63.129.16 (Azure platform)"},
	{V6(0xfd00, 0xec2, 0, 0x254, 128), RANGE_NEVER, "fd00:ec2::254 (AWS metadata)"},
	{V6(0xfd00, 0xec2, 0, 0x23, 128), RANGE_NEVER, "fd00:ec2::23 (AWS pod identity)"},
	{V6(0xfd20, 0xce, 0, 0x254, 128), RANGE_NEVER, "fd20:ce::254 (Google metadata)"},
	{V6(0xfd00, 0x42, 0, 0x42, 128), RANGE_NEVER, "fd00:42::42 (Scaleway metadata)"},
};

enum {
	RANGE_COUNT = sizeof(ranges) / sizeof(ranges[0]),
	METADATA_COUNT = sizeof(metadata) / sizeof(metadata[0]),
};

/* Whether the first BITS bits are the same. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool is_within(const struct policy_cidr *inner, const struct policy_cidr *outer)
{
	return inner->address_bytes == outer->address_bytes &&
	       inner->prefix_bits >= outer->prefix_bits &&
	       same_prefix(inner->address, outer->address, outer->prefix_bits);
}

static struct policy_cidr single(const struct host *address)
{
	struct policy_cidr cidr = {0};

	cidr.address_bytes = (uint8_t)host_address(address, cidr.address);
	cidr.prefix_bits = (uint8_t)(8 * cidr.address_bytes);
	return cidr;
}

enum range_standing range_of_cidr(const struct policy_cidr *cidr, const char **what)
{
	*what = "public";
	for (size_t i = 0; i < RANGE_COUNT; i++) {
		if (is_within(cidr, &ranges[i].cidr)) {
			*what = ranges[i].what;
			return ranges[i].standing;
		}
	}
	return RANGE_PUBLIC;
}

const char *range_find_metadata(const struct policy_cidr *cidr)
{
	for (size_t i = 0; i < METADATA_COUNT; i++) {
		if (is_within(&metadata[i].cidr, cidr))
			return metadata[i].what;
	}
	return NULL;
}

enum range_standing range_of_address(const struct host *address, const char **what)
{
	struct policy_cidr cidr = single(address);

	if (range_find_metadata(&cidr)) {
		*what = "a cloud metadata service";
		return RANGE_NEVER;
	}
	return range_of_cidr(&cidr, what);
}

bool range_has_address(const struct policy_cidr *cidr, const struct host *address)
{
	struct policy_cidr inner = single(address);

	return is_within(&inner, cidr);
}

bool range_is_listed(const struct policy *policy, const struct host *address)
{
	for (size_t i = 0; i < policy->private_count; i++) {
		if (range_has_address(&policy->private_ranges[i], address))
			return true;
	}
	return false;
}

int range_parse_address(struct slice text, struct host *address)
{
	char bracketed[64];
	int length;

	if (text.len == 0 || text.ptr[0] == '[' || slice_find_char(text, ':') == text.len) {
		if (host_parse(text, address) < 0 || address->kind == HOST_NAME)
			return ERROR_SYNTAX;
		return 0;
	}
	length = snprintf(bracketed, sizeof(bracketed), "[%.*s]", SLICE_ARGS(text));
	if (length >= (int)sizeof(bracketed))
		return ERROR_SYNTAX;
	return host_parse(slice_of(bracketed, (size_t)length), address);
}

static bool has_bits_behind_prefix(const struct policy_cidr *cidr)
{
	for (unsigned int bit = cidr->prefix_bits; bit < 8u * cidr->address_bytes; bit++) {
		if (cidr->address[bit / 8] & 0x80 >> bit % 8)
			return true;
	}
	return false;
}

int range_parse_cidr(struct slice text, struct policy_cidr *cidr, const char **why)
{
	size_t slash = slice_find_char(text, '/');
	struct slice bits = slice_from(text, slash + 1);
	struct host address;
	uint64_t value;

	if (range_parse_address(slice_first(text, slash), &address) < 0) {
		*why = "this is not an address or a range of addresses";
		return ERROR_SYNTAX;
	}
	*cidr = single(&address);
	if (slash == text.len)
		return 0;
	if (slice_to_u64(bits, cidr->prefix_bits, &value) < 0 ||
	    (bits.len > 1 && bits.ptr[0] == '0')) {
		*why = cidr->address_bytes == 4 ? "a prefix is a number from 0 to 32"
						: "a prefix is a number from 0 to 128";
		return ERROR_SYNTAX;
	}
	cidr->prefix_bits = (uint8_t)value;
	if (has_bits_behind_prefix(cidr)) {
		*why = "the address has bits set behind its prefix";
		return ERROR_SYNTAX;
	}
	return 0;
}
