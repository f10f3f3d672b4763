#include "proxy/engine/websocket.h"

#include <stdio.h>

#include "base/error.h"
#include "proxy/engine/exchange_judge.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"
#include "proxy/engine/websocket_way.h"
#include "proxy/secret/scrub.h"

enum {
	WAITING_MAX_BYTES = 512 << 10,
	SCRUBBED_MAX_BYTES = 1 << 20, /* what a piece may become */
};

int websocket_ask(struct exchange *exchange, const char **why)
{
	int rc;

	*why = "out of memory";
	exchange->handshake = arena_calloc(&exchange->arena, 1, sizeof(*exchange->handshake));
	if (!exchange->handshake)
		return -ENOMEM;
	rc = websocket_handshake_ask(exchange->handshake, &exchange->request, why);
	if (rc < 0)
		exchange->handshake = NULL;
	return rc;
}

static void finish(struct websocket *socket, bool allow, const char *error, bool cut)
{
	socket->over = true;
	exchange_end_websocket(socket->exchange, allow, error, cut);
}

/* Ends it from our side. What we know of our policy is for the client. */
static void close_both(struct websocket *socket, uint16_t code, const char *reason)
{
	way_send_close(&socket->down, code, reason);
	way_send_close(&socket->up, code, "");
	if (!socket->code) {
		socket->code = code;
		socket->closed_by = "sallyport";
	}
}

static void fail(struct websocket *socket, uint16_t code, const char *why)
{
	close_both(socket, code, why);
	finish(socket, true, why, false);
}

/* WAY's source has broken the protocol. */
static void fail_source(struct way *way, uint16_t code, const char *why)
{
	struct exchange *exchange = way->socket->exchange;

	close_both(way->socket, code, why);
	snprintf(exchange->why, sizeof(exchange->why), "the %s broke the WebSocket protocol: %s",
		 way->to_origin ? "client" : "origin", why);
	finish(way->socket, true, exchange->why, false);
}

static void refuse_misuse(struct websocket *socket)
{
	struct answer answer;

	exchange_refuse_misuse(socket->exchange, &answer);
	close_both(socket, WEBSOCKET_POLICY, answer.reason);
	finish(socket, false, NULL, false);
}

static void fail_by(struct way *way, int rc)
{
	if (rc == ERROR_DENIED)
		refuse_misuse(way->socket);
	else if (rc == ERROR_LIMIT)
		fail(way->socket, WEBSOCKET_TOO_BIG,
		     "a message is too long once its secrets are put in");
	else
		fail(way->socket, WEBSOCKET_OUR_FAULT, "no memory for a message");
}

/* What comes in. */

static void end_stage(struct way *way)
{
	if (way->stage)
		way->stage->ops->free(way->stage);
	way->stage = NULL;
}

static struct stage *make_stage(struct way *way)
{
	struct exchange *exchange = way->socket->exchange;

	generation_use(exchange->sandbox,
		       way->to_origin ? &exchange->request_use : &exchange->response_use,
		       &exchange->plan);
	if (way->to_origin)
		return websocket_binary_stage(&way->socket->text);
	return scrub_stage(exchange->sandbox->body_scrubber, &exchange->scrubbed);
}

/* A piece of a message that is looked through as it comes. */
static void filter(struct way *way, const struct websocket_message *piece)
{
	char *room = way->socket->exchange->sandbox->engine->flow_scratch;
	struct slice in = piece->payload;
	int rc;

	if (!way->is_inside)
		way->stage = make_stage(way);
	do {
		struct writer out = writer_of(room, STAGE_OUT_BYTES);

		rc = way->stage ? way->stage->ops->step(way->stage, &in, piece->is_last, &out)
				: -ENOMEM;
		if (rc >= 0)
			way_send_pieces(way, piece->opcode, slice_of(room, writer_length(&out)),
					rc == STAGE_END);
	} while (rc == STAGE_FULL);
	explicit_bzero(room, STAGE_OUT_BYTES);
	if (rc < 0)
		fail_by(way, rc);
	else if (piece->is_last)
		end_stage(way);
}

