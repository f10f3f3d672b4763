/* The inside of the network namespace: the loopback interface, its addresses and routes. */
#ifndef PROXY_STEER_NETWORK_H
#define PROXY_STEER_NETWORK_H

#include <stdbool.h>

#include "base/error.h"
#include "proxy/steer/namespaces.h"

/* Gives lo the sandbox's own addresses, brings it up, and makes every address there is a local one,
 * by a local default route for each family. *IPV6 tells whether the kernel has IPv6. INNER is whom
 * the processes of the sandbox are, for the sysctl that says who may ping. */
int network_configure(struct identity inner, bool *ipv6, struct error *err);

#endif
