#include "proxy/engine/nameserver_socket.h"

#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEADER_BYTES = 12,
	RCODE_OFFSET = 3,
	RCODE_MASK = 0xf,
};

static ares_socket_t open_socket(int family, int type, int protocol, void *context)
{
	(void)context;
	return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int close_socket(ares_socket_t fd, void *context)
{
	(void)context;
	return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t len,
			  void *context)
{
	(void)context;
	return connect(fd, address, len);
}

/* FROM is given for datagrams only. An empty one means nothing, but c-ares would take it for the
 * end of a connection and give up on the server. */
static ares_ssize_t receive(ares_socket_t fd, void *bytes, size_t size, int flags,
			    struct sockaddr *from, ares_socklen_t *from_len, void *context)
{
	ares_ssize_t got = recvfrom(fd, bytes, size, flags, from, from_len);
	int *rcode = context;

	*rcode = -1;
	if (from && got >= HEADER_BYTES)
		*rcode = ((const uint8_t *)bytes)[RCODE_OFFSET] & RCODE_MASK;
	return got;
}

static ares_ssize_t send_parts(ares_socket_t fd, const struct iovec *parts, int count,
			       void *context)
{
	struct msghdr message = {.msg_iovlen = (size_t)count};

	(void)context;
	/* sendmsg() does not write to them. */
	message.msg_iov = (struct iovec *)(uintptr_t)parts;
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

const struct ares_socket_functions nameserver_socket_functions = {
	.asocket = open_socket,
	.aclose = close_socket,
	.aconnect = connect_socket,
	.arecvfrom = receive,
	.asendv = send_parts,
};
