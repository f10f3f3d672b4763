/*
 * A stream: one TCP connection with or without TLS on it, on the engine's loop.
 *
 * Reading. When bytes can be had, the owner's readable() is called; it calls stream_read() until
 * that says -EAGAIN, or until it has enough. stream_pause() stops the calls, stream_resume() brings
 * them back, never from within the call itself.
 *
 * Writing never blocks and takes everything. What is written in one turn of the loop is gathered in
 * memory that all streams share (the stage, which is locked and wiped, as heads with secrets pass
 * through it), encrypted, and sent by one system call when the turn ends (engine_settle()), or
 * earlier if it is much. What the kernel does not take is kept; the stream is then congested, and
 * its owner's drained() is called when it no longer is. The owner must stop the source of what it
 * writes while the stream is congested: that bounds the memory.
 *
 * States:
 *   state        legal calls
 *   RAW          read, peeked bytes given back, start_server, start_client, close
 *   HANDSHAKING  close; handshaken() is called once, with 0 or a negative code
 *   OPEN         all
 *   CLOSED       none; the memory is released when the turn ends
 * RAW and OPEN are the same for a stream without TLS.
 */
#ifndef PROXY_ENGINE_STREAM_H
#define PROXY_ENGINE_STREAM_H

#include <ev.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cursor.h"
#include "base/list.h"
#include "proxy/tls/transport.h"

struct engine;
struct stream;

enum stream_state {
	STREAM_RAW,
	STREAM_HANDSHAKING,
	STREAM_OPEN,
	STREAM_CLOSED,
};

struct stream_events {
	void (*readable)(struct stream *stream);
	void (*drained)(struct stream *stream);
	void (*handshaken)(struct stream *stream, int result);
	/* Writing failed; nothing more can be sent. Called once, never from within a write. */
	void (*broken)(struct stream *stream);
};

struct stream {
	struct tls_transport transport;
	struct engine *engine;
	const struct stream_events *events;
	enum stream_state state;
	int fd;
	SSL *ssl;
	struct ev_io io;
	struct buffer prefix; /* read before the TLS session was made, and not yet read by it */
	struct buffer out;    /* what the kernel did not take */
	bool paused;
	bool kernel_empty; /* the last read took all there was */
	bool ended;	   /* the peer's half is closed */
	bool failed;	   /* writing failed */
	bool congested;	   /* told to the owner; drained() will be called */
	bool input_taken;  /* the last stream_read() left nothing behind */
	bool shutdown_wanted;
	struct list broken_node;
	struct list again_node;
	uint64_t bytes_in; /* on the wire */
	uint64_t bytes_out;
};

/* Takes over FD, a connected socket (or one that is still connecting). Starts paused. */
void stream_init(struct stream *stream, struct engine *engine, int fd,
		 const struct stream_events *events);

/* Those of ENGINE's streams that have more to be read than one turn takes, for the engine. */
void stream_read_again(struct engine *engine);

/* Gives BYTES, read from the stream in state RAW, back to be read first by the TLS session. 0 or
 * -ENOMEM. */
int stream_unread(struct stream *stream, struct slice bytes);

/* Begins a TLS handshake with SSL, which was made over stream->transport and is the stream's from
 * now on. */
void stream_start_server(struct stream *stream, SSL *ssl);
void stream_start_client(struct stream *stream, SSL *ssl);

/* Up to SIZE bytes of what the peer sent (decrypted): their number; -EAGAIN; ERROR_EOF when the
 * peer has closed in an orderly way; ERROR_TRUNCATED when it ended without close_notify; or another
 * negative code. */
ssize_t stream_read(struct stream *stream, char *bytes, size_t size);

void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* Queues BYTES. Failures are told by broken(). */
void stream_write(struct stream *stream, struct slice bytes);

/* Room in the stage for at most SIZE bytes of this stream, to be written in place and then added by
 * stream_stage_commit(). NULL when SIZE is more than the stage. */
char *stream_stage_reserve(struct stream *stream, size_t size);
void stream_stage_commit(struct stream *stream, size_t len);

/* Whether the owner must stop writing until drained(). */
bool stream_is_congested(struct stream *stream);

/* Whether the peer has sent nothing, not even its end, that is still to be read. */
bool stream_is_quiet(const struct stream *stream);

/* Ends our half: what is queued is sent first, then close_notify, then FIN. */
void stream_shutdown(struct stream *stream);

/* Gives the socket of a stream in state RAW away; the stream is CLOSED then. */
int stream_detach(struct stream *stream);

/* Closes at once. ABORT: with a reset. Idempotent. */
void stream_close(struct stream *stream, bool abort);

#endif
