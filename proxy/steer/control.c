#include "proxy/steer/control.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

int control_send(int socket, const struct control_message *message, const int *fds, size_t count)
{
	size_t length = offsetof(struct control_message, text) + strlen(message->text) + 1;

	return fd_send(socket, slice_of(message, length), fds, count);
}

int control_send_plain(int socket, enum control_kind kind, int value, int detail)
{
	struct control_message message = {.kind = (int)kind, .value = value, .detail = detail};

	return control_send(socket, &message, NULL, 0);
}

int control_send_failure(int socket, const struct error *err)
{
	struct control_message message = {.kind = CONTROL_FAILED, .value = err->code};

	memcpy(message.text, err->text, sizeof(message.text));
	message.text[sizeof(message.text) - 1] = '\0';
	return control_send(socket, &message, NULL, 0);
}

static bool is_message(const struct control_message *message, size_t length)
{
	const char *bytes = (const char *)message;

	if (length <= offsetof(struct control_message, text) || bytes[length - 1] != '\0')
		return false;
	return message->kind >= 0 && message->kind < CONTROL_COUNT;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

int control_receive(int socket, struct control_message *message, int fds[FD_PASS_MAX],
		    size_t *count)
{
	ssize_t got;

	*count = 0;
	got = fd_receive(socket, message, sizeof(*message), fds, count);
	if (got < 0)
		return (int)got;
	if (got == 0)
		return 0;
	if (!is_message(message, (size_t)got)) {
		close_all(fds, *count);
		*count = 0;
		return ERROR_SYNTAX;
	}
	return 1;
}

int control_receive_plain(int socket, struct control_message *message)
{
	int fds[FD_PASS_MAX];
	size_t count;
	int rc = control_receive(socket, message, fds, &count);

	close_all(fds, count);
	return rc;
}
