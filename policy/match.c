#include "policy/match.h"

#include "policy/known_resolver.h"
#include "policy/matcher.h"
#include "policy/methods.h"
#include "policy/target.h"

bool matcher_takes_host(const struct index_entry *entry, const struct host *host)
{
	const struct policy_target *target = entry->target;
	const struct policy_rule *rule = entry->owner;

	if (!rule->allow || (!target->any_host && !target->wildcard && !target->is_range))
		return true;
	return (host->kind == HOST_NAME || target->is_range) && !known_resolver_has(host);
}

bool matcher_names(const struct index_entry *entry, enum policy_scheme scheme,
		   const struct host *host, uint16_t port)
{
	return target_has_port(entry->target, scheme, port) && matcher_takes_host(entry, host);
}

bool matcher_names_some(const struct index_entry *entry, enum policy_scheme scheme,
			const struct policy_target *target)
{
	if (target->wildcard || target->any_host)
		return target_has_port(entry->target, scheme, target->port);
	return matcher_names(entry, scheme, &target->host, target->port);
}

/* A denial of tls:// or tcp:// is about the whole connection, and so about every request on it. An
 * allowing one says nothing about requests: where it decides there are none. */
static bool matches_request(const struct index_entry *entry, const struct policy_request *request,
			    struct slice reading)
{
	const struct policy_target *target = entry->target;
	const struct policy_rule *rule = entry->owner;

	if (target->scheme == POLICY_TLS && request->scheme != POLICY_HTTPS)
		return false;
	if (target_is_unopened(target))
		return !rule->allow && target->scheme != POLICY_UDP &&
		       matcher_names(entry, target->scheme, request->host, request->port);
	return matcher_names(entry, request->scheme, request->host, request->port) &&
	       path_glob_match(&target->path, reading) &&
	       methods_have(&rule->methods, !rule->allow, request->method) &&
	       matcher_takes(rule, request);
}

static const struct index_entry *first_match(const struct policy *policy,
					     const struct policy_request *request,
					     struct slice reading)
{
	struct index_cursor cursor;
	const struct index_entry *entry;

	index_find(&policy->matcher->rules, request->host, &cursor);
	while ((entry = index_next(&cursor))) {
		if (matches_request(entry, request, reading))
			return entry;
	}
	return NULL;
}

static const struct policy_rule *rule_of(const struct index_entry *entry)
{
	return entry ? entry->owner : NULL;
}

/* Whether the rules do the same with a request that both allow. Which of a path's readings the
 * server takes is not known: if they did not, the laxer one could be chosen by the spelling. */
static bool do_the_same(const struct policy_rule *a, const struct policy_rule *b)
{
	return a == b ||
	       (a->set_count == 0 && b->set_count == 0 && a->credentials == b->credentials);
}

void policy_decide_request(const struct policy *policy, const struct policy_request *request,
			   struct policy_verdict *verdict)
{
	const struct path *path = request->path;
	const struct policy_rule *before;

	verdict->allow = false;
	verdict->rule = NULL;
	verdict->reason = NULL;
	/* The reading as written comes last, so that its rule is the one that is named. */
	for (size_t i = path->reading_count; i-- > 0;) {
		const struct index_entry *entry = first_match(policy, request, path->readings[i]);

		before = verdict->rule;
		verdict->rule = rule_of(entry);
		verdict->allow = verdict->rule && verdict->rule->allow;
		if (!verdict->allow) {
			reason_for_request(policy, request, path->readings[i], entry, verdict);
			return;
		}
		if (before && !do_the_same(before, verdict->rule)) {
			reason_for_readings(before, verdict);
			return;
		}
	}
}

/* Whether the denial leaves nothing that a request could still be allowed by. */
static bool is_total(const struct index_entry *entry)
{
	const struct policy_rule *rule = entry->owner;

	return entry->target->path.matches_all && rule->methods.count == 0;
}

static enum policy_tls_route route_of(const struct index_entry *entry)
{
	const struct policy_rule *rule = entry->owner;

	if (target_is_unopened(entry->target))
		return rule->allow ? POLICY_TLS_PASS : POLICY_TLS_REFUSE;
	return entry->target->any_scheme && is_total(entry) ? POLICY_TLS_REFUSE
							    : POLICY_TLS_INSPECT;
}

/* Whether ENTRY is about TLS connections, or about all of TCP. */
static bool names_tls(const struct index_entry *entry, const struct host *host, uint16_t port)
{
	return matcher_names(entry, POLICY_HTTPS, host, port) ||
	       matcher_names(entry, POLICY_TLS, host, port) ||
	       matcher_names(entry, POLICY_TCP, host, port);
}

