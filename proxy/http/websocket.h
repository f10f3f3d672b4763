/*
 * WebSocket frames (RFC 6455 section 5), read strictly and written anew; no extensions (threat
 * S31).
 *
 * Messages are assembled within WEBSOCKET_MESSAGE_MAX_BYTES, or, of the kinds that the reader was
 * told to stream, given out in pieces, of any length in all; control frames pass between fragments.
 * A reader is told its side: frames from a client are masked, frames from a server are not.
 * Refused: reserved bits and opcodes, fragmented or long control frames, lengths that are not in
 * their shortest form, text that is not UTF-8, close codes that must not be sent, anything behind a
 * close frame.
 *
 * A reader holds one message, or one piece, and nothing between messages. A message may hold a
 * secret: its memory is wiped (base/wiped.h).
 *
 *   state    fed with                       goes to
 *   HEAD     the bytes of a frame's head    PAYLOAD
 *   PAYLOAD  the bytes of its payload       HEAD, with an event if a message or control frame is
 *                                           whole; CLOSED behind a close frame
 *   CLOSED   nothing; any byte is refused
 *
 * What has failed fails again.
 */
#ifndef PROXY_HTTP_WEBSOCKET_H
#define PROXY_HTTP_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "base/wiped.h"

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

/* Of RFC 6455 section 7.4.1: those that we have a reason to send. */
enum websocket_close_code {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL_ERROR = 1002,
	WEBSOCKET_NOT_TEXT = 1007,
	WEBSOCKET_POLICY = 1008,
	WEBSOCKET_TOO_BIG = 1009,
	WEBSOCKET_OUR_FAULT = 1011,
};

enum {
	WEBSOCKET_MESSAGE_MAX_BYTES = 16 << 20,
	WEBSOCKET_CONTROL_MAX_BYTES = 125,
	WEBSOCKET_FRAME_HEAD_MAX_BYTES = 14,
	WEBSOCKET_PIECE_MAX_BYTES = 16 << 10,
	WEBSOCKET_FRAGMENTS_MAX = 65536, /* of one message */
};

struct websocket_reader;

/* FROM_CLIENT: its frames must be masked. Messages are held within BUDGET, which may be NULL and
 * must outlive the reader. NULL without memory. */
struct websocket_reader *websocket_reader_create(bool from_client, struct wiped_budget *budget);
void websocket_reader_free(struct websocket_reader *reader);

/* Messages of OPCODE, text or binary, that begin from now on are given out in pieces. */
void websocket_reader_stream(struct websocket_reader *reader, enum websocket_opcode opcode);

enum websocket_event {
	WEBSOCKET_MORE,	   /* all input is used */
	WEBSOCKET_MESSAGE, /* a whole message, a piece of one, or a control frame, is in *MESSAGE
			      until the next call */
};

struct websocket_message {
	enum websocket_opcode opcode; /* never WEBSOCKET_CONTINUATION */
	struct slice payload;	      /* unmasked; of a text valid UTF-8, whole characters */
	bool is_last;		      /* the message ends here: always, unless it is streamed */
};

/* Takes from the front of *IN. An event; or ERROR_SYNTAX, ERROR_LIMIT or -ENOMEM with *CLOSE_CODE
 * (1002, 1007, 1009, 1011) and *WHY, static text. */
int websocket_read(struct websocket_reader *reader, struct slice *in,
		   struct websocket_message *message, uint16_t *close_code, const char **why);

/* Whether a close frame may say CODE (RFC 6455 section 7.4, and the codes registered since). */
bool websocket_is_close_code(unsigned int code);

/* Writes the head of one unfragmented frame; MASK: NULL from a server, 4 bytes from a client.
 * Returns its length. */
size_t websocket_write_head(enum websocket_opcode opcode, uint64_t length, const uint8_t *mask,
			    uint8_t out[WEBSOCKET_FRAME_HEAD_MAX_BYTES]);

/* The same for a frame behind which, unless it IS_LAST, others of its message follow. */
size_t websocket_write_fragment_head(enum websocket_opcode opcode, bool is_last, uint64_t length,
				     const uint8_t *mask,
				     uint8_t out[WEBSOCKET_FRAME_HEAD_MAX_BYTES]);

/* Masks or unmasks BYTES in place; OFFSET is how far into the payload they begin. */
void websocket_mask(uint8_t *bytes, size_t length, const uint8_t mask[4], uint64_t offset);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2). 0; ERROR_SYNTAX when KEY
 * is none; ERROR_CRYPTO when there is no SHA-1 to be had. */
enum { WEBSOCKET_ACCEPT_BYTES = 28 };
int websocket_accept(struct slice key, char out[WEBSOCKET_ACCEPT_BYTES]);

/* Whether KEY is 16 bytes in base64. */
bool websocket_is_key(struct slice key);

#endif
