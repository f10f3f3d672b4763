#include "proxy/engine/origin.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/wallclock.h"
#include "proxy/engine/exchange.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/origin_leg.h"
#include "proxy/engine/sandbox.h"

static void release(struct grave *grave)
{
	free(container_of(grave, struct origin, grave));
}

void origin_close(struct origin *origin)
{
	if (origin->state == ORIGIN_CLOSED)
		return;
	origin_pool_forget(origin);
	origin->state = ORIGIN_CLOSED;
	origin->exchange = NULL;
	if (origin->dial)
		dial_cancel(origin->dial);
	origin->dial = NULL;
	if (origin->has_stream)
		stream_close(&origin->stream, false);
	deadline_stop(&origin->deadline);
	buffer_free(&origin->received);
	h1_body_free(&origin->body);
	list_remove(&origin->node);
	engine_bury(origin->sandbox->engine, &origin->grave, release);
}

void origin_fail(struct origin *origin, int status, const char *why)
{
	struct exchange *exchange = origin->exchange;
	bool untouched = !origin->answered && (origin->uses > 1 || origin->state < ORIGIN_BUSY);
	char text[640];

	/* The text may be in memory that closing releases. */
	snprintf(text, sizeof(text), "%s", why);
	origin_close(origin);
	if (exchange)
		exchange_origin_failed(exchange, status, text, untouched);
}

static void too_late(struct deadline *deadline)
{
	struct origin *origin = container_of(deadline, struct origin, deadline);

	if (origin->state == ORIGIN_IDLE)
		origin_close(origin);
	else
		origin_fail(origin, 504, "the origin did not finish its TLS handshake in time");
}

static void become_ready(struct origin *origin)
{
	origin->state = ORIGIN_READY;
	origin->connect_us = monotonic_now_us() - origin->started_us;
	deadline_clear(&origin->deadline);
	stream_resume(&origin->stream);
	exchange_origin_ready(origin->exchange);
}

static void on_handshaken(struct stream *stream, int result)
{
	struct origin *origin = container_of(stream, struct origin, stream);
	char text[TLS_FAILURE_BYTES], why[TLS_FAILURE_BYTES + HOST_TEXT_MAX + 64];
	const char *reason = text;

	if (result == 0)
		result = tls_upstream_check(stream->ssl, &reason);
	else
		tls_describe_failure(stream->ssl, text);
	if (result == 0) {
		stream_pause(stream);
		become_ready(origin);
		return;
	}
	/* Another connection would fail in the same way. */
	origin->answered = true;
	snprintf(why, sizeof(why), "no secure connection to %s: %s", origin->host.text, reason);
	origin_fail(origin, 502, why);
}

static void on_readable(struct stream *stream)
{
	origin_read(container_of(stream, struct origin, stream));
}

static void on_drained(struct stream *stream)
{
	struct origin *origin = container_of(stream, struct origin, stream);

	if (origin->exchange)
		exchange_origin_drained(origin->exchange);
}

/* An origin that answers early may close its receiving side: what it has sent is still to be read.
 */
static void on_broken(struct stream *stream)
{
	struct origin *origin = container_of(stream, struct origin, stream);

	origin->sending_failed = true;
	if (origin->state == ORIGIN_BUSY && stream->state == STREAM_OPEN)
		origin_read(origin);
	if (origin->state != ORIGIN_CLOSED && origin->state != ORIGIN_SECURING)
		origin_fail(origin, 502,
			    "the origin closed the connection while the request was sent");
}

static const struct stream_events events = {
	.readable = on_readable,
	.drained = on_drained,
	.handshaken = on_handshaken,
	.broken = on_broken,
};

static void on_dialled(void *context, const struct dial_result *result)
{
	struct origin *origin = context;
	struct sandbox *sandbox = origin->sandbox;
	SSL *ssl;

	origin->dial = NULL;
	if (result->error) {
		char why[DIAL_WHY_BYTES + HOST_TEXT_MAX + 64];
		int status = result->error == ERROR_TIMEOUT  ? 504
			     : result->error == ERROR_DENIED ? 403
							     : 502;

		snprintf(why, sizeof(why), "%s cannot be reached: %s", origin->host.text,
			 result->why);
		origin->answered = true;
		origin_fail(origin, status, why);
		return;
	}
	origin->address = result->address;
	stream_init(&origin->stream, sandbox->engine, result->fd, &events);
	origin->has_stream = true;
	sandbox->pool.opened++;
	if (origin->scheme != POLICY_HTTPS) {
		become_ready(origin);
		return;
	}
	ssl = tls_upstream_session(sandbox->upstream, &origin->host, origin->port,
				   &origin->stream.transport);
	if (!ssl) {
		origin_fail(origin, 503, "a TLS session could not be made");
		return;
	}
	origin->state = ORIGIN_SECURING;
	deadline_set(&origin->deadline, TIMEOUT_TLS_UPSTREAM);
	stream_start_client(&origin->stream, ssl);
}

static struct origin *open_new(struct sandbox *sandbox, struct exchange *exchange)
{
	const struct http_message *request = &exchange->request;
	struct origin *origin = calloc(1, sizeof(*origin));

	if (!origin)
		return NULL;
	origin->sandbox = sandbox;
	origin->exchange = exchange;
	origin->scheme = request->scheme;
	origin->host = request->host;
	origin->port = request->port;
	origin->started_us = monotonic_now_us();
	origin->uses = 1;
	list_init(&origin->idle_node);
	list_init(&origin->mates_node);
	list_init(&origin->node);
	buffer_init(&origin->received, HTTP_HEAD_MAX_BYTES + ENGINE_READ_BYTES);
	deadline_init(&origin->deadline, sandbox->engine->loop, too_late);
	origin->dial = dial_start(sandbox->engine, sandbox->resolver, &origin->host, origin->port,
				  on_dialled, origin);
	if (!origin->dial) {
		free(origin);
		return NULL;
	}
	list_append(&sandbox->pool.all, &origin->node);
	return origin;
}

