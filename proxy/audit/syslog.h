/*
 * Lines of the journal as messages of syslog (RFC 5424), to the daemon on this host.
 *
 *	<86>1 2026-11-20T14:03:22.104518Z host sallyport 4711 audit [meta sequenceId="17"]
 *{"v":1,...}
 *
 * The message is the line as it is in the journal: the chain can be verified from what the daemon
 * kept. The time is the record's, sequenceId (section 7.3.1) the line's number, as far as it goes.
 * Severities are informational, notice for what was denied or would be, and warning for the misuse
 * of a placeholder and what points to a worker that was taken over.
 */
#ifndef PROXY_AUDIT_SYSLOG_H
#define PROXY_AUDIT_SYSLOG_H

#include "base/slice.h"
#include "proxy/audit/line.h"

#define SYSLOG_PATH "/dev/log"

enum {
	SYSLOG_HEAD_MAX = 512,
	SYSLOG_MESSAGE_MAX = LINE_MAX_BYTES + SYSLOG_HEAD_MAX,
};

/* The number of the facility called NAME (section 6.2.1: "user", "authpriv", "local0" ...), or -1.
 */
int syslog_facility(struct slice name);

/* A datagram socket, not blocking, that is connected to the daemon at PATH. A negated errno. */
int syslog_connect(const char *path);

/* Writes the message for LINE, without its newline. Its length. */
size_t syslog_format(int facility, struct slice line, char out[SYSLOG_MESSAGE_MAX]);

#endif
