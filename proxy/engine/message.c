#include "proxy/engine/message.h"

#include <stddef.h>
#include <unistd.h>

enum { HEADER_BYTES = offsetof(struct message, payload) };

int message_send(int socket, enum message_type type, struct slice payload, const int *fds,
		 size_t fd_count)
{
	struct message message = {.type = type};

	if (payload.len > MESSAGE_PAYLOAD_MAX)
		return -EMSGSIZE;
	message.length = (uint32_t)payload.len;
	if (payload.len)
		memcpy(message.payload, payload.ptr, payload.len);
	return fd_send(socket, slice_of(&message, HEADER_BYTES + payload.len), fds, fd_count);
}

int message_receive(int socket, struct message *message, int fds[FD_PASS_MAX], size_t *fd_count)
{
	ssize_t got = fd_receive(socket, message, HEADER_BYTES + MESSAGE_PAYLOAD_MAX, fds,
				 fd_count);

	if (got <= 0)
		return (int)got;
	if ((size_t)got < HEADER_BYTES || message->length != (size_t)got - HEADER_BYTES) {
		for (size_t i = 0; i < *fd_count; i++)
			close(fds[i]);
		*fd_count = 0;
		return ERROR_SYNTAX;
	}
	message->payload[message->length] = '\0';
	return 1;
}