/* A request that may not be sent twice goes on a kept connection only if that is still there: its
 * end may have come, and wait to be read. */
static struct origin *take_kept(struct sandbox *sandbox, const struct http_message *request)
{
	bool may_repeat = http_method_is_idempotent(request->method);
	struct origin *origin;

	do {
		origin = origin_pool_take(sandbox, request->scheme, &request->host, request->port);
		if (!origin || may_repeat || stream_is_quiet(&origin->stream))
			return origin;
		origin_close(origin);
	} while (true);
}

struct origin *origin_acquire(struct sandbox *sandbox, struct exchange *exchange, bool fresh)
{
	const struct http_message *request = &exchange->request;
	struct origin *origin = NULL;

	if (!fresh)
		origin = take_kept(sandbox, request);
	if (!origin) {
		origin = open_new(sandbox, exchange);
		exchange->origin = origin;
		return origin;
	}
	origin->state = ORIGIN_READY;
	origin->exchange = exchange;
	origin->uses++;
	exchange->origin = origin;
	deadline_clear(&origin->deadline);
	exchange_origin_ready(exchange);
	return origin;
}

static int write_head(struct origin *origin, struct exchange *exchange)
{
	struct sandbox *sandbox = origin->sandbox;
	struct http_message *request = &exchange->request;
	char *scratch = sandbox->engine->secret_scratch;
	struct writer out;
	int rc = 0;

	/* Secrets go out on a verified TLS leg to the host they are bound to, and nowhere else. */
	if (exchange->plan.item_count && (origin->scheme != POLICY_HTTPS || !origin->stream.ssl ||
					  !host_equal(&origin->host, &request->host)))
		return ERROR_VERIFY;
	out = writer_of(stream_stage_reserve(&origin->stream, H1_WRITE_MAX_BYTES),
			H1_WRITE_MAX_BYTES);
	if (exchange->plan.item_count)
		rc = secret_plan_apply(&sandbox->secrets, &exchange->plan, request, scratch);
	if (rc == 0)
		rc = h1_write_request(&out, request, request->path, false);
	if (exchange->plan.item_count)
		secret_plan_undo(&exchange->plan, request, scratch);
	if (rc < 0)
		explicit_bzero(out.start, writer_length(&out));
	else
		stream_stage_commit(&origin->stream, writer_length(&out));
	return rc;
}

int origin_send_request(struct origin *origin)
{
	int framing = write_head(origin, origin->exchange);

	if (framing < 0)
		return framing;
	origin->framing = (enum h1_framing)framing;
	origin->state = ORIGIN_BUSY;
	origin->answered = false;
	origin->response_read = false;
	origin->must_close = false;
	origin->in_body = false;
	origin->scanned = 0;
	stream_resume(&origin->stream);
	return 0;
}

void origin_send_data(struct origin *origin, struct slice data)
{
	char line[H1_CHUNK_OVERHEAD_BYTES];

	if (origin->framing != H1_FRAME_CHUNKED) {
		stream_write(&origin->stream, data);
		return;
	}
	stream_write(&origin->stream, slice_of(line, h1_write_chunk_size(data.len, line)));
	stream_write(&origin->stream, data);
	stream_write(&origin->stream, SLICE_LITERAL("\r\n"));
}

void origin_send_end(struct origin *origin, const struct http_fields *trailers)
{
	struct writer out;

	if (origin->framing != H1_FRAME_CHUNKED)
		return;
	out = writer_of(stream_stage_reserve(&origin->stream, 2 * HTTP_TRAILER_MAX_BYTES),
			2 * HTTP_TRAILER_MAX_BYTES);
	if (h1_write_last_chunk(&out, trailers) == 0)
		stream_stage_commit(&origin->stream, writer_length(&out));
	else
		stream_write(&origin->stream, SLICE_LITERAL("0\r\n\r\n"));
}

bool origin_is_congested(struct origin *origin)
{
	return stream_is_congested(&origin->stream);
}

void origin_pause(struct origin *origin, bool pause)
{
	if (origin->state != ORIGIN_BUSY)
		return;
	if (pause)
		stream_pause(&origin->stream);
	else
		stream_resume(&origin->stream);
}

void origin_describe(const struct origin *origin, struct origin_facts *facts)
{
	const SSL *ssl = origin->stream.ssl;

	*facts = (struct origin_facts){
		.address = origin->address,
		.reused = origin->uses > 1,
		.connect_us = origin->uses > 1 ? -1 : origin->connect_us,
	};
	if (!ssl)
		return;
	facts->tls_version = tls_version_name(ssl);
	facts->tls_cipher = tls_cipher_name(ssl);
	facts->tls_resumed = SSL_session_reused(ssl);
}

void origin_release(struct origin *origin)
{
	origin->exchange = NULL;
	if (origin->must_close || !origin->response_read || origin->sending_failed ||
	    origin->stream.failed || origin->stream.ended || buffer_length(&origin->received)) {
		origin_close(origin);
		return;
	}
	origin->state = ORIGIN_IDLE;
	deadline_set(&origin->deadline, TIMEOUT_POOL);
	stream_resume(&origin->stream);
	origin_pool_put(origin);
}

void origin_abort(struct origin *origin)
{
	origin->exchange = NULL;
	origin_close(origin);
}
