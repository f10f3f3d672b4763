#include <stdio.h>

#include "base/error.h"
#include "proxy/engine/h1_output.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/origin_connection.h"
#include "proxy/engine/sandbox.h"

static struct origin_connection *connection_of(struct origin *origin)
{
	return container_of(origin, struct origin_connection, h1.origin);
}

void origin_h1_free(struct origin_connection *connection)
{
	connection->h1.origin.exchange = NULL;
	buffer_free(&connection->h1.received);
	h1_body_free(&connection->h1.body);
}

void origin_h1_fail(struct origin_connection *connection, int status, const char *why)
{
	struct origin_h1 *h1 = &connection->h1;
	struct exchange *exchange = h1->origin.exchange;
	/* A kept connection may have been closed by the other side just when it was used again. */
	bool stale = !h1->answered && h1->uses > 1;
	char text[640];

	/* The text may be in memory that closing releases. */
	snprintf(text, sizeof(text), "%s", why);
	origin_connection_close(connection);
	if (exchange)
		exchange_origin_failed(exchange, status, text,
				       stale ? ORIGIN_CLOSED_EARLY : ORIGIN_FAILED);
}

/* An origin that answers early may close its receiving side: what it has sent is still to be read.
 */
void origin_h1_broken(struct origin_connection *connection)
{
	struct stream *stream = &connection->stream;

	connection->h1.sending_failed = true;
	/* While the client is slow nothing is read; the end will be found when it is not any more.
	 */
	if (stream->paused)
		return;
	if (connection->h1.busy)
		origin_h1_read(connection);
	if (connection->state != ORIGIN_CLOSED && !stream->paused)
		origin_h1_fail(connection, 502,
			       "the origin closed the connection while the request was sent");
}

void origin_h1_drained(struct origin_connection *connection)
{
	if (connection->h1.origin.exchange)
		exchange_origin_drained(connection->h1.origin.exchange);
}

/* An idle connection has waited long enough. */
void origin_h1_late(struct origin_connection *connection)
{
	origin_connection_close(connection);
}

static int write_head(struct origin_connection *connection, struct exchange *exchange)
{
	struct sandbox *sandbox = connection->sandbox;
	struct http_message *request = &exchange->request;
	char *scratch = sandbox->engine->secret_scratch;
	struct writer out;
	bool hides = secret_plan_has_secrets(&exchange->plan);
	int rc = 0;

	if (exchange_carries_secret(exchange) && !origin_connection_may_carry(connection, exchange))
		return ERROR_VERIFY;
	out = writer_of(stream_stage_reserve(&connection->stream, H1_WRITE_MAX_BYTES),
			H1_WRITE_MAX_BYTES);
	if (hides)
		rc = secret_plan_apply(&sandbox->secrets, &exchange->plan, request, scratch);
	if (rc == 0)
		rc = h1_write_request(&out, request, request->path, false);
	if (hides)
		secret_plan_undo(&exchange->plan, request, scratch);
	if (rc < 0)
		explicit_bzero(out.start, writer_length(&out));
	else
		stream_stage_commit(&connection->stream, writer_length(&out));
	return rc;
}

static int send_request(struct origin *origin)
{
	struct origin_connection *connection = connection_of(origin);
	struct origin_h1 *h1 = &connection->h1;
	int framing = write_head(connection, origin->exchange);

	if (framing < 0)
		return framing;
	h1->framing = (enum h1_framing)framing;
	h1->busy = true;
	h1->answered = false;
	h1->response_read = false;
	h1->must_close = false;
	h1->in_body = false;
	h1->scanned = 0;
	stream_resume(&connection->stream);
	return 0;
}

static void send_data(struct origin *origin, struct slice data)
{
	struct origin_connection *connection = connection_of(origin);

	h1_output_data(&connection->stream, connection->h1.framing, data);
}

static void send_end(struct origin *origin, const struct http_fields *trailers)
{
	struct origin_connection *connection = connection_of(origin);

	h1_output_end(&connection->stream, connection->h1.framing, trailers);
}

static bool is_congested(struct origin *origin)
{
	return stream_is_congested(&connection_of(origin)->stream);
}

static void pause_response(struct origin *origin, bool pause)
{
	struct origin_connection *connection = connection_of(origin);

	if (!connection->h1.busy)
		return;
	if (pause)
		stream_pause(&connection->stream);
	else
		stream_resume(&connection->stream);
}

static void describe(struct origin *origin, struct origin_facts *facts)
{
	const struct origin_connection *connection = connection_of(origin);

	origin_connection_describe(connection, connection->h1.uses > 1, facts);
}

static void keep_idle(struct origin_connection *connection)
{
	struct origin_authority *authority = connection->authority;

	list_prepend(&authority->idle, &connection->authority_node);
	stream_resume(&connection->stream);
	if (++authority->idle_count > LIMIT_IDLE_PER_AUTHORITY)
		origin_connection_close(container_of(authority->idle.previous,
						     struct origin_connection, authority_node));
	origin_pool_park(connection);
}

static void release(struct origin *origin)
{
	struct origin_connection *connection = connection_of(origin);
	struct origin_h1 *h1 = &connection->h1;

	origin->exchange = NULL;
	h1->busy = false;
	if (h1->must_close || !h1->response_read || h1->sending_failed ||
	    connection->stream.failed || connection->stream.ended || buffer_length(&h1->received))
		origin_connection_close(connection);
	else
		keep_idle(connection);
}

static void abort_exchange(struct origin *origin)
{
	origin->exchange = NULL;
	origin_connection_close(connection_of(origin));
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

static void give_to(struct origin_connection *connection, struct exchange *exchange)
{
	connection->h1.uses++;
	connection->h1.origin.exchange = exchange;
	exchange->origin = &connection->h1.origin;
	exchange_origin_ready(exchange);
}

void origin_h1_start(struct origin_connection *connection, struct exchange *exchange)
{
	connection->state = ORIGIN_H1;
	connection->h1.origin.ops = &ops;
	if (exchange)
		give_to(connection, exchange);
	else
		keep_idle(connection);
}

void origin_h1_attach(struct origin_connection *connection, struct exchange *exchange)
{
	connection->authority->idle_count--;
	list_remove(&connection->authority_node);
	origin_pool_unpark(connection);
	give_to(connection, exchange);
}
