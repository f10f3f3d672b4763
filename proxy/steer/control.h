/*
 * Messages between the supervisor and INIT, and between INIT and COMMAND's process before it
 * executes COMMAND: one SOCK_SEQPACKET datagram each, of a fixed head and a text. Both ends are the
 * same program, yet what arrives is checked: INIT lives beside hostile code.
 *
 *   INIT -> supervisor     SOCKETS (with descriptors), READY or FAILED; then EVENTs
 *   supervisor -> INIT     START, SIGNAL
 *   COMMAND -> INIT        READY or FAILED; then EVENT (EXEC_FAILED), or the end of the socket
 *   INIT -> COMMAND        START
 */
#ifndef PROXY_STEER_CONTROL_H
#define PROXY_STEER_CONTROL_H

#include "base/error.h"
#include "base/fd.h"

enum control_kind {
	CONTROL_SOCKETS, /* value: bit N set if the N-th socket is among the descriptors */
	CONTROL_READY,
	CONTROL_FAILED, /* value and text: of a struct error */
	CONTROL_START,
	CONTROL_SIGNAL, /* value: the signal; detail: only_other_group */
	CONTROL_EVENT,	/* value: an enum steer_event_kind; detail: the event's value */
	CONTROL_COUNT,
};

struct control_message {
	int kind;
	int value;
	int detail;
	char text[ERROR_TEXT_BYTES];
};

/* Sends MESSAGE with COUNT descriptors. 0 or a negated errno. */
int control_send(int socket, const struct control_message *message, const int *fds, size_t count);

/* Sends a message that is all in its head. */
int control_send_plain(int socket, enum control_kind kind, int value, int detail);

int control_send_failure(int socket, const struct error *err);

/* Receives one message. Returns 1, 0 at the end, or a negative code (ERROR_SYNTAX for what is not a
 * message of ours; its descriptors are closed). */
int control_receive(int socket, struct control_message *message, int fds[FD_PASS_MAX],
		    size_t *count);

/* As control_receive(), for messages without descriptors; those that come along are closed. */
int control_receive_plain(int socket, struct control_message *message);

#endif
