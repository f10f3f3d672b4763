/* Bounds of netlink messages. */
#ifndef PROXY_STEER_NETLINK_MESSAGE_H
#define PROXY_STEER_NETLINK_MESSAGE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>

/* Whether the message at HEADER is whole in LEFT bytes, with what fills it up to a border of 4
 * bytes, up to which libmnl reads attributes. libmnl's own check takes a length of more than 2 GiB
 * for a negative one, which always fits. */
static inline bool netlink_message_fits(const struct nlmsghdr *header, int left)
{
	return left >= (int)sizeof(*header) && header->nlmsg_len <= (uint32_t)left &&
	       NLMSG_ALIGN(header->nlmsg_len) <= (uint32_t)left && mnl_nlmsg_ok(header, left);
}

#endif
