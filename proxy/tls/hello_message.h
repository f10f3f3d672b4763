/* The body of a ClientHello in one piece. Private to hello.c. */
#ifndef PROXY_TLS_HELLO_MESSAGE_H
#define PROXY_TLS_HELLO_MESSAGE_H

#include "proxy/tls/hello.h"

/* Reads BODY (RFC 8446 section 4.1.2, without the handshake header) and fills HELLO's results.
 * HELLO_OK, or what is wrong; of several faults, the first. */
enum hello_problem hello_read_message(struct hello *hello, struct slice body);

#endif
