#include "policy/lint.h"

#include "policy/methods.h"
#include "policy/target.h"

/* How far a use of a secret is from any request that the rules allow. */
struct reach {
	bool host;			  /* some rule allows the host, scheme and port */
	bool request;			  /* and a path and method of the use */
	const struct policy_rule *closed; /* a denial that leaves nothing for later rules */
	bool opened; /* a rule about requests was met first, so that connections are opened */
	const struct policy_rule *unopened; /* the tls:// or tcp:// rule that passes all of it
					       through */
	const struct policy_rule *part;	    /* or some of it */
	const struct policy_rule *silent;   /* allows the request, but no WebSocket */
	const struct policy_rule *bare;	    /* allows it, and takes all credentials out */
};

/* RULE, which allows, is about the use's host, scheme and port. */
static void look_at_requests(struct reach *reach, const struct policy_use *use,
			     const struct policy_rule *rule, const struct policy_target *target)
{
	reach->host = true;
	if (!path_glob_overlaps(&target->path, &use->at.path) ||
	    !methods_overlap(&rule->methods, false, &use->methods, false))
		return;
	if (use->slot.kind == POLICY_SLOT_WS && !rule->websocket)
		reach->silent = rule;
	else if (rule->credentials == POLICY_CREDENTIALS_NONE)
		reach->bare = rule;
	else
		reach->request = true;
}

static bool denies_all(const struct policy_use *use, const struct policy_rule *rule,
		       const struct policy_target *target)
{
	return path_glob_covers(&target->path, &use->at.path) &&
	       methods_cover(&rule->methods, true, &use->methods);
}

/* ENTRY's target takes in every host of the use. Entries come in the order of the file. */
static void look_at_covering(struct reach *reach, const struct policy_use *use,
			     const struct index_entry *entry)
{
	const struct policy_rule *rule = entry->owner;

	if (reach->closed || reach->unopened)
		return;
	if (target_is_unopened(entry->target) && entry->target->scheme != POLICY_UDP &&
	    matcher_names_some(entry, entry->target->scheme, &use->at)) {
		if (!reach->opened && rule->allow)
			reach->unopened = rule;
		reach->closed = rule->allow ? NULL : rule;
		return;
	}
	if (!matcher_names_some(entry, POLICY_HTTPS, &use->at))
		return;
	reach->opened = true;
	if (rule->allow)
		look_at_requests(reach, use, rule, entry->target);
	else if (denies_all(use, rule, entry->target))
		reach->closed = rule;
}

/* A rule for some of the hosts below the use's wildcard. */
static void look_at_inner(struct reach *reach, const struct policy_use *use,
			  const struct index_entry *entry)
{
	const struct policy_target *target = entry->target;
	const struct policy_rule *rule = entry->owner;

	if (!rule->allow || target->port != use->at.port)
		return;
	if ((target->scheme == POLICY_TLS || target->scheme == POLICY_TCP) && !reach->part)
		reach->part = rule;
	if (target->scheme == POLICY_HTTPS)
		look_at_requests(reach, use, rule, target);
}

/* Wildcards are few, and so are uses; rules may be many. */
static void look_below_wildcard(struct lint *lint, struct reach *reach,
				const struct policy_use *use)
{
	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct policy_rule *rule = &lint->policy->rules[i];

		for (size_t j = 0; j < rule->target_count; j++) {
			struct index_entry entry = {.target = &rule->targets[j], .owner = rule};

			if (!lint_may_compare(lint))
				return;
			if (lint_is_inside(entry.target, &use->at))
				look_at_inner(reach, use, &entry);
		}
	}
}

static struct reach find_reach(struct lint *lint, const struct policy_use *use)
{
	struct reach reach = {0};
	struct index_cursor cursor;
	const struct index_entry *entry;

	index_find_covering(&lint->matcher->rules, &use->at, &cursor);
	while ((entry = index_next(&cursor)) && lint_may_compare(lint))
		look_at_covering(&reach, use, entry);
	if (use->at.wildcard)
		look_below_wildcard(lint, &reach, use);
	return reach;
}

static void report_unopened(struct lint *lint, const struct policy_use *use,
			    const struct policy_rule *rule)
{
	loader_report(lint->loader, use->at.place,
		      "allow it by https://, or give the secret up for this host",
		      "%s passes this host through unopened, where no secret can "
		      "be put in",
		      lint_name_rule(lint, rule, &use->at.place));
}

static void warn_of_unopened_part(struct lint *lint, const struct policy_use *use,
				  const struct policy_rule *rule)
{
	loader_warn(lint->loader, use->at.place, NULL,
		    "%s passes some of these hosts through unopened, where no "
		    "secret can be put in",
		    lint_name_rule(lint, rule, &use->at.place));
}

static void report_no_request(struct lint *lint, const struct policy_use *use,
			      const struct reach *reach)
{
	if (reach->bare)
		loader_report(lint->loader, use->at.place,
			      "write \"credentials: ours\" there, or give the use up",
			      "%s takes all credentials out here (\"credentials: none\"), "
			      "placeholders as well",
			      lint_name_rule(lint, reach->bare, &use->at.place));
	else if (reach->silent)
		loader_report(lint->loader, use->at.place, "write \"websocket: true\" in the rule",
			      "%s allows this, but no WebSocket, so that there are no messages to "
			      "put the secret into",
			      lint_name_rule(lint, reach->silent, &use->at.place));
	else
		loader_report(lint->loader, use->at.place,
			      "compare the paths and methods of the rules with those of the use",
			      "the rules allow this host, but no request that this use is for");
}

/* Whoever includes a file may deny some of what its secrets are for. */
static bool is_closed_elsewhere(const struct reach *reach, const struct policy_use *use)
{
	return !reach->request && reach->closed && reach->closed->place.file != use->at.place.file;
}

static void check_use(struct lint *lint, const struct policy_use *use)
{
	struct reach reach = find_reach(lint, use);

	if (lint->left == 0 || is_closed_elsewhere(&reach, use))
		return;
	if (reach.unopened && !reach.request)
		report_unopened(lint, use, reach.unopened);
	else if (!reach.host)
		loader_report(lint->loader, use->at.place, "add a rule that allows it",
			      "no rule allows this host, so that the secret could never be used");
	else if (!reach.request)
		report_no_request(lint, use, &reach);
	else if (reach.unopened || reach.part)
		warn_of_unopened_part(lint, use, reach.part ? reach.part : reach.unopened);
}

void lint_secrets(struct lint *lint)
{
	lint->left = LINT_SECRETS_MAX;
	for (size_t i = 0; i < lint->policy->secret_count; i++) {
		const struct policy_secret *secret = &lint->policy->secrets[i];

		for (size_t j = 0; j < secret->use_count; j++)
			check_use(lint, &secret->uses[j]);
	}
	if (lint->left == 0)
		lint_refuse_work(lint);
}

static bool is_allowed_somehow(const struct lint *lint, const struct host *name)
{
	struct index_cursor cursor;
	const struct index_entry *entry;

	index_find(&lint->matcher->rules, name, &cursor);
	while ((entry = index_next(&cursor))) {
		if (((const struct policy_rule *)entry->owner)->allow)
			return true;
	}
	return false;
}

void lint_resolve(struct lint *lint)
{
	for (size_t i = 0; i < lint->policy->resolve_count; i++) {
		const struct policy_resolve *resolve = &lint->policy->resolve[i];

		if (!is_allowed_somehow(lint, &resolve->name))
			loader_warn(lint->loader, resolve->place, "add a rule, or remove the entry",
				    "no rule allows %s", resolve->name.text);
	}
}
