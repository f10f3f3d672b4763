#include <stdio.h>

#include "policy/known_resolver.h"
#include "policy/matcher.h"
#include "policy/methods.h"
#include "policy/target.h"

enum {
	SHOWN_PATH_BYTES = 160,
	SHOWN_METHOD_BYTES = 32,
	SHOWN_TARGET_BYTES = 120,
	DNS_OVER_TLS_PORT = 853,
};

/* How near an allowing rule came; the nearest one is told. */
enum nearness {
	NEAR_NOT,
	NEAR_HOST,   /* another scheme or port */
	NEAR_PORT,   /* another path */
	NEAR_PATH,   /* another method */
	NEAR_METHOD, /* no WebSocket */
};

static enum nearness nearness_of(const struct index_entry *entry,
				 const struct policy_request *request, struct slice reading)
{
	const struct policy_target *target = entry->target;
	const struct policy_rule *rule = entry->owner;

	if (!rule->allow || !matcher_takes_host(entry, request->host))
		return NEAR_NOT;
	if (!target_has_port(target, request->scheme, request->port))
		return NEAR_HOST;
	if (!request->path || !path_glob_match(&target->path, reading))
		return NEAR_PORT;
	return methods_have(&rule->methods, false, request->method) ? NEAR_METHOD : NEAR_PATH;
}

static const struct index_entry *find_nearest(const struct policy *policy,
					      const struct policy_request *request,
					      struct slice reading, enum nearness *nearest)
{
	const struct index_entry *entry, *found = NULL;
	struct index_cursor cursor;

	*nearest = NEAR_NOT;
	index_find(&policy->matcher->rules, request->host, &cursor);
	while ((entry = index_next(&cursor))) {
		enum nearness near = nearness_of(entry, request, reading);

		if (near > *nearest) {
			*nearest = near;
			found = entry;
		}
	}
	return found;
}

/* What is not visible ASCII, or is left over, is not shown. */
static size_t put_shown(char *out, size_t size, struct slice text, size_t max)
{
	bool cut = text.len > max;
	size_t used = 0;

	text = slice_first(text, max);
	for (size_t i = 0; i < text.len && used + 1 < size; i++)
		out[used++] = text.ptr[i] > ' ' && text.ptr[i] < 0x7f ? text.ptr[i] : '?';
	out[used] = '\0';
	if (cut && used + 4 <= size)
		used += (size_t)snprintf(out + used, size - used, "...");
	return used;
}

/* That the request came near, but for what NEAREST says. */
static void put_near_miss(char *out, size_t size, const struct policy_request *request,
			  struct slice reading, const struct index_entry *entry,
			  enum nearness nearest)
{
	const struct policy_rule *rule = entry->owner;
	const struct policy_target *target = entry->target;
	char shown[SHOWN_PATH_BYTES + 4];

	switch (nearest) {
	case NEAR_HOST:
		snprintf(out, size, "rules[%zu] allows %s by %s on port %u, not by %s on port %u",
			 rule->index, request->host->text, policy_scheme_name(target->scheme),
			 target->port, policy_scheme_name(request->scheme), request->port);
		return;
	case NEAR_PORT:
		put_shown(shown, sizeof(shown), reading, SHOWN_PATH_BYTES);
		snprintf(out, size, "rules[%zu] allows %s, but not the path %s", rule->index,
			 request->host->text, shown);
		return;
	case NEAR_METHOD:
		snprintf(out, size, "rules[%zu] allows this path, but no WebSocket", rule->index);
		return;
	default:
		put_shown(shown, sizeof(shown), request->method, SHOWN_METHOD_BYTES);
		snprintf(out, size, "rules[%zu] allows this path, but not the method %s",
			 rule->index, shown);
	}
}

/* The first wildcard that would have allowed HOST, were it not a known resolver. */
static const struct policy_rule *find_wildcard(const struct policy *policy, const struct host *host)
{
	const struct index_entry *entry;
	struct index_cursor cursor;

	index_find(&policy->matcher->rules, host, &cursor);
	while ((entry = index_next(&cursor))) {
		const struct policy_rule *rule = entry->owner;

		if (rule->allow && host->kind == HOST_NAME)
			return rule;
	}
	return NULL;
}

