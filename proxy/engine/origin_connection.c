#include "proxy/engine/origin_connection.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/wallclock.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

static void release(struct grave *grave)
{
	free(container_of(grave, struct origin_connection, grave));
}

void origin_connection_close(struct origin_connection *connection)
{
	struct origin_pool *pool = &connection->sandbox->pool;

	if (connection->state == ORIGIN_CLOSED)
		return;
	if (connection->is_idle && connection->state == ORIGIN_H1)
		connection->authority->idle_count--;
	if (connection->is_idle)
		origin_pool_unpark(connection);
	origin_h1_free(connection);
	origin_h2_free(connection);
	connection->state = ORIGIN_CLOSED;
	if (connection->reach)
		reach_cancel(connection->reach);
	connection->reach = NULL;
	if (connection->has_stream)
		stream_close(&connection->stream, false);
	deadline_stop(&connection->deadline);
	list_remove(&connection->node);
	list_remove(&connection->authority_node);
	origin_authority_drop(pool, connection->authority);
	engine_bury(connection->sandbox->engine, &connection->grave, release);
}

void origin_connection_describe(const struct origin_connection *connection, bool reused,
				struct origin_facts *facts)
{
	const SSL *ssl = connection->stream.ssl;
	const unsigned char *alpn;
	unsigned int alpn_length;

	*facts = (struct origin_facts){
		.address = connection->address,
		.by_proxy = connection->by_proxy,
		.reused = reused,
		.connect_us = reused ? -1 : connection->connect_us,
	};
	if (!ssl)
		return;
	facts->tls_version = tls_version_name(ssl);
	facts->tls_cipher = tls_cipher_name(ssl);
	facts->tls_resumed = SSL_session_reused(ssl);
	SSL_get0_alpn_selected(ssl, &alpn, &alpn_length);
	if (alpn_length)
		facts->alpn = connection->state == ORIGIN_H2 ? "h2" : "http/1.1";
}

bool origin_connection_may_carry(const struct origin_connection *connection,
				 const struct exchange *exchange)
{
	return connection->scheme == POLICY_HTTPS && connection->stream.ssl &&
	       (connection->state == ORIGIN_H1 || connection->state == ORIGIN_H2) &&
	       host_equal(&connection->host, &exchange->request.host) &&
	       connection->port == exchange->request.port;
}

/* Exchanges that wait. */

static void release_waiter(struct grave *grave)
{
	free(container_of(grave, struct origin_waiter, grave));
}

static struct exchange *dismiss(struct origin_waiter *waiter)
{
	struct exchange *exchange = waiter->origin.exchange;

	waiter->origin.exchange = NULL;
	list_remove(&waiter->node);
	waiter->connection->waiter_count--;
	engine_bury(waiter->connection->sandbox->engine, &waiter->grave, release_waiter);
	return exchange;
}

static struct exchange *next_waiting(struct origin_connection *connection)
{
	if (list_is_empty(&connection->waiters))
		return NULL;
	return dismiss(container_of(connection->waiters.next, struct origin_waiter, node));
}

/* Nobody may be left to wait; the connection is made all the same, and kept for the next. */
static void abort_waiting(struct origin *origin)
{
	dismiss(container_of(origin, struct origin_waiter, origin));
}

static const struct origin_ops waiter_ops = {.abort = abort_waiting};

int origin_connection_await(struct origin_connection *connection, struct exchange *exchange)
{
	struct origin_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return -ENOMEM;
	waiter->origin.ops = &waiter_ops;
	waiter->origin.exchange = exchange;
	waiter->connection = connection;
	list_append(&connection->waiters, &waiter->node);
	connection->waiter_count++;
	exchange->origin = &waiter->origin;
	return 0;
}

/* The connection cannot be made, and another one would fail in the same way. */
static void fail(struct origin_connection *connection, int status, const char *why)
{
	struct exchange *exchange;
	char text[640];

	/* The text may be in memory that closing releases. */
	snprintf(text, sizeof(text), "%s", why);
	/* Those who come now must not wait for this one. */
	list_remove(&connection->authority_node);
	while ((exchange = next_waiting(connection)))
		exchange_origin_failed(exchange, status, text, ORIGIN_FAILED);
	origin_connection_close(connection);
}

static void too_late(struct deadline *deadline)
{
	struct origin_connection *connection = container_of(deadline, struct origin_connection,
							    deadline);

	if (connection->state == ORIGIN_H1)
		origin_h1_late(connection);
	else if (connection->state == ORIGIN_H2)
		origin_h2_late(connection);
	else
		fail(connection, 504, "the origin did not finish its TLS handshake in time");
}

/* Those whom the connection cannot serve look for another one. */
static void send_away(struct origin_connection *connection)
{
	struct sandbox *sandbox = connection->sandbox;
	struct exchange *exchange;

	while ((exchange = next_waiting(connection))) {
		exchange->origin = NULL;
		if (origin_acquire(sandbox, exchange, false) < 0)
			exchange_origin_failed(exchange, 503,
					       "too many connections to origins are being made",
					       ORIGIN_FAILED);
	}
}

