#include "proxy/engine/sandbox.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/wallclock.h"
#include "proxy/engine/client.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/listener.h"
#include "proxy/engine/packet_watch.h"
#include "proxy/engine/passthrough.h"
#include "proxy/engine/queue_watch.h"
#include "proxy/engine/udp_relay.h"

enum {
	/* What all decoders and encoders of a sandbox hold together; a body that would need more is
	   refused. */
	CODING_BUDGET_BYTES = 128 << 20,
};

bool sandbox_reserve_record(struct sandbox *sandbox)
{
	return audit_ring_reserve(sandbox->ring);
}

void sandbox_commit_record(struct sandbox *sandbox, const struct audit_record *record)
{
	char body[AUDIT_BODY_MAX];

	audit_ring_commit(sandbox->ring, slice_of(body, audit_record_format(record, body)));
}

void sandbox_release_record(struct sandbox *sandbox)
{
	audit_ring_release(sandbox->ring);
}

int sandbox_prepare(struct sandbox *sandbox, struct error *err)
{
	int rc;

	list_init(&sandbox->clients);
	list_init(&sandbox->passthroughs);
	list_init(&sandbox->generations);
	sandbox->coding_budget.max_bytes = CODING_BUDGET_BYTES;
	origin_pool_init(&sandbox->pool);
	sandbox->message_budget.max_bytes = LIMIT_MESSAGE_BYTES;
	rc = secret_store_init(&sandbox->secrets, err);
	if (rc == 0)
		rc = authority_create(sandbox->id, &sandbox->authority, err);
	if (rc == 0)
		rc = tls_downstream_create(sandbox->authority, &sandbox->downstream, err);
	if (rc < 0)
		return rc;
	sandbox->names = names_create(NAMES_MAX);
	if (!sandbox->names)
		return error_set_code(err, -ENOMEM, "cannot prepare the sandbox");
	return 0;
}

int sandbox_load_roots(struct sandbox *sandbox, const char *system_bundle, struct error *err)
{
	const struct policy *policy = sandbox->policy;

	return tls_upstream_create(system_bundle, policy->ca_files, policy->ca_count,
				   &sandbox->upstream, err);
}

/* A query is a verdict too: answered here, or refused. No name leaves (design section 3, rule 4).
 */
static bool record_query(void *owner, const struct dns_question *question,
			 const struct dns_answer *answer)
{
	struct sandbox *sandbox = owner;
	struct audit_record record;

	if (!sandbox_reserve_record(sandbox))
		return sandbox->policy->audit_full == POLICY_AUDIT_CONTINUE;
	audit_record_init(&record, AUDIT_DNS, sandbox->id);
	record.time_us = wallclock_now_us();
	record.allow = answer->rcode == DNS_NOERROR;
	if (!record.allow)
		record.reason = answer->extended_text ? answer->extended_text
						      : "the query was refused";
	if (question->name_is_host)
		record.host = host_slice(&question->name);
	record.has_dns = true;
	record.dns.name = slice_from_text(question->shown);
	record.dns.type = question->type;
	record.dns.rcode = dns_rcode_name(answer->rcode);
	if (record.allow)
		record.dns.answer = answer->address_count ? "synthetic" : "empty";
	sandbox_commit_record(sandbox, &record);
	return true;
}

static int serve_dns(struct sandbox *sandbox, struct steer_sockets *sockets, struct error *err)
{
	const struct dns_server_setup setup = {
		.loop = sandbox->engine->loop,
		.names = sandbox->names,
		.udp_sockets = {take_fd(&sockets->dns_udp[0]), take_fd(&sockets->dns_udp[1])},
		.tcp_sockets = {take_fd(&sockets->dns_tcp[0]), take_fd(&sockets->dns_tcp[1])},
		.on_query = record_query,
		.owner = sandbox,
	};

	return dns_server_create(&setup, &sandbox->dns, err);
}

int sandbox_serve(struct sandbox *sandbox, struct steer_sockets *sockets, const char *servers,
		  struct error *err)
{
	int rc = resolver_create(sandbox->engine->loop, sandbox->policy, servers,
				 &sandbox->resolver, err);

	if (rc == 0)
		rc = generation_begin(sandbox, err);
	if (rc == 0)
		rc = serve_dns(sandbox, sockets, err);
	for (size_t i = 0; i < 2 && rc == 0; i++) {
		if (sockets->tcp[i] >= 0)
			rc = listener_create(sandbox, take_fd(&sockets->tcp[i]),
					     &sandbox->listeners[i], err);
	}
	if (rc == 0 && sockets->log_fd >= 0)
		rc = packet_watch_create(sandbox, take_fd(&sockets->log_fd), &sandbox->packets,
					 err);
	if (rc == 0 && sockets->queue_fd >= 0)
		rc = udp_relay_create(sandbox, sockets, &sandbox->datagrams, err);
	if (rc == 0 && sockets->queue_fd >= 0)
		rc = queue_watch_create(sandbox, take_fd(&sockets->queue_fd), &sandbox->queue, err);
	return rc;
}

void sandbox_free(struct sandbox *sandbox)
{
	for (size_t i = 0; i < 2; i++)
		listener_free(take_ptr(sandbox->listeners[i]));
	queue_watch_free(take_ptr(sandbox->queue));
	packet_watch_free(take_ptr(sandbox->packets));
	udp_relay_free(take_ptr(sandbox->datagrams));
	dns_server_free(take_ptr(sandbox->dns));
	list_for_each_safe(node, &sandbox->clients)
		client_close(container_of(node, struct client, node), true);
	passthrough_end_all(sandbox);
	origin_pool_free(&sandbox->pool);
	/* Closed connections still hold sessions of the contexts below. */
	engine_settle(sandbox->engine);
	resolver_free(take_ptr(sandbox->resolver));
	tls_upstream_free(take_ptr(sandbox->upstream));
	tls_downstream_free(take_ptr(sandbox->downstream));
	authority_free(take_ptr(sandbox->authority));
	names_free(take_ptr(sandbox->names));
	generation_end_all(sandbox);
	secret_store_free(&sandbox->secrets);
}
