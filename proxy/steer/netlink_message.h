/* Bounds of netlink messages. */
#ifndef PROXY_STEER_NETLINK_MESSAGE_H
#define PROXY_STEER_NETLINK_MESSAGE_H

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether the message at HEADER is whole in LEFT bytes, with what fills it up to a border of 4
 * bytes, up to which libmnl reads attributes. libmnl's own check takes a length of more than 2 GiB
 * for a negative one, which always fits. */
static inline bool netlink_message_fits(const struct nlmsghdr *header, int left)
{
	return left >= (int)sizeof(*header) && header->nlmsg_len <= (uint32_t)left &&
	       NLMSG_ALIGN(header->nlmsg_len) <= (uint32_t)left && mnl_nlmsg_ok(header, left);
}

/* Starts a request to netfilter in BYTES: TYPE of SUBSYSTEM (linux/netfilter/nfnetlink.h), about
 * the group or queue NUMBER. */
static inline struct nlmsghdr *netlink_start_netfilter(void *bytes, unsigned int subsystem,
						       unsigned int type, uint16_t flags,
						       uint16_t number)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *message;

	header->nlmsg_type = (uint16_t)(subsystem << 8 | type);
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
	message->version = NFNETLINK_V0;
	message->res_id = htons(number);
	return header;
}

/* Whether the message at HEADER, which fits, is netfilter's TYPE of SUBSYSTEM. */
static inline bool netlink_is_netfilter(const struct nlmsghdr *header, unsigned int subsystem,
					unsigned int type)
{
	return header->nlmsg_type == (subsystem << 8 | type) &&
	       mnl_nlmsg_get_payload_len(header) >= sizeof(struct nfgenmsg);
}

#endif
