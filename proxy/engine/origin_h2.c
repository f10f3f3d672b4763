/* HTTP/2 on the origin's leg: a stream for each exchange. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "proxy/engine/h2_session.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/origin_connection.h"
#include "proxy/engine/sandbox.h"

struct origin_h2 {
	struct h2_session session;
	struct origin_connection *connection;
	struct grave grave;
	size_t streams_opened;
};

struct origin_stream {
	struct h2_stream stream;
	struct origin origin; /* exchange is NULL when it is done with, or has given up */
	struct grave grave;
	struct origin_connection *connection;
	struct http_message response;
	bool reused;
	bool starting; /* its head is being sent */
	bool answered;
};

static struct origin_stream *of_stream(struct h2_stream *stream)
{
	return container_of(stream, struct origin_stream, stream);
}

static struct origin_stream *of_origin(struct origin *origin)
{
	return container_of(origin, struct origin_stream, origin);
}

static void release_stream(struct grave *grave)
{
	free(container_of(grave, struct origin_stream, grave));
}

static void drop(struct origin_stream *stream)
{
	h2_stream_forget(&stream->stream);
	engine_bury(stream->connection->sandbox->engine, &stream->grave, release_stream);
}

/* The leg's operations, called by the exchange. */

static int write_head(struct origin_stream *stream, struct exchange *exchange)
{
	struct sandbox *sandbox = stream->connection->sandbox;
	struct http_message *request = &exchange->request;
	bool hides = secret_plan_has_secrets(&exchange->plan);
	nghttp2_nv list[H2_ENTRIES_MAX];
	ssize_t count = 0;

	if (hides) {
		count = secret_plan_apply(&sandbox->secrets, &exchange->plan, request,
					  sandbox->engine->secret_scratch);
	}
	if (count == 0)
		count = h2_list_request(request, request->path, list);
	if (count > 0)
		count = h2_stream_request(&stream->stream, list, (size_t)count,
					  request->body != HTTP_BODY_NONE, hides);
	if (hides) {
		secret_plan_undo(&exchange->plan, request, sandbox->engine->secret_scratch);
		explicit_bzero(list, sizeof(list));
	}
	return (int)count;
}

static int send_request(struct origin *origin)
{
	struct origin_stream *stream = of_origin(origin);
	struct exchange *exchange = origin->exchange;
	int rc;

	if (exchange_carries_secret(exchange) &&
	    !origin_connection_may_carry(stream->connection, exchange))
		return ERROR_VERIFY;
	stream->starting = true;
	rc = write_head(stream, exchange);
	stream->starting = false;
	stream->stream.has_left = exchange->request.body == HTTP_BODY_SIZED;
	stream->stream.left = exchange->request.body_bytes;
	return rc;
}

static void send_data(struct origin *origin, struct slice data)
{
	h2_stream_write(&of_origin(origin)->stream, data);
}

static void send_end(struct origin *origin, const struct http_fields *trailers)
{
	h2_stream_finish(&of_origin(origin)->stream, trailers);
}

static bool is_congested(struct origin *origin)
{
	return h2_stream_is_congested(&of_origin(origin)->stream);
}

static void pause_response(struct origin *origin, bool pause)
{
	h2_stream_stop(&of_origin(origin)->stream, pause);
}

static void describe(struct origin *origin, struct origin_facts *facts)
{
	const struct origin_stream *stream = of_origin(origin);

	origin_connection_describe(stream->connection, stream->reused, facts);
}

static void release(struct origin *origin)
{
	struct origin_stream *stream = of_origin(origin);

	origin->exchange = NULL;
	h2_stream_ignore(&stream->stream);
}

static void abort_exchange(struct origin *origin)
{
	struct origin_stream *stream = of_origin(origin);

	origin->exchange = NULL;
	/* A stream that was never begun, or that ended while it began: there will be no event. */
	if (stream->stream.id == 0 || (stream->stream.closed && !stream->stream.ended))
		drop(stream);
	else
		h2_stream_reset(&stream->stream, NGHTTP2_CANCEL);
}

static const struct origin_ops ops = {
	.send_request = send_request,
	.send_data = send_data,
	.send_end = send_end,
	.is_congested = is_congested,
	.pause = pause_response,
	.describe = describe,
	.release = release,
	.abort = abort_exchange,
};

