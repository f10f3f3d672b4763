#include "policy/matcher.h"

#include <stdlib.h>

#include "base/error.h"
#include "policy/target.h"

static int add_rules(const struct policy *policy, struct arena *arena, struct host_index *index)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->target_count; j++) {
			if (host_index_add(index, arena, &rule->targets[j], rule) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int add_uses(const struct policy *policy, struct arena *arena, struct host_index *index)
{
	for (size_t i = 0; i < policy->secret_count; i++) {
		const struct policy_secret *secret = &policy->secrets[i];

		for (size_t j = 0; j < secret->use_count; j++) {
			if (host_index_add(index, arena, &secret->uses[j].at, &secret->uses[j]) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* By a bitmap, so that many targets on one port cost one bit. */
static int collect_ports(const struct policy *policy, struct arena *arena,
			 struct policy_matcher *matcher)
{
	uint8_t seen[(UINT16_MAX + 1) / 8] = {0};
	uint16_t *ports;
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		for (size_t j = 0; rule->allow && j < rule->target_count; j++) {
			uint16_t port = rule->targets[j].port;

			if (target_is_flow(&rule->targets[j]))
				continue;
			count += !(seen[port / 8] >> port % 8 & 1);
			seen[port / 8] |= (uint8_t)(1 << port % 8);
		}
	}
	ports = arena_calloc(arena, count + 1, sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	matcher->ports = ports;
	for (unsigned int port = 0; port <= UINT16_MAX; port++) {
		if (seen[port / 8] >> port % 8 & 1)
			ports[matcher->port_count++] = (uint16_t)port;
	}
	return 0;
}

int matcher_build(const struct policy *policy, struct arena *arena, struct policy_matcher *matcher)
{
	host_index_init(&matcher->rules);
	host_index_init(&matcher->uses);
	matcher->port_count = 0;
	if (add_rules(policy, arena, &matcher->rules) < 0 ||
	    add_uses(policy, arena, &matcher->uses) < 0)
		return -ENOMEM;
	return collect_ports(policy, arena, matcher);
}

void matcher_free(struct policy_matcher *matcher)
{
	host_index_free(&matcher->rules);
	host_index_free(&matcher->uses);
}

static int compare_ports(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

bool policy_names_port(const struct policy *policy, uint16_t port)
{
	const struct policy_matcher *matcher = policy->matcher;

	return bsearch(&port, matcher->ports, matcher->port_count, sizeof(port), compare_ports);
}
