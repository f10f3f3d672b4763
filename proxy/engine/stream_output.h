/* The output half of streams, for stream.c and engine.c only. */
#ifndef PROXY_ENGINE_STREAM_OUTPUT_H
#define PROXY_ENGINE_STREAM_OUTPUT_H

#include "proxy/engine/engine.h"
#include "proxy/engine/stream.h"

enum { STREAM_OUT_MAX_BYTES = 4 << 20 }; /* far above what owners queue before they stop */

/* The transport's write: ciphertext of a stream. */
int stream_output_take(struct tls_transport *transport, const void *bytes, size_t len);

/* Encrypts what is staged and sends what is gathered, whosever it is. */
void stream_output_flush(struct engine *engine);

/* The same, if it is STREAM's. */
void stream_output_flush_own(struct stream *stream);

/* The kernel can take more of what was kept. */
void stream_output_continue(struct stream *stream);

/* Drops what is staged or gathered of a stream that is closing. */
void stream_output_forget(struct stream *stream);

/* Tells the owners of broken streams. Whether there were any. */
bool stream_output_tell_broken(struct engine *engine);

/* Sets what the loop watches for, by the stream's state. */
void stream_watch(struct stream *stream);

#endif
