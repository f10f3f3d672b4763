/*
 * WebSocket frames (RFC 6455 section 5), read strictly and written anew; no extensions (threat
 * S31).
 *
 * Messages are assembled within WEBSOCKET_MESSAGE_MAX_BYTES; control frames pass between fragments.
 * A reader is told its side: frames from a client are masked, frames from a server are not.
 * Refused: reserved bits and opcodes, fragmented or long control frames, lengths that are not in
 * their shortest form, text that is not UTF-8, close codes that must not be sent, anything behind a
 * close frame.
 */
#ifndef PROXY_HTTP_WEBSOCKET_H
#define PROXY_HTTP_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

enum {
	WEBSOCKET_MESSAGE_MAX_BYTES = 16 << 20,
	WEBSOCKET_FRAME_HEAD_MAX_BYTES = 14,
	WEBSOCKET_FRAGMENTS_MAX = 65536, /* of one message */
};

struct websocket_reader;

/* FROM_CLIENT: its frames must be masked. NULL without memory. */
struct websocket_reader *websocket_reader_create(bool from_client);
void websocket_reader_free(struct websocket_reader *reader);

enum websocket_event {
	WEBSOCKET_MORE,	   /* all input is used */
	WEBSOCKET_MESSAGE, /* a whole message, or a control frame, is in *MESSAGE until the next
			      call */
};

struct websocket_message {
	enum websocket_opcode opcode;
	struct slice payload;
};

/* Takes from the front of *IN. An event, or ERROR_SYNTAX or ERROR_LIMIT with *CLOSE_CODE (1002,
 * 1007, 1009) and *WHY. */
int websocket_read(struct websocket_reader *reader, struct slice *in,
		   struct websocket_message *message, uint16_t *close_code, const char **why);

/* Writes the head of one unfragmented frame; MASK: NULL from a server, 4 bytes from a client.
 * Returns its length. */
size_t websocket_write_head(enum websocket_opcode opcode, uint64_t length, const uint8_t *mask,
			    uint8_t out[WEBSOCKET_FRAME_HEAD_MAX_BYTES]);

/* Masks or unmasks BYTES in place; OFFSET is how far into the payload they begin. */
void websocket_mask(uint8_t *bytes, size_t length, const uint8_t mask[4], uint64_t offset);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2). */
enum { WEBSOCKET_ACCEPT_BYTES = 28 };
void websocket_accept(struct slice key, char out[WEBSOCKET_ACCEPT_BYTES]);

/* Whether KEY is 16 bytes in base64. */
bool websocket_is_key(struct slice key);

#endif