/* Events of the session. */

/* The exchange of STREAM is told that nothing more comes of it. */
static void fail(struct origin_stream *stream, const char *why, enum origin_failure kind)
{
	struct exchange *exchange = stream->origin.exchange;

	stream->origin.exchange = NULL;
	if (exchange)
		exchange_origin_failed(exchange, 502, why, kind);
}

static void refuse_response(struct origin_stream *stream, const char *fault)
{
	char why[256];

	snprintf(why, sizeof(why), "the origin's response is malformed: %s", fault);
	h2_stream_reset(&stream->stream, NGHTTP2_PROTOCOL_ERROR);
	fail(stream, why, ORIGIN_FAILED);
}

static void begin_head(struct h2_stream *base)
{
	struct origin_stream *stream = of_stream(base);

	http_message_init(&stream->response, &stream->origin.exchange->arena);
	h2_head_init(&base->head, &stream->response, false);
}

static void take_head(struct h2_stream *base, bool ends)
{
	struct origin_stream *stream = of_stream(base);
	struct exchange *exchange = stream->origin.exchange;
	struct http_message *response = &stream->response;

	stream->answered = true;
	if (h2_head_finish_response(&base->head, exchange->request.method, ends) < 0) {
		refuse_response(stream, base->head.fault);
		return;
	}
	if (response->status < 200 && ends) {
		refuse_response(stream, "an informational response as the last one");
		return;
	}
	if (response->status >= 200) {
		base->has_head = true;
		base->has_length = response->body == HTTP_BODY_SIZED;
		base->length = response->bodiless ? 0 : response->body_bytes;
		base->has_length |= response->bodiless;
	}
	exchange_response(exchange, response);
}

static void take_data(struct h2_stream *base, struct slice data)
{
	struct origin_stream *stream = of_stream(base);

	if (stream->origin.exchange && base->has_head)
		exchange_response_data(stream->origin.exchange, data);
	else if (stream->origin.exchange)
		refuse_response(stream, "a body before its head");
}

static void take_end(struct h2_stream *base)
{
	struct origin_stream *stream = of_stream(base);

	if (!stream->origin.exchange)
		return;
	if (base->has_head)
		exchange_response_end(stream->origin.exchange, &base->head.trailers);
	else
		refuse_response(stream, "an end without a head");
}

static void on_fault(struct h2_stream *base, const char *why)
{
	refuse_response(of_stream(base), why);
}

static void on_drained(struct h2_stream *base)
{
	struct origin_stream *stream = of_stream(base);

	if (stream->origin.exchange)
		exchange_origin_drained(stream->origin.exchange);
}

/* What the origin's reset says about the request (RFC 9113 section 8.7). */
static enum origin_failure kind_of(struct origin_stream *stream, uint32_t code)
{
	struct origin_connection *connection = stream->connection;

	if (stream->answered)
		return ORIGIN_FAILED;
	if (code == NGHTTP2_HTTP_1_1_REQUIRED) {
		/* Nobody else is sent there either. */
		connection->authority->needs_h1 = true;
		connection->authority->protocol = ORIGIN_SPEAKS_H1;
		list_remove(&connection->authority_node);
		return ORIGIN_UNPROCESSED;
	}
	return code == NGHTTP2_REFUSED_STREAM ? ORIGIN_UNPROCESSED : ORIGIN_FAILED;
}

static void on_closed(struct h2_stream *base, uint32_t code)
{
	struct origin_stream *stream = of_stream(base);
	char why[160];

	/* send_request() says so. */
	if (stream->starting)
		return;
	snprintf(why, sizeof(why), "the origin reset the request's stream (%s)",
		 nghttp2_http2_strerror(code));
	fail(stream, why, kind_of(stream, code));
	drop(stream);
}

/* Without streams it waits for the next one, or is of no use any more. */
static void on_settled(struct h2_session *session)
{
	struct origin_connection *connection =
		container_of(session, struct origin_h2, session)->connection;
	bool is_idle = list_is_empty(&session->streams);

	if (h2_session_is_over(session) || (session->going_away && is_idle)) {
		origin_h2_lose(connection, "the origin ended the connection");
		return;
	}
	if (is_idle == connection->is_idle)
		return;
	if (is_idle)
		origin_pool_park(connection);
	else
		origin_pool_unpark(connection);
}

