#include <stdio.h>

#include "base/error.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/origin_connection.h"
#include "proxy/engine/sandbox.h"

static void refuse_response(struct origin_connection *connection, const struct h1_fault *fault)
{
	struct origin_h1 *h1 = &connection->h1;
	char why[256];

	snprintf(why, sizeof(why), "the origin's response is malformed: %s", fault->text);
	h1->answered = true;
	origin_h1_fail(connection, 502, why);
}

/* What a response's head leads to. The exchange may be over, and the connection closed, when this
 * returns. */
static void begin_response(struct origin_connection *connection, struct http_message *response)
{
	struct origin_h1 *h1 = &connection->h1;
	struct exchange *exchange = h1->origin.exchange;

	if (response->status == 101 && exchange->handshake) {
		/* What follows are frames, until the connection ends. */
		const struct http_message until_the_end = {.body = HTTP_BODY_STREAM};

		h1->upgraded = true;
		h1->framing = H1_FRAME_CLOSE;
		h1->in_body = true;
		h1_body_init(&h1->body, &until_the_end);
	} else if (response->status >= 200) {
		h1->must_close = response->close;
		h1->in_body = true;
		h1_body_init(&h1->body, response);
	}
	exchange_response(exchange, response);
}

/* Takes one head off the front of INPUT. The number of bytes, 0 when it is not whole yet, or
 * negative when the connection was closed. */
static ssize_t take_head(struct origin_connection *connection, struct slice input)
{
	struct origin_h1 *h1 = &connection->h1;
	struct exchange *exchange = h1->origin.exchange;
	struct h1_fault fault = {502, "it cannot be read"};
	struct http_message response;
	struct slice head;
	ssize_t length = h1_head_find_end(input, &h1->scanned, &fault);

	if (length == ERROR_INCOMPLETE)
		return 0;
	if (length < 0) {
		refuse_response(connection, &fault);
		return length;
	}
	h1->scanned = 0;
	http_message_init(&response, &exchange->arena);
	head = arena_copy(&exchange->arena, slice_first(input, (size_t)length));
	if (!head.ptr || h1_parse_response(head, exchange->request.method, &response, &fault) < 0) {
		refuse_response(connection, &fault);
		return ERROR_SYNTAX;
	}
	begin_response(connection, &response);
	return length;
}

/* Takes body from INPUT. False: the response is over, or the connection is closed. */
static bool take_body(struct origin_connection *connection, struct slice *input)
{
	struct origin_h1 *h1 = &connection->h1;
	struct h1_fault fault = {502, "it cannot be read"};
	struct slice data;
	int event = h1_body_feed(&h1->body, input, &data, &fault);

	switch (event) {
	case H1_BODY_DATA:
		exchange_response_data(h1->origin.exchange, data);
		return h1->origin.exchange != NULL;
	case H1_BODY_MORE:
		return false;
	case H1_BODY_END:
		h1->in_body = false;
		h1->response_read = true;
		return false;
	default:
		refuse_response(connection, &fault);
		return false;
	}
}

static void end_response(struct origin_connection *connection)
{
	struct origin_h1 *h1 = &connection->h1;
	struct http_fields trailers = h1->body.trailer_fields;

	h1_body_free(&h1->body);
	/* Nothing was asked for behind it. */
	if (buffer_length(&h1->received))
		h1->must_close = true;
	exchange_response_end(h1->origin.exchange, &trailers);
}

/* Uses INPUT as far as it goes; returns what is left of it. */
static struct slice consume(struct origin_connection *connection, struct slice input)
{
	struct origin_h1 *h1 = &connection->h1;

	while (h1->origin.exchange && !connection->stream.paused) {
		if (h1->in_body) {
			if (take_body(connection, &input))
				continue;
			break;
		}
		if (input.len) {
			ssize_t taken = take_head(connection, input);

			if (taken <= 0)
				break;
			input = slice_from(input, (size_t)taken);
			continue;
		}
		break;
	}
	return input;
}

static void keep_rest(struct origin_connection *connection, struct slice rest)
{
	struct origin_h1 *h1 = &connection->h1;

	if (buffer_append(&h1->received, rest) < 0)
		origin_h1_fail(connection, 502, "the origin sends more than can be taken in");
}

/* Deals with SLICE, which has just been read, behind what was kept of earlier ones. */
static void handle_input(struct origin_connection *connection, struct slice input)
{
	struct origin_h1 *h1 = &connection->h1;
	bool kept = buffer_length(&h1->received) > 0;
	struct slice rest;

	if (kept && input.len) {
		keep_rest(connection, input);
		if (connection->state == ORIGIN_CLOSED)
			return;
	}
	rest = consume(connection, kept ? buffer_slice(&h1->received) : input);
	if (connection->state == ORIGIN_CLOSED || !h1->origin.exchange)
		return;
	if (kept)
		buffer_consume(&h1->received, buffer_length(&h1->received) - rest.len);
	else if (rest.len)
		keep_rest(connection, rest);
	if (connection->state != ORIGIN_CLOSED && h1->response_read)
		end_response(connection);
}

static void handle_end(struct origin_connection *connection, ssize_t error)
{
	struct origin_h1 *h1 = &connection->h1;
	bool orderly = error == ERROR_EOF;

	if (h1->in_body && orderly && h1_body_eof(&h1->body) == H1_BODY_END) {
		h1->in_body = false;
		h1->response_read = true;
		h1->must_close = true;
		end_response(connection);
	} else if (h1->in_body || buffer_length(&h1->received)) {
		h1->answered = true;
		origin_h1_fail(connection, 502,
			       "the origin ended the connection in the middle of its response");
	} else {
		origin_h1_fail(connection, 502,
			       "the origin closed the connection without an answer");
	}
}

static void drain_lingering(struct origin_connection *connection)
{
	struct engine *engine = connection->sandbox->engine;
	struct origin_h1 *h1 = &connection->h1;
	ssize_t got;

	while ((got = stream_read(&connection->stream, engine->read, ENGINE_READ_BYTES)) > 0) {
		h1->drained_bytes += (uint64_t)got;
		if (h1->drained_bytes > LIMIT_DRAIN_BYTES)
			break;
	}
	if (got != -EAGAIN)
		origin_connection_close(connection);
}

void origin_h1_read(struct origin_connection *connection)
{
	struct origin_h1 *h1 = &connection->h1;
	struct engine *engine = connection->sandbox->engine;
	size_t total = 0;

	if (h1->lingering) {
		drain_lingering(connection);
		return;
	}

	/* What was left when reading was stopped, the end of a body among it. */
	if (h1->busy && (h1->in_body || buffer_length(&h1->received)))
		handle_input(connection, SLICE_EMPTY);
	while (h1->busy && h1->origin.exchange && !connection->stream.paused &&
	       total < ENGINE_READ_BYTES * 4) {
		ssize_t got = stream_read(&connection->stream, engine->read, ENGINE_READ_BYTES);

		if (got == -EAGAIN)
			return;
		if (got < 0) {
			handle_end(connection, got);
			return;
		}
		h1->answered = true;
		total += (size_t)got;
		handle_input(connection, slice_of(engine->read, (size_t)got));
	}
	/* An idle connection has nothing to say: what comes is its end, or a response that nobody
	 * asked for. */
	if (connection->is_idle && stream_read(&connection->stream, engine->read, 1) != -EAGAIN)
		origin_connection_close(connection);
}
