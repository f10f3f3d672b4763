/* The ports that datagrams may go to at all: what packets can be told apart by before a verdict. */
#ifndef POLICY_UDP_PORTS_H
#define POLICY_UDP_PORTS_H

#include "policy/policy.h"

enum { POLICY_UDP_PORTS_MAX = 1024 };

/* Stores the ports of the targets of allowing udp:// rules, each once, at most MAX. Returns how
 * many there are in all. */
size_t policy_udp_ports(const struct policy *policy, uint16_t *ports, size_t max);

#endif
