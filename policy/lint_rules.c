#include "policy/lint.h"

#include <stdio.h>

#include "policy/known_resolver.h"
#include "policy/methods.h"
#include "policy/range.h"
#include "policy/target.h"
#include "policy/udp_ports.h"

/* What an earlier target does to a later one whose hosts it takes in. */
enum effect {
	EFFECT_NONE,
	EFFECT_PART,	 /* the earlier one allows some of what the later one denies */
	EFFECT_COVERS,	 /* whatever the later one matches, the earlier one decides */
	EFFECT_TOO_LATE, /* the later one denies what is allowed already */
	EFFECT_UNOPENED, /* the earlier one is about the connection, before there are requests */
	EFFECT_OPENED,	 /* the earlier one looks into the connection that the later would pass */
};

/* Whether one of the two is of SCHEME. */
static bool is_of(enum policy_scheme scheme, const struct index_entry *a,
		  const struct index_entry *b)
{
	return a->target->scheme == scheme || b->target->scheme == scheme;
}

/* Whether EARLIER decides at every scheme and port of LATER; of a LATER without a scheme, which is
 * a denial, the part is enough that people think of first: https at its port. */
static bool has_place(const struct policy_target *earlier, const struct policy_target *later)
{
	bool port = earlier->any_port || earlier->port == later->port;

	return port && (earlier->any_scheme || earlier->scheme == later->scheme);
}

/* To a WebSocket, an allowing rule without "websocket" is not there; a denial is. */
static bool takes_websockets(const struct policy_rule *a, const struct policy_rule *b)
{
	return !a->allow || a->websocket || !b->allow || !b->websocket;
}

static bool takes_requests(const struct policy_rule *a, const struct policy_target *a_target,
			   const struct policy_rule *b, const struct policy_target *b_target)
{
	return path_glob_covers(&a_target->path, &b_target->path) &&
	       methods_cover(&a->methods, !a->allow, &b->methods) && takes_websockets(a, b);
}

static bool share_requests(const struct policy_rule *a, const struct policy_target *a_target,
			   const struct policy_rule *b, const struct policy_target *b_target)
{
	return path_glob_overlaps(&a_target->path, &b_target->path) &&
	       methods_overlap(&a->methods, !a->allow, &b->methods, !b->allow);
}

static bool same_hosts(const struct policy_target *a, const struct policy_target *b)
{
	return a->any_host == b->any_host && a->wildcard == b->wildcard &&
	       a->is_range == b->is_range && host_equal(&a->host, &b->host) &&
	       a->range.prefix_bits == b->range.prefix_bits;
}

/* Both decide about requests. */
static enum effect effect_on_requests(const struct index_entry *earlier,
				      const struct index_entry *later)
{
	const struct policy_rule *e = earlier->owner, *l = later->owner;
	const struct policy_target *e_target = earlier->target, *l_target = later->target;

	if (!has_place(e_target, l_target))
		return EFFECT_NONE;
	if (takes_requests(e, e_target, l, l_target)) {
		if (e->allow && !l->allow)
			return EFFECT_TOO_LATE;
		/* What is denied at every scheme is not covered by one scheme's denial. */
		if (l_target->any_scheme && !e_target->any_scheme)
			return EFFECT_NONE;
		return l_target->any_port && !e_target->any_port ? EFFECT_NONE : EFFECT_COVERS;
	}
	if (!e->allow || l->allow || !share_requests(e, e_target, l, l_target))
		return EFFECT_NONE;
	/* An exception that stands before its wider denial is how it is meant. */
	if (same_hosts(e_target, l_target) && takes_requests(l, l_target, e, e_target))
		return EFFECT_NONE;
	return EFFECT_PART;
}

static bool takes_everything(const struct policy_rule *rule, const struct policy_target *target)
{
	static const struct policy_methods unwritten = {0};

	return target->path.matches_all && methods_cover(&rule->methods, !rule->allow, &unwritten);
}

/* LATER is a tls:// or tcp:// target, and EARLIER looks further into connections than that, or
 * denies them. The denial of a connection is one of requests too, where connections are open. */
static enum effect effect_of_inside(const struct index_entry *earlier,
				    const struct index_entry *later)
{
	const struct policy_rule *e = earlier->owner, *l = later->owner;
	bool everything = takes_everything(e, earlier->target);

	if (everything && !e->allow && earlier->target->any_scheme)
		return EFFECT_COVERS;
	if (l->allow)
		return EFFECT_OPENED;
	return everything && e->allow ? EFFECT_TOO_LATE : EFFECT_NONE;
}

