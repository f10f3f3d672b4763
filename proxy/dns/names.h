/*
 * Synthetic addresses: each name that a sandbox asks for gets one IPv4 and one IPv6 address of this
 * sandbox, stable while it lives, and the engine finds the name again by the address that was
 * dialled. No query leaves the host for it.
 *
 * IPv4: 198.18.0.0/15 (RFC 2544, not routed anywhere); IPv6: fd73:616c:6c79::/96 and the IPv4
 * address. The first of each are the sandbox's own (see steer.h). The number of names is bounded;
 * when it is reached, new names get none, and that is said.
 */
#ifndef PROXY_DNS_NAMES_H
#define PROXY_DNS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "policy/host.h"

enum {
	NAMES_MAX = 65536,
	NAMES_FIRST_INDEX = 256, /* 198.18.1.0: below are addresses of the sandbox itself */
};

struct names;

/* Room for at most MAX names (no more than NAMES_MAX). NULL without memory. */
struct names *names_create(size_t max);
void names_free(struct names *names);

/* The synthetic addresses of NAME (a HOST_NAME), made if it has none. 0, ERROR_LIMIT when all are
 * taken, or -ENOMEM. */
int names_assign(struct names *names, const struct host *name, uint8_t ipv4[4], uint8_t ipv6[16]);

/* The name behind an address of 4 or 16 bytes, or NULL. Valid until names_free(). */
const struct host *names_find(const struct names *names, const uint8_t *address, size_t len);

/* Whether the address is of a synthetic range at all. */
bool names_is_synthetic(const uint8_t *address, size_t len);

size_t names_count(const struct names *names);

/* Whether NAME is "localhost" or below it: it means the asker's own machine and never leaves it
 * (RFC 6761 section 6.3). */
bool names_is_localhost(const struct host *name);

#endif
