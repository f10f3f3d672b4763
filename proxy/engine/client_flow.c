/*
 * Connections as such: those that tcp:// rules let through as they are, and what is said of those
 * that nobody can read.
 */
#include <stdio.h>

#include "policy/match.h"
#include "proxy/engine/client.h"
#include "proxy/engine/passthrough.h"
#include "proxy/engine/sandbox.h"

enum {
	SUGGESTION_BYTES = HOST_AUTHORITY_MAX + 32,
	REASON_BYTES = POLICY_REASON_BYTES + SUGGESTION_BYTES,
	PORT_DNS_OVER_TLS = 853, /* RFC 7858 section 3.1 */
};

/* What well-known protocols begin with, as far as the client speaks first, or does not wait for the
 * server to. */
static const struct {
	const char *name;
	size_t offset;
	struct slice bytes;
} protocols[] = {
	{"SSH", 0, {"SSH-", 4}},
	{"PostgreSQL", 4, {"\0\3\0\0", 4}},	    /* a startup message, version 3.0 */
	{"PostgreSQL", 4, {"\x04\xd2\x16\x2f", 4}}, /* a request for TLS */
	{"PostgreSQL", 4, {"\x04\xd2\x16\x30", 4}}, /* a request for GSSAPI */
	{"Redis", 0, {"*1\r\n$", 5}},
	{"Redis", 0, {"*2\r\n$", 5}},
	{"Redis", 0, {"*3\r\n$", 5}},
	{"MongoDB", 12, {"\xdd\x07\0\0", 4}}, /* OP_MSG */
	{"AMQP", 0, {"AMQP", 4}},
	{"MQTT", 4, {"MQTT", 4}},
	{"SMTP", 0, {"EHLO ", 5}},
	{"SMTP", 0, {"HELO ", 5}},
	{"git", 4, {"git-", 4}},
	{"VNC", 0, {"RFB 0", 5}},
	{"SOCKS5", 0, {"\5\1\0", 3}},
	{"SOCKS5", 0, {"\5\2\0", 3}},
	{"SOCKS4", 0, {"\4\1", 2}},
	{"BitTorrent", 0, {"\23BitTorrent protocol", 20}},
};

static const char *name_protocol(struct slice received)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (slice_starts_with(slice_from(received, protocols[i].offset),
				      protocols[i].bytes))
			return protocols[i].name;
	}
	return NULL;
}

/* What the connection was made to: a name by its synthetic address, or an address. */
static struct host host_of(const struct client *client)
{
	struct host host = client->facts.host;

	if (!client->facts.has_host)
		host_from_address(client->destination.bytes, client->destination.length, &host);
	return host;
}

/* What a rule would have to say, as far as it would help: an address that may not be dialled is not
 * let through by a rule alone. Empty then. */
static void suggest(const struct client *client, const struct host *host, char *out, size_t size)
{
	char line[SUGGESTION_BYTES];
	const char *why;

	out[0] = '\0';
	if (host->kind != HOST_NAME &&
	    address_check(&client->destination, client->sandbox->policy, &why) < 0)
		return;
	policy_suggest_flow(POLICY_TCP, host, client->facts.port, line, sizeof(line));
	snprintf(out, size, "; to let it through: %s", line);
}

void client_refuse_unknown(struct client *client, struct slice received)
{
	const char *protocol = name_protocol(received);
	struct host host = host_of(client);
	struct policy_verdict verdict;
	char reason[REASON_BYTES], hint[SUGGESTION_BYTES + 32];

	policy_decide_flow(client->sandbox->policy, POLICY_TCP, &host, client->facts.port,
			   &verdict);
	suggest(client, &host, hint, sizeof(hint));
	if (verdict.rule) {
		client->facts.refusal.rule = verdict.rule;
		snprintf(reason, sizeof(reason), "%s", verdict.reason);
	} else if (received.len == 0) {
		snprintf(reason, sizeof(reason),
			 "the client sent nothing, and no rule allows a protocol in which the "
			 "server "
			 "speaks first%s",
			 hint);
	} else {
		snprintf(reason, sizeof(reason),
			 "what the client sent is %s%sneither TLS nor HTTP%s",
			 protocol ? protocol : "", protocol ? ", and " : "", hint);
	}
	client_refuse(client, AUDIT_TCP, reason);
}

bool client_is_dns_over_tls(uint16_t port)
{
	return port == PORT_DNS_OVER_TLS;
}

void client_pass(struct client *client, enum audit_kind kind, struct slice received)
{
	struct sandbox *sandbox = client->sandbox;
	bool reserved = sandbox_reserve_record(sandbox);

	if (!reserved && sandbox->policy->audit_full != POLICY_AUDIT_CONTINUE) {
		client_refuse(client, kind, "the audit log cannot take a record");
		return;
	}
	client->recorded = true;
	passthrough_start(sandbox, stream_detach(&client->stream), kind, &client->facts, received,
			  reserved);
	client_close(client, false);
}

bool client_relay(struct client *client)
{
	struct sandbox *sandbox = client->sandbox;
	struct client_facts *facts = &client->facts;
	struct host host = host_of(client);
	struct policy_verdict *verdict = &facts->refusal;
	char reason[POLICY_REASON_BYTES];

	if (!policy_decide_flow(sandbox->policy, POLICY_TCP, &host, facts->port, verdict)) {
		/* It may still be TLS or HTTP, whose verdict is another one. */
		verdict->rule = NULL;
		return false;
	}
	facts->host = host;
	facts->has_host = true;
	if (sandbox->killed)
		client_refuse(client, AUDIT_TCP, "the sandbox has ended");
	else if (address_check_flow(&client->destination, sandbox->policy, verdict->by_range,
				    reason, sizeof(reason)) < 0)
		client_refuse(client, AUDIT_TCP, reason);
	else
		client_pass(client, AUDIT_TCP, SLICE_EMPTY);
	return true;
}
