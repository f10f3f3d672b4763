/*
 * HTTP/1.1 bodies (RFC 9112 sections 6 and 7): the framing taken off an incoming body. Slices of
 * the body are handed out where they lie, nothing is copied but trailers.
 *
 * Chunk sizes are hexadecimal digits only, at most 16 of them; chunk extensions must be well-formed
 * and are dropped; every line ends in CRLF; a trailer section is bounded (threat P4).
 *
 *   state     fed with                    gives
 *   SIZED     body_bytes bytes            DATA..., END
 *   CLOSE     anything until the end      DATA..., and END by h1_body_eof()
 *   chunked   size, extension, data, ...  DATA..., END with trailers
 */
#ifndef PROXY_HTTP_H1_BODY_H
#define PROXY_HTTP_H1_BODY_H

#include "base/buffer.h"
#include "proxy/http/h1_head.h"
#include "proxy/http/message.h"

enum h1_body_state {
	H1_BODY_SIZED,
	H1_BODY_CLOSE,
	H1_BODY_CHUNK_SIZE,
	H1_BODY_CHUNK_EXTENSION,
	H1_BODY_CHUNK_QUOTED,	     /* inside the quoted string of an extension */
	H1_BODY_CHUNK_QUOTED_ESCAPE, /* after its backslash */
	H1_BODY_CHUNK_SIZE_LF,
	H1_BODY_CHUNK_DATA,
	H1_BODY_CHUNK_DATA_CR,
	H1_BODY_CHUNK_DATA_LF,
	H1_BODY_TRAILER,
	H1_BODY_DONE,
	H1_BODY_STATE_COUNT,
};

struct h1_body {
	enum h1_body_state state;
	uint64_t left;		/* of a sized body, or of the chunk */
	unsigned int digits;	/* of the chunk's size */
	unsigned int extension; /* bytes of extensions of this chunk */
	struct buffer trailers; /* the raw section, until it is whole */
	struct http_fields trailer_fields;
	struct arena *arena; /* for the trailers; NULL: they are dropped */
};

enum h1_body_event {
	H1_BODY_MORE, /* all of the input was used; more is needed */
	H1_BODY_DATA, /* a slice of the body was found */
	H1_BODY_END,  /* the body is over; what is left of the input is not part of it */
};

/* Prepares for the body that follows MESSAGE's head. */
void h1_body_init(struct h1_body *body, const struct http_message *message);

/* Takes from the front of INPUT. Returns an event, or ERROR_SYNTAX or ERROR_LIMIT with FAULT, or
 * -ENOMEM. */
int h1_body_feed(struct h1_body *body, struct slice *input, struct slice *data,
		 struct h1_fault *fault);

/* The connection ended in an orderly way: H1_BODY_END if that ends the body, else ERROR_TRUNCATED.
 */
int h1_body_eof(struct h1_body *body);

void h1_body_free(struct h1_body *body);

#endif
