/*
 * HTTP/2 on one connection, for either leg (RFC 9113): nghttp2 is the codec of frames and HPACK;
 * the bodies on their way through it, flow control, and what a peer may do to us are dealt with
 * here.
 *
 * In. Events tell the owner of heads, bodies and ends. A stream that is stopped keeps what comes,
 * at most its window; window is given back to the peer as bytes are handed on, and grows for a
 * stream that is read as fast as it comes (towards origins only).
 *
 * Out. Heads and bodies wait with their stream until the turn ends, so that they leave in few
 * frames; large pieces of a body go straight on when they can. A stream that has H2_PENDING_BYTES
 * waiting is congested.
 *
 * Frames that do nothing have a budget (threats P7, C1 to C6): what passes it ends the connection
 * with ENHANCE_YOUR_CALM.
 *
 * States of a stream, as h2_stream's flags say:
 *   in:   no head yet -> has_head -> ended (all came) -> end_told (and was handed on)
 *   out:  no head yet -> head sent -> finished (all was given) -> sent (END_STREAM has left)
 *   both: closed, when nghttp2 has done with it; the owner is told by closed(), once, after which
 *         it forgets and buries the stream. Nothing frees a stream earlier.
 *
 * From within an event nothing is sent on the same session, and the owner must not free it.
 */
#ifndef PROXY_ENGINE_H2_SESSION_H
#define PROXY_ENGINE_H2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "proxy/engine/engine.h"
#include "proxy/engine/stream.h"
#include "proxy/http/h2_head.h"

enum {
	H2_PENDING_BYTES = 64 << 10,
	/* A connection whose streams hold more than this is not given another one. */
	H2_HELD_BYTES = 12 << 20,
	H2_SERVER_STREAM_WINDOW = 256 << 10,
	H2_SERVER_WINDOW = 4 << 20,
	H2_CLIENT_STREAM_WINDOW = 256 << 10,
	H2_CLIENT_STREAM_WINDOW_MAX = 4 << 20,
	H2_CLIENT_WINDOW = 16 << 20,
	/* Frames that do nothing: at once, and per second; each DATA frame with data is worth some
	   more, as window updates and probes come with it. */
	H2_IDLE_FRAMES_BURST = 2000,
	H2_IDLE_FRAMES_RATE = 100,
	H2_IDLE_FRAMES_PER_DATA = 3,
	/* What a stream costs that the client resets. */
	H2_RESET_COST = 3,
	/* What a stream costs that we must reset for what the client did. */
	H2_FAULT_COST = 10,
	/* Frames that wait to be sent (answers to the peer's own, as a rule). */
	H2_WAITING_FRAMES = 1000,
};

struct h2_session;
struct h2_stream;

struct h2_events {
	/* The client begins a stream (servers only): its object, or NULL to refuse it. */
	struct h2_stream *(*open)(struct h2_session *session);
	/* A head begins: the owner prepares stream->head. */
	void (*begin_head)(struct h2_stream *stream);
	/* It is whole; ENDS: there is no body. For the last head the owner sets has_head, and
	   has_length with length when it knows how long the body must be. */
	void (*head)(struct h2_stream *stream, bool ends);
	void (*data)(struct h2_stream *stream, struct slice data);
	/* All was handed on; trailers are in stream->head.trailers. */
	void (*end)(struct h2_stream *stream);
	/* What comes is malformed behind its head. Nothing more of it will be handed on. */
	void (*fault)(struct h2_stream *stream, const char *why);
	void (*drained)(struct h2_stream *stream);
	/* CODE: of RST_STREAM (RFC 9113 section 7), or NGHTTP2_NO_ERROR. */
	void (*closed)(struct h2_stream *stream, uint32_t code);
	/* The end of a turn in which something has happened. */
	void (*settled)(struct h2_session *session);
};