/* Most messages come in one piece, and need no stage of their own. */
static void scrub_whole(struct way *way, const struct websocket_message *message)
{
	struct exchange *exchange = way->socket->exchange;
	struct slice text;
	struct arena arena;

	arena_init(&arena, SCRUBBED_MAX_BYTES);
	text = scrub_text(exchange->sandbox->body_scrubber, message->payload, &arena,
			  &exchange->scrubbed);
	if (!text.ptr)
		fail_by(way, -ENOMEM);
	else
		way_send_pieces(way, message->opcode, text, true);
	arena_free(&arena);
}

static void pass_down(struct way *way, const struct websocket_message *piece)
{
	if (!way->socket->scrubs)
		way_send_pieces(way, piece->opcode, piece->payload, piece->is_last);
	else if (!way->is_inside && piece->is_last)
		scrub_whole(way, piece);
	else
		filter(way, piece);
}

/* A whole text from the client. */
static void take_text(struct way *way, struct slice text)
{
	int rc = websocket_text_rewrite(&way->socket->text, text, &way->rewritten);

	if (rc < 0) {
		websocket_text_release(&way->socket->text, &way->rewritten);
		fail_by(way, rc);
		return;
	}
	way->left = way->rewritten.text;
	way->is_sending = true;
}

static void pass_up(struct way *way, const struct websocket_message *piece)
{
	if (way->socket->exchange->sandbox->secrets.count == 0)
		way_send_pieces(way, piece->opcode, piece->payload, piece->is_last);
	else if (piece->opcode == WEBSOCKET_TEXT)
		take_text(way, piece->payload);
	else
		filter(way, piece);
}

static void take_data(struct way *way, const struct websocket_message *message)
{
	way->bytes += message->payload.len;
	way->messages += message->is_last;
	if (way->to_origin)
		pass_up(way, message);
	else
		pass_down(way, message);
	way->is_inside = !message->is_last;
}

/* Control frames are looked at as well: PAYLOAD as it may pass, in ARENA if it was changed. What
 * does not fit any more is left out. False: it is over. */
static bool clean_control(struct way *way, struct slice *payload, struct arena *arena)
{
	struct exchange *exchange = way->socket->exchange;
	struct websocket_rewritten rewritten;
	int rc;

	if (!way->to_origin) {
		if (!way->socket->scrubs)
			return true;
		*payload = scrub_text(exchange->sandbox->body_scrubber, *payload, arena,
				      &exchange->scrubbed);
		if (payload->ptr)
			return true;
		fail_by(way, -ENOMEM);
		return false;
	}
	/* Nothing is put in there. */
	rc = websocket_text_strip(&way->socket->text, *payload, &rewritten);
	if (rc == 0 && rewritten.memory)
		*payload = arena_copy(arena, rewritten.text);
	websocket_text_release(&way->socket->text, &rewritten);
	if (rc == 0 && payload->ptr)
		return true;
	fail_by(way, rc < 0 ? rc : -ENOMEM);
	return false;
}

static void note_close(struct way *way, struct slice payload)
{
	struct websocket *socket = way->socket;
	const unsigned char *code = (const unsigned char *)payload.ptr;

	way->closed = true;
	if (!socket->closed_by) {
		socket->closed_by = way->to_origin ? "client" : "origin";
		socket->code = payload.len ? (uint16_t)(code[0] << 8 | code[1]) : 0;
	}
	deadline_set(&socket->exchange->deadline, TIMEOUT_CLOSING);
	if (socket->up.closed && socket->down.closed)
		finish(socket, true, NULL, false);
}

