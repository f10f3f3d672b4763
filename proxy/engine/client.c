#include "proxy/engine/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/wallclock.h"
#include "policy/match.h"
#include "policy/methods.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

static void release(struct grave *grave)
{
	free(container_of(grave, struct client, grave));
}

void client_close(struct client *client, bool abort)
{
	struct exchange *exchange = client->exchange;

	if (client->state == CLIENT_CLOSED)
		return;
	if (!client->recorded)
		client_record(client, client->facts.has_tls ? AUDIT_TLS : AUDIT_TCP,
			      !client->facts.is_refused,
			      client->facts.is_refused ? client->facts.refusal.reason
						       : "the connection ended without a request");
	client->state = CLIENT_CLOSED;
	client->exchange = NULL;
	client_h2_free(client, "the client closed the connection");
	stream_close(&client->stream, abort);
	deadline_stop(&client->deadline);
	buffer_free(&client->received);
	h1_body_free(&client->body);
	free(client->hello);
	client->hello = NULL;
	list_remove(&client->node);
	client->sandbox->client_count--;
	engine_bury(client->sandbox->engine, &client->grave, release);
	if (exchange)
		exchange_client_gone(exchange, "the client closed the connection");
}

void client_record(struct client *client, enum audit_kind kind, bool allow, const char *text)
{
	struct sandbox *sandbox = client->sandbox;
	const struct client_facts *facts = &client->facts;
	char address[ADDRESS_TEXT_BYTES];
	struct audit_record record;

	if (client->recorded || !sandbox_reserve_record(sandbox))
		return;
	client->recorded = true;
	audit_record_init(&record, kind, sandbox->id);
	record.time_us = client->time_us;
	record.allow = allow;
	record.would_deny = facts->would_deny;
	if (facts->refusal.rule)
		record.rule = (int)facts->refusal.rule->index;
	record.reason = allow ? NULL : text;
	record.error = allow ? text : NULL;
	if (facts->has_host) {
		record.host = host_slice(&facts->host);
	} else {
		address_format(&client->destination, address);
		record.host = slice_from_text(address);
	}
	record.port = facts->port;
	if (kind == AUDIT_TLS) {
		record.has_tls = true;
		record.tls.sni = host_slice(&facts->sni);
		record.tls.version = facts->tls_version;
	}
	record.total_us = monotonic_now_us() - client->started_us;
	sandbox_commit_record(sandbox, &record);
}

void client_refuse(struct client *client, enum audit_kind kind, const char *reason)
{
	client_record(client, kind, false, reason);
	client_close(client, true);
}

/* SSH, SMTP, FTP and the like begin with capitals as well. What is no request line would have us
 * wait for the rest of a head that never comes. */
static bool is_like_http(struct slice received)
{
	size_t end = slice_find_char(received, '\n');
	struct slice line = slice_first(received, end), method;

	if (received.ptr[0] < 'A' || received.ptr[0] > 'Z')
		return false;
	method = slice_first(line, slice_find_char(line, ' '));
	return end == received.len || method_standing(method) != METHOD_UNKNOWN ||
	       slice_find(line, SLICE_LITERAL(" HTTP/")) < line.len;
}

static void on_sniffed(struct client *client, struct slice received)
{
	/* 0x16: a TLS record with a handshake message (RFC 8446 section 5.1). 0x80: the length of
	 * an SSLv2 hello, which the parser of hellos refuses by name. */
	unsigned char first = (unsigned char)received.ptr[0];

	if (first == 0x16 || first == 0x80) {
		client->state = CLIENT_HELLO;
		deadline_set(&client->deadline, TIMEOUT_HELLO);
		client_judge_hello(client, received);
		return;
	}
	if (is_like_http(received)) {
		client->facts.scheme = POLICY_HTTP;
		client_serve(client, received);
		return;
	}
	client_refuse_unknown(client, received);
}

static void first_bytes_end(struct client *client, ssize_t error)
{
	const char *reason = "the client closed the connection before it sent anything";

	if (client->state == CLIENT_HELLO)
		reason = "the client closed the connection in its ClientHello";
	(void)error;
	client_refuse(client, client->state == CLIENT_HELLO ? AUDIT_TLS : AUDIT_TCP, reason);
}

static void read_first_bytes(struct client *client)
{
	struct engine *engine = client->sandbox->engine;
	ssize_t got = stream_read(&client->stream, engine->read, ENGINE_READ_BYTES);
	struct slice input = slice_of(engine->read, got > 0 ? (size_t)got : 0);

	if (got == -EAGAIN)
		return;
	if (got < 0) {
		first_bytes_end(client, got);
		return;
	}
	if (client->state == CLIENT_SNIFFING) {
		on_sniffed(client, input);
		return;
	}
	if (buffer_append(&client->received, input) < 0)
		client_refuse(client, AUDIT_TLS, "the ClientHello is too large");
	else
		client_judge_hello(client, buffer_slice(&client->received));
}