/* LATER denies every port of a scheme, and EARLIER is about another one. */
static enum effect effect_on_other_port(const struct index_entry *earlier,
					const struct index_entry *later)
{
	const struct policy_rule *e = earlier->owner, *l = later->owner;
	const struct policy_target *l_target = later->target;
	bool every_port = l_target->any_port && !l_target->any_scheme;

	/* An exception that stands before its wider denial is how it is meant. */
	return every_port && e->allow && !l->allow && !same_hosts(earlier->target, l_target)
		       ? EFFECT_PART
		       : EFFECT_NONE;
}

static bool has_port(const struct policy_target *earlier, const struct policy_target *later)
{
	return earlier->any_port || earlier->port == later->port;
}

/* One or both decide about connections (tls://, tcp://): the first that names the host does. */
static enum effect effect_on_connections(const struct index_entry *earlier,
					 const struct index_entry *later)
{
	const struct policy_rule *e = earlier->owner, *l = later->owner;
	const struct policy_target *e_target = earlier->target, *l_target = later->target;

	if (!has_port(e_target, l_target))
		return effect_on_other_port(earlier, later);
	if (!is_of(POLICY_TCP, earlier, later) && is_of(POLICY_HTTP, earlier, later))
		return EFFECT_NONE;
	if (!target_is_unopened(e_target) ||
	    (e_target->scheme == POLICY_TLS && l_target->scheme == POLICY_TCP))
		return effect_of_inside(earlier, later);
	if (target_is_unopened(l_target))
		return e->allow && !l->allow ? EFFECT_TOO_LATE : EFFECT_COVERS;
	if (l_target->any_scheme)
		return e->allow ? EFFECT_TOO_LATE : EFFECT_NONE;
	return EFFECT_UNOPENED;
}

static bool is_about_datagrams(const struct index_entry *entry)
{
	return entry->target->scheme == POLICY_UDP ||
	       (entry->target->any_scheme && takes_everything(entry->owner, entry->target));
}

/* One or both are of udp. */
static enum effect effect_on_datagrams(const struct index_entry *earlier,
				       const struct index_entry *later)
{
	const struct policy_rule *e = earlier->owner, *l = later->owner;

	if (!is_about_datagrams(earlier) || !is_about_datagrams(later))
		return EFFECT_NONE;
	if (!has_port(earlier->target, later->target))
		return effect_on_other_port(earlier, later);
	if (!later->target->any_scheme)
		return e->allow && !l->allow ? EFFECT_TOO_LATE : EFFECT_COVERS;
	return e->allow && !same_hosts(earlier->target, later->target) ? EFFECT_PART : EFFECT_NONE;
}

static enum effect effect_of(const struct index_entry *earlier, const struct index_entry *later)
{
	const struct policy_rule *e = earlier->owner, *l = later->owner;
	bool names_only = earlier->target->any_host && e->allow;
	bool one = !later->target->any_host && !later->target->wildcard;
	enum effect effect;

	if (one && !matcher_takes_host(earlier, &later->target->host))
		return EFFECT_NONE;
	if (is_of(POLICY_UDP, earlier, later))
		effect = effect_on_datagrams(earlier, later);
	else if (is_of(POLICY_TLS, earlier, later) || is_of(POLICY_TCP, earlier, later))
		effect = effect_on_connections(earlier, later);
	else
		effect = effect_on_requests(earlier, later);
	/* "*" allows names, and denies addresses too. */
	if (names_only && later->target->any_host && !l->allow && effect > EFFECT_PART)
		return effect == EFFECT_TOO_LATE ? EFFECT_PART : EFFECT_NONE;
	return effect;
}

#define TELL(place, hint, ...) diagnostics_add(diagnostics, severity, place, hint, __VA_ARGS__)

/* Whoever includes a file may deny some of what it allows. What is allowed before it may be meant
 * as well, and is warned of. */
