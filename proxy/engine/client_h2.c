/* HTTP/2 on the client's leg: an exchange for each stream. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "proxy/engine/client.h"
#include "proxy/engine/h2_session.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

enum {
	/* Output that waits for a client that sends, but does not read. */
	UNREAD_MAX_BYTES = 512 << 10,
	LOOK_SECONDS = 10,   /* between looks at streams that are late */
	UNENDED_SECONDS = 3, /* for a request to end whose response was sent */
};

struct client_h2 {
	struct h2_session session;
	struct client *client;
	struct grave grave;
	bool looks;	    /* at late streams; else it waits for the first one */
	uint64_t sent_mark; /* bytes taken by the client ... */
	double sent_at;	    /* ... at this time, and no more since */
	bool accused;	    /* what the client does wrong is in the log */
};

struct client_stream {
	struct h2_stream stream;
	struct grave grave;
	struct client_h2 *h2;
	struct exchange *exchange; /* NULL when it is over */
	double active_at;
};

static struct client_stream *of_stream(struct h2_stream *stream)
{
	return container_of(stream, struct client_stream, stream);
}

static double now(const struct client_stream *stream)
{
	return ev_now(stream->h2->client->sandbox->engine->loop);
}

/* The leg's operations, called by the exchange. */

static void respond(void *leg, const struct http_message *response, bool close)
{
	struct client_stream *stream = leg;
	bool informational = response->status < 200;
	bool sized = response->body == HTTP_BODY_SIZED;
	bool has_body = !informational && !response->bodiless && response->body != HTTP_BODY_NONE &&
			!(sized && response->body_bytes == 0);
	nghttp2_nv list[H2_ENTRIES_MAX];
	ssize_t count = h2_list_response(response, list);

	(void)close; /* other streams are none of this one's business */
	if (count < 0 ||
	    h2_stream_respond(&stream->stream, list, (size_t)count, informational, has_body) < 0) {
		/* What our own writer refuses does not leave. */
		h2_stream_reset(&stream->stream, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	stream->stream.has_left = has_body && sized;
	stream->stream.left = response->body_bytes;
}

static void send_data(void *leg, struct slice data)
{
	struct client_stream *stream = leg;

	h2_stream_write(&stream->stream, data);
}

static void send_end(void *leg, const struct http_fields *trailers)
{
	struct client_stream *stream = leg;

	h2_stream_finish(&stream->stream, trailers);
}

static bool is_congested(void *leg)
{
	struct client_stream *stream = leg;

	return h2_stream_is_congested(&stream->stream);
}

static void pause_request(void *leg, bool pause)
{
	struct client_stream *stream = leg;

	stream->active_at = now(stream);
	h2_stream_stop(&stream->stream, pause);
}

static void over(void *leg, bool cut)
{
	struct client_stream *stream = leg;
	struct deadline *deadline = &stream->h2->client->deadline;

	stream->exchange = NULL;
	if (cut) {
		h2_stream_reset(&stream->stream, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	h2_stream_ignore(&stream->stream);
	if (stream->stream.ended)
		return;
	/* Many clients take even a reset without an error (RFC 9113 section 8.1) for a failure of
	 * the response: this one is given time to end its request, or to break it off. */
	stream->active_at = now(stream);
	if (deadline->at > stream->active_at + UNENDED_SECONDS)
		deadline_set(deadline, UNENDED_SECONDS);
}

static const struct client_leg_ops ops = {
	.respond = respond,
	.data = send_data,
	.end = send_end,
	.is_congested = is_congested,
	.pause_request = pause_request,
	.over = over,
};

/* Events of the session. */

static struct h2_stream *open_stream(struct h2_session *session)
{
	struct client_h2 *h2 = container_of(session, struct client_h2, session);
	struct client *client = h2->client;
	struct client_stream *stream;

	if (client->state != CLIENT_SERVING)
		return NULL;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NULL;
	stream->h2 = h2;
	stream->active_at = now(stream);
	stream->exchange = exchange_create(client->sandbox, &client->facts, &ops, stream);
	if (!stream->exchange) {
		free(stream);
		return NULL;
	}
	client->recorded = true;
	h2_stream_init(&stream->stream, session);
	stream->stream.stopped = true;
	return &stream->stream;
}

static void begin_head(struct h2_stream *base)
{
	h2_head_init(&base->head, &of_stream(base)->exchange->request, true);
}

static void take_head(struct h2_stream *base, bool ends)
{
	struct client_stream *stream = of_stream(base);
	const struct http_message *request = &stream->exchange->request;
	const struct h2_head *head = &base->head;

	base->has_head = true;
	if (h2_head_finish_request(&base->head, stream->h2->client->facts.scheme, ends) < 0) {
		exchange_request_bad(stream->exchange, head->status_for_fault, head->fault);
		return;
	}
	base->has_length = request->body == HTTP_BODY_SIZED;
	base->length = request->body_bytes;
	exchange_request(stream->exchange);
}

static void take_data(struct h2_stream *base, struct slice data)
{
	struct client_stream *stream = of_stream(base);

	stream->active_at = now(stream);
	if (stream->exchange)
		exchange_request_data(stream->exchange, data);
}

static void take_end(struct h2_stream *base)
{
	struct client_stream *stream = of_stream(base);

	if (stream->exchange)
		exchange_request_end(stream->exchange,
				     base->head.is_trailer ? &base->head.trailers : NULL);
}

static void on_fault(struct h2_stream *base, const char *why)
{
	struct client_stream *stream = of_stream(base);

	if (stream->exchange)
		exchange_request_bad(stream->exchange, 400, why);
}

static void on_drained(struct h2_stream *base)
{
	struct client_stream *stream = of_stream(base);

	if (stream->exchange)
		exchange_client_drained(stream->exchange);
}

static void release_stream(struct grave *grave)
{
	free(container_of(grave, struct client_stream, grave));
}

static void drop(struct client_stream *stream, const char *why)
{
	if (stream->exchange)
		exchange_client_gone(stream->exchange, why);
	h2_stream_forget(&stream->stream);
	engine_bury(stream->h2->client->sandbox->engine, &stream->grave, release_stream);
}

static void on_closed(struct h2_stream *base, uint32_t code)
{
	(void)code;
	drop(of_stream(base), "the client reset the stream");
}

/* Streams have deadlines of their own; a connection without any has one for its first or next. */
static void set_deadline(struct client_h2 *h2)
{
	bool has_streams = h2->session.stream_count > 0;

	if (has_streams == h2->looks)
		return;
	h2->looks = has_streams;
	deadline_set(&h2->client->deadline, has_streams ? LOOK_SECONDS : TIMEOUT_IDLE);
}

/* The client breaks the protocol, or asks for nothing but work. */
static void accuse(struct client *client, const char *reason)
{
	if (client->h2->accused)
		return;
	client->h2->accused = true;
	/* Whatever was logged of its requests, this is logged too. */
	client->recorded = false;
	client_record(client, AUDIT_TLS, false, reason);
}

static void accuse_of(struct client *client, uint32_t error)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "the client breaks the HTTP/2 protocol (%s)",
		 nghttp2_http2_strerror(error));
	accuse(client, reason);
}

static void on_settled(struct h2_session *session)
{
	struct client_h2 *h2 = container_of(session, struct client_h2, session);
	struct client *client = h2->client;

	if (client->state != CLIENT_SERVING)
		return;
	if (session->error != NGHTTP2_NO_ERROR)
		accuse_of(client, session->error);
	if (h2_session_is_over(session)) {
		client_linger(client);
		return;
	}
	/* One that does not read will not hear that it is over. */
	if (session->flooded && stream_is_congested(&client->stream)) {
		client_close(client, true);
		return;
	}
	set_deadline(h2);
	if (buffer_length(&client->stream.out) > UNREAD_MAX_BYTES || h2_session_is_behind(session))
		stream_pause(&client->stream);
}

static const struct h2_events events = {
	.open = open_stream,
	.begin_head = begin_head,
	.head = take_head,
	.data = take_data,
	.end = take_end,
	.fault = on_fault,
	.drained = on_drained,
	.closed = on_closed,
	.settled = on_settled,
};

/* The connection's part, called by client.c. */

void client_h2_serve(struct client *client)
{
	struct client_h2 *h2 = calloc(1, sizeof(*h2));

	if (!h2 || h2_session_init(&h2->session, client->sandbox->engine, &client->stream, &events,
				   true) < 0) {
		free(h2);
		client_close(client, true);
		return;
	}
	h2->client = client;
	client->h2 = h2;
	client->state = CLIENT_SERVING;
	deadline_set(&client->deadline, TIMEOUT_HEAD);
	stream_resume(&client->stream);
}

static void release(struct grave *grave)
{
	free(container_of(grave, struct client_h2, grave));
}

void client_h2_free(struct client *client, const char *why)
{
	struct client_h2 *h2 = client->h2;

	if (!h2)
		return;
	list_for_each_safe(node, &h2->session.streams)
		drop(of_stream(container_of(node, struct h2_stream, node)), why);
	h2_session_free(&h2->session);
	client->h2 = NULL;
	engine_bury(client->sandbox->engine, &h2->grave, release);
}

void client_h2_read(struct client *client)
{
	struct engine *engine = client->sandbox->engine;
	struct h2_session *session = &client->h2->session;
	size_t total = 0;

	while (client->state == CLIENT_SERVING && !client->stream.paused &&
	       total < LIMIT_READ_BYTES) {
		bool was_flooded = session->flooded;
		ssize_t got = stream_read(&client->stream, engine->read, ENGINE_READ_BYTES);

		if (got == -EAGAIN)
			return;
		if (got < 0) {
			client_close(client, got != ERROR_EOF);
			return;
		}
		total += (size_t)got;
		if (h2_session_receive(session, slice_of(engine->read, (size_t)got)) < 0) {
			accuse(client, "the client breaks the HTTP/2 protocol");
			client_close(client, false);
			return;
		}
		if (session->flooded && !was_flooded)
			accuse(client, "the client floods the connection with HTTP/2 frames that "
				       "ask for nothing");
	}
}

void client_h2_drained(struct client *client)
{
	if (client->state == CLIENT_SERVING)
		stream_resume(&client->stream);
	h2_session_drained(&client->h2->session);
}

static void look_at(struct client_stream *stream, double at)
{
	const struct h2_stream *base = &stream->stream;

	if (!stream->exchange && base->sent && !base->ended &&
	    at - stream->active_at >= UNENDED_SECONDS)
		h2_stream_reset(&stream->stream, NGHTTP2_NO_ERROR);
	if (!stream->exchange || !base->has_head || base->stopped || base->ended ||
	    at - stream->active_at < TIMEOUT_BODY)
		return;
	exchange_request_bad(stream->exchange, 408, "the request did not come in time");
}

/* Whether nothing of what waits has been taken for long. */
static bool is_stuck(struct client_h2 *h2, double at)
{
	struct stream *stream = &h2->client->stream;

	if (stream->bytes_out != h2->sent_mark || !stream_is_congested(stream)) {
		h2->sent_mark = stream->bytes_out;
		h2->sent_at = at;
	}
	return at - h2->sent_at > TIMEOUT_RESPONSE;
}

void client_h2_late(struct client *client)
{
	struct client_h2 *h2 = client->h2;
	struct h2_session *session = &h2->session;
	double at = ev_now(client->sandbox->engine->loop);

	if (session->head_begun_at > 0 && at - session->head_begun_at > TIMEOUT_HEAD) {
		accuse(client, "a header section did not come in time");
		client_close(client, true);
		return;
	}
	if (is_stuck(h2, at)) {
		accuse(client, "the client does not read what is sent to it");
		client_close(client, true);
		return;
	}
	if (session->stream_count == 0) {
		h2_session_leave(session, NGHTTP2_NO_ERROR);
		/* The client closes, or is closed. */
		deadline_set(&client->deadline, TIMEOUT_LINGER);
		if (session->left)
			client_close(client, false);
		session->left = true;
		return;
	}
	list_for_each_safe(node, &session->streams)
		look_at(of_stream(container_of(node, struct h2_stream, node)), at);
	deadline_set(&client->deadline, LOOK_SECONDS);
}
