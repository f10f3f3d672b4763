/*
 * Special-purpose addresses: the one table by which policies are checked when they are loaded, and
 * addresses when they are to be dialled (threats D3, H16, N9).
 *
 * From IANA's special-purpose address registries (RFC 6890 and successors), multicast (RFC 5771),
 * the metadata services of clouds, and the sandboxes' own synthetic ranges. The first row that
 * holds an address decides, so that exceptions stand before the ranges that they are in. An IPv4
 * address in no row is public; every IPv6 address is in one.
 */
#ifndef POLICY_SPECIAL_H
#define POLICY_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum special_standing {
	SPECIAL_PUBLIC,	  /* may be dialled */
	SPECIAL_LISTED,	  /* only inside a range that the policy lists */
	SPECIAL_NEVER,	  /* no policy can allow it */
	SPECIAL_METADATA, /* the same: a cloud's metadata service */
};

/* Where an IPv6 address carries an IPv4 address, by which it is judged too. */
enum special_embedding {
	SPECIAL_PLAIN,
	SPECIAL_IPV4_LAST,   /* bytes 12 to 15 */
	SPECIAL_IPV4_6TO4,   /* bytes 2 to 5 (RFC 3056 section 2) */
	SPECIAL_IPV4_TEREDO, /* the server's in bytes 4 to 7, the client's inverted in 12 to 15 (RFC
				4380 section 4) */
	SPECIAL_IPV4_NAT64,  /* at one of several places (RFC 6052 section 2.2) */
};

struct special_range {
	uint8_t prefix[16];
	uint8_t bits;
	enum special_standing standing;
	const char *class; /* "private (RFC 1918)" */
	enum special_embedding embeds;
};

/* The rows for addresses of LEN bytes, 4 or 16. */
const struct special_range *special_ranges(size_t len, size_t *count);

/* The row that decides on an address of LEN bytes; NULL for a public IPv4 address. */
const struct special_range *special_find(const uint8_t *address, size_t len);

/* Whether the first BITS bits of A and B are the same. */
bool special_same_prefix(const uint8_t *a, const uint8_t *b, unsigned int bits);

#endif