/* Threat D6: who wonders about one of many hosts should see which kind it is. */
static void put_not_named(char *out, size_t size, const struct policy *policy,
			  const struct policy_request *request)
{
	const char *host = request->host->text;
	const struct policy_rule *rule;

	if (!known_resolver_has(request->host)) {
		snprintf(
			out, size, "no rule allows %s%s", host,
			request->port == DNS_OVER_TLS_PORT
				? " (port 853 is for DNS over TLS; Sallyport resolves names itself)"
				: "");
		return;
	}
	rule = find_wildcard(policy, request->host);
	if (rule)
		snprintf(
			out, size,
			"%s is a resolver of DNS over HTTPS, which a wildcard (that of rules[%zu]) "
			"does not allow: a rule must name it",
			host, rule->index);
	else
		snprintf(out, size,
			 "no rule allows %s, a resolver of DNS over HTTPS or TLS (Sallyport "
			 "resolves "
			 "names itself)",
			 host);
}

static void put_nothing_matched(char *out, size_t size, const struct policy *policy,
				const struct policy_request *request, struct slice reading)
{
	enum nearness nearest;
	const struct index_entry *entry = find_nearest(policy, request, reading, &nearest);

	if (entry)
		put_near_miss(out, size, request, reading, entry, nearest);
	else
		put_not_named(out, size, policy, request);
}

static void put_denied_by(char *out, size_t size, const struct index_entry *entry)
{
	const struct policy_rule *rule = entry->owner;
	char target[SHOWN_TARGET_BYTES + 4];

	put_shown(target, sizeof(target), entry->target->text, SHOWN_TARGET_BYTES);
	if (rule->reason.len)
		snprintf(out, size, "%s", rule->reason.ptr);
	else
		snprintf(out, size, "rules[%zu] denies %s", rule->index, target);
}

void reason_for_request(const struct policy *policy, const struct policy_request *request,
			struct slice reading, const struct index_entry *entry,
			struct policy_verdict *verdict)
{
	size_t used = 0;

	/* Only the words of the policy are needed where the path leaves no doubt. */
	if (request->path && !slice_equal(reading, request->path->text)) {
		used = (size_t)snprintf(verdict->text, sizeof(verdict->text),
					"servers may read this path as ");
		used += put_shown(verdict->text + used, sizeof(verdict->text) - used, reading,
				  SHOWN_PATH_BYTES);
		used += (size_t)snprintf(verdict->text + used, sizeof(verdict->text) - used, ": ");
	}
	if (entry)
		put_denied_by(verdict->text + used, sizeof(verdict->text) - used, entry);
	else
		put_nothing_matched(verdict->text + used, sizeof(verdict->text) - used, policy,
				    request, reading);
	verdict->reason = verdict->text;
}

void reason_for_readings(const struct policy_rule *before, struct policy_verdict *verdict)
{
	snprintf(
		verdict->text, sizeof(verdict->text),
		"servers may read this path in ways that rules[%zu] and rules[%zu] allow, which do "
		"not treat credentials alike",
		before->index, verdict->rule->index);
	verdict->reason = verdict->text;
	verdict->allow = false;
	verdict->rule = NULL;
}

void reason_for_inside(const struct host *host, uint16_t port, const struct index_entry *entry,
		       struct policy_verdict *verdict)
{
	const struct policy_rule *rule = entry->owner;

	snprintf(verdict->text, sizeof(verdict->text),
		 "rules[%zu] names %s port %u by %s, and comes first", rule->index, host->text,
		 port, policy_scheme_name(entry->target->scheme));
	verdict->reason = verdict->text;
}

void reason_for_connection(const struct policy *policy, enum policy_scheme scheme,
			   const struct host *host, uint16_t port, const struct index_entry *entry,
			   struct policy_verdict *verdict)
{
	struct policy_request request = {.scheme = scheme, .host = host, .port = port};

	reason_for_request(policy, &request, SLICE_EMPTY, entry, verdict);
}
