#include "proxy/engine/websocket_way.h"

#include <openssl/rand.h>

#include "proxy/engine/sandbox.h"

enum { REASON_MAX_BYTES = WEBSOCKET_CONTROL_MAX_BYTES - 2 };

_Static_assert(SECRET_SCRATCH_BYTES >= WEBSOCKET_PIECE_MAX_BYTES + WEBSOCKET_FRAME_HEAD_MAX_BYTES,
	       "a frame has room");

bool way_is_congested(const struct way *way)
{
	struct exchange *exchange = way->socket->exchange;

	if (way->to_origin)
		return exchange->origin->ops->is_congested(exchange->origin);
	return exchange->ops->is_congested(exchange->leg);
}

void way_pause(struct way *way, bool pause)
{
	struct exchange *exchange = way->socket->exchange;

	if (way->paused == pause)
		return;
	way->paused = pause;
	if (way->to_origin)
		exchange->ops->pause_request(exchange->leg, pause);
	else
		exchange->origin->ops->pause(exchange->origin, pause);
}

static void put(struct way *way, struct slice frame)
{
	struct exchange *exchange = way->socket->exchange;

	if (way->to_origin)
		exchange->origin->ops->send_data(exchange->origin, frame);
	else
		exchange->ops->data(exchange->leg, frame);
}

void way_send_frame(struct way *way, enum websocket_opcode opcode, bool is_last,
		    struct slice payload)
{
	char *frame = way->socket->exchange->sandbox->engine->secret_scratch;
	uint8_t mask[4] = {0};
	size_t head;

	/* A mask keeps what a client sends from being taken for a protocol of something between
	 * (RFC 6455 section 10.3); with TLS there is nothing between, and it may fail to be random.
	 */
	if (way->to_origin && RAND_bytes(mask, sizeof(mask)) != 1)
		memset(mask, 0, sizeof(mask));
	head = websocket_write_fragment_head(opcode, is_last, payload.len,
					     way->to_origin ? mask : NULL, (uint8_t *)frame);
	if (payload.len)
		memcpy(frame + head, payload.ptr, payload.len);
	if (way->to_origin)
		websocket_mask((uint8_t *)frame + head, payload.len, mask, 0);
	put(way, slice_of(frame, head + payload.len));
	explicit_bzero(frame, head + payload.len);
}

static void send_piece(struct way *way, enum websocket_opcode opcode, struct slice piece, bool last)
{
	if (piece.len == 0 && !last)
		return;
	way_send_frame(way, way->begun ? WEBSOCKET_CONTINUATION : opcode, last, piece);
	way->begun = !last;
}

void way_send_pieces(struct way *way, enum websocket_opcode opcode, struct slice bytes,
		     bool is_last)
{
	do {
		struct slice piece = slice_first(bytes, WEBSOCKET_PIECE_MAX_BYTES);

		bytes = slice_from(bytes, piece.len);
		send_piece(way, opcode, piece, is_last && bytes.len == 0);
	} while (bytes.len);
}

void way_send_left(struct way *way)
{
	while (way->is_sending && !way_is_congested(way)) {
		struct slice piece = slice_first(way->left, WEBSOCKET_PIECE_MAX_BYTES);

		way->left = slice_from(way->left, piece.len);
		way->is_sending = way->left.len > 0;
		send_piece(way, WEBSOCKET_TEXT, piece, !way->is_sending);
	}
	if (!way->is_sending)
		websocket_text_release(&way->socket->text, &way->rewritten);
}

/* Not within a character. */
static struct slice cut_reason(const char *reason)
{
	struct slice text = slice_first(slice_from_text(reason), REASON_MAX_BYTES);

	while (text.len && text.len == REASON_MAX_BYTES && (text.ptr[text.len - 1] & 0x80))
		text = slice_first(text, text.len - 1);
	return text;
}

void way_send_close(struct way *way, uint16_t code, const char *reason)
{
	char payload[WEBSOCKET_CONTROL_MAX_BYTES] = {(char)(code >> 8), (char)(code & 0xff)};
	struct slice text = cut_reason(reason);

	if (way->closed)
		return;
	memcpy(payload + 2, text.ptr, text.len);
	way->closed = true;
	way_send_frame(way, WEBSOCKET_CLOSE, true, slice_of(payload, 2 + text.len));
}
