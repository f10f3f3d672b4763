/*
 * Which addresses may be dialled (design section 3, rule 3; threats D3, D4, H16, N9). Public
 * unicast addresses may. Private ones only inside a range that the policy lists under "network:
 * private". Metadata services never, whatever the policy says. Addresses that carry an IPv4 address
 * inside (v4-mapped, v4-compatible, NAT64, 6to4, Teredo) are judged by that one too.
 */
#ifndef PROXY_ENGINE_ADDRESS_H
#define PROXY_ENGINE_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>

#include "policy/policy.h"

struct address {
	uint8_t bytes[16];
	uint8_t length; /* 4 or 16 */
};

enum { ADDRESS_TEXT_BYTES = INET6_ADDRSTRLEN };

/* 0, or ERROR_DENIED with WHY set to the class that forbids it: "loopback", "private (RFC 1918)",
 * "link-local", "cloud metadata service", "multicast", ... */
int address_check(const struct address *address, const struct policy *policy, const char **why);

void address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES]);

/* Fills a socket address; returns its length. */
socklen_t address_to_sockaddr(const struct address *address, uint16_t port,
			      struct sockaddr_storage *out);

/* The address and port of an IPv4 or IPv6 socket address. Other families: length 0. */
struct address address_from_sockaddr(const struct sockaddr *in, uint16_t *port);

#endif
