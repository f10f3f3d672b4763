/*
 * Hosts: the one canonical form in which a name or address from a policy, an SNI, a Host field, a
 * DNS question or a CONNECT target is compared, dialled, certified and logged (design section 3,
 * rule 2).
 *
 * A name is lower-case letters, digits and hyphens in labels of 1 to 63 bytes, 253 in all, no
 * hyphen at the ends of a label, no root dot (one is stripped), last label not numeric. Anything
 * else, IDN in Unicode and underscores included, is refused (threats H1, H6, H8 to H11). A-labels
 * (xn--) are names. An IPv4 address is four decimal parts without leading zeros; an IPv6 address is
 * written in brackets, and its canonical text is that of RFC 5952 without them. All other spellings
 * of addresses (decimal, octal, hex, short, v4-mapped, zone identifiers) are refused (H7, H16).
 */
#ifndef POLICY_HOST_H
#define POLICY_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { HOST_TEXT_MAX = 253 };

enum host_kind {
	HOST_NAME,
	HOST_IPV4,
	HOST_IPV6,
	HOST_KIND_COUNT,
};

struct host {
	enum host_kind kind;
	uint8_t length;
	char text[HOST_TEXT_MAX +
		  1]; /* canonical, NUL-terminated; two equal hosts have equal texts */
};

static inline struct slice host_slice(const struct host *host)
{
	return slice_of(host->text, host->length);
}

bool host_equal(const struct host *a, const struct host *b);

/* Whether NAME is a name below SUFFIX, at any depth: "a.x.example" is below "x.example", and
 * "ax.example" and "x.example" are not (threats H4, H5). */
bool host_is_below(const struct host *name, const struct host *suffix);

/* Parses a bare host ("example.com", "192.0.2.1", "[2001:db8::1]"). 0 or ERROR_SYNTAX. */
int host_parse(struct slice text, struct host *host);

/* Parses a name only; addresses are ERROR_SYNTAX. For SNI (RFC 6066 section 3) and DNS questions.
 */
int host_parse_name(struct slice text, struct host *host);

/* Parses host [ ":" port ] (RFC 3986 section 3.2, no userinfo). PORT is DEFAULT_PORT when none is
 * given; an empty, zero or too large port, or one with leading zeros, is ERROR_SYNTAX. */
int host_parse_authority(struct slice text, uint16_t default_port, struct host *host,
			 uint16_t *port);

/* The canonical text of an address. BYTES has 4 or 16 bytes as LEN says; a v4-mapped IPv6 address
 * is the IPv4 address in it. */
void host_from_address(const void *bytes, size_t len, struct host *host);

/* The address's bytes, for HOST_IPV4 (4) or HOST_IPV6 (16); returns their number, 0 for a name. */
size_t host_address(const struct host *host, uint8_t bytes[16]);

/* "host" or "host:port" as it stands in a URL or a Host field: IPv6 in brackets, the port left out
 * when it is DEFAULT_PORT. Returns the length; the text is NUL-terminated. */
enum { HOST_AUTHORITY_MAX = HOST_TEXT_MAX + 8 };
size_t host_format_authority(const struct host *host, uint16_t port, uint16_t default_port,
			     char out[HOST_AUTHORITY_MAX + 1]);

#endif
