#include "proxy/http/websocket.h"

#include <string.h>

#include "base/utf8.h"

enum {
	FIN = 0x80,
	RESERVED = 0x70,
	OPCODE = 0x0f,
	CONTROL = 0x08, /* in an opcode */
	MASKED = 0x80,
	LENGTH = 0x7f,
	LENGTH_OF_2_BYTES = 126,
	LENGTH_OF_8_BYTES = 127,
	FIRST_CAPACITY_BYTES = 256,
};

enum reader_state {
	READER_HEAD,
	READER_PAYLOAD,
	READER_CLOSED,
};

struct websocket_reader {
	struct wiped_budget *budget;
	bool from_client;
	enum reader_state state;
	int failure; /* 0, or what every call returns from now on */
	uint16_t close_code;
	const char *why;
	bool streams_text;
	bool streams_binary;

	/* The frame. */
	uint8_t head[WEBSOCKET_FRAME_HEAD_MAX_BYTES];
	size_t head_length;
	uint64_t left;	     /* of its payload */
	uint64_t taken;	     /* of its payload */
	const uint8_t *mask; /* in head, or NULL */
	uint8_t control[WEBSOCKET_CONTROL_MAX_BYTES];

	/* The message, over its frames. */
	enum websocket_opcode opcode; /* WEBSOCKET_CONTINUATION: there is none */
	unsigned int fragments;
	char *bytes;
	size_t length;
	size_t capacity;
	size_t checked; /* of a text: these are whole characters */
	bool is_streamed;
	size_t given; /* of a message that is streamed: the piece that was given out */
};

struct websocket_reader *websocket_reader_create(bool from_client, struct wiped_budget *budget)
{
	struct websocket_reader *reader = wiped_alloc(budget, sizeof(*reader));

	if (reader)
		*reader = (struct websocket_reader){.budget = budget, .from_client = from_client};
	return reader;
}

void websocket_reader_stream(struct websocket_reader *reader, enum websocket_opcode opcode)
{
	if (opcode == WEBSOCKET_TEXT)
		reader->streams_text = true;
	else
		reader->streams_binary = true;
}

/* Wipes what was handed out; its memory may serve the next message. */
static void forget_message(struct websocket_reader *reader)
{
	if (reader->length)
		explicit_bzero(reader->bytes, reader->length);
	reader->length = reader->checked = reader->given = 0;
	reader->fragments = 0;
}

/* The same with a piece: what stays is the beginning of a character. */
static void forget_piece(struct websocket_reader *reader)
{
	size_t left = reader->length - reader->given;

	if (reader->given == 0)
		return;
	memmove(reader->bytes, reader->bytes + reader->given, left);
	explicit_bzero(reader->bytes + left, reader->given);
	reader->length = left;
	reader->checked = reader->given = 0;
}

static void release_message(struct websocket_reader *reader)
{
	wiped_free(reader->budget, reader->bytes);
	reader->bytes = NULL;
	reader->length = reader->capacity = 0;
}

void websocket_reader_free(struct websocket_reader *reader)
{
	if (!reader)
		return;
	release_message(reader);
	wiped_free(reader->budget, reader);
}

static int fail(struct websocket_reader *reader, enum websocket_close_code close_code,
		const char *why)
{
	reader->close_code = (uint16_t)close_code;
	reader->why = why;
	if (close_code == WEBSOCKET_OUR_FAULT)
		return -ENOMEM;
	return close_code == WEBSOCKET_TOO_BIG ? ERROR_LIMIT : ERROR_SYNTAX;
}

static int refuse(struct websocket_reader *reader, const char *why)
{
	return fail(reader, WEBSOCKET_PROTOCOL_ERROR, why);
}

static bool is_final(const struct websocket_reader *reader)
{
	return reader->head[0] & FIN;
}

static enum websocket_opcode frame_opcode(const struct websocket_reader *reader)
{
	return reader->head[0] & OPCODE;
}