static void take_control(struct way *way, const struct websocket_message *message)
{
	bool is_close = message->opcode == WEBSOCKET_CLOSE;
	struct slice payload = message->payload, text = slice_from(payload, is_close ? 2 : 0);
	char frame[WEBSOCKET_CONTROL_MAX_BYTES];
	size_t room = sizeof(frame) - (payload.len - text.len);
	struct arena arena;

	arena_init(&arena, 64 << 10);
	if (text.len && !clean_control(way, &text, &arena)) {
		arena_free(&arena);
		return;
	}
	if (text.len > room)
		text = SLICE_EMPTY;
	if (room < sizeof(frame))
		memcpy(frame, payload.ptr, sizeof(frame) - room);
	if (text.len)
		memcpy(frame + sizeof(frame) - room, text.ptr, text.len);
	way_send_frame(way, message->opcode, true,
		       slice_of(frame, sizeof(frame) - room + text.len));
	arena_free(&arena);
	if (is_close)
		note_close(way, payload);
}

/* Takes from IN as much as can be passed on; what is left of it. */
static struct slice run(struct way *way, struct slice in)
{
	struct websocket *socket = way->socket;
	struct websocket_message message;
	uint16_t code = 0;
	const char *why = "";
	int rc;

	while (!socket->over && !way->closed) {
		if (way->is_sending)
			way_send_left(way);
		if (way->is_sending || way_is_congested(way))
			return in;
		rc = websocket_read(way->reader, &in, &message, &code, &why);
		if (rc == WEBSOCKET_MORE)
			return in;
		if (rc < 0)
			fail_source(way, code, why);
		else if (message.opcode >= WEBSOCKET_CLOSE)
			take_control(way, &message);
		else
			take_data(way, &message);
	}
	/* Nothing is wanted behind a close frame. */
	return SLICE_EMPTY;
}

static void push(struct way *way, struct slice in)
{
	struct websocket *socket = way->socket;
	bool kept = buffer_length(&way->waiting) > 0;
	struct slice rest;

	if (way->closed || way->is_running)
		return;
	if (kept && in.len && buffer_append(&way->waiting, in) < 0) {
		fail_by(way, -ENOMEM);
		return;
	}
	way->is_running = true;
	rest = run(way, kept ? buffer_slice(&way->waiting) : in);
	way->is_running = false;
	if (socket->over)
		return;
	if (kept)
		buffer_consume(&way->waiting, buffer_length(&way->waiting) - rest.len);
	else if (rest.len && buffer_append(&way->waiting, rest) < 0) {
		fail_by(way, -ENOMEM);
		return;
	}
	way_pause(way, way->is_sending || rest.len || (!way->closed && way_is_congested(way)));
}

static void note_activity(struct websocket *socket)
{
	if (!socket->closed_by)
		deadline_set(&socket->exchange->deadline, TIMEOUT_WEBSOCKET);
}

void websocket_from_client(struct exchange *exchange, struct slice data)
{
	note_activity(exchange->websocket);
	push(&exchange->websocket->up, data);
}

void websocket_from_origin(struct exchange *exchange, struct slice data)
{
	note_activity(exchange->websocket);
	push(&exchange->websocket->down, data);
}

void websocket_client_drained(struct exchange *exchange)
{
	push(&exchange->websocket->down, SLICE_EMPTY);
}

void websocket_origin_drained(struct exchange *exchange)
{
	push(&exchange->websocket->up, SLICE_EMPTY);
}

bool websocket_is_closing(const struct exchange *exchange)
{
	return exchange->websocket->closed_by != NULL;
}

void websocket_client_ended(struct exchange *exchange)
{
	/* The origin's close frame is still wanted. */
	if (exchange->websocket->up.closed)
		return;
	finish(exchange->websocket, true, "the client ended without a close frame", true);
}

void websocket_origin_ended(struct exchange *exchange)
{
	struct websocket *socket = exchange->websocket;

	if (socket->down.closed)
		finish(socket, true, NULL, false);
	else
		finish(socket, true, "the origin ended without a close frame", true);
}

