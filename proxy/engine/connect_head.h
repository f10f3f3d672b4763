/* The head of a proxy's answer to CONNECT (RFC 9110 section 9.3.6, RFC 9112 section 4). */
#ifndef PROXY_ENGINE_CONNECT_HEAD_H
#define PROXY_ENGINE_CONNECT_HEAD_H

#include <stddef.h>

#include "base/slice.h"

enum { CONNECT_HEAD_MAX_BYTES = 16 << 10 };

struct connect_head {
	int status;    /* 100 to 599 */
	size_t length; /* of the head, with the empty line that ends it */
};

/* Reads RECEIVED, what has come so far. 1 when the head is whole; 0 when more must come;
 * ERROR_SYNTAX when it is none of HTTP/1's; ERROR_LIMIT when it is too long. */
int connect_head_read(struct slice received, struct connect_head *head);

#endif
