#include "policy/lint.h"

#include <stdio.h>

enum { SHOWN_FILE_BYTES = 100 };

bool lint_is_inside(const struct policy_target *target, const struct policy_target *wildcard)
{
	if (wildcard->any_host || target->any_host)
		return wildcard->any_host;
	return host_is_below(&target->host, &wildcard->host);
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