void websocket_late(struct exchange *exchange)
{
	struct websocket *socket = exchange->websocket;

	if (socket->closed_by)
		finish(socket, true, "a close frame was not answered in time", false);
	else
		fail(socket, WEBSOCKET_GOING_AWAY, "nothing came for too long");
}

void websocket_describe(struct exchange *exchange, struct audit_record *record)
{
	const struct websocket *socket = exchange->websocket;
	struct slice protocol;

	if (!socket)
		return;
	record->has_websocket = true;
	record->websocket.messages_up = socket->up.messages;
	record->websocket.messages_down = socket->down.messages;
	record->websocket.bytes_up = socket->up.bytes;
	record->websocket.bytes_down = socket->down.bytes;
	record->websocket.close_code = socket->code;
	record->websocket.closed_by = socket->closed_by;
	/* A slot may be there. */
	protocol = secret_redact(&exchange->sandbox->secrets, exchange->handshake->chosen,
				 &exchange->arena);
	record->websocket.protocol = protocol.ptr ? protocol : SLICE_EMPTY;
}

static void free_way(struct way *way)
{
	websocket_reader_free(way->reader);
	way->reader = NULL;
	buffer_free(&way->waiting);
	if (way->rewritten.memory)
		websocket_text_release(&way->socket->text, &way->rewritten);
	end_stage(way);
}

void websocket_free(struct exchange *exchange)
{
	if (!exchange->websocket)
		return;
	free_way(&exchange->websocket->up);
	free_way(&exchange->websocket->down);
}

/* The beginning. */

static int begin_way(struct websocket *socket, struct way *way, bool to_origin)
{
	struct sandbox *sandbox = socket->exchange->sandbox;

	way->socket = socket;
	way->to_origin = to_origin;
	way->paused = to_origin;
	buffer_init_wiped(&way->waiting, WAITING_MAX_BYTES);
	way->reader = websocket_reader_create(to_origin, &sandbox->message_budget);
	if (!way->reader)
		return -ENOMEM;
	websocket_reader_stream(way->reader, WEBSOCKET_BINARY);
	if (!to_origin || sandbox->secrets.count == 0)
		websocket_reader_stream(way->reader, WEBSOCKET_TEXT);
	return 0;
}

static int make(struct exchange *exchange)
{
	struct websocket *socket = arena_calloc(&exchange->arena, 1, sizeof(*socket));

	if (!socket)
		return -ENOMEM;
	socket->exchange = exchange;
	socket->scrubs = exchange->scrub != EXCHANGE_SCRUB_NONE && exchange->sandbox->body_scrubber;
	exchange->websocket = socket;
	websocket_text_init(&socket->text, exchange);
	if (begin_way(socket, &socket->up, true) < 0 || begin_way(socket, &socket->down, false) < 0)
		return -ENOMEM;
	return 0;
}

static int give_up(struct exchange *exchange, int status, const char *why)
{
	snprintf(exchange->why, sizeof(exchange->why), "%s", why);
	websocket_free(exchange);
	exchange->websocket = NULL;
	return status;
}

int websocket_begin(struct exchange *exchange, struct http_message *response)
{
	const char *why = "out of memory";

	if (websocket_handshake_answer(exchange->handshake, response, &why) < 0) {
		snprintf(exchange->why, sizeof(exchange->why),
			 "the origin's answer to the WebSocket's handshake is malformed: %s", why);
		return 502;
	}
	if (make(exchange) < 0)
		return give_up(exchange, 503, "no memory for a WebSocket");
	if (!exchange->ops->upgrade(exchange->leg, response))
		return give_up(exchange, 400,
			       "the client did not wait for the answer to the WebSocket's "
			       "handshake");
	exchange->status = response->status;
	exchange->state = EXCHANGE_RESPONDING;
	deadline_set(&exchange->deadline, TIMEOUT_WEBSOCKET);
	way_pause(&exchange->websocket->up, false);
	return 0;
}
