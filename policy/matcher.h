/* What a policy is compiled to. Private to the module; match.h is what others use. */
#ifndef POLICY_MATCHER_H
#define POLICY_MATCHER_H

#include "policy/index.h"
#include "policy/match.h"

struct policy_matcher {
	struct host_index rules;
	struct host_index uses;
	const uint16_t *ports; /* of rules that allow https, http or tls, ascending, each once */
	size_t port_count;
};

/* Compiles the rules and uses of POLICY, in ARENA. 0 or -ENOMEM; the matcher is to be released
 * either way. */
int matcher_build(const struct policy *policy, struct arena *arena, struct policy_matcher *matcher);

void matcher_free(struct policy_matcher *matcher);

/* Whether ENTRY, one of the rules found for HOST, speaks for it. Wildcards take in addresses
 * (threat H15) only to deny them, and they and ranges known resolvers (D6). */
bool matcher_takes_host(const struct index_entry *entry, const struct host *host);

/* Whether a request of this scheme to HOST and PORT could be decided by ENTRY, one of the rules
 * found for HOST. */
bool matcher_names(const struct index_entry *entry, enum policy_scheme scheme,
		   const struct host *host, uint16_t port);

/* The same for some host of TARGET, at its port; ENTRY is one of those that cover TARGET. */
bool matcher_names_some(const struct index_entry *entry, enum policy_scheme scheme,
			const struct policy_target *target);

/* Whether RULE is for REQUEST, be it for a WebSocket or not. Denials are for both. */
static inline bool matcher_takes(const struct policy_rule *rule,
				 const struct policy_request *request)
{
	return !request->websocket || rule->websocket || !rule->allow;
}

/* Fills the reason of a denial of REQUEST, whose path was read as READING, by ENTRY (NULL: nothing
 * matched). */
void reason_for_request(const struct policy *policy, const struct policy_request *request,
			struct slice reading, const struct index_entry *entry,
			struct policy_verdict *verdict);

/* Makes VERDICT, whose rule allows a reading of a path, a denial without a rule, as BEFORE allows
 * another one, and does something else with it. */
void reason_for_readings(const struct policy_rule *before, struct policy_verdict *verdict);

/* Fills the reason of a denial of a connection as such, because ENTRY has it judged by what is
 * inside. */
void reason_for_inside(const struct host *host, uint16_t port, const struct index_entry *entry,
		       struct policy_verdict *verdict);

/* The same for a connection that nothing allows, or that ENTRY denies. */
void reason_for_connection(const struct policy *policy, enum policy_scheme scheme,
			   const struct host *host, uint16_t port, const struct index_entry *entry,
			   struct policy_verdict *verdict);

#endif
