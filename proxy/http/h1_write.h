/*
 * Writing HTTP/1.1 (RFC 9112): what leaves is made from the message, never from received bytes, and
 * every byte of it is checked again here, whatever the parser has let through.
 *
 * A request leaves as HTTP/1.1 with Host first; a response with the framing that its receiver
 * understands.
 */
#ifndef PROXY_HTTP_H1_WRITE_H
#define PROXY_HTTP_H1_WRITE_H

#include "base/cursor.h"
#include "proxy/http/message.h"

enum {
	/* The longest head that can be written: a head as long as may be received, grown by what is
	   put in. */
	H1_WRITE_MAX_BYTES = HTTP_HEAD_MAX_BYTES + (32 << 10),
	H1_CHUNK_OVERHEAD_BYTES = 20,
};

/* How the receiver finds the end of the body that follows a head. */
enum h1_framing {
	H1_FRAME_NONE,
	H1_FRAME_LENGTH,
	H1_FRAME_CHUNKED,
	H1_FRAME_CLOSE,
};

/* Writes MESSAGE's request head: method, PATH (canonical; MESSAGE's query follows it), Host,
 * fields. CLOSE asks for the connection to be closed. The framing used is returned, or ERROR_SYNTAX
 * when a byte may not be sent, or ERROR_LIMIT when OUT is full. */
int h1_write_request(struct writer *out, const struct http_message *message, struct slice path,
		     bool close);

/* Writes MESSAGE's response head for a receiver that spoke HTTP/1.MINOR. */
int h1_write_response(struct writer *out, const struct http_message *message, uint8_t minor,
		      bool close);

/* Writes the line before a chunk of LEN bytes to TEXT; returns its length. A chunk's data is
 * followed by CRLF. */
size_t h1_write_chunk_size(size_t len, char text[H1_CHUNK_OVERHEAD_BYTES]);

/* Writes the last chunk and the trailers (FIELDS may be NULL). 0 or a negative code. */
int h1_write_last_chunk(struct writer *out, const struct http_fields *fields);

#endif
