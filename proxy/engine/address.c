#include "proxy/engine/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "policy/special.h"

static bool is_listed(const uint8_t *bytes, size_t length, const struct policy *policy)
{
	for (size_t i = 0; i < policy->private_count; i++) {
		const struct policy_cidr *cidr = &policy->private_ranges[i];

		if (cidr->address_bytes == length &&
		    special_same_prefix(bytes, cidr->address, cidr->prefix_bits))
			return true;
	}
	return false;
}

static int judge(const struct special_range *range, bool listed, const char **why)
{
	if (!range || range->standing == SPECIAL_PUBLIC ||
	    (range->standing == SPECIAL_LISTED && listed))
		return 0;
	*why = range->class;
	return ERROR_DENIED;
}

static int check_ipv4(const uint8_t bytes[4], const struct policy *policy, const char **why)
{
	return judge(special_find(bytes, 4), is_listed(bytes, 4, policy), why);
}

/* RFC 6052 section 2.2: behind a prefix of 48, 56, 64 or 96 bits, with byte 8 always skipped. Which
 * one a network uses cannot be told, so all must pass; a place that holds "this network" is not the
 * one in use. */
static int check_nat64(const uint8_t bytes[16], const struct policy *policy, const char **why)
{
	static const uint8_t places[][4] = {
		{6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}, {12, 13, 14, 15}};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint8_t inner[4];
		int rc;

		for (size_t j = 0; j < sizeof(inner); j++)
			inner[j] = bytes[places[i][j]];
		rc = inner[0] == 0 ? 0 : check_ipv4(inner, policy, why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int check_teredo(const uint8_t bytes[16], const struct policy *policy, const char **why)
{
	uint8_t client[4];
	int rc = check_ipv4(bytes + 4, policy, why);

	for (size_t i = 0; i < sizeof(client); i++)
		client[i] = (uint8_t)~bytes[12 + i];
	return rc < 0 ? rc : check_ipv4(client, policy, why);
}

static int check_embedded(enum special_embedding embeds, const uint8_t bytes[16],
			  const struct policy *policy, const char **why)
{
	switch (embeds) {
	case SPECIAL_PLAIN:
		return 0;
	case SPECIAL_IPV4_LAST:
		return check_ipv4(bytes + 12, policy, why);
	case SPECIAL_IPV4_6TO4:
		return check_ipv4(bytes + 2, policy, why);
	case SPECIAL_IPV4_TEREDO:
		return check_teredo(bytes, policy, why);
	case SPECIAL_IPV4_NAT64:
		return check_nat64(bytes, policy, why);
	}
	assert(false);
	return ERROR_DENIED;
}

static int check_ipv6(const uint8_t bytes[16], const struct policy *policy, const char **why)
{
	const struct special_range *range = special_find(bytes, 16);
	int rc = check_embedded(range->embeds, bytes, policy, why);

	return rc < 0 ? rc : judge(range, is_listed(bytes, 16, policy), why);
}

int address_check(const struct address *address, const struct policy *policy, const char **why)
{
	if (address->length == 4)
		return check_ipv4(address->bytes, policy, why);
	if (address->length == 16)
		return check_ipv6(address->bytes, policy, why);
	*why = "not an address";
	return ERROR_DENIED;
}

/* Whether the error says something of the way to an address, and not of what we are short of. */
static bool is_of_way(int error)
{
	return error == EAFNOSUPPORT || error == ENETUNREACH || error == EHOSTUNREACH ||
	       error == EADDRNOTAVAIL || error == EACCES || error == EPERM || error == EINVAL;
}

/* Why ADDRESS is, or may be, one of the host's own: what is sent to such a one would come from it.
 * NULL when it is not. */
static const char *find_host_own(const struct address *address)
{
	struct sockaddr_storage peer, own = {0};
	socklen_t size = address_to_sockaddr(address, 9, &peer), own_size = sizeof(own);
	cleanup_close int fd = socket(peer.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct address source;
	uint16_t port;

	/* Whoever is inside can use all descriptors up, and give one back behind this. */
	if (fd < 0 || connect(fd, (struct sockaddr *)&peer, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &own_size) < 0)
		return is_of_way(errno) ? NULL
					: "whether it is this host itself cannot be told, for want "
					  "of descriptors or memory";
	source = address_from_sockaddr((struct sockaddr *)&own, &port);
	if (source.length != address->length ||
	    memcmp(source.bytes, address->bytes, source.length) != 0)
		return NULL;
	return "an address of this host itself (network: resolve can name it)";
}

int address_check_resolved(const struct address *address, const struct policy *policy,
			   const char **why)
{
	int rc = address_check(address, policy, why);
	const char *own;

	if (rc < 0 || is_listed(address->bytes, address->length, policy))
		return rc;
	own = find_host_own(address);
	if (!own)
		return 0;
	*why = own;
	return ERROR_DENIED;
}

void address_explain_denial(const struct address *address, const char *class, char *why,
			    size_t size)
{
	char text[ADDRESS_TEXT_BYTES];

	address_format(address, text);
	snprintf(why, size, "%s may not be dialled: %s", text, class);
}

int address_check_flow(const struct address *address, const struct policy *policy, bool by_range,
		       char *why, size_t size)
{
	const char *class;

	if (!by_range || address_check_resolved(address, policy, &class) == 0)
		return 0;
	address_explain_denial(address, class, why, size);
	return ERROR_DENIED;
}

/* By hand, as it is done for each record, and inet_ntop() does it by printf(). */
static void format_ipv4(const uint8_t bytes[4], char *text)
{
	for (int i = 0; i < 4; i++) {
		if (bytes[i] >= 100)
			*text++ = (char)('0' + bytes[i] / 100);
		if (bytes[i] >= 10)
			*text++ = (char)('0' + bytes[i] / 10 % 10);
		*text++ = (char)('0' + bytes[i] % 10);
		*text++ = i < 3 ? '.' : '\0';
	}
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
	if (address->length == 4)
		format_ipv4(address->bytes, text);
	else if (!inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT_BYTES))
		text[0] = '\0';
}

socklen_t address_to_sockaddr(const struct address *address, uint16_t port,
			      struct sockaddr_storage *out)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	assert(address->length == 4 || address->length == 16);
	memset(out, 0, sizeof(*out));
	if (address->length == 4) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		memcpy(&in4->sin_addr, address->bytes, 4);
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, address->bytes, 16);
	return sizeof(*in6);
}

struct address address_from_sockaddr(const struct sockaddr *in, uint16_t *port)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)in;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)in;
	struct address address = {.length = 0};

	*port = 0;
	if (in->sa_family == AF_INET) {
		memcpy(address.bytes, &in4->sin_addr, 4);
		address.length = 4;
		*port = ntohs(in4->sin_port);
	} else if (in->sa_family == AF_INET6) {
		memcpy(address.bytes, &in6->sin6_addr, 16);
		address.length = 16;
		*port = ntohs(in6->sin6_port);
	}
	return address;
}
