#include "policy/udp_ports.h"

#include "tests/unit/policy/fixture.h"

#define RULES "sallyport: 1\nrules:\n"

static void each_port_of_an_allowing_rule_is_told_once(void **state)
{
	struct policy *policy = fixture_load(
		RULES "- deny: udp://a.example:7\n"
		      "- allow: [udp://a.example:123, a.example]\n"
		      "- allow: [udp://b.example:65535, tcp://a.example:22]\n"
		      "- allow: [udp://93.184.99.0/24:123, udp://b.example:1]\n");
	uint16_t ports[8];

	(void)state;
	assert_int_equal(policy_udp_ports(policy, ports, 8), 3);
	assert_int_equal(ports[0], 1);
	assert_int_equal(ports[1], 123);
	assert_int_equal(ports[2], 65535);
	assert_int_equal(policy_udp_ports(policy, ports, 1), 3);
	policy_free(policy);
}

static void a_policy_without_such_rules_has_none(void **state)
{
	struct policy *policy = fixture_load(RULES "- allow: a.example\n- deny: '*.b.example'\n");

	(void)state;
	assert_int_equal(policy_udp_ports(policy, NULL, 0), 0);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_port_of_an_allowing_rule_is_told_once),
		cmocka_unit_test(a_policy_without_such_rules_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