static void report_covered(struct lint *lint, const struct index_entry *earlier,
			   const struct policy_target *target, enum effect effect)
{
	struct diagnostics *diagnostics = lint->loader->diagnostics;
	const struct policy_rule *rule = earlier->owner;
	bool same_file = rule->place.file == target->place.file;
	enum diagnostic_severity severity = same_file ? DIAGNOSTIC_ERROR : DIAGNOSTIC_WARNING;
	const char *name = lint_name_rule(lint, rule, &target->place);
	const char *does = rule->allow ? "allows" : "denies";
	struct slice text = loader_shown(earlier->target->text);
	char hint[40];

	if (!same_file && !rule->allow)
		return;

	switch (effect) {
	case EFFECT_TOO_LATE:
		TELL(target->place, "put the denial before it",
		     "this denial comes too late: %s allows \"%.*s\"", name, SLICE_ARGS(text));
		return;
	case EFFECT_UNOPENED:
		TELL(target->place, "the first rule that names a host decides",
		     "this never matches: %s %s \"%.*s\" before a "
		     "request is seen",
		     name, rule->allow ? "passes through" : "denies", SLICE_ARGS(text));
		return;
	case EFFECT_OPENED:
		snprintf(hint, sizeof(hint), "put the %s:// rule before it",
			 policy_scheme_name(target->scheme));
		TELL(target->place, hint, "this never matches: %s names \"%.*s\", so that %s", name,
		     SLICE_ARGS(text),
		     earlier->target->scheme == POLICY_TLS ? "nothing but TLS passes"
							   : "the connection is opened");
		return;
	default:
		TELL(target->place, "the first rule that matches decides",
		     "this never matches: %s %s \"%.*s\"", name, does, SLICE_ARGS(text));
	}
}

static void warn_of_part(struct lint *lint, const struct index_entry *earlier,
			 const struct policy_target *target)
{
	const struct policy_rule *rule = earlier->owner;

	loader_warn(lint->loader, target->place,
		    "put the denial before it, if it is to deny all that it names",
		    "some of this stays allowed: %s allows \"%.*s\"",
		    lint_name_rule(lint, rule, &target->place),
		    SLICE_ARGS(loader_shown(earlier->target->text)));
}

/* Whether ENTRY has the connections looked into that a rule of the scheme PASSING, tls or tcp,
 * behind it would decide on, for a host that TARGET is about. */
static bool opens(const struct index_entry *entry, const struct policy_target *target,
		  enum policy_scheme passing)
{
	if (target_is_flow(entry->target))
		return false;
	if (passing == POLICY_TCP)
		return matcher_names_some(entry, POLICY_HTTPS, target) ||
		       matcher_names_some(entry, POLICY_HTTP, target) ||
		       matcher_names_some(entry, POLICY_TLS, target);
	return entry->target->scheme != POLICY_TLS &&
	       matcher_names_some(entry, POLICY_HTTPS, target);
}

/* Whether a rule for some of the hosts of a wildcard does, before the one at ORDER. */
static bool opens_inside(struct lint *lint, const struct policy_target *wildcard, size_t order,
			 enum policy_scheme passing)
{
	struct index_entry entry = {0};

	for (size_t i = 0; i < lint->policy->rule_count && entry.order < order; i++) {
		entry.owner = &lint->policy->rules[i];
		for (size_t j = 0; j < lint->policy->rules[i].target_count; j++, entry.order++) {
			entry.target = &lint->policy->rules[i].targets[j];
			if (entry.order < order && !lint_may_compare(lint))
				return true;
			if (entry.order < order && lint_is_inside(entry.target, wildcard) &&
			    opens(&entry, wildcard, passing))
				return true;
		}
	}
	return false;
}

/* Whether EARLIER passes connections through that may be open all the same, so that LATER decides
 * on requests there. */
static bool is_open_before(struct lint *lint, const struct index_entry *later,
			   const struct index_entry *earlier, bool opened)
{
	const struct policy_rule *e = earlier->owner, *l = later->owner;
	bool several = later->target->wildcard || later->target->any_host;
	enum policy_scheme passing = earlier->target->scheme;

	if ((passing != POLICY_TLS && passing != POLICY_TCP) || !e->allow ||
	    (target_is_unopened(later->target) && l->allow))
		return false;
	return opened || (several && opens_inside(lint, later->target, earlier->order, passing));
}

