#include "proxy/steer/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/steer/steer.h"

enum {
	LOOPBACK = 1, /* the index that lo has in every network namespace */
	REQUEST_BYTES = 512,
};

struct address {
	uint8_t family;
	uint8_t prefix;
	uint8_t bytes[16];
	size_t len;
};

struct link {
	struct mnl_socket *socket;
	uint32_t sequence;
	_Alignas(8) char request[REQUEST_BYTES];
};

static struct nlmsghdr *start_request(struct link *link, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(link->request);

	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	header->nlmsg_seq = ++link->sequence;
	return header;
}

static int send_request(struct link *link, const struct nlmsghdr *header)
{
	_Alignas(8) char answer[4096]; /* an error quotes the request */
	ssize_t got;

	if (mnl_socket_sendto(link->socket, header, header->nlmsg_len) < 0)
		return -errno;
	got = mnl_socket_recvfrom(link->socket, answer, sizeof(answer));
	if (got < 0)
		return -errno;
	if (mnl_cb_run(answer, (size_t)got, link->sequence, mnl_socket_get_portid(link->socket),
		       NULL, NULL) < 0)
		return -errno;
	return 0;
}

static int bring_up(struct link *link)
{
	struct nlmsghdr *header = start_request(link, RTM_NEWLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = LOOPBACK;
	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	return send_request(link, header);
}

static int add_address(struct link *link, const struct address *address)
{
	struct nlmsghdr *header = start_request(link, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

	info->ifa_family = address->family;
	info->ifa_prefixlen = address->prefix;
	info->ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0;
	info->ifa_scope = RT_SCOPE_UNIVERSE;
	info->ifa_index = LOOPBACK;
	mnl_attr_put(header, IFA_LOCAL, address->len, address->bytes);
	mnl_attr_put(header, IFA_ADDRESS, address->len, address->bytes);
	return send_request(link, header);
}

/* Every destination is local, and what leaves without a source of its own has ADDRESS; else the
 * kernel would take the destination for the source too. */
static int add_local_default(struct link *link, const struct address *address)
{
	struct nlmsghdr *header = start_request(link, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

	info->rtm_family = address->family;
	info->rtm_table = RT_TABLE_LOCAL;
	info->rtm_protocol = RTPROT_STATIC;
	info->rtm_scope = address->family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	info->rtm_type = RTN_LOCAL;
	mnl_attr_put_u32(header, RTA_OIF, LOOPBACK);
	mnl_attr_put(header, RTA_PREFSRC, address->len, address->bytes);
	return send_request(link, header);
}

static void write_sysctl(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t ignored = fd < 0 ? 0 : write(fd, text, strlen(text));

	(void)ignored;
}

/* A wish, that a read-only /proc/sys (in a container) may refuse: a program that pings is then told
 * "permission denied" for the socket instead of for the packet, which is what gets logged. */
static void allow_ping_sockets(struct identity inner)
{
	char range[32];

	snprintf(range, sizeof(range), "%u %u", inner.gid, inner.gid);
	write_sysctl("/proc/sys/net/ipv4/ping_group_range", range);
}

static int configure_ipv4(struct link *link, struct error *err)
{
	struct address own = {.family = AF_INET, .prefix = 32, .len = 4};
	int rc;

	inet_pton(AF_INET, STEER_OWN_IPV4, own.bytes);
	rc = add_address(link, &own);
	if (rc < 0)
		return error_set_code(err, rc, "cannot give lo the address " STEER_OWN_IPV4);
	rc = bring_up(link);
	if (rc < 0)
		return error_set_code(err, rc, "cannot bring lo up");
	rc = add_local_default(link, &own);
	if (rc < 0)
		return error_set_code(err, rc, "cannot add the local default route of IPv4");
	return 0;
}

static bool has_ipv6(void)
{
	cleanup_close int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0;
}

/* The kernel may have IPv6 and the host's sysctls may turn it off for new namespaces. */
static int configure_ipv6(struct link *link, bool *ipv6, struct error *err)
{
	struct address own = {.family = AF_INET6, .prefix = 128, .len = 16};
	int rc;

	*ipv6 = has_ipv6();
	if (!*ipv6)
		return 0;
	inet_pton(AF_INET6, STEER_OWN_IPV6, own.bytes);
	write_sysctl("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
	rc = add_address(link, &own);
	if (rc == -EACCES || rc == -EPERM || rc == -EOPNOTSUPP) {
		*ipv6 = false;
		return 0;
	}
	if (rc < 0)
		return error_set_code(err, rc, "cannot give lo the address " STEER_OWN_IPV6);
	rc = add_local_default(link, &own);
	if (rc < 0)
		return error_set_code(err, rc, "cannot add the local default route of IPv6");
	return 0;
}

int network_configure(struct identity inner, bool *ipv6, struct error *err)
{
	struct link link = {.socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)};
	int rc;

	if (!link.socket)
		return error_set_code(err, -errno, "cannot open a netlink socket");
	if (mnl_socket_bind(link.socket, 0, MNL_SOCKET_AUTOPID) < 0)
		rc = error_set_code(err, -errno, "cannot bind a netlink socket");
	else
		rc = configure_ipv4(&link, err);
	if (rc == 0)
		rc = configure_ipv6(&link, ipv6, err);
	if (rc == 0)
		allow_ping_sockets(inner);
	mnl_socket_close(link.socket);
	return rc;
}
