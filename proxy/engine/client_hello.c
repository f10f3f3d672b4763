#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "policy/match.h"
#include "proxy/engine/client.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

/* What is wrong with a hello is said twice: in the log, and to the client by an alert. */
static void refuse_hello(struct client *client, const char *reason, enum hello_alert alert)
{
	uint8_t bytes[HELLO_ALERT_BYTES];

	client_record(client, AUDIT_TLS, false, reason);
	if (alert != HELLO_ALERT_NONE) {
		hello_write_alert(alert, bytes);
		stream_write(&client->stream, slice_of(bytes, sizeof(bytes)));
		stream_shutdown(&client->stream);
	}
	client_close(client, false);
}

static void refuse_connection(struct client_facts *facts, int status, const char *reason)
{
	facts->refusal.rule = NULL;
	facts->refusal.reason = reason;
	facts->refusal_status = status;
	facts->is_refused = true;
}

/* Without SNI the name behind the synthetic address would do, but clients that send none are old or
 * odd (threat T4). An address is dealt with as such. */
static void name_without_sni(struct client *client)
{
	struct client_facts *facts = &client->facts;

	if (facts->has_host) {
		refuse_connection(facts, 403, "the TLS ClientHello names no server (no SNI)");
		return;
	}
	host_from_address(client->destination.bytes, client->destination.length, &facts->host);
	facts->has_host = true;
}

/* SNI, and the name that was resolved to get here, must agree. */
static void name_by_sni(struct client *client, const struct hello *hello)
{
	struct client_facts *facts = &client->facts;
	bool agrees = !facts->has_host || host_equal(&facts->host, &hello->sni);

	facts->sni = hello->sni;
	facts->host = hello->sni;
	facts->has_host = true;
	if (!agrees)
		refuse_connection(
			facts, 421,
			"the server name in the TLS ClientHello (SNI) is not the name that "
			"was resolved for this connection");
}

static void start_tls(struct client *client, struct slice received)
{
	const struct client_facts *facts = &client->facts;
	struct sandbox *sandbox = client->sandbox;
	enum authority_keep keep = facts->is_refused ? AUTHORITY_ONCE : AUTHORITY_KEEP;
	SSL *ssl;

	if (stream_unread(&client->stream, received) < 0) {
		client_refuse(client, AUDIT_TLS, "out of memory");
		return;
	}
	buffer_free(&client->received);
	ssl = tls_downstream_session(
		sandbox->downstream, &facts->host, keep,
		origin_pool_offers_h2(&sandbox->pool, POLICY_HTTPS, &facts->host, facts->port),
		&client->stream.transport);
	if (!ssl) {
		client_refuse(client, AUDIT_TLS, "a TLS session could not be made");
		return;
	}
	client->facts.scheme = POLICY_HTTPS;
	client->state = CLIENT_HANDSHAKING;
	stream_start_server(&client->stream, ssl);
}

static void pass_through(struct client *client, const struct hello *hello, struct slice received)
{
	if (hello->has_ech) {
		/* It may be filler (GREASE), but from outside that cannot be told (threat T8). */
		refuse_hello(client,
			     "the ClientHello is encrypted to a hidden name (ECH), which cannot be "
			     "allowed on a connection that is not inspected",
			     HELLO_ALERT_HANDSHAKE_FAILURE);
		return;
	}
	client_pass(client, AUDIT_TLS, received);
}

static void judge_name(struct client *client, const struct hello *hello, struct slice received)
{
	struct client_facts *facts = &client->facts;
	const struct policy *policy = client->sandbox->policy;
	enum policy_tls_route route;

	if (facts->is_refused) {
		start_tls(client, received);
		return;
	}
	route = policy_decide_tls(policy, &facts->host, facts->port, &facts->refusal);
	if (client->sandbox->killed) {
		route = POLICY_TLS_REFUSE;
		facts->refusal.reason = "the sandbox has ended";
	}
	if (route == POLICY_TLS_PASS) {
		pass_through(client, hello, received);
		return;
	}
	if (route == POLICY_TLS_REFUSE) {
		facts->would_deny = policy->mode == POLICY_OBSERVE && !client->sandbox->killed;
		facts->is_refused = !facts->would_deny;
		facts->is_denied_by_policy = facts->is_refused && !client->sandbox->killed;
		facts->refusal_status = 403;
	}
	if (facts->is_refused && client_is_dns_over_tls(facts->port)) {
		refuse_hello(client, facts->refusal.reason, HELLO_ALERT_ACCESS_DENIED);
		return;
	}
	start_tls(client, received);
}

void client_judge_hello(struct client *client, struct slice received)
{
	struct hello *hello = client->hello;

	if (!hello) {
		hello = malloc(sizeof(*hello));
		if (!hello) {
			client_refuse(client, AUDIT_TLS, "out of memory");
			return;
		}
		hello_init(hello);
		client->hello = hello;
	}
	switch (hello_read(hello, received)) {
	case HELLO_MORE:
		if (buffer_length(&client->received) == 0 &&
		    buffer_append(&client->received, received) < 0)
			client_refuse(client, AUDIT_TLS, "out of memory");
		return;
	case HELLO_REFUSED:
		refuse_hello(client, hello_problem_text(hello->problem),
			     hello_problem_alert(hello->problem));
		return;
	case HELLO_DONE:
		break;
	}
	if (hello->has_sni)
		name_by_sni(client, hello);
	else
		name_without_sni(client);
	judge_name(client, hello, received);
	free(client->hello);
	client->hello = NULL;
}
