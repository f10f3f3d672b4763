/* WebSocket frames from arbitrary bytes: the same messages and the same end, however they are cut;
 * text is UTF-8; memory is in proportion to what has come. A message that is written anew is read
 * again as it was. In pieces, messages are the same as whole. */
#include "proxy/http/websocket.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cursor.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { READER_BYTES = 1024 }; /* with the first of a message */

/* One end of a conversation, and all that was read at it. */
struct listener {
	bool from_client;
	bool streams;
	size_t cut;
	int rc;
	uint16_t close_code;
	size_t used;
	struct buffer log;   /* opcode and payload of each message, as frames of a server */
	struct buffer begun; /* the pieces of one */
};

static void check_text(struct slice text)
{
	uint32_t code_point;

	while (text.len) {
		size_t len = utf8_decode(text, &code_point);

		assert(len > 0);
		text = slice_from(text, len);
	}
}

static void note(struct listener *listener, const struct websocket_message *message);

/* Puts pieces together. */
static void note_piece(struct listener *listener, const struct websocket_message *piece)
{
	struct websocket_message whole = *piece;

	assert(piece->payload.len <= WEBSOCKET_PIECE_MAX_BYTES);
	if (piece->opcode == WEBSOCKET_TEXT)
		check_text(piece->payload);
	assert(buffer_append(&listener->begun, piece->payload) == 0);
	if (!piece->is_last)
		return;
	whole.payload = buffer_slice(&listener->begun);
	note(listener, &whole);
	buffer_free(&listener->begun);
}

static void note(struct listener *listener, const struct websocket_message *message)
{
	uint8_t head[WEBSOCKET_FRAME_HEAD_MAX_BYTES];
	size_t len = websocket_write_head(message->opcode, message->payload.len, NULL, head);

	assert(message->opcode != WEBSOCKET_CONTINUATION);
	if (message->opcode == WEBSOCKET_TEXT)
		check_text(message->payload);
	if (message->opcode == WEBSOCKET_CLOSE)
		check_text(slice_from(message->payload, 2));
	if (message->opcode >= WEBSOCKET_CLOSE)
		assert(message->payload.len <= WEBSOCKET_CONTROL_MAX_BYTES);
	assert(buffer_append(&listener->log, slice_of(head, len)) == 0);
	assert(buffer_append(&listener->log, message->payload) == 0);
}

static void listen_to(struct listener *listener, struct slice input)
{
	struct wiped_budget budget = {.max_bytes = 3 * input.len + READER_BYTES};
	bool streams = listener->streams;
	struct websocket_reader *reader = websocket_reader_create(listener->from_client, &budget);
	struct websocket_message message;
	const char *why = NULL;

	assert(reader);
	buffer_init(&listener->log, 64 << 20);
	buffer_init(&listener->begun, 64 << 20);
	if (streams) {
		websocket_reader_stream(reader, WEBSOCKET_TEXT);
		websocket_reader_stream(reader, WEBSOCKET_BINARY);
	}
	while (listener->used < input.len && listener->rc >= 0) {
		struct slice piece = slice_first(slice_from(input, listener->used), listener->cut);
		size_t given = piece.len;

		while ((listener->rc = websocket_read(reader, &piece, &message,
						      &listener->close_code, &why)) ==
		       WEBSOCKET_MESSAGE) {
			if (streams && message.opcode < WEBSOCKET_CLOSE)
				note_piece(listener, &message);
			else
				note(listener, &message);
		}
		assert(listener->rc < 0 || piece.len == 0);
		listener->used += given - piece.len;
	}
	assert(listener->rc >= 0 || (why && listener->rc != -ENOMEM));
	websocket_reader_free(reader);
	buffer_free(&listener->begun);
	assert(budget.used_bytes == 0 && budget.refused == 0);
}

/* The frames of LOG, masked as a client does, are read as the same messages. */
static void check_comes_back(struct slice log, size_t cut)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	struct listener plain = {.cut = log.len + 1}, masked = {.from_client = true, .cut = cut};
	struct reader frames = reader_of(log);
	struct buffer wire;

	listen_to(&plain, log);
	assert(plain.rc == WEBSOCKET_MORE && slice_equal(buffer_slice(&plain.log), log));
	buffer_init(&wire, 64 << 20);
	while (reader_left(&frames)) {
		enum websocket_opcode opcode = reader_u8(&frames) & 0x0f;
		uint64_t length = reader_u8(&frames);
		uint8_t head[WEBSOCKET_FRAME_HEAD_MAX_BYTES];
		struct slice payload;

		if (length == 126)
			length = reader_u16(&frames);
		else if (length == 127)
			length = (uint64_t)reader_u32(&frames) << 32 | reader_u32(&frames);
		payload = reader_bytes(&frames, (size_t)length);
		assert(buffer_append(&wire, slice_of(head, websocket_write_head(opcode, length,
										mask, head))) == 0);
		assert(buffer_append(&wire, payload) == 0);
		websocket_mask((uint8_t *)wire.bytes + wire.end - payload.len, payload.len, mask,
			       0);
	}
	listen_to(&masked, buffer_slice(&wire));
	assert(masked.rc == WEBSOCKET_MORE && slice_equal(buffer_slice(&masked.log), log));
	buffer_free(&wire);
	buffer_free(&plain.log);
	buffer_free(&masked.log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct listener whole = {0}, cut = {0}, streamed = {0};
	struct slice input;

	if (size < 1)
		return 0;
	whole.from_client = cut.from_client = data[0] & 1;
	whole.cut = size;
	cut.cut = 1 + data[0] / 2;
	input = slice_of(data + 1, size - 1);
	listen_to(&whole, input);
	listen_to(&cut, input);
	assert(whole.rc == cut.rc && whole.close_code == cut.close_code);
	assert(slice_equal(buffer_slice(&whole.log), buffer_slice(&cut.log)));
	streamed.from_client = whole.from_client;
	streamed.streams = true;
	streamed.cut = cut.cut;
	listen_to(&streamed, input);
	/* What is too long to be held is none of theirs. */
	if (whole.rc != ERROR_LIMIT) {
		assert(whole.rc == streamed.rc && whole.close_code == streamed.close_code);
		assert(slice_equal(buffer_slice(&whole.log), buffer_slice(&streamed.log)));
	}
	buffer_free(&streamed.log);
	check_comes_back(buffer_slice(&whole.log), cut.cut);
	buffer_free(&whole.log);
	buffer_free(&cut.log);
	return 0;
}
