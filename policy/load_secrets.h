/* The parts of a secret: where it is from, and where it may be put in; and what else
 * names it. */
#ifndef POLICY_LOAD_SECRETS_H
#define POLICY_LOAD_SECRETS_H

#include "policy/schema.h"

/* "from" of the secret NAME: KEY's value, into SOURCE. */
void load_source(struct loader *loader, const struct yaml_node *key, struct slice name,
		 struct policy_source *source);

/* "use": KEY's value, into SECRET. */
void load_uses(struct loader *loader, const struct yaml_node *key, struct policy_secret *secret);

/* The name of a secret in "set" of a rule, or in "login" of the upstream proxy. */
struct secret_reference {
	struct secret_reference *next;
	struct slice name;
	struct diagnostic_place place;
	const struct policy_secret **secret; /* set when all secrets are known */
	bool is_login;
};

/* NAME, at PLACE, stands for a secret. NULL without memory. */
struct secret_reference *load_secret_reference(struct loader *loader, struct slice name,
					       struct diagnostic_place place,
					       const struct policy_secret **secret);

struct secret_draft {
	struct map_node by_name;
	struct policy_secret *secret;
	const struct yaml_node *key;
};

/* When all of the policy is read: looks up the names in references, and says which secrets nothing
 * uses.
 */
void load_secrets_finish(struct loader *loader);

#endif
