#include "policy/lint.h"
#include "policy/methods.h"
#include "policy/target.h"

static bool is_for(const struct policy_use *use, const struct policy_rule *rule,
		   const struct policy_target *target)
{
	return use->at.port == target->port && lint_share_hosts(&use->at, target) &&
	       path_glob_overlaps(&use->at.path, &target->path) &&
	       methods_overlap(&rule->methods, false, &use->methods, false);
}

/* Whether some secret may be put into a request that RULE allows at TARGET. */
static bool has_secret(struct lint *lint, const struct policy_rule *rule,
		       const struct policy_target *target)
{
	if (target->scheme != POLICY_HTTPS)
		return false;
	for (size_t i = 0; i < lint->policy->secret_count; i++) {
		const struct policy_secret *secret = &lint->policy->secrets[i];

		for (size_t j = 0; j < secret->use_count; j++) {
			if (!lint_may_compare(lint))
				return true;
			if (is_for(&secret->uses[j], rule, target))
				return true;
		}
	}
	return false;
}

/* "credentials: ours" where there are none of ours refuses all, which is not what it says. */
static void check_ours(struct lint *lint, const struct policy_rule *rule)
{
	size_t bound = 0;

	for (size_t i = 0; i < rule->target_count; i++)
		bound += has_secret(lint, rule, &rule->targets[i]);
	if (bound == 0 && rule->target_count)
		loader_report(lint->loader, rule->targets[0].place,
			      "write \"credentials: none\", which takes credentials out, or bind a "
			      "secret",
			      "no secret is bound to what this rule allows: \"credentials: ours\" "
			      "would refuse every credential");
	for (size_t i = 0; bound && i < rule->target_count; i++) {
		if (!has_secret(lint, rule, &rule->targets[i]))
			loader_warn(lint->loader, rule->targets[i].place,
				    "put it into a rule of its own, with \"credentials: none\"",
				    "no secret is bound here: \"credentials: ours\" refuses every "
				    "credential");
	}
}

/* The field that a slot is a part of; empty: none. */
static struct slice field_of(const struct policy_slot *slot)
{
	switch (slot->kind) {
	case POLICY_SLOT_HEADER:
		return slot->name;
	case POLICY_SLOT_BASIC_USER:
	case POLICY_SLOT_BASIC_PASSWORD:
		return SLICE_LITERAL("Authorization");
	case POLICY_SLOT_COOKIE:
		return SLICE_LITERAL("Cookie");
	default:
		return SLICE_EMPTY;
	}
}

static const struct policy_set *find_set(const struct policy_rule *rule, struct slice field)
{
	for (size_t i = 0; i < rule->set_count; i++) {
		if (slice_equal_nocase(rule->sets[i].field, field))
			return &rule->sets[i];
	}
	return NULL;
}

/* A field that is set takes the place of what stands there, placeholders as well. */
static void check_hidden_use(struct lint *lint, const struct policy_rule *rule,
			     const struct policy_target *target, const struct policy_use *use)
{
	const struct policy_set *set = find_set(rule, field_of(&use->slot));

	if (!set || !is_for(use, rule, target))
		return;
	loader_warn(lint->loader, use->at.place, "give up the use, or what the rule sets",
		    "%s sets %s in some of these requests, in the place of the placeholder",
		    lint_name_rule(lint, rule, &use->at.place), set->field.ptr);
}

static void check_hidden_uses(struct lint *lint, const struct policy_rule *rule,
			      const struct policy_target *target)
{
	for (size_t i = 0; i < lint->policy->secret_count; i++) {
		const struct policy_secret *secret = &lint->policy->secrets[i];

		for (size_t j = 0; j < secret->use_count && lint_may_compare(lint); j++)
			check_hidden_use(lint, rule, target, &secret->uses[j]);
	}
}

/* Some of a wildcard's hosts may be passed through by a rule for them. */
static void check_passed(struct lint *lint, const struct policy_target *wildcard)
{
	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct policy_rule *other = &lint->policy->rules[i];

		for (size_t j = 0; j < other->target_count && lint_may_compare(lint); j++) {
			const struct policy_target *target = &other->targets[j];

			if (!other->allow || !target_is_unopened(target) ||
			    target->scheme == POLICY_UDP || target->port != wildcard->port ||
			    !lint_is_inside(target, wildcard))
				continue;
			loader_warn(lint->loader, wildcard->place, NULL,
				    "%s passes some of these hosts through unopened, where no "
				    "field can be set",
				    lint_name_rule(lint, other, &wildcard->place));
			return;
		}
	}
}

static void check_sets(struct lint *lint, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->target_count; i++) {
		check_hidden_uses(lint, rule, &rule->targets[i]);
		if (rule->targets[i].wildcard)
			check_passed(lint, &rule->targets[i]);
	}
}

void lint_effects(struct lint *lint)
{
	lint->left = LINT_SECRETS_MAX;
	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct policy_rule *rule = &lint->policy->rules[i];

		if (rule->credentials == POLICY_CREDENTIALS_OURS && rule->set_count == 0)
			check_ours(lint, rule);
		if (rule->set_count)
			check_sets(lint, rule);
	}
	if (lint->left == 0)
		lint_refuse_work(lint);
}
