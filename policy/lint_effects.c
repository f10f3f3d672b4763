#include "policy/lint.h"
#include "policy/methods.h"

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

void lint_effects(struct lint *lint)
{
	lint->left = LINT_SECRETS_MAX;
	for (size_t i = 0; i < lint->policy->rule_count; i++) {
		const struct policy_rule *rule = &lint->policy->rules[i];

		if (rule->credentials == POLICY_CREDENTIALS_OURS && rule->set_count == 0)
			check_ours(lint, rule);
	}
	if (lint->left == 0)
		lint_refuse_work(lint);
}
