/* What both legs write of HTTP/1.1 bodies: chunks (RFC 9112 section 7.1). */
#ifndef PROXY_ENGINE_H1_OUTPUT_H
#define PROXY_ENGINE_H1_OUTPUT_H

#include "proxy/engine/stream.h"
#include "proxy/http/h1_write.h"

/* Writes DATA as FRAMING wants it. */
void h1_output_data(struct stream *stream, enum h1_framing framing, struct slice data);

/* Writes the end of a body; TRAILERS may be NULL, and are dropped where FRAMING has no place for
 * them, or when one may not be sent. */
void h1_output_end(struct stream *stream, enum h1_framing framing,
		   const struct http_fields *trailers);

#endif