static const struct index_entry *first_for_tls(const struct policy *policy, const struct host *host,
					       uint16_t port)
{
	struct index_cursor cursor;
	const struct index_entry *entry;

	index_find(&policy->matcher->rules, host, &cursor);
	while ((entry = index_next(&cursor))) {
		if (names_tls(entry, host, port))
			return entry;
	}
	return NULL;
}

enum policy_tls_route policy_decide_tls(const struct policy *policy, const struct host *host,
					uint16_t port, struct policy_verdict *verdict)
{
	const struct index_entry *entry = first_for_tls(policy, host, port);
	enum policy_tls_route route = entry ? route_of(entry) : POLICY_TLS_REFUSE;

	verdict->allow = route == POLICY_TLS_PASS;
	verdict->rule = rule_of(entry);
	verdict->reason = route == POLICY_TLS_INSPECT ? "each request is judged by itself" : NULL;
	if (route == POLICY_TLS_REFUSE)
		reason_for_connection(policy, POLICY_HTTPS, host, port, entry, verdict);
	return route;
}

/* What a denial of requests says, one without a scheme that has a path or methods, is nothing about
 * datagrams; of TCP, it has the connection opened. */
static bool names_flow(const struct index_entry *entry, enum policy_scheme scheme,
		       const struct host *host, uint16_t port)
{
	if (scheme == POLICY_UDP)
		return matcher_names(entry, POLICY_UDP, host, port) &&
		       (entry->target->scheme == POLICY_UDP || is_total(entry));
	return names_tls(entry, host, port) || matcher_names(entry, POLICY_HTTP, host, port);
}

static const struct index_entry *first_for_flow(const struct policy *policy,
						enum policy_scheme scheme, const struct host *host,
						uint16_t port)
{
	struct index_cursor cursor;
	const struct index_entry *entry;

	index_find(&policy->matcher->rules, host, &cursor);
	while ((entry = index_next(&cursor))) {
		if (names_flow(entry, scheme, host, port))
			return entry;
	}
	return NULL;
}

bool policy_decide_flow(const struct policy *policy, enum policy_scheme scheme,
			const struct host *host, uint16_t port, struct policy_verdict *verdict)
{
	const struct index_entry *entry = first_for_flow(policy, scheme, host, port);
	const struct policy_rule *rule = rule_of(entry);

	bool inside = entry && entry->target->scheme != scheme &&
		      !(entry->target->any_scheme && is_total(entry));

	verdict->rule = inside ? NULL : rule;
	verdict->allow = verdict->rule && rule->allow;
	verdict->reason = NULL;
	verdict->by_range = verdict->allow && entry->target->is_range;
	if (inside)
		reason_for_inside(host, port, entry, verdict);
	else if (!verdict->allow)
		reason_for_connection(policy, scheme, host, port, entry, verdict);
	return verdict->allow;
}

bool policy_may_http(const struct policy *policy, const struct host *host, uint16_t port)
{
	struct index_cursor cursor;
	const struct index_entry *entry;

	index_find(&policy->matcher->rules, host, &cursor);
	while ((entry = index_next(&cursor))) {
		const struct policy_rule *rule = entry->owner;

		if (entry->target->scheme == POLICY_TCP &&
		    matcher_names(entry, POLICY_TCP, host, port))
			return false;
		if (!matcher_names(entry, POLICY_HTTP, host, port))
			continue;
		if (rule->allow || is_total(entry))
			return rule->allow;
	}
	return false;
}

size_t policy_find_uses(const struct policy *policy, const struct policy_request *request,
			const struct policy_use **uses, size_t max)
{
	struct index_cursor cursor;
	const struct index_entry *entry;
	size_t count = 0;

	if (request->scheme != POLICY_HTTPS)
		return 0;
	index_find(&policy->matcher->uses, request->host, &cursor);
	while ((entry = index_next(&cursor))) {
		const struct policy_use *use = entry->owner;

		if ((use->slot.kind == POLICY_SLOT_WS && !request->websocket) ||
		    use->at.port != request->port ||
		    !methods_have(&use->methods, false, request->method) ||
		    !path_glob_match_all(&use->at.path, request->path))
			continue;
		if (count < max)
			uses[count] = use;
		count++;
	}
	return count;
}

bool policy_secret_names_host(const struct policy_secret *secret, const struct host *host,
			      uint16_t port)
{
	for (size_t i = 0; i < secret->use_count; i++) {
		const struct policy_target *at = &secret->uses[i].at;

		if (at->port != port)
			continue;
		if (target_has_host(at, host))
			return true;
	}
	return false;
}