static void serve_by_h2(struct origin_connection *connection)
{
	struct exchange *exchange;

	if (origin_h2_start(connection) < 0) {
		fail(connection, 503, "an HTTP/2 session could not be made");
		return;
	}
	while (connection->state == ORIGIN_H2 && origin_h2_has_room(connection) &&
	       (exchange = next_waiting(connection))) {
		if (!origin_h2_attach(connection, exchange))
			exchange_origin_failed(exchange, 503, "out of memory", ORIGIN_FAILED);
	}
	send_away(connection);
}

static void become_ready(struct origin_connection *connection, bool speaks_h2)
{
	connection->connect_us = monotonic_now_us() - connection->started_us;
	if (!connection->is_single)
		connection->authority->protocol = speaks_h2 ? ORIGIN_SPEAKS_H2 : ORIGIN_SPEAKS_H1;
	deadline_clear(&connection->deadline);
	list_remove(&connection->authority_node);
	if (speaks_h2) {
		serve_by_h2(connection);
		return;
	}
	origin_h1_start(connection, next_waiting(connection));
	send_away(connection);
}

static void on_handshaken(struct stream *stream, int result)
{
	struct origin_connection *connection = container_of(stream, struct origin_connection,
							    stream);
	char text[TLS_FAILURE_BYTES], why[TLS_FAILURE_BYTES + HOST_TEXT_MAX + 64];
	const char *reason = text;
	bool speaks_h2 = false;

	if (result == 0)
		result = tls_upstream_check(stream->ssl, &speaks_h2, &reason);
	else
		tls_describe_failure(stream->ssl, text);
	if (result == 0) {
		stream_pause(stream);
		become_ready(connection, speaks_h2);
		return;
	}
	snprintf(why, sizeof(why), "no secure connection to %s: %s", connection->host.text, reason);
	fail(connection, 502, why);
}

static void on_readable(struct stream *stream)
{
	struct origin_connection *connection = container_of(stream, struct origin_connection,
							    stream);

	if (connection->state == ORIGIN_H2)
		origin_h2_read(connection);
	else
		origin_h1_read(connection);
}

static void on_drained(struct stream *stream)
{
	struct origin_connection *connection = container_of(stream, struct origin_connection,
							    stream);

	if (connection->state == ORIGIN_H2)
		origin_h2_drained(connection);
	else
		origin_h1_drained(connection);
}

static void on_broken(struct stream *stream)
{
	struct origin_connection *connection = container_of(stream, struct origin_connection,
							    stream);

	/* A handshake that is broken is told of by itself. */
	if (connection->state == ORIGIN_H2)
		origin_h2_broken(connection);
	else if (connection->state == ORIGIN_H1)
		origin_h1_broken(connection);
}

static const struct stream_events events = {
	.readable = on_readable,
	.drained = on_drained,
	.handshaken = on_handshaken,
	.broken = on_broken,
};

static void start_tls(struct origin_connection *connection)
{
	SSL *ssl = tls_upstream_session(connection->sandbox->upstream, &connection->host,
					connection->port,
					!connection->authority->needs_h1 && !connection->is_single,
					&connection->stream.transport);

	if (!ssl) {
		fail(connection, 503, "a TLS session could not be made");
		return;
	}
	connection->state = ORIGIN_SECURING;
	deadline_set(&connection->deadline, TIMEOUT_TLS_UPSTREAM);
	stream_start_client(&connection->stream, ssl);
}

static void on_reached(void *context, const struct reach_result *result)
{
	struct origin_connection *connection = context;

	connection->reach = NULL;
	if (result->error) {
		char why[REACH_WHY_BYTES + HOST_TEXT_MAX + 64];
		int status = result->error == ERROR_TIMEOUT  ? 504
			     : result->error == ERROR_DENIED ? 403
							     : 502;

		snprintf(why, sizeof(why), "%s cannot be reached: %s", connection->host.text,
			 result->why);
		fail(connection, status, why);
		return;
	}
	connection->address = result->address;
	connection->by_proxy = result->by_proxy;
	stream_init(&connection->stream, connection->sandbox->engine, result->fd, &events);
	connection->has_stream = true;
	connection->sandbox->pool.opened++;
	if (connection->scheme == POLICY_HTTPS)
		start_tls(connection);
	else
		become_ready(connection, false);
}

struct origin_connection *origin_connection_open(struct sandbox *sandbox,
						 struct origin_authority *authority,
						 const struct http_message *request)
{
	struct origin_connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->sandbox = sandbox;
	connection->authority = authority;
	connection->scheme = request->scheme;
	connection->host = request->host;
	connection->port = request->port;
	connection->started_us = monotonic_now_us();
	list_init(&connection->waiters);
	list_init(&connection->idle_node);
	list_init(&connection->authority_node);
	/* It begins a WebSocket: nobody else may wait for it. */
	connection->is_single = request->upgrade.len > 0;
	buffer_init_wiped(&connection->h1.received, HTTP_HEAD_MAX_BYTES + ENGINE_READ_BYTES);
	deadline_init(&connection->deadline, sandbox->engine->loop, too_late);
	connection->reach = reach_start(sandbox, &connection->host, connection->port, on_reached,
					connection);
	if (!connection->reach) {
		free(connection);
		return NULL;
	}
	list_append(&sandbox->pool.all, &connection->node);
	if (!connection->is_single)
		list_append(&authority->starting, &connection->authority_node);
	origin_authority_hold(&sandbox->pool, authority);
	return connection;
}
