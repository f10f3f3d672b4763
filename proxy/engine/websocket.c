#include "proxy/engine/websocket.h"

#include <openssl/rand.h>
#include <stdio.h>

#include "base/error.h"
#include "proxy/engine/exchange_judge.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"
#include "proxy/engine/websocket_text.h"
#include "proxy/secret/scrub.h"

enum {
	/* Of the engine's scratch memory: a frame on its way, and what comes out of a stage. */
	FRAME_BYTES = 64 << 10,
	WAITING_MAX_BYTES = 512 << 10,
	REASON_MAX_BYTES = WEBSOCKET_CONTROL_MAX_BYTES - 2,
};

_Static_assert(FRAME_BYTES >= WEBSOCKET_PIECE_MAX_BYTES + WEBSOCKET_FRAME_HEAD_MAX_BYTES,
	       "a frame has room");
_Static_assert(SECRET_SCRATCH_BYTES >= FRAME_BYTES + STAGE_OUT_BYTES, "so has a stage's output");

/* One direction. */
struct way {
	struct websocket *socket;
	bool to_origin;
	struct websocket_reader *reader;
	struct buffer waiting; /* read, and not looked at yet */
	bool paused;	       /* its source */
	bool begun;	       /* a part of a message was sent */
	bool is_inside;	       /* a part of a message that is streamed has come */
	bool closed;
	struct slice left; /* to be sent, of a message that is whole */
	bool is_sending;
	bool is_running;
	struct websocket_rewritten rewritten;
	struct secret_body body; /* of a binary message from the client */
	struct stage *scrub;	 /* of a message to it */
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
	uint64_t scrubbed; /* hits */
	uint16_t code;	   /* of the close frame that came first; 0: none has */
	const char *closed_by;
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

/* What goes out. */

static struct engine *engine_of(const struct way *way)
{
	return way->socket->exchange->sandbox->engine;
}

static bool is_congested(const struct way *way)
{
	struct exchange *exchange = way->socket->exchange;

	if (way->to_origin)
		return exchange->origin->ops->is_congested(exchange->origin);
	return exchange->ops->is_congested(exchange->leg);
}

static void pause_source(struct way *way, bool pause)
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

static void finish(struct websocket *socket, bool allow, const char *error, bool cut)
{
	socket->over = true;
	exchange_end_websocket(socket->exchange, allow, error, cut);
}

/* PAYLOAD may be in what is read, in the stage's room, or in a reader; never where a frame is made.
 */
static void send_frame(struct way *way, enum websocket_opcode opcode, bool is_last,
		       struct slice payload)
{
	struct exchange *exchange = way->socket->exchange;
	char *frame = engine_of(way)->secret_scratch;
	uint8_t mask[4];
	size_t head;