struct h2_session {
	nghttp2_session *codec;
	struct engine *engine;
	struct stream *stream;
	const struct h2_events *events;
	struct chore chore;
	struct list streams;
	size_t stream_count; /* not closed */
	struct list ready;   /* streams that may hand on what they hold */
	struct list drained; /* whose owners are to be told */
	size_t held_bytes;
	bool is_server;
	bool receiving;
	bool sending;
	bool flooded;
	bool going_away; /* the peer has sent GOAWAY */
	bool left;	 /* and so have we, of our own will */
	int32_t last_id; /* the highest of a stream that has come */
	uint32_t error;	 /* with which we have ended the connection (RFC 9113 section 7) */
	double budget;
	double budget_at;
	double head_begun_at; /* a head has begun and is not whole; 0: none */
};

struct h2_stream {
	struct list node;
	struct list ready_node;
	struct list drained_node;
	struct h2_session *session;
	int32_t id;
	bool closed;
	uint32_t close_code;

	struct h2_head head;
	bool has_head;
	bool ignores; /* what comes is dropped */
	bool stopped;
	bool was_stopped; /* since the window last grew */
	bool ended;
	bool end_told;
	bool has_length;
	uint64_t length;
	uint64_t received;
	struct buffer held;
	uint32_t window;
	uint32_t handed; /* since the window last grew */

	struct buffer pending;
	struct slice direct; /* behind PENDING, in the memory of the one who writes */
	bool has_left;
	uint64_t left;	 /* of the body to send, when its length is known */
	bool body_waits; /* nghttp2 waits to be told of more */
	bool finished;
	bool sent;
	bool congested;
	bool head_sent;
	bool head_refused;
	struct arena texts; /* of the trailers to send */
	nghttp2_nv *trailers;
	size_t trailer_count;
};

/* Begins a session on STREAM, which is open. 0 or -ENOMEM. */
int h2_session_init(struct h2_session *session, struct engine *engine, struct stream *stream,
		    const struct h2_events *events, bool is_server);

/* All streams must have been forgotten. */
void h2_session_free(struct h2_session *session);

/* Takes what was read. 0, or ERROR_SYNTAX: the connection is of no use any more. */
int h2_session_receive(struct h2_session *session, struct slice input);

/* The connection takes more. */
void h2_session_drained(struct h2_session *session);

/* No more streams are wanted, CODE says why; those that are open go on unless CODE is an error. */
void h2_session_leave(struct h2_session *session, uint32_t code);

/* Whether nothing is to be read or sent any more. */
bool h2_session_is_over(const struct h2_session *session);

/* Whether so much waits to be sent in answer to what the peer does that it should be read from no
 * more for now. */
bool h2_session_is_behind(const struct h2_session *session);

/* Whether a request can be sent at once (clients only). */
bool h2_session_has_room(const struct h2_session *session, size_t max_streams);

void h2_stream_init(struct h2_stream *stream, struct h2_session *session);
void h2_stream_forget(struct h2_stream *stream);

/* Sends a request's head before it returns, so that LIST may point into memory that is wiped then.
 * HIDES: a secret is in it. 0, or -EAGAIN when the session takes no request now. */
int h2_stream_request(struct h2_stream *stream, const nghttp2_nv *list, size_t count, bool has_body,
		      bool hides);

/* Queues a response's head, which is copied. INFORMATIONAL: another one follows. 0 or -ENOMEM. */
int h2_stream_respond(struct h2_stream *stream, const nghttp2_nv *list, size_t count,
		      bool informational, bool has_body);

void h2_stream_write(struct h2_stream *stream, struct slice data);

/* All was written. TRAILERS may be NULL. */
void h2_stream_finish(struct h2_stream *stream, const struct http_fields *trailers);

/* Breaks the stream off. */
void h2_stream_reset(struct h2_stream *stream, uint32_t code);

/* What still comes is dropped, as nobody wants it any more, and no more is asked for than the
 * stream's window has room for. */
void h2_stream_ignore(struct h2_stream *stream);

/* Stops the input from being handed on, or lets it come. */
void h2_stream_stop(struct h2_stream *stream, bool stop);

bool h2_stream_is_congested(struct h2_stream *stream);

#endif
