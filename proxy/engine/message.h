/*
 * Messages between the supervisor and its worker, over a SOCK_SEQPACKET pair: one message, one
 * packet.
 *
 *   from         type        payload                                  descriptors
 *   worker       PREPARED    the CA certificate, PEM
 *   supervisor   SECRETS     (none: they are in the shared region, secret/handover.h)
 *   supervisor   SERVE       which sockets (steer_sockets_list()),    the sandbox's sockets
 *                            4 bytes; the name servers, text
 *   worker       SERVING
 *   worker       VERDICTS    an array of struct steer_verdict
 *   worker       FAILED      why, text; the worker ends
 *   worker       KILL        name of the secret whose placeholder was misused
 *   supervisor   SERVERS     the name servers have changed, text
 *   supervisor   END         close everything, record it, and end
 *
 * The supervisor believes nothing that a worker says beyond this: lengths are checked, text is
 * shown escaped.
 */
#ifndef PROXY_ENGINE_MESSAGE_H
#define PROXY_ENGINE_MESSAGE_H

#include <stdint.h>

#include "base/error.h"
#include "base/fd.h"

enum message_type {
	MESSAGE_PREPARED = 1,
	MESSAGE_SECRETS,
	MESSAGE_SERVE,
	MESSAGE_SERVING,
	MESSAGE_FAILED,
	MESSAGE_KILL,
	MESSAGE_SERVERS,
	MESSAGE_END,
	MESSAGE_VERDICTS,
};

enum { MESSAGE_PAYLOAD_MAX = 8192 };

struct message {
	uint32_t type;
	uint32_t length;
	char payload[MESSAGE_PAYLOAD_MAX + 1]; /* NUL-terminated behind its length when received */
};

/* 0 or a negated errno. */
int message_send(int socket, enum message_type type, struct slice payload, const int *fds,
		 size_t fd_count);

/* Receives one message. 1; 0 at the end; -EAGAIN; ERROR_SYNTAX for what is no message; another
 * negative code. */
int message_receive(int socket, struct message *message, int fds[FD_PASS_MAX], size_t *fd_count);

#endif
