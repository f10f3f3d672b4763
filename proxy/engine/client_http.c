/* HTTP/1.1 on the client's leg: requests taken from the connection, responses put on it. */
#include <sys/socket.h>

#include "base/error.h"
#include "proxy/engine/client.h"
#include "proxy/engine/h1_output.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

static void read_on(struct client *client)
{
	/* A client that has closed its half sends nothing more, and its end would be told again and
	 * again. */
	if (!client->half_closed)
		stream_resume(&client->stream);
}

/* Waits for the client to have read our last answer, as a socket closed with unread input makes the
 * kernel reset the connection, and the answer with it (RFC 9112 section 9.6). */
void client_linger(struct client *client)
{
	if (client->half_closed) {
		client_close(client, false);
		return;
	}
	client->state = CLIENT_LINGERING;
	client->drained_bytes = 0;
	client->sent_mark = client->stream.bytes_out;
	stream_shutdown(&client->stream);
	deadline_set(&client->deadline, TIMEOUT_LINGER);
	stream_resume(&client->stream);
}

/* The leg's operations, called by the exchange. */

static void respond(void *leg, const struct http_message *response, bool close)
{
	struct client *client = leg;
	struct writer out;
	int framing;

	/* HTTP/1.0 knows no informational responses (RFC 9110 section 15.2). */
	if (client->cut_off || (response->status < 200 && client->minor_version == 0))
		return;
	if (response->status >= 200 && (close || client->minor_version == 0))
		client->close_after = true;
	out = writer_of(stream_stage_reserve(&client->stream, H1_WRITE_MAX_BYTES),
			H1_WRITE_MAX_BYTES);
	framing = h1_write_response(&out, response, client->minor_version,
				    response->status >= 200 && client->close_after);
	if (framing < 0) {
		/* What our own writer refuses does not leave, nor does the body behind it, which
		 * would be taken for a head; the client is cut off. */
		client->cut_off = true;
		return;
	}
	stream_stage_commit(&client->stream, writer_length(&out));
	if (response->status >= 200)
		client->framing = (enum h1_framing)framing;
}

static void send_data(void *leg, struct slice data)
{
	struct client *client = leg;

	if (client->cut_off)
		return;
	if (client->half_closed)
		deadline_set(&client->deadline, TIMEOUT_HALF_CLOSED);
	h1_output_data(&client->stream, client->framing, data);
}

static void send_end(void *leg, const struct http_fields *trailers)
{
	struct client *client = leg;

	if (!client->cut_off)
		h1_output_end(&client->stream, client->framing, trailers);
}

static bool is_congested(void *leg)
{
	struct client *client = leg;

	return stream_is_congested(&client->stream);
}

static void pause_request(void *leg, bool pause)
{
	struct client *client = leg;

	if (client->request_paused == pause)
		return;
	client->request_paused = pause;
	if (!client->in_body)
		return;
	if (pause) {
		stream_pause(&client->stream);
		deadline_clear(&client->deadline);
	} else {
		deadline_set(&client->deadline, TIMEOUT_BODY);
		read_on(client);
	}
}

/* After an early response the rest of the request is read and dropped, within bounds: only behind
 * it the next one can begin. */
static void drain_request(struct client *client)
{
	client->request_paused = false;
	client->drained_bytes = 0;
	/* The exchange and its memory are gone: trailers will be dropped. */
	client->body.arena = NULL;
	deadline_set(&client->deadline, TIMEOUT_LINGER);
	read_on(client);
}

static void await_request(struct client *client)
{
	client->scanned = 0;
	client->request_paused = true;
	client->head_begun = false;
	h1_body_free(&client->body);
	if (client->half_closed && buffer_length(&client->received) == 0) {
		client_close(client, false);
		return;
	}
	deadline_set(&client->deadline, TIMEOUT_IDLE);
	/* A pipelined request may be here already; the loop comes back for it. */
	stream_pause(&client->stream);
	stream_resume(&client->stream);
}

static void over(void *leg, bool cut)
{
	struct client *client = leg;

	client->exchange = NULL;
	if (client->state != CLIENT_SERVING)
		return;
	if (cut || client->cut_off)
		client_close(client, true);
	else if (client->close_after)
		client_linger(client);
	else if (client->in_body)
		drain_request(client);
	else
		await_request(client);
}

