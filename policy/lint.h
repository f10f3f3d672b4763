/*
 * What can only be seen when all of a policy is known: rules that never decide, denials that come
 * too late (threat C5), addresses that could not be dialled, secrets that could not be used or
 * whose connections are passed through (S22), rules that would refuse every credential.
 */
#ifndef POLICY_LINT_H
#define POLICY_LINT_H

#include "policy/matcher.h"
#include "policy/schema.h"

/* The work is bounded by comparisons, so that no policy takes long to load. What is not compared of
 * the rules is a warning. Secrets must be checked, so that a policy with too many is refused; their
 * comparisons are also cheaper. */
enum {
	LINT_RULES_MAX = 5000000,
	LINT_SECRETS_MAX = 50000000,
};

enum { LINT_NAME_BYTES = 160 };

struct lint {
	struct loader *loader;
	const struct policy *policy;
	const struct policy_matcher *matcher;
	size_t left;		    /* comparisons */
	char name[LINT_NAME_BYTES]; /* of lint_name_rule() */
};

/* Counts one comparison; false when there have been too many. */
static inline bool lint_may_compare(struct lint *lint)
{
	return lint->left > 0 && --lint->left > 0;
}

/* "rules[3] on line 7", and of which file if it is another one than that of PLACE, where it is
 * told. Valid until the next call. */
const char *lint_name_rule(struct lint *lint, const struct policy_rule *rule,
			   const struct diagnostic_place *place);

/* Says that there is more to compare than is done, so that the policy is refused. */
void lint_refuse_work(struct lint *lint);

/* Whether A and B have a host in common. */
bool lint_share_hosts(const struct policy_target *a, const struct policy_target *b);

/* Whether TARGET is about some of the hosts of WILDCARD ("*.x" or "*") only. */
bool lint_is_inside(const struct policy_target *target, const struct policy_target *wildcard);

/* Rules that earlier ones cover, and targets that could not be dialled. */
void lint_rules(struct lint *lint);

/* Uses of secrets against the rules. Only when every rule could be read. */
void lint_secrets(struct lint *lint);

/* What rules do with credentials, against the secrets. Only when every rule could be read. */
void lint_effects(struct lint *lint);

/* Names under "resolve" that no rule allows. Only when every rule could be read. */
void lint_resolve(struct lint *lint);

/* Datagrams, where there is an upstream proxy. */
void lint_datagrams(struct lint *lint);

#endif
