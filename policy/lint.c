#include "policy/lint.h"

#include <stdio.h>

enum { SHOWN_FILE_BYTES = 100 };

bool lint_is_inside(const struct policy_target *target, const struct policy_target *wildcard)
{
	if (wildcard->any_host || target->any_host)
		return wildcard->any_host;
	return host_is_below(&target->host, &wildcard->host);
}

bool lint_share_hosts(const struct policy_target *a, const struct policy_target *b)
{
	if (a->any_host || b->any_host)
		return true;
	if (host_equal(&a->host, &b->host))
		return a->wildcard == b->wildcard;
	return (a->wildcard && lint_is_inside(b, a)) || (b->wildcard && lint_is_inside(a, b));
}

const char *lint_name_rule(struct lint *lint, const struct policy_rule *rule,
			   const struct diagnostic_place *place)
{
	const char *file = lint->loader->diagnostics->files[rule->place.file].name;
	int used = snprintf(lint->name, sizeof(lint->name), "rules[%zu] on line %u", rule->index,
			    rule->place.line);

	if (rule->place.file != place->file)
		snprintf(lint->name + used, sizeof(lint->name) - (size_t)used, " of %.*s",
			 SHOWN_FILE_BYTES, file);
	return lint->name;
}

void lint_refuse_work(struct lint *lint)
{
	loader_report(lint->loader, ((struct diagnostic_place){0}),
		      "name hosts in the uses instead of wildcards, or use fewer",
		      "there are too many uses and rules to check each use");
}
