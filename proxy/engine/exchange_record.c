#include "proxy/engine/exchange_record.h"

#include <stdio.h>

#include "base/wallclock.h"
#include "proxy/engine/sandbox.h"
#include "proxy/engine/websocket.h"

enum { RECORD_TEXT_MAX = 2048 };

static void describe_client(const struct exchange *exchange, struct audit_record *record)
{
	const struct client_facts *facts = exchange->facts;

	if (!facts->has_tls)
		return;
	record->has_tls = true;
	record->tls.sni = host_slice(&facts->sni);
	record->tls.version = facts->tls_version;
	record->tls.cipher = facts->tls_cipher;
	record->tls.alpn = facts->tls_alpn;
	record->tls.resumed = facts->tls_resumed;
}

static void describe_origin(const struct exchange *exchange, struct audit_record *record,
			    char address[ADDRESS_TEXT_BYTES])
{
	const struct origin_facts *facts = &exchange->origin_facts;

	if (!exchange->has_origin_facts)
		return;
	address_format(&facts->address, address);
	record->ip = slice_from_text(address);
	record->connect_us = facts->connect_us;
	record->upstream_reused = facts->reused;
	if (!facts->tls_version)
		return;
	record->has_upstream = true;
	record->upstream.version = facts->tls_version;
	record->upstream.cipher = facts->tls_cipher;
	record->upstream.alpn = facts->alpn;
	record->upstream.resumed = facts->tls_resumed;
}

static void describe_secrets(const struct exchange *exchange, struct audit_record *record)
{
	const struct secret_plan *plan = &exchange->plan;
	struct secret_put put;

	for (size_t i = 0; i < plan->misuse_count && i < AUDIT_MISUSES_MAX; i++) {
		record->misuses[record->misuse_count++] = (struct audit_misuse){
			.name = plan->misuses[i].entry->policy->name,
			.place = secret_place_name(plan->misuses[i].place),
			.action = secret_action_name(plan->misuses[i].action),
		};
	}
	record->misuses_more = plan->misuses_more;
	record->scrubbed = exchange->scrubbed;
	record->captured = exchange->captured;
	/* A secret is in the record when it was sent, not when it would have been. */
	for (size_t i = 0; exchange->was_sent && secret_plan_list(plan, i, &put); i++) {
		if (record->secret_count == AUDIT_SECRETS_MAX)
			record->secrets_more++;
		else
			record->secrets[record->secret_count++] = (struct audit_secret){
				.name = put.secret->name,
				.slot = put.slot,
			};
	}
}

/* Text with placeholders by name (threat S13), in ARENA; cut, as the record cuts it anyway. */
static struct slice redacted(struct exchange *exchange, struct slice text)
{
	/* First the names, then the cut: a cut would leave half a placeholder. */
	struct slice shown;

	if (text.len == 0)
		return SLICE_LITERAL("");
	shown = secret_redact(&exchange->sandbox->secrets, text, &exchange->arena);
	return shown.ptr ? slice_first(shown, RECORD_TEXT_MAX) : SLICE_LITERAL("(no memory)");
}

static const char *redacted_text(struct exchange *exchange, const char *text)
{
	struct slice shown;

	if (!text)
		return NULL;
	shown = arena_copy(&exchange->arena, redacted(exchange, slice_from_text(text)));
	return shown.ptr ? shown.ptr : "(no memory)";
}

static struct slice target_of(struct exchange *exchange)
{
	const struct http_message *request = &exchange->request;
	char *text;

	if (request->query.len == 0)
		return request->path;
	text = arena_alloc_bytes(&exchange->arena, request->path.len + request->query.len);
	if (!text)
		return request->path;
	memcpy(text, request->path.ptr, request->path.len);
	memcpy(text + request->path.len, request->query.ptr, request->query.len);
	return slice_of(text, request->path.len + request->query.len);
}

static void describe_http(struct exchange *exchange, struct audit_record *record)
{
	const struct http_message *request = &exchange->request;

	if (request->host.length) {
		record->host = host_slice(&request->host);
		record->port = request->port;
	} else if (exchange->facts->has_host) {
		record->host = host_slice(&exchange->facts->host);
		record->port = exchange->facts->port;
	}
	record->has_http = true;
	record->http.version = request->is_h2 ? "2" : request->minor_version ? "1.1" : "1.0";
	record->http.method = redacted(exchange, request->method);
	record->http.path = redacted(exchange, target_of(exchange));
	record->http.status = exchange->status;
	record->http.request_bytes = exchange->request_bytes;
	record->http.response_bytes = exchange->response_bytes;
}

void exchange_write_record(struct exchange *exchange, bool allow, const char *error)
{
	struct sandbox *sandbox = exchange->sandbox;
	char address[ADDRESS_TEXT_BYTES];
	struct audit_record record;

	if (!exchange->reserved)
		return;
	exchange->reserved = false;
	audit_record_init(&record, AUDIT_HTTP, sandbox->id);
	record.time_us = exchange->time_us;
	record.allow = allow;
	record.would_deny = exchange->would_deny;
	if (exchange->verdict.rule)
		record.rule = (int)exchange->verdict.rule->index;
	if (!allow)
		record.reason = redacted_text(exchange, exchange->why);
	else if (exchange->would_deny)
		record.reason = redacted_text(exchange, exchange->would_reason);
	record.error = redacted_text(exchange, error);
	describe_http(exchange, &record);
	describe_client(exchange, &record);
	describe_origin(exchange, &record, address);
	describe_secrets(exchange, &record);
	websocket_describe(exchange, &record);
	record.total_us = monotonic_now_us() - exchange->started_us;
	sandbox_commit_record(sandbox, &record);
}