static void check_target(struct lint *lint, const struct index_entry *later)
{
	const struct index_entry *earlier, *part = NULL;
	struct index_cursor cursor;
	bool opened[POLICY_SCHEME_COUNT] = {false};

	index_find_covering(&lint->matcher->rules, later->target, &cursor);
	while ((earlier = index_next(&cursor)) && earlier->order < later->order) {
		enum effect effect = effect_of(earlier, later);

		if (!lint_may_compare(lint))
			return;
		if (effect == EFFECT_PART && !part)
			part = earlier;
		if (effect > EFFECT_PART &&
		    !is_open_before(lint, later, earlier, opened[earlier->target->scheme])) {
			report_covered(lint, earlier, later->target, effect);
			return;
		}
		opened[POLICY_TLS] |= opens(earlier, later->target, POLICY_TLS);
		opened[POLICY_TCP] |= opens(earlier, later->target, POLICY_TCP);
	}
	if (part)
		warn_of_part(lint, part, later->target);
}

static bool is_localhost(struct slice name)
{
	return slice_equal(name, SLICE_LITERAL("localhost")) ||
	       slice_ends_with(name, SLICE_LITERAL(".localhost"));
}

static void check_dialable(struct lint *lint, const struct policy_target *target)
{
	const struct host *host = &target->host;
	enum special_standing standing;
	const char *what;
	bool listed;

	if (target->any_host)
		return;
	if (!target->wildcard && known_resolver_has(host))
		loader_warn(
			lint->loader, target->place, NULL,
			"this is a resolver of DNS over HTTPS: by asking it for names, anything "
			"can be told to anybody");
	if (host->kind == HOST_NAME) {
		if (is_localhost(host_slice(host)))
			loader_report(lint->loader, target->place, NULL,
				      "\"localhost\" is the sandbox itself, not a host to reach");
		return;
	}
	if (target->is_range) {
		standing = range_of_cidr(&target->range, &what);
		listed = range_is_listed_in_part(lint->policy, &target->range);
	} else {
		standing = range_of_address(host, &what);
		listed = range_is_listed(lint->policy, host);
	}
	if (standing >= SPECIAL_NEVER)
		loader_report(lint->loader, target->place, NULL,
			      "this %s (%s) can never be reached",
			      target->is_range ? "range" : "address", what);
	else if (standing == SPECIAL_LISTED && !listed)
		loader_report(lint->loader, target->place,
			      target->is_range ? "list it, or a part of it, under \"private\" in "
						 "\"network\""
					       : "list its range under \"private\" in \"network\"",
			      "this %s is %s, and no range under \"private\" has it",
			      target->is_range ? "range" : "address", what);
}

void lint_rules(struct lint *lint)
{
	size_t order = 0;

	lint->left = LINT_RULES_MAX;
	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct policy_rule *rule = &lint->policy->rules[i];

		for (size_t j = 0; j < rule->target_count; j++) {
			struct index_entry entry = {
				.order = order++,
				.target = &rule->targets[j],
				.owner = rule,
			};

			check_target(lint, &entry);
			if (rule->allow)
				check_dialable(lint, entry.target);
		}
	}
	if (lint->left == 0)
		loader_warn(lint->loader, ((struct diagnostic_place){0}), NULL,
			    "there are too many rules for the same hosts: not all of them could be "
			    "compared with each other");
}

/* Told where the rules end, as no single one is too many. */
static void check_port_count(struct lint *lint)
{
	size_t count = policy_udp_ports(lint->policy, NULL, 0);
	const struct policy_rule *last;

	if (count <= POLICY_UDP_PORTS_MAX)
		return;
	last = &lint->policy->rules[lint->policy->rule_count - 1];
	loader_report(lint->loader, last->targets[0].place, NULL,
		      "the udp:// targets of all rules have %zu ports, more than %d", count,
		      POLICY_UDP_PORTS_MAX);
}

/* Told once. */
void lint_datagrams(struct lint *lint)
{
	check_port_count(lint);
	for (size_t i = 0; lint->policy->proxy && i < lint->policy->rule_count; i++) {
		const struct policy_rule *rule = &lint->policy->rules[i];

		for (size_t j = 0; rule->allow && j < rule->target_count; j++) {
			const struct policy_target *target = &rule->targets[j];

			if (target->scheme != POLICY_UDP ||
			    (!target->wildcard && !target->any_host &&
			     !policy_uses_proxy(lint->policy, &target->host)))
				continue;
			loader_warn(
				lint->loader, target->place,
				"network: proxy is for connections alone",
				"datagrams cannot go through the proxy: these are sent straight");
			return;
		}
	}
}