static bool is_control(const struct websocket_reader *reader)
{
	return reader->head[0] & CONTROL;
}

/* FIN, reserved bits, and the opcode. */
static int check_first_byte(struct websocket_reader *reader)
{
	if (reader->head[0] & RESERVED)
		return refuse(reader, "a reserved bit is set, and no extension was agreed on");
	switch (frame_opcode(reader)) {
	case WEBSOCKET_CONTINUATION:
		if (!reader->opcode)
			return refuse(reader, "a continuation of no message");
		return 0;
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
		if (reader->opcode)
			return refuse(reader, "a message begins within another");
		return 0;
	case WEBSOCKET_CLOSE:
	case WEBSOCKET_PING:
	case WEBSOCKET_PONG:
		if (!is_final(reader))
			return refuse(reader, "a control frame is fragmented");
		return 0;
	}
	return refuse(reader, "a reserved opcode");
}

/* The mask bit, and the length or what it says of its form. */
static int check_second_byte(struct websocket_reader *reader)
{
	bool masked = reader->head[1] & MASKED;

	if (masked && !reader->from_client)
		return refuse(reader, "a frame from the server is masked");
	if (!masked && reader->from_client)
		return refuse(reader, "a frame from the client is not masked");
	if (is_control(reader) && (reader->head[1] & LENGTH) > WEBSOCKET_CONTROL_MAX_BYTES)
		return refuse(reader, "a control frame of more than 125 bytes");
	return 0;
}

static size_t length_bytes(const struct websocket_reader *reader)
{
	switch (reader->head[1] & LENGTH) {
	case LENGTH_OF_2_BYTES:
		return 2;
	case LENGTH_OF_8_BYTES:
		return 8;
	default:
		return 0;
	}
}

static bool head_is_whole(const struct websocket_reader *reader)
{
	size_t mask_bytes = reader->from_client ? 4 : 0;

	return reader->head_length >= 2 &&
	       reader->head_length == 2 + length_bytes(reader) + mask_bytes;
}

/* The length, which must be in its shortest form. */
static int read_length(struct websocket_reader *reader)
{
	static const uint64_t least[] = {[2] = LENGTH_OF_2_BYTES, [8] = UINT64_C(1) << 16};
	size_t bytes = length_bytes(reader);

	reader->left = reader->head[1] & LENGTH;
	if (bytes == 0)
		return 0;
	reader->left = 0;
	for (size_t i = 0; i < bytes; i++)
		reader->left = reader->left << 8 | reader->head[2 + i];
	if (reader->left >> 63)
		return refuse(reader, "a length of 64 bits");
	if (reader->left < least[bytes])
		return refuse(reader, "a length that is not in its shortest form");
	return 0;
}

/* A frame of data joins the message. */
static int join_message(struct websocket_reader *reader)
{
	if (!reader->opcode) {
		reader->opcode = frame_opcode(reader);
		reader->is_streamed = reader->opcode == WEBSOCKET_TEXT ? reader->streams_text
								       : reader->streams_binary;
	}
	if (!reader->is_streamed && reader->left > WEBSOCKET_MESSAGE_MAX_BYTES - reader->length)
		return fail(reader, WEBSOCKET_TOO_BIG, "a message of more than 16 MiB");
	if (reader->fragments == WEBSOCKET_FRAGMENTS_MAX)
		return fail(reader, WEBSOCKET_TOO_BIG, "a message of more than 65536 fragments");
	reader->fragments++;
	return 0;
}

static int begin_payload(struct websocket_reader *reader)
{
	int rc = read_length(reader);

	if (rc == 0 && !is_control(reader))
		rc = join_message(reader);
	reader->taken = 0;
	reader->mask = reader->from_client ? reader->head + reader->head_length - 4 : NULL;
	reader->state = READER_PAYLOAD;
	return rc;
}