static const struct h2_events events = {
	.begin_head = begin_head,
	.head = take_head,
	.data = take_data,
	.end = take_end,
	.fault = on_fault,
	.drained = on_drained,
	.closed = on_closed,
	.settled = on_settled,
};

/* The connection's part. */

int origin_h2_start(struct origin_connection *connection)
{
	struct origin_h2 *h2 = calloc(1, sizeof(*h2));

	if (!h2 || h2_session_init(&h2->session, connection->sandbox->engine, &connection->stream,
				   &events, false) < 0) {
		free(h2);
		return -ENOMEM;
	}
	h2->connection = connection;
	connection->h2 = h2;
	connection->state = ORIGIN_H2;
	list_append(&connection->authority->sessions, &connection->authority_node);
	stream_resume(&connection->stream);
	return 0;
}

bool origin_h2_has_room(const struct origin_connection *connection)
{
	return !connection->h2->session.going_away &&
	       h2_session_has_room(&connection->h2->session, LIMIT_STREAMS);
}

bool origin_h2_attach(struct origin_connection *connection, struct exchange *exchange)
{
	struct origin_stream *stream = calloc(1, sizeof(*stream));
	struct origin_h2 *h2 = connection->h2;

	if (!stream)
		return false;
	stream->connection = connection;
	stream->origin.ops = &ops;
	stream->origin.exchange = exchange;
	stream->reused = h2->streams_opened++ > 0;
	h2_stream_init(&stream->stream, &h2->session);
	exchange->origin = &stream->origin;
	exchange_origin_ready(exchange);
	return true;
}

void origin_h2_lose(struct origin_connection *connection, const char *why)
{
	struct h2_session *session = &connection->h2->session;
	char text[256];

	snprintf(text, sizeof(text), "%s", why);
	/* Those who try again must not be sent here. */
	list_remove(&connection->authority_node);
	while (!list_is_empty(&session->streams)) {
		struct origin_stream *stream = of_stream(
			container_of(session->streams.next, struct h2_stream, node));
		bool stale = stream->reused && !stream->answered;

		drop(stream);
		fail(stream, text, stale ? ORIGIN_CLOSED_EARLY : ORIGIN_FAILED);
	}
	origin_connection_close(connection);
}

void origin_h2_read(struct origin_connection *connection)
{
	struct engine *engine = connection->sandbox->engine;
	struct h2_session *session = &connection->h2->session;
	size_t total = 0;

	while (total < LIMIT_READ_BYTES) {
		ssize_t got = stream_read(&connection->stream, engine->read, ENGINE_READ_BYTES);

		if (got == -EAGAIN)
			return;
		if (got < 0) {
			origin_h2_lose(connection, "the origin closed the connection");
			return;
		}
		total += (size_t)got;
		if (h2_session_receive(session, slice_of(engine->read, (size_t)got)) < 0 ||
		    session->flooded) {
			origin_h2_lose(connection, "the origin breaks the HTTP/2 protocol");
			return;
		}
	}
}

void origin_h2_drained(struct origin_connection *connection)
{
	h2_session_drained(&connection->h2->session);
}

/* What the origin has sent before it broke off is read first. */
void origin_h2_broken(struct origin_connection *connection)
{
	origin_h2_read(connection);
	if (connection->state == ORIGIN_H2)
		origin_h2_lose(connection, "the origin closed the connection");
}

/* An idle connection has waited long enough. */
void origin_h2_late(struct origin_connection *connection)
{
	h2_session_leave(&connection->h2->session, NGHTTP2_NO_ERROR);
}

static void release_h2(struct grave *grave)
{
	free(container_of(grave, struct origin_h2, grave));
}

void origin_h2_free(struct origin_connection *connection)
{
	struct origin_h2 *h2 = connection->h2;

	if (!h2)
		return;
	list_for_each_safe(node, &h2->session.streams)
		drop(of_stream(container_of(node, struct h2_stream, node)));
	h2_session_free(&h2->session);
	connection->h2 = NULL;
	engine_bury(connection->sandbox->engine, &h2->grave, release_h2);
}