static const struct client_leg_ops ops = {
	.respond = respond,
	.data = send_data,
	.end = send_end,
	.is_congested = is_congested,
	.pause_request = pause_request,
	.over = over,
};

/* The request cannot be read on: its exchange is told, and the connection with it is lost for more.
 */
static void refuse_request(struct client *client, const struct h1_fault *fault)
{
	client->close_after = true;
	client->in_body = false;
	client->recorded = true;
	if (client->exchange)
		exchange_request_bad(client->exchange, fault->status, fault->text);
	else
		client_linger(client);
}

static bool start_exchange(struct client *client)
{
	client->exchange = exchange_create(client->sandbox, &client->facts, &ops, client);
	if (!client->exchange)
		client_close(client, true);
	return client->exchange != NULL;
}

static void begin_request(struct client *client)
{
	struct exchange *exchange = client->exchange;
	struct http_message *request = &exchange->request;

	client->recorded = true;
	client->head_begun = false;
	client->minor_version = request->minor_version;
	client->close_after = request->close;
	client->request_paused = true;
	deadline_clear(&client->deadline);
	h1_body_init(&client->body, request);
	client->in_body = client->body.state != H1_BODY_DONE;
	if (client->in_body)
		stream_pause(&client->stream);
	exchange_request(exchange);
	if (client->exchange == exchange && !client->in_body)
		exchange_request_end(exchange, NULL);
}

/* Takes one head off the front of INPUT. How many bytes, 0 if it is not whole yet, negative when
 * the connection is lost. */
static ssize_t take_head(struct client *client, struct slice input)
{
	struct h1_fault fault = {400, "it cannot be read"};
	ssize_t length = h1_head_find_end(input, &client->scanned, &fault);
	struct slice head;
	int rc;

	if (length == ERROR_INCOMPLETE)
		return 0;
	if (!start_exchange(client))
		return ERROR_LIMIT;
	client->minor_version = 1;
	if (length < 0) {
		refuse_request(client, &fault);
		return length;
	}
	client->scanned = 0;
	head = arena_copy(&client->exchange->arena, slice_first(input, (size_t)length));
	rc = head.ptr ? h1_parse_request(head, client->facts.scheme, &client->exchange->request,
					 &fault)
		      : -ENOMEM;
	if (rc < 0) {
		refuse_request(client, &fault);
		return rc;
	}
	begin_request(client);
	return length;
}

static void end_of_body(struct client *client)
{
	client->in_body = false;
	if (client->exchange) {
		struct http_fields trailers = client->body.trailer_fields;

		deadline_clear(&client->deadline);
		exchange_request_end(client->exchange, &trailers);
	} else {
		await_request(client);
	}
}

/* Takes body from INPUT. False: no more can be done with it now. */
static bool take_body(struct client *client, struct slice *input)
{
	struct h1_fault fault = {400, "it cannot be read"};
	struct slice data;
	int event;

	if (client->request_paused)
		return false;
	event = h1_body_feed(&client->body, input, &data, &fault);
	switch (event) {
	case H1_BODY_DATA:
		if (client->exchange) {
			deadline_set(&client->deadline, TIMEOUT_BODY);
			exchange_request_data(client->exchange, data);
			return true;
		}
		client->drained_bytes += data.len;
		if (client->drained_bytes <= LIMIT_DRAIN_BYTES)
			return true;
		client_linger(client);
		return false;
	case H1_BODY_MORE:
		return false;
	case H1_BODY_END:
		end_of_body(client);
		return true;
	default:
		refuse_request(client, &fault);
		return false;
	}
}

/* Uses INPUT as far as it goes now; returns what is left. */
static struct slice consume(struct client *client, struct slice input)
{
	while (client->state == CLIENT_SERVING) {
		if (client->in_body) {
			if (!take_body(client, &input))
				break;
		} else if (!client->exchange && !client->close_after && input.len) {
			ssize_t taken = take_head(client, input);

			if (taken <= 0)
				break;
			input = slice_from(input, (size_t)taken);
		} else {
			break;
		}
	}
	return input;
}

