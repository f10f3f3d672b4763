#include "policy/range.h"

#include <stdio.h>

#include "base/error.h"

bool range_is_within(const struct policy_cidr *inner, const struct policy_cidr *outer)
{
	return inner->address_bytes == outer->address_bytes &&
	       inner->prefix_bits >= outer->prefix_bits &&
	       special_same_prefix(inner->address, outer->address, outer->prefix_bits);
}

struct policy_cidr range_of_host(const struct host *address)
{
	struct policy_cidr cidr = {0};

	cidr.address_bytes = (uint8_t)host_address(address, cidr.address);
	cidr.prefix_bits = (uint8_t)(8 * cidr.address_bytes);
	return cidr;
}

static struct policy_cidr of_special(const struct special_range *range, uint8_t address_bytes)
{
	struct policy_cidr cidr = {.address_bytes = address_bytes, .prefix_bits = range->bits};

	memcpy(cidr.address, range->prefix, sizeof(cidr.address));
	return cidr;
}

enum special_standing range_of_cidr(const struct policy_cidr *cidr, const char **what)
{
	size_t count;
	const struct special_range *ranges = special_ranges(cidr->address_bytes, &count);

	*what = "public";
	for (size_t i = 0; i < count; i++) {
		struct policy_cidr special = of_special(&ranges[i], cidr->address_bytes);

		/* The row of what is not allocated holds everything, and is no kind that a range
		 * could be of. */
		if (ranges[i].bits == 0 || !range_is_within(cidr, &special))
			continue;
		*what = ranges[i].class;
		return ranges[i].standing;
	}
	return SPECIAL_PUBLIC;
}

const struct special_range *range_find_metadata(const struct policy_cidr *cidr)
{
	size_t count;
	const struct special_range *ranges = special_ranges(cidr->address_bytes, &count);

	for (size_t i = 0; i < count; i++) {
		struct policy_cidr special = of_special(&ranges[i], cidr->address_bytes);

		if (ranges[i].standing == SPECIAL_METADATA &&
		    (range_is_within(&special, cidr) || range_is_within(cidr, &special)))
			return &ranges[i];
	}
	return NULL;
}

enum special_standing range_of_address(const struct host *address, const char **what)
{
	uint8_t bytes[16];
	size_t len = host_address(address, bytes);
	const struct special_range *range = special_find(bytes, len);

	*what = range ? range->class : "public";
	if (!range)
		return SPECIAL_PUBLIC;
	/* A policy that means an IPv4 address says so. */
	return range->embeds == SPECIAL_PLAIN ? range->standing : SPECIAL_NEVER;
}

bool range_has_address(const struct policy_cidr *cidr, const struct host *address)
{
	struct policy_cidr inner = range_of_host(address);

	return range_is_within(&inner, cidr);
}

bool range_is_listed(const struct policy *policy, const struct host *address)
{
	for (size_t i = 0; i < policy->private_count; i++) {
		if (range_has_address(&policy->private_ranges[i], address))
			return true;
	}
	return false;
}

bool range_is_listed_in_part(const struct policy *policy, const struct policy_cidr *cidr)
{
	for (size_t i = 0; i < policy->private_count; i++) {
		if (range_is_within(cidr, &policy->private_ranges[i]) ||
		    range_is_within(&policy->private_ranges[i], cidr))
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
	*cidr = range_of_host(&address);
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
