#include "policy/udp_ports.h"

static void mark_ports(const struct policy_rule *rule, uint8_t seen[1 << 13])
{
	for (size_t i = 0; i < rule->target_count; i++) {
		const struct policy_target *target = &rule->targets[i];

		if (rule->allow && target->scheme == POLICY_UDP)
			seen[target->port / 8] |= (uint8_t)(1 << target->port % 8);
	}
}

size_t policy_udp_ports(const struct policy *policy, uint16_t *ports, size_t max)
{
	uint8_t seen[1 << 13] = {0};
	size_t count = 0;

	for (size_t i = 0; i < policy->rule_count; i++)
		mark_ports(&policy->rules[i], seen);
	for (uint32_t port = 1; port <= UINT16_MAX; port++) {
		if (!(seen[port / 8] & 1 << port % 8))
			continue;
		if (count < max)
			ports[count] = (uint16_t)port;
		count++;
	}
	return count;
}