/* 0: if the state is still READER_HEAD, more is needed. Byte by byte, so that a frame is refused at
 * the first byte that cannot stand there, wherever it was cut. */
static int read_head(struct websocket_reader *reader, struct slice *in)
{
	while (in->len) {
		int rc = 0;

		reader->head[reader->head_length++] = (uint8_t)in->ptr[0];
		*in = slice_from(*in, 1);
		if (reader->head_length == 1)
			rc = check_first_byte(reader);
		else if (reader->head_length == 2)
			rc = check_second_byte(reader);
		if (rc < 0)
			return rc;
		if (head_is_whole(reader))
			return begin_payload(reader);
	}
	return 0;
}

/* That are held. */
static size_t most_bytes(const struct websocket_reader *reader)
{
	return reader->is_streamed ? WEBSOCKET_PIECE_MAX_BYTES : WEBSOCKET_MESSAGE_MAX_BYTES;
}

/* Memory for SIZE more bytes of the message; what it leaves behind is wiped. */
static int make_room(struct websocket_reader *reader, size_t size)
{
	size_t needed = reader->length + size, capacity = reader->capacity * 2;
	char *bytes;

	if (needed <= reader->capacity)
		return 0;
	if (capacity < FIRST_CAPACITY_BYTES)
		capacity = FIRST_CAPACITY_BYTES;
	/* The end of the message may be in sight. */
	if (is_final(reader) && capacity > reader->length + reader->left)
		capacity = reader->length + (size_t)reader->left;
	if (capacity > most_bytes(reader))
		capacity = most_bytes(reader);
	if (capacity < needed)
		capacity = needed;
	bytes = wiped_alloc(reader->budget, capacity);
	if (!bytes)
		return fail(reader, WEBSOCKET_OUR_FAULT, "no memory for the message");
	if (reader->length)
		memcpy(bytes, reader->bytes, reader->length);
	wiped_free(reader->budget, reader->bytes);
	reader->bytes = bytes;
	reader->capacity = capacity;
	return 0;
}

/* As soon as it comes, so that a peer is told at the first byte that cannot be text. */
static int check_text(struct websocket_reader *reader)
{
	if (reader->checked < reader->length) {
		ssize_t whole = utf8_scan(slice_of(reader->bytes + reader->checked,
						   reader->length - reader->checked));

		if (whole < 0)
			return fail(reader, WEBSOCKET_NOT_TEXT, "text that is not UTF-8");
		reader->checked += (size_t)whole;
	}
	if (is_final(reader) && reader->left == 0 && reader->checked < reader->length)
		return fail(reader, WEBSOCKET_NOT_TEXT, "text that ends within a character");
	return 0;
}

/* Copies BYTES, at the place in the payload where we are, to OUT. */
static void take(struct websocket_reader *reader, struct slice bytes, char *out)
{
	memcpy(out, bytes.ptr, bytes.len);
	if (reader->mask)
		websocket_mask((uint8_t *)out, bytes.len, reader->mask, reader->taken);
	reader->taken += bytes.len;
	reader->left -= bytes.len;
}

/* 0: if anything is left of it, more is needed. */
static int read_payload(struct websocket_reader *reader, struct slice *in)
{
	struct slice bytes = slice_first(*in,
					 reader->left < in->len ? (size_t)reader->left : in->len);
	int rc = 0;

	if (!is_control(reader))
		bytes = slice_first(bytes, most_bytes(reader) - reader->length);
	*in = slice_from(*in, bytes.len);
	if (is_control(reader)) {
		if (bytes.len)
			take(reader, bytes, (char *)reader->control + reader->taken);
		return 0;
	}
	if (bytes.len) {
		rc = make_room(reader, bytes.len);
		if (rc < 0)
			return rc;
		take(reader, bytes, reader->bytes + reader->length);
		reader->length += bytes.len;
	}
	return reader->opcode == WEBSOCKET_TEXT ? check_text(reader) : 0;
}

