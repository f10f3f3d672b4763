/*
 * HTTP/1.x heads (RFC 9112 sections 2 to 6), strictly: what two parsers could read in two ways is
 * refused (design section 3, rule 5; threats P1, P2, P6, P8).
 *
 * Refused: any line end but CRLF, any control byte, empty lines before the first line, versions but
 * HTTP/1.0 and HTTP/1.1, more than one space in the request line, folded fields, space before a
 * colon, empty names, more than one Host (or none in HTTP/1.1), Content-Length that is repeated,
 * listed or not plain digits, Transfer-Encoding that is anything but one "chunked" or comes with
 * Content-Length or in HTTP/1.0, underscores that spell a field the engine knows, repeated
 * Authorization, userinfo in an authority.
 */
#ifndef PROXY_HTTP_H1_HEAD_H
#define PROXY_HTTP_H1_HEAD_H

#include "proxy/http/message.h"

/* Why a head was refused. */
struct h1_fault {
	int status;	  /* what a client is answered: 400, 414, 417, 431, 501 or 505 */
	const char *text; /* for people */
};

/* Looks for the end of a head at the start of BYTES. *SCANNED says how far earlier calls have
 * looked (0 at first). Returns the head's length with its empty line; ERROR_INCOMPLETE; ERROR_LIMIT
 * past HTTP_HEAD_MAX_BYTES; ERROR_SYNTAX if a bare CR or LF or a NUL stands in what there is. */
ssize_t h1_head_find_end(struct slice bytes, size_t *scanned, struct h1_fault *fault);

/* Parses a request head (as delimited above). SCHEME is that of the connection; an absolute-form
 * target must agree with it, and with Host. The message's slices point into HEAD. 0, or
 * ERROR_SYNTAX with FAULT, or -ENOMEM. */
int h1_parse_request(struct slice head, enum policy_scheme scheme, struct http_message *message,
		     struct h1_fault *fault);

/* Parses a response head to a request with METHOD. */
int h1_parse_response(struct slice head, struct slice method, struct http_message *message,
		      struct h1_fault *fault);

/* Parses the lines of a trailer section, which ends in an empty line, into FIELDS. Fields that may
 * not be trailers are ERROR_SYNTAX. */
int h1_parse_trailers(struct slice section, struct arena *arena, struct http_fields *fields,
		      struct h1_fault *fault);

#endif