static void keep_rest(struct client *client, struct slice rest)
{
	/* What is sent ahead of its turn is bounded: reading stops until its turn comes. */
	if (buffer_append(&client->received, rest) < 0)
		client_close(client, true);
	else if (buffer_length(&client->received) > HTTP_HEAD_MAX_BYTES && client->exchange)
		stream_pause(&client->stream);
}

static void handle_input(struct client *client, struct slice input)
{
	bool kept = buffer_length(&client->received) > 0;
	struct slice rest;

	if (kept && input.len) {
		keep_rest(client, input);
		if (client->state == CLIENT_CLOSED)
			return;
	}
	rest = consume(client, kept ? buffer_slice(&client->received) : input);
	if (client->state != CLIENT_SERVING)
		return;
	if (kept)
		buffer_consume(&client->received, buffer_length(&client->received) - rest.len);
	else if (rest.len)
		keep_rest(client, rest);
	if (client->state == CLIENT_SERVING && !client->exchange && !client->in_body &&
	    buffer_length(&client->received) && !client->head_begun) {
		client->head_begun = true;
		deadline_set(&client->deadline, TIMEOUT_HEAD);
	}
}

/* The client has closed its half. In the middle of a request that is the end of it; behind one, the
 * response is still wanted. */
static void handle_end(struct client *client, ssize_t error)
{
	client->half_closed = true;
	stream_pause(&client->stream);
	if (error != ERROR_EOF || client->in_body) {
		client_close(client, error != ERROR_EOF);
		return;
	}
	if (client->exchange) {
		/* Behind the requests that it sent ahead nothing can come. */
		if (buffer_length(&client->received) == 0)
			client->close_after = true;
		deadline_set(&client->deadline, TIMEOUT_HALF_CLOSED);
		return;
	}
	client_close(client, false);
}

static void drain_lingering(struct client *client)
{
	struct engine *engine = client->sandbox->engine;

	for (;;) {
		ssize_t got = stream_read(&client->stream, engine->read, ENGINE_READ_BYTES);

		if (got == -EAGAIN)
			return;
		if (got < 0 || (client->drained_bytes += (uint64_t)got) > LIMIT_DRAIN_BYTES) {
			client_close(client, false);
			return;
		}
	}
}

void client_read_http(struct client *client)
{
	struct engine *engine = client->sandbox->engine;
	size_t total = 0;

	if (client->state == CLIENT_LINGERING) {
		drain_lingering(client);
		return;
	}
	if (buffer_length(&client->received) || client->in_body)
		handle_input(client, SLICE_EMPTY);
	while (client->state == CLIENT_SERVING && !client->stream.paused &&
	       total < LIMIT_READ_BYTES) {
		ssize_t got = stream_read(&client->stream, engine->read, ENGINE_READ_BYTES);

		if (got == -EAGAIN)
			return;
		if (got < 0) {
			handle_end(client, got);
			return;
		}
		total += (size_t)got;
		handle_input(client, slice_of(engine->read, (size_t)got));
	}
}

void client_serve(struct client *client, struct slice input)
{
	client->state = CLIENT_SERVING;
	deadline_set(&client->deadline, TIMEOUT_HEAD);
	stream_resume(&client->stream);
	if (input.len)
		handle_input(client, input);
}

void client_http_drained(struct client *client)
{
	if (client->exchange)
		exchange_client_drained(client->exchange);
}

void client_http_broken(struct client *client)
{
	client_close(client, true);
}

/* An answer that is still on its way is waited for as long as it makes progress. */
static void linger_on(struct client *client)
{
	bool progress = client->stream.bytes_out != client->sent_mark;

	client->sent_mark = client->stream.bytes_out;
	if (progress && stream_is_congested(&client->stream))
		deadline_set(&client->deadline, TIMEOUT_RESPONSE);
	else
		client_close(client, false);
}

void client_http_late(struct client *client)
{
	const struct h1_fault late = {408, "the request did not come in time"};

	if (client->state == CLIENT_LINGERING)
		linger_on(client);
	else if (client->exchange && client->half_closed)
		exchange_client_gone(client->exchange,
				     "the client closed its half, and no response came for it");
	else if (client->exchange && client->in_body)
		refuse_request(client, &late);
	else if (client->head_begun && !client->exchange && start_exchange(client))
		refuse_request(client, &late);
	else
		client_close(client, false);
}
