#include "proxy/audit/filter.h"

#include <string.h>

#include "tests/unit/allocation.h"

static json_t *http, *observed, *query, *packet, *life;

static int make_records(void **state)
{
	(void)state;
	http = json_loads("{\"time\":\"2026-11-20T14:03:22.104518Z\",\"sandbox\":\"a1\","
			  "\"kind\":\"http\",\"verdict\":\"allow\",\"rule\":\"rules[3]\","
			  "\"host\":\"api.example.com\",\"ip\":\"203.0.113.7\","
			  "\"secrets\":[{\"name\":\"KEY\",\"slot\":\"header X\"}]}",
			  0, NULL);
	observed = json_loads("{\"time\":\"2026-11-20T15:00:00.000000Z\",\"sandbox\":\"b2\","
			      "\"kind\":\"tls\",\"verdict\":\"allow\",\"would_deny\":true,"
			      "\"tls\":{\"sni\":\"SNI.example.com\"},\"rule\":null,"
			      "\"misuse\":[{\"name\":\"OTHER\"}]}",
			      0, NULL);
	query = json_loads("{\"time\":\"never\",\"kind\":\"dns\",\"verdict\":\"deny\","
			   "\"dns\":{\"name\":\"evil.example.\"}}",
			   0, NULL);
	packet = json_loads("{\"kind\":\"packet\",\"verdict\":\"deny\","
			    "\"packet\":{\"destination\":\"2001:db8::1\"},\"rule\":7}",
			    0, NULL);
	life = json_loads("{\"kind\":\"sandbox\",\"verdict\":null}", 0, NULL);
	return http && observed && query && packet && life ? 0 : -1;
}

static int free_records(void **state)
{
	(void)state;
	json_decref(http);
	json_decref(observed);
	json_decref(query);
	json_decref(packet);
	json_decref(life);
	return 0;
}

/* Asserts which of the records are matched: "hoqpl", each letter one of them. */
static void assert_matches(struct audit_filter filter, const char *expected)
{
	const json_t *const records[] = {http, observed, query, packet, life};
	char found[6] = "", *end = found;

	for (size_t i = 0; i < 5; i++) {
		if (audit_filter_matches(&filter, records[i]))
			*end++ = "hoqpl"[i];
	}
	assert_string_equal(found, expected);
}

#define ASSERT_MATCHES(expected, ...) assert_matches((struct audit_filter){__VA_ARGS__}, expected)

static void nothing_asked_for_is_everything(void **state)
{
	(void)state;
	ASSERT_MATCHES("hoqpl", 0);
}

static void a_verdict_is_asked_for(void **state)
{
	(void)state;
	ASSERT_MATCHES("h", .verdict = "allow");
	ASSERT_MATCHES("qp", .verdict = "deny");
	ASSERT_MATCHES("o", .verdict = "would-deny");
	ASSERT_MATCHES("oqp", .denied = true);
}

static void a_host_is_asked_for_wherever_it_stands(void **state)
{
	(void)state;
	ASSERT_MATCHES("h", .host = "API.example.com");
	ASSERT_MATCHES("h", .host = "203.0.113.7");
	ASSERT_MATCHES("o", .host = "sni.example.com");
	ASSERT_MATCHES("q", .host = "evil.example");
	ASSERT_MATCHES("p", .host = "2001:db8::1");
	ASSERT_MATCHES("ho", .host = "*.example.com");
	ASSERT_MATCHES("", .host = "*.api.example.com");
	ASSERT_MATCHES("", .host = "example.com");
	ASSERT_MATCHES("", .host = "");
	ASSERT_MATCHES("", .host = "*.");
}

static void a_rule_is_asked_for_by_name_or_number(void **state)
{
	(void)state;
	ASSERT_MATCHES("h", .rule = "3");
	ASSERT_MATCHES("h", .rule = "rules[3]");
	ASSERT_MATCHES("", .rule = "7");
	ASSERT_MATCHES("", .rule = "");
}

static void a_secret_is_asked_for_used_or_misused(void **state)
{
	(void)state;
	ASSERT_MATCHES("h", .secret = "KEY");
	ASSERT_MATCHES("o", .secret = "OTHER");
	ASSERT_MATCHES("", .secret = "KE");
}

static void a_time_is_asked_for(void **state)
{
	(void)state;
	ASSERT_MATCHES("ho", .has_since = true, .since_us = 1795183402104518);
	ASSERT_MATCHES("o", .has_since = true, .since_us = 1795183402104519);
	ASSERT_MATCHES("", .has_until = true, .until_us = 1795183402104518);
	ASSERT_MATCHES("h", .has_until = true, .until_us = 1795183402104519);
}

static void all_that_is_asked_for_must_hold(void **state)
{
	(void)state;
	ASSERT_MATCHES("h", .kind = "http", .sandbox = "a1");
	ASSERT_MATCHES("", .kind = "http", .sandbox = "b2");
	ASSERT_MATCHES("o", .denied = true, .sandbox = "b2");
	ASSERT_MATCHES("", .verdict = "deny", .has_since = true, .since_us = 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_for_is_everything),
		cmocka_unit_test(a_verdict_is_asked_for),
		cmocka_unit_test(a_host_is_asked_for_wherever_it_stands),
		cmocka_unit_test(a_rule_is_asked_for_by_name_or_number),
		cmocka_unit_test(a_secret_is_asked_for_used_or_misused),
		cmocka_unit_test(a_time_is_asked_for),
		cmocka_unit_test(all_that_is_asked_for_must_hold),
	};

	return cmocka_run_group_tests(tests, make_records, free_records);
}
