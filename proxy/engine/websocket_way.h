/* The inside of a WebSocket (websocket.h): its two directions, for websocket.c and websocket_way.c,
 * which sends. */
#ifndef PROXY_ENGINE_WEBSOCKET_WAY_H
#define PROXY_ENGINE_WEBSOCKET_WAY_H

#include "proxy/engine/websocket.h"
#include "proxy/engine/websocket_text.h"

struct way {
	struct websocket *socket;
	bool to_origin;
	struct websocket_reader *reader;
	struct buffer waiting; /* read, and not looked at yet */
	bool paused;	       /* its source */
	bool begun;	       /* a part of a message was sent */
	bool is_inside;	       /* a part of a message that is streamed has come */
	bool closed;
	bool is_sending;
	bool is_running;
	struct slice left; /* to be sent, of a message that is whole */
	struct websocket_rewritten rewritten;
	struct stage *stage; /* that a message which is streamed goes through */
	uint64_t messages;
	uint64_t bytes;
};

struct websocket {
	struct exchange *exchange;
	struct way up;
	struct way down;
	struct websocket_text text;
	bool scrubs;
	bool over;
	uint16_t code; /* of the close frame that came first; 0: it had none, or none has come */
	const char *closed_by;
};

bool way_is_congested(const struct way *way);

/* Stops its source, or lets it come. */
void way_pause(struct way *way, bool pause);

/* PAYLOAD, of at most WEBSOCKET_PIECE_MAX_BYTES, may be anywhere but in the engine's
 * secret_scratch. */
void way_send_frame(struct way *way, enum websocket_opcode opcode, bool is_last,
		    struct slice payload);

/* Sends BYTES as the next fragments of a message. */
void way_send_pieces(struct way *way, enum websocket_opcode opcode, struct slice bytes,
		     bool is_last);

/* Sends on what is left of a message that is whole, as far as the receiver takes it. */
void way_send_left(struct way *way);

/* A close frame of ours, unless one has passed. REASON is cut where it has no room. */
void way_send_close(struct way *way, uint16_t code, const char *reason);

#endif