	/* Without randomness no mask can be unknown to the client, and none is better (RFC 6455
	 * section 10.3). */
	if (way->to_origin && RAND_bytes(mask, sizeof(mask)) != 1)
		memset(mask, 0, sizeof(mask));
	head = websocket_write_fragment_head(opcode, is_last, payload.len,
					     way->to_origin ? mask : NULL, (uint8_t *)frame);
	if (payload.len)
		memcpy(frame + head, payload.ptr, payload.len);
	if (way->to_origin)
		websocket_mask((uint8_t *)frame + head, payload.len, mask, 0);
	if (way->to_origin)
		exchange->origin->ops->send_data(exchange->origin,
						 slice_of(frame, head + payload.len));
	else
		exchange->ops->data(exchange->leg, slice_of(frame, head + payload.len));
	explicit_bzero(frame, head + payload.len);
}

/* One more fragment of a message. */
static void send_piece(struct way *way, enum websocket_opcode opcode, struct slice piece, bool last)
{
	if (piece.len == 0 && !last)
		return;
	send_frame(way, way->begun ? WEBSOCKET_CONTINUATION : opcode, last, piece);
	way->begun = !last;
}

static void send_pieces(struct way *way, enum websocket_opcode opcode, struct slice bytes,
			bool is_last)
{
	do {
		struct slice piece = slice_first(bytes, WEBSOCKET_PIECE_MAX_BYTES);

		bytes = slice_from(bytes, piece.len);
		send_piece(way, opcode, piece, is_last && bytes.len == 0);
	} while (bytes.len);
}

/* Sends on what is left of a message, as far as the receiver takes it. */
static void send_left(struct way *way)
{
	while (way->is_sending && !is_congested(way)) {
		struct slice piece = slice_first(way->left, WEBSOCKET_PIECE_MAX_BYTES);

		way->left = slice_from(way->left, piece.len);
		way->is_sending = way->left.len > 0;
		send_piece(way, WEBSOCKET_TEXT, piece, !way->is_sending);
	}
	if (!way->is_sending)
		websocket_text_release(&way->socket->text, &way->rewritten);
}

/* A close frame of ours. */
static void send_close(struct way *way, uint16_t code, const char *reason)
{
	char payload[WEBSOCKET_CONTROL_MAX_BYTES] = {(char)(code >> 8), (char)(code & 0xff)};
	struct slice text = slice_first(slice_from_text(reason), REASON_MAX_BYTES);

	if (way->closed)
		return;
	memcpy(payload + 2, text.ptr, text.len);
	way->closed = true;
	send_frame(way, WEBSOCKET_CLOSE, true, slice_of(payload, 2 + text.len));
}

/* Ends it from our side. What we know of our policy is for the client. */
static void close_both(struct websocket *socket, uint16_t code, const char *reason)
{
	send_close(&socket->down, code, reason);
	send_close(&socket->up, code, "");
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

/* The exchange's policy refuses nothing in observe mode. */
static int watch_body(struct way *way, struct slice in, bool end, struct slice *out)
{
	struct exchange *exchange = way->socket->exchange;
	int rc = secret_body_feed(&way->body, in, end, out);

	if (rc != ERROR_DENIED || exchange->sandbox->policy->mode != POLICY_OBSERVE)
		return rc;
	exchange->would_deny = true;
	exchange->would_reason = "a placeholder in a message is misused";
	exchange->plan.refusal = NULL;
	exchange->plan.kill = false;
	return 0;
}

/* A piece of a binary message from the client. */
static void pass_up(struct way *way, const struct websocket_message *piece)
{
	struct exchange *exchange = way->socket->exchange;
	struct slice out = piece->payload;
	int rc = 0;

	if (!way->is_inside)
		secret_body_init(&way->body, &exchange->sandbox->secrets, &exchange->plan);
	rc = watch_body(way, piece->payload, piece->is_last, &out);
	if (rc < 0) {
		fail_by(way, rc);
		return;
	}
	send_pieces(way, piece->opcode, out, piece->is_last);
	if (piece->is_last)
		secret_body_free(&way->body);
}

/* A text that is whole, and short. */
static void pass_down_scrubbed(struct way *way, const struct websocket_message *message)
{
	struct exchange *exchange = way->socket->exchange;
	struct slice text;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	text = scrub_text(exchange->sandbox->body_scrubber, message->payload, &arena,
			  &way->socket->scrubbed);
	if (!text.ptr)
		fail(way->socket, WEBSOCKET_OUR_FAULT, "no memory to look a message through");
	else
		send_pieces(way, message->opcode, text, true);
	arena_free(&arena);
}

static void end_scrub(struct way *way)
{
	if (way->scrub)
		way->scrub->ops->free(way->scrub);
	way->scrub = NULL;
}

/* A piece of a message that is looked through as it comes. */
static void scrub_piece(struct way *way, const struct websocket_message *piece)
{
	struct exchange *exchange = way->socket->exchange;
	char *room = engine_of(way)->secret_scratch + FRAME_BYTES;
	struct slice in = piece->payload;
	int rc;

	if (!way->is_inside)
		way->scrub = scrub_stage(exchange->sandbox->body_scrubber, &way->socket->scrubbed);
	do {
		struct writer out = writer_of(room, STAGE_OUT_BYTES);

		rc = way->scrub ? way->scrub->ops->step(way->scrub, &in, piece->is_last, &out)
				: -ENOMEM;
		if (rc < 0) {
			fail(way->socket, WEBSOCKET_OUR_FAULT,
			     "a message cannot be looked through");
			return;
		}
		send_pieces(way, piece->opcode, slice_of(room, writer_length(&out)),
			    rc == STAGE_END);
	} while (rc == STAGE_FULL);
	explicit_bzero(room, STAGE_OUT_BYTES);
	if (piece->is_last)
		end_scrub(way);
}

static void pass_down(struct way *way, const struct websocket_message *piece)
{
	if (!way->socket->scrubs)
		send_pieces(way, piece->opcode, piece->payload, piece->is_last);
	else if (!way->is_inside && piece->is_last)
		pass_down_scrubbed(way, piece);
	else
		scrub_piece(way, piece);
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

static void take_data(struct way *way, const struct websocket_message *message)
{
	way->bytes += message->payload.len;
	way->messages += message->is_last;
	if (!way->to_origin)
		pass_down(way, message);
	else if (way->socket->exchange->sandbox->secrets.count == 0)
		send_pieces(way, message->opcode, message->payload, message->is_last);
	else if (message->opcode == WEBSOCKET_TEXT)
		take_text(way, message->payload);
	else
		pass_up(way, message);
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
				      &way->socket->scrubbed);
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
	send_frame(way, message->opcode, true, slice_of(frame, sizeof(frame) - room + text.len));
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
			send_left(way);
		if (way->is_sending || is_congested(way))
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
	if (kept && rest.len == 0)
		buffer_wipe(&way->waiting);
	else if (kept)
		buffer_consume(&way->waiting, buffer_length(&way->waiting) - rest.len);
	else if (rest.len && buffer_append(&way->waiting, rest) < 0) {
		fail_by(way, -ENOMEM);
		return;
	}
	pause_source(way, way->is_sending || rest.len || (!way->closed && is_congested(way)));
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
	record->scrubbed += socket->scrubbed;
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
	buffer_wipe(&way->waiting);
	if (way->rewritten.memory)
		websocket_text_release(&way->socket->text, &way->rewritten);
	secret_body_free(&way->body);
	end_scrub(way);
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
	buffer_init(&way->waiting, WAITING_MAX_BYTES);
	way->reader = websocket_reader_create(to_origin, &sandbox->message_budget);
	if (!way->reader)
		return -ENOMEM;
	websocket_reader_stream(way->reader, WEBSOCKET_BINARY);
	if (!to_origin || sandbox->secrets.count == 0)
		websocket_reader_stream(way->reader, WEBSOCKET_TEXT);
	return 0;
}

/* Whether some secret is, or may be, known to the origin. */
static bool must_scrub(const struct exchange *exchange)
{
	const struct secret_store *secrets = &exchange->sandbox->secrets;
	const struct http_message *request = &exchange->request;

	if (!exchange->sandbox->body_scrubber || request->scheme != POLICY_HTTPS)
		return false;
	for (size_t i = 0; i < secrets->count; i++) {
		if (policy_secret_names_host(secrets->entries[i].policy, &request->host,
					     request->port))
			return true;
	}
	return false;
}

static int make(struct exchange *exchange)
{
	struct websocket *socket = arena_calloc(&exchange->arena, 1, sizeof(*socket));

	if (!socket)
		return -ENOMEM;
	socket->exchange = exchange;
	socket->scrubs = must_scrub(exchange);
	exchange->websocket = socket;
	if (websocket_text_init(&socket->text, exchange) < 0 ||
	    begin_way(socket, &socket->up, true) < 0 || begin_way(socket, &socket->down, false) < 0)
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
	pause_source(&exchange->websocket->up, false);
	return 0;
}
