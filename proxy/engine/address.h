/*
 * Which addresses may be dialled (design section 3, rule 3; threats D3, D4, H16, N9). Public
 * unicast addresses may. Special-purpose ones (the IANA registries of RFC 6890) only inside a range
 * that the policy lists under "network: private", which may be any of them, loopback included, but
 * for these, which are never dialled whatever the policy says: metadata services of clouds,
 * link-local, multicast, broadcast, unspecified, and the sandboxes' synthetic addresses.
 *
 * Addresses that carry an IPv4 address inside (v4-mapped, v4-compatible, NAT64, 6to4, Teredo) are
 * judged by that one too: both must pass.
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
 * "link-local", "cloud metadata service", "multicast", ... An address whose length is neither 4
 * nor 16 is denied too. */
int address_check(const struct address *address, const struct policy *policy, const char **why);

/* The same for an address that DNS has led to: one of this host's own is denied too, if the policy
 * does not list it, as the services behind it may be meant for the host alone. The kernel's routes
 * tell, by a socket that sends nothing. */
int address_check_resolved(const struct address *address, const struct policy *policy,
			   const char **why);

/* The same for a flow that the policy allows BY_RANGE or by the address itself. It has no word on
 * each address of a range: one of the host's own is not meant by it. WHY gets the reason of a
 * denial. */
int address_check_flow(const struct address *address, const struct policy *policy, bool by_range,
		       char *why, size_t size);

/* "10.0.0.5 may not be dialled: CLASS". */
void address_explain_denial(const struct address *address, const char *class, char *why,
			    size_t size);

void address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES]);

/* Fills a socket address; returns its length. */
socklen_t address_to_sockaddr(const struct address *address, uint16_t port,
			      struct sockaddr_storage *out);

/* The address and port of an IPv4 or IPv6 socket address. Other families: length 0. */
struct address address_from_sockaddr(const struct sockaddr *in, uint16_t *port);

#endif