static int end_control(struct websocket_reader *reader, struct websocket_message *message)
{
	struct slice payload = slice_of(reader->control, (size_t)reader->taken);

	*message = (struct websocket_message){frame_opcode(reader), payload, true};
	if (message->opcode != WEBSOCKET_CLOSE)
		return WEBSOCKET_MESSAGE;
	reader->state = READER_CLOSED;
	if (payload.len == 0)
		return WEBSOCKET_MESSAGE;
	if (payload.len == 1)
		return refuse(reader, "half a close code");
	if (!websocket_is_close_code((unsigned int)(reader->control[0] << 8 | reader->control[1])))
		return refuse(reader, "a close code that must not be sent");
	if (utf8_scan(slice_from(payload, 2)) != (ssize_t)payload.len - 2)
		return fail(reader, WEBSOCKET_NOT_TEXT, "a reason that is not UTF-8");
	return WEBSOCKET_MESSAGE;
}

/* The frame is whole; perhaps the message is, too. */
static int end_frame(struct websocket_reader *reader, struct websocket_message *message)
{
	reader->state = READER_HEAD;
	reader->head_length = 0;
	if (is_control(reader))
		return end_control(reader, message);
	if (!is_final(reader))
		return WEBSOCKET_MORE;
	*message = (struct websocket_message){
		reader->opcode,
		reader->length ? slice_of(reader->bytes, reader->length) : SLICE_EMPTY,
		true,
	};
	reader->opcode = WEBSOCKET_CONTINUATION;
	return WEBSOCKET_MESSAGE;
}

/* Something has come of a message that is streamed. */
static int end_piece(struct websocket_reader *reader, struct websocket_message *message)
{
	bool ends_frame = reader->left == 0, ends = ends_frame && is_final(reader);
	bool is_text = reader->opcode == WEBSOCKET_TEXT;

	if (ends_frame) {
		reader->state = READER_HEAD;
		reader->head_length = 0;
	}
	reader->given = is_text ? reader->checked : reader->length;
	if (reader->given == 0 && !ends)
		return WEBSOCKET_MORE;
	*message = (struct websocket_message){
		reader->opcode,
		reader->given ? slice_of(reader->bytes, reader->given) : SLICE_EMPTY,
		ends,
	};
	if (ends)
		reader->opcode = WEBSOCKET_CONTINUATION;
	return WEBSOCKET_MESSAGE;
}

static int read_more(struct websocket_reader *reader, struct slice *in,
		     struct websocket_message *message)
{
	int rc;

	do {
		if (reader->state == READER_CLOSED)
			return in->len ? refuse(reader, "something behind a close frame")
				       : WEBSOCKET_MORE;
		if (reader->state == READER_HEAD) {
			rc = read_head(reader, in);
			if (rc < 0 || reader->state == READER_HEAD)
				return rc;
		}
		rc = read_payload(reader, in);
		if (rc < 0)
			return rc;
		if (reader->is_streamed && !is_control(reader))
			rc = end_piece(reader, message);
		else if (reader->left == 0)
			rc = end_frame(reader, message);
	} while (rc == WEBSOCKET_MORE && (reader->state != READER_PAYLOAD || in->len));
	return rc;
}

int websocket_read(struct websocket_reader *reader, struct slice *in,
		   struct websocket_message *message, uint16_t *close_code, const char **why)
{
	int rc = reader->failure;

	if (rc == 0) {
		if (!reader->opcode)
			forget_message(reader);
		else
			forget_piece(reader);
		rc = read_more(reader, in, message);
		/* A silence may follow, which nothing is held for. */
		if (rc == WEBSOCKET_MORE && !reader->opcode)
			release_message(reader);
	}
	if (rc < 0) {
		reader->failure = rc;
		*close_code = reader->close_code;
		*why = reader->why;
	}
	return rc;
}
