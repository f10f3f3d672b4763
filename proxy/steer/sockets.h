/* The sockets that are made inside a sandbox's network namespace and handed out of it. */
#ifndef PROXY_STEER_SOCKETS_H
#define PROXY_STEER_SOCKETS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/fd.h"
#include "proxy/steer/steer.h"

_Static_assert((int)STEER_SOCKETS <= (int)FD_PASS_MAX, "they fit into one message");

/* Opens all of SOCKETS in the calling process's network namespace, which must be configured; those
 * of IPv6 only with IPV6, those for datagrams only with RELAYS. On failure none is open. */
int sockets_open(struct steer_sockets *sockets, bool ipv6, bool relays, struct error *err);

/* Opens one transparent socket of FAMILY and TYPE, bound to PORT on every address, and listening if
 * it is of a TYPE that can. Its descriptor, or a negative code. */
int sockets_open_one(int family, int type, uint16_t port, struct error *err);

/* Opens the socket of the packet log and binds it to GROUP. Its descriptor, or a negative code. */
int sockets_open_log(uint16_t group, struct error *err);

/* Opens a socket to netfilter's kernel side. Its descriptor, or a negated errno. */
int sockets_open_netfilter(void);

/* Sends REQUEST, a netlink message that asks for an acknowledgement, and takes that. 0, or the
 * kernel's negated errno. */
int sockets_ask_netfilter(int fd, const void *request);

/* One datagram, from the kernel only. Its length, 0 for one to be left out, or a negated errno. */
ssize_t sockets_receive_netfilter(int fd, void *bytes, size_t size);

#endif
