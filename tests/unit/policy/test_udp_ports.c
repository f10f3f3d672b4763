#include "policy/udp_ports.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
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

static char *many_ports(int count)
{
	struct buffer text;
	char *result;

	buffer_init(&text, 1 << 20);
	assert_int_equal(buffer_append(&text, SLICE_LITERAL(RULES)), 0);
	for (int port = 1; port <= count; port++) {
		char line[64];

		snprintf(line, sizeof(line), "- allow: udp://a.example:%d\n", 1000 + port);
		assert_int_equal(buffer_append(&text, slice_from_text(line)), 0);
	}
	assert_int_equal(buffer_append(&text, slice_of("", 1)), 0);
	result = strdup(buffer_slice(&text).ptr);
	buffer_free(&text);
	return result;
}

static void more_ports_than_a_sandbox_can_have_are_an_error_of_the_policy(void **state)
{
	char *most = many_ports(1024), *more = many_ports(1025);

	(void)state;
	policy_free(fixture_load(most));
	fixture_assert_says(more, "have 1025 ports, more than 1024", false);
	free(most);
	free(more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_port_of_an_allowing_rule_is_told_once),
		cmocka_unit_test(a_policy_without_such_rules_has_none),
		cmocka_unit_test(more_ports_than_a_sandbox_can_have_are_an_error_of_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