static void on_readable(struct stream *stream)
{
	struct client *client = container_of(stream, struct client, stream);

	if (client->state == CLIENT_SNIFFING || client->state == CLIENT_HELLO)
		read_first_bytes(client);
	else if (client->state == CLIENT_SERVING && client->h2)
		client_h2_read(client);
	else
		client_read_http(client);
}

/* The alert that the client sent, or the reason that the library has, for the person who wonders
 * why. */
static void on_handshake_failed(struct client *client)
{
	char text[TLS_FAILURE_BYTES], why[TLS_FAILURE_BYTES + 160];

	tls_describe_failure(client->stream.ssl, text);
	snprintf(why, sizeof(why),
		 "the TLS handshake with the client failed: %s (if it does not trust the sandbox's "
		 "authority: "
		 "point it at $SSL_CERT_FILE)",
		 text);
	if (client->facts.is_refused)
		client_record(client, AUDIT_TLS, false, client->facts.refusal.reason);
	else
		client_record(client, AUDIT_TLS, true, why);
	client_close(client, false);
}

static void on_handshaken(struct stream *stream, int result)
{
	struct client *client = container_of(stream, struct client, stream);
	struct client_facts *facts = &client->facts;
	const unsigned char *alpn;
	unsigned int alpn_length;

	if (result < 0) {
		on_handshake_failed(client);
		return;
	}
	facts->has_tls = true;
	facts->tls_version = tls_version_name(stream->ssl);
	facts->tls_cipher = tls_cipher_name(stream->ssl);
	facts->tls_resumed = SSL_session_reused(stream->ssl);
	SSL_get0_alpn_selected(stream->ssl, &alpn, &alpn_length);
	if (slice_equal(slice_of(alpn, alpn_length), SLICE_LITERAL("h2"))) {
		facts->tls_alpn = "h2";
		client_h2_serve(client);
		return;
	}
	facts->tls_alpn = alpn_length ? "http/1.1" : NULL;
	client_serve(client, SLICE_EMPTY);
}

static void on_drained(struct stream *stream)
{
	struct client *client = container_of(stream, struct client, stream);

	if (client->h2)
		client_h2_drained(client);
	else
		client_http_drained(client);
}

static void on_broken(struct stream *stream)
{
	struct client *client = container_of(stream, struct client, stream);

	if (client->state == CLIENT_HANDSHAKING)
		on_handshake_failed(client);
	else
		client_http_broken(client);
}

static const struct stream_events events = {
	.readable = on_readable,
	.drained = on_drained,
	.handshaken = on_handshaken,
	.broken = on_broken,
};

static void too_late(struct deadline *deadline)
{
	struct client *client = container_of(deadline, struct client, deadline);

	switch (client->state) {
	case CLIENT_SNIFFING:
		client_refuse_unknown(client, SLICE_EMPTY);
		break;
	case CLIENT_HELLO:
		client_refuse(client, AUDIT_TLS, "the ClientHello did not come in time");
		break;
	case CLIENT_HANDSHAKING:
		client_record(client, AUDIT_TLS, !client->facts.is_refused,
			      "the TLS handshake with the client took too long");
		client_close(client, true);
		break;
	case CLIENT_SERVING:
		if (client->h2)
			client_h2_late(client);
		else
			client_http_late(client);
		break;
	default:
		client_http_late(client);
	}
}

/* A synthetic address stands for the name that this sandbox was given it for; another one for
 * itself, and only if a rule names it (threats D5, H15). */
static void set_facts(struct client *client, uint16_t port)
{
	struct client_facts *facts = &client->facts;
	const struct address *destination = &client->destination;
	const struct host *name = names_find(client->sandbox->names, destination->bytes,
					     destination->length);

	facts->port = port;
	if (name) {
		facts->host = *name;
		facts->has_host = true;
	}
}

void client_accept(struct sandbox *sandbox, int fd, const struct address *destination,
		   uint16_t port)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		close(fd);
		return;
	}
	client->sandbox = sandbox;
	client->destination = *destination;
	client->started_us = monotonic_now_us();
	client->time_us = wallclock_now_us();
	client->request_paused = true;
	stream_init(&client->stream, sandbox->engine, fd, &events);
	buffer_init(&client->received, HELLO_RAW_MAX_BYTES + ENGINE_READ_BYTES);
	deadline_init(&client->deadline, sandbox->engine->loop, too_late);
	list_append(&sandbox->clients, &client->node);
	sandbox->client_count++;
	set_facts(client, port);
	if (client_relay(client))
		return;
	deadline_set(&client->deadline,
		     policy_names_port(sandbox->policy, port) ? TIMEOUT_SNIFF : TIMEOUT_SNIFF_ODD);
	stream_resume(&client->stream);
}
