#include "policy/known_resolver.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/policy/fixture.h"

static void the_table_is_sorted_and_canonical(void **state)
{
	size_t count;
	const struct known_resolver *rows = known_resolvers(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		char text[HOST_TEXT_MAX + 3];
		struct host host;

		snprintf(text, sizeof(text), strchr(rows[i].host, ':') ? "[%s]" : "%s",
			 rows[i].host);
		assert_int_equal(host_parse(slice_from_text(text), &host), 0);
		assert_string_equal(host.text, rows[i].host);
		assert_true(!rows[i].below || host.kind == HOST_NAME);
		assert_true(i == 0 || strcmp(rows[i - 1].host, rows[i].host) < 0);
		assert_true(known_resolver_has(&host));
	}
}

static void names_below_are_known_where_they_are_customers(void **state)
{
	static const struct row {
		const char *host;
		bool known;
	} rows[] = {
		{"dns.google", true},
		{"DNS.Google.", true},
		{"mozilla.cloudflare-dns.com", true},
		{"a.b.dns.nextdns.io", true},
		{"nextdns.io", false},
		{"xdns.nextdns.io", false},
		{"a.doh.opendns.com", false},
		{"google", false},
		{"notcloudflare-dns.com", false},
		{"8.8.8.8", true},
		{"8.8.8.9", false},
		{"[2001:4860:4860:0::8888]", true},
		{"[2001:4860:4860::8889]", false},
		{"[64:ff9b::808:808]", true}, /* 8.8.8.8 by NAT64 */
		{"[64:ff9b::808:809]", false},
		{"api.openai.com", false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct host host;

		assert_int_equal(host_parse(slice_from_text(rows[i].host), &host), 0);
		assert_int_equal(known_resolver_has(&host), rows[i].known);
	}
}

static void assert_decision(const struct policy *policy, const char *request, bool allow,
			    const char *reason)
{
	struct policy_verdict verdict;

	fixture_decide(policy, request, &verdict);
	assert_int_equal(verdict.allow, allow);
	if (!allow)
		assert_non_null(strstr(verdict.reason, reason));
}

#define RULES "sallyport: 1\nrules:\n"

static void a_wildcard_does_not_allow_a_known_resolver(void **state)
{
	struct policy *policy = fixture_load(RULES "- {allow: '*.google', wide: true}\n"
						   "- allow: '*.cloudflare-dns.com'\n"
						   "- {allow: ['*', 'http://*'], wide: true}\n"
						   "- allow: [dns.quad9.net/dns-query, 9.9.9.9]\n");

	(void)state;
	assert_decision(policy, "GET https://about.google/", true, NULL);
	assert_decision(policy, "GET https://dns.google/dns-query", false,
			"dns.google is a resolver of DNS over HTTPS, which a wildcard (that of "
			"rules[0]) does not allow: a rule must name it");
	assert_decision(policy, "GET http://dns.google/dns-query", false, "a rule must name it");
	assert_decision(policy, "GET https://mozilla.cloudflare-dns.com/dns-query", false,
			"that of rules[1]");
	assert_decision(policy, "GET https://doh.opendns.com/dns-query", false, "that of rules[2]");
	assert_decision(policy, "GET https://dns.quad9.net/dns-query", true, NULL);
	assert_decision(policy, "GET https://dns.quad9.net/x", false,
			"rules[3] allows dns.quad9.net, but not the path /x");
	assert_decision(policy, "GET https://9.9.9.9/", true, NULL);
	assert_decision(policy, "GET https://8.8.8.8/", false,
			"no rule allows 8.8.8.8, a resolver of DNS over HTTPS or TLS");
	policy_free(policy);
}

static void connections_are_judged_likewise(void **state)
{
	struct policy *policy = fixture_load(RULES "- {allow: 'tls://*.google', wide: true}\n"
						   "- {allow: 'tls://*.quad9.net:853'}\n"
						   "- allow: 'tls://dns.google'\n");
	static const struct row {
		const char *host;
		uint16_t port;
		enum policy_tls_route route;
		const char *reason;
	} rows[] = {
		{"about.google", 443, POLICY_TLS_PASS, ""},
		{"dns.google", 443, POLICY_TLS_PASS, ""},
		{"8888.google", 443, POLICY_TLS_REFUSE, "a rule must name it"},
		{"dns.quad9.net", 853, POLICY_TLS_REFUSE, "a rule must name it"},
		{"on.quad9.net", 853, POLICY_TLS_PASS, ""},
		{"dot.example", 853, POLICY_TLS_REFUSE, "port 853 is for DNS over TLS"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy_verdict verdict;
		struct host host;

		host_parse(slice_from_text(rows[i].host), &host);
		assert_int_equal(policy_decide_tls(policy, &host, rows[i].port, &verdict),
				 rows[i].route);
		if (rows[i].route == POLICY_TLS_REFUSE)
			assert_non_null(strstr(verdict.reason, rows[i].reason));
	}
	policy_free(policy);
}

static void a_denial_by_wildcard_takes_in_resolvers(void **state)
{
	struct policy *policy = fixture_load(RULES "- deny: '*.google'\n"
						   "- {allow: '*', wide: true}\n");

	(void)state;
	assert_decision(policy, "GET https://dns.google/", false, "rules[0] denies *.google");
	policy_free(policy);
}

static void naming_a_resolver_behind_a_wildcard_is_no_mistake(void **state)
{
	char *said = fixture_diagnose(RULES "- {allow: '*.google', wide: true}\n"
					    "- {allow: dns.google, methods: GET}\n");

	(void)state;
	assert_null(strstr(said, "never matches"));
	assert_non_null(strstr(said, ":4:11: warning: this is a resolver of DNS over HTTPS"));
	free(said);
	fixture_assert_says(RULES "- deny: '*.google'\n- allow: dns.google\n", "never matches",
			    false);
	fixture_assert_says(RULES "- allow: '1.1.1.1'\n", "resolver of DNS over HTTPS", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sorted_and_canonical),
		cmocka_unit_test(names_below_are_known_where_they_are_customers),
		cmocka_unit_test(a_wildcard_does_not_allow_a_known_resolver),
		cmocka_unit_test(connections_are_judged_likewise),
		cmocka_unit_test(a_denial_by_wildcard_takes_in_resolvers),
		cmocka_unit_test(naming_a_resolver_behind_a_wildcard_is_no_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
