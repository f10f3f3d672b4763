#include <stdio.h>

#include "base/error.h"
#include "proxy/engine/exchange.h"
#include "proxy/engine/origin_leg.h"
#include "proxy/engine/sandbox.h"

static void refuse_response(struct origin *origin, const struct h1_fault *fault)
{
	char why[256];

	snprintf(why, sizeof(why), "the origin's response is malformed: %s", fault->text);
	origin->answered = true;
	origin_fail(origin, 502, why);
}

/* What a response's head leads to. The exchange may be over, and the connection closed, when this
 * returns. */
static void begin_response(struct origin *origin, struct http_message *response)
{
	struct exchange *exchange = origin->exchange;

	if (response->status >= 200) {
		origin->must_close = response->close;
		origin->in_body = true;
		h1_body_init(&origin->body, response);
	}
	exchange_response(exchange, response);
}

/* Takes one head off the front of INPUT. The number of bytes, 0 when it is not whole yet, or
 * negative when the connection was closed. */
static ssize_t take_head(struct origin *origin, struct slice input)
{
	struct exchange *exchange = origin->exchange;
	struct h1_fault fault = {502, "it cannot be read"};
	struct http_message response;
	struct slice head;
	ssize_t length = h1_head_find_end(input, &origin->scanned, &fault);

	if (length == ERROR_INCOMPLETE)
		return 0;
	if (length < 0) {
		refuse_response(origin, &fault);
		return length;
	}
	origin->scanned = 0;
	http_message_init(&response, &exchange->arena);
	head = arena_copy(&exchange->arena, slice_first(input, (size_t)length));
	if (!head.ptr || h1_parse_response(head, exchange->request.method, &response, &fault) < 0) {
		refuse_response(origin, &fault);
		return ERROR_SYNTAX;
	}
	begin_response(origin, &response);
	return length;
}

/* Takes body from INPUT. False: the response is over, or the connection is closed. */
static bool take_body(struct origin *origin, struct slice *input)
{
	struct h1_fault fault = {502, "it cannot be read"};
	struct slice data;
	int event = h1_body_feed(&origin->body, input, &data, &fault);

	switch (event) {
	case H1_BODY_DATA:
		exchange_response_data(origin->exchange, data);
		return origin->exchange != NULL;
	case H1_BODY_MORE:
		return false;
	case H1_BODY_END:
		origin->in_body = false;
		origin->response_read = true;
		return false;
	default:
		refuse_response(origin, &fault);
		return false;
	}
}

static void end_response(struct origin *origin)
{
	struct http_fields trailers = origin->body.trailer_fields;

	h1_body_free(&origin->body);
	/* Nothing was asked for behind it. */
	if (buffer_length(&origin->received))
		origin->must_close = true;
	exchange_response_end(origin->exchange, &trailers);
}

/* Uses INPUT as far as it goes; returns what is left of it. */
static struct slice consume(struct origin *origin, struct slice input)
{
	while (origin->exchange && !origin->stream.paused) {
		if (origin->in_body) {
			if (take_body(origin, &input))
				continue;
			break;
		}
		if (input.len) {
			ssize_t taken = take_head(origin, input);

			if (taken <= 0)
				break;
			input = slice_from(input, (size_t)taken);
			continue;
		}
		break;
	}
	return input;
}

static void keep_rest(struct origin *origin, struct slice rest)
{
	if (buffer_append(&origin->received, rest) < 0)
		origin_fail(origin, 502, "the origin sends more than can be taken in");
}

/* Deals with SLICE, which has just been read, behind what was kept of earlier ones. */
static void handle_input(struct origin *origin, struct slice input)
{
	bool kept = buffer_length(&origin->received) > 0;
	struct slice rest;

	if (kept && input.len) {
		keep_rest(origin, input);
		if (origin->state == ORIGIN_CLOSED)
			return;
	}
	rest = consume(origin, kept ? buffer_slice(&origin->received) : input);
	if (origin->state == ORIGIN_CLOSED || !origin->exchange)
		return;
	if (kept)
		buffer_consume(&origin->received, buffer_length(&origin->received) - rest.len);
	else if (rest.len)
		keep_rest(origin, rest);
	if (origin->state != ORIGIN_CLOSED && origin->response_read)
		end_response(origin);
}

static void handle_end(struct origin *origin, ssize_t error)
{
	bool orderly = error == ERROR_EOF;

	if (origin->in_body && orderly && h1_body_eof(&origin->body) == H1_BODY_END) {
		origin->in_body = false;
		origin->response_read = true;
		origin->must_close = true;
		end_response(origin);
	} else if (origin->in_body || buffer_length(&origin->received)) {
		origin->answered = true;
		origin_fail(origin, 502,
			    "the origin ended the connection in the middle of its response");
	} else {
		origin_fail(origin, 502, "the origin closed the connection without an answer");
	}
}

void origin_read(struct origin *origin)
{
	struct engine *engine = origin->sandbox->engine;
	size_t total = 0;

	/* What was left when reading was stopped, the end of a body among it. */
	if (origin->state == ORIGIN_BUSY && (origin->in_body || buffer_length(&origin->received)))
		handle_input(origin, SLICE_EMPTY);
	while (origin->state == ORIGIN_BUSY && origin->exchange && !origin->stream.paused &&
	       total < ENGINE_READ_BYTES * 4) {
		ssize_t got = stream_read(&origin->stream, engine->read, ENGINE_READ_BYTES);

		if (got == -EAGAIN)
			return;
		if (got < 0) {
			handle_end(origin, got);
			return;
		}
		origin->answered = true;
		total += (size_t)got;
		handle_input(origin, slice_of(engine->read, (size_t)got));
	}
	/* An idle connection has nothing to say: what comes is its end, or a response that nobody
	 * asked for. */
	if (origin->state == ORIGIN_IDLE &&
	    stream_read(&origin->stream, engine->read, 1) != -EAGAIN)
		origin_close(origin);
}
