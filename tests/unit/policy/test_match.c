/* Threats H1, H2, H4, H5, H14, H15, P11, P12, T1, T4, S7, C5. */
#include <stdio.h>
#include <stdlib.h>

#include "policy/matcher.h"
#include "policy/target.h"
#include "tests/unit/policy/fixture.h"
#include "tests/unit/policy/reference.h"

#define RULES "sallyport: 1\nrules:\n"

static void assert_verdict(const struct policy *policy, const char *request, bool allow,
			   const char *reason)
{
	struct policy_verdict verdict;

	fixture_decide(policy, request, &verdict);
	if (verdict.allow != allow || (!allow && strcmp(verdict.reason, reason) != 0))
		print_error("%s: %s\n", request, allow ? "denied" : verdict.reason);
	assert_int_equal(verdict.allow, allow);
	if (!allow)
		assert_string_equal(verdict.reason, reason);
}

static void the_first_rule_that_matches_decides(void **state)
{
	struct policy *policy = fixture_load(RULES "- deny: a.example/admin/**\n"
						   "- deny: a.example/private/**\n"
						   "  reason: it is private\n"
						   "- allow: a.example/api/**\n"
						   "  methods: [GET, POST]\n"
						   "- allow: [b.example, '*.c.example']\n"
						   "- deny: '*.internal'\n"
						   "- allow: http://d.example:8080/x\n");
	static const struct {
		const char *request;
		const char *reason; /* NULL: allowed */
	} rows[] = {
		{"GET https://a.example/api/x", NULL},
		{"GET https://A.EXAMPLE./api/x", NULL},
		{"GET https://a.example/%61pi/y/../x", NULL},
		{"PUT https://a.example/api/x",
		 "rules[2] allows this path, but not the method PUT"},
		{"get https://a.example/api/x",
		 "rules[2] allows this path, but not the method get"},
		{"GET https://a.example/", "rules[2] allows a.example, but not the path /"},
		{"GET https://a.example/admin/x", "rules[0] denies a.example/admin/**"},
		{"GET http://a.example:99/admin/x", "rules[0] denies a.example/admin/**"},
		{"GET https://a.example/private/x", "it is private"},
		{"GET https://a.example:8443/api/x",
		 "rules[2] allows a.example by https on port 443, not by https on port 8443"},
		{"GET http://a.example/api/x",
		 "rules[2] allows a.example by https on port 443, not by http on port 80"},
		{"GET https://x.a.example/api/x", "no rule allows x.a.example"},
		{"OPTIONS https://b.example/", NULL},
		{"PROPFIND https://b.example/",
		 "rules[3] allows this path, but not the method PROPFIND"},
		{"CONNECT https://b.example/",
		 "rules[3] allows this path, but not the method CONNECT"},
		{"TRACE https://b.example/", "rules[3] allows this path, but not the method TRACE"},
		/* H4, H5 */
		{"GET https://x.c.example/", NULL},
		{"GET https://x.y.c.example/", NULL},
		{"GET https://c.example/", "no rule allows c.example"},
		{"GET https://xc.example/", "no rule allows xc.example"},
		{"GET https://db.internal/", "rules[4] denies *.internal"},
		{"GET https://internal/", "no rule allows internal"},
		{"GET http://d.example:8080/x", NULL},
		{"GET https://192.0.2.1/", "no rule allows 192.0.2.1"},
		{"GET https://[2001:db8::1]/", "no rule allows 2001:db8::1"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_verdict(policy, rows[i].request, !rows[i].reason, rows[i].reason);
	policy_free(policy);
}

static void every_reading_of_a_path_must_be_allowed(void **state)
{
	struct policy *policy = fixture_load(RULES "- deny: a.example/x/admin/**\n"
						   "- allow: a.example/x/**\n"
						   "- allow: b.example/*\n");

	(void)state;
	assert_verdict(policy, "GET https://a.example/x/y%2Fz", true, NULL);
	assert_verdict(policy, "GET https://a.example/x/admin%2Fz", false,
		       "servers may read this path as /x/admin/z: rules[0] denies "
		       "a.example/x/admin/**");
	assert_verdict(policy, "GET https://a.example/x/admin;a=b/z", false,
		       "servers may read this path as /x/admin/z: rules[0] denies "
		       "a.example/x/admin/**");
	assert_verdict(policy, "GET https://a.example/x//admin/z", false,
		       "servers may read this path as /x/admin/z: rules[0] denies "
		       "a.example/x/admin/**");
	assert_verdict(policy, "GET https://b.example/y", true, NULL);
	assert_verdict(policy, "GET https://b.example/y%2Fz", false,
		       "servers may read this path as /y/z: rules[2] allows b.example, but not "
		       "the path /y/z");
	policy_free(policy);
}

static void a_star_allows_names_and_denies_addresses_too(void **state)
{
	struct policy *policy = fixture_load(RULES "- {allow: '*', wide: true, methods: [GET]}\n");

	(void)state;
	assert_verdict(policy, "GET https://any.example/", true, NULL);
	assert_verdict(policy, "GET https://192.0.2.1/", false, "no rule allows 192.0.2.1");
	policy_free(policy);
	policy = fixture_load(RULES "- {deny: '*', reason: closed}\n");
	assert_verdict(policy, "GET https://192.0.2.1/", false, "closed");
	assert_verdict(policy, "GET http://any.example:99/", false, "closed");
	policy_free(policy);
}

static void connections_are_routed_by_the_first_rule_about_them(void **state)
{
	struct policy *policy = fixture_load(RULES
					     "- allow: tls://pass.example\n"
					     "- deny: tls://shut.example\n"
					     "- allow: open.example\n"
					     "- deny: https://told.example\n"
					     "- deny: gone.example\n"
					     "- deny: part.example/x\n"
					     "- allow: http://plain.example\n"
					     "- {allow: 'tls://*.wild.example', reason: x}\n");
	static const struct {
		const char *host;
		uint16_t port;
		enum policy_tls_route route;
		size_t rule; /* 99: none */
		const char *reason;
	} rows[] = {
		{"pass.example", 443, POLICY_TLS_PASS, 0, NULL},
		{"pass.example", 8443, POLICY_TLS_REFUSE, 99,
		 "rules[0] allows pass.example by tls on port 443, not by https on port 8443"},
		{"shut.example", 443, POLICY_TLS_REFUSE, 1, "rules[1] denies tls://shut.example"},
		{"open.example", 443, POLICY_TLS_INSPECT, 2, NULL},
		{"told.example", 443, POLICY_TLS_INSPECT, 3, NULL},
		{"gone.example", 9999, POLICY_TLS_REFUSE, 4, "rules[4] denies gone.example"},
		{"part.example", 443, POLICY_TLS_INSPECT, 5, NULL},
		{"plain.example", 443, POLICY_TLS_REFUSE, 99,
		 "rules[6] allows plain.example by http on port 80, not by https on port 443"},
		{"a.b.wild.example", 443, POLICY_TLS_PASS, 7, NULL},
		{"wild.example", 443, POLICY_TLS_REFUSE, 99, "no rule allows wild.example"},
		{"192.0.2.1", 443, POLICY_TLS_REFUSE, 99, "no rule allows 192.0.2.1"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy_verdict verdict;
		struct host host;

		host_parse(slice_from_text(rows[i].host), &host);
		assert_int_equal(policy_decide_tls(policy, &host, rows[i].port, &verdict),
				 rows[i].route);
		assert_int_equal(verdict.allow, rows[i].route == POLICY_TLS_PASS);
		assert_int_equal(verdict.rule ? verdict.rule->index : 99, rows[i].rule);
		if (rows[i].route == POLICY_TLS_REFUSE)
			assert_string_equal(verdict.reason, rows[i].reason);
	}
	policy_free(policy);
}

static void flows_are_let_out_by_the_first_rule_about_them(void **state)
{
	struct policy *policy = fixture_load(RULES
					     "- allow: tcp://ssh.example:22\n"
					     "- {deny: 'tcp://*.bad.example', reason: closed}\n"
					     "- {allow: 'tcp://*.example:23', wide: true}\n"
					     "- allow: open.org/x\n"
					     "- {allow: 'tcp://*.org:443', wide: true}\n"
					     "- allow: tcp://52.52.52.0/24:5300\n"
					     "- allow: udp://52.52.52.8:5300\n"
					     "- deny: gone.net\n"
					     "- {allow: 'udp://*:123', wide: true}\n"
					     "- allow: 'tcp://[2a00::]/16:9'\n"
					     "- allow: tcp://8.8.8.0/24:443\n");
	static const struct {
		enum policy_scheme scheme;
		const char *host;
		uint16_t port;
		size_t rule; /* 99: none */
		const char *reason;
	} rows[] = {
		{POLICY_TCP, "ssh.example", 22, 0, NULL},
		{POLICY_UDP, "ssh.example", 22, 99,
		 "rules[0] allows ssh.example by tcp on port 22, not by udp on port 22"},
		{POLICY_TCP, "x.bad.example", 23, 1, "closed"},
		{POLICY_TCP, "good.example", 23, 2, NULL},
		{POLICY_TCP, "good.example", 24, 99,
		 "rules[2] allows good.example by tcp on port 23, not by tcp on port 24"},
		{POLICY_TCP, "open.org", 443, 99,
		 "rules[3] names open.org port 443 by https, and comes first"},
		{POLICY_TCP, "other.org", 443, 4, NULL},
		{POLICY_TCP, "52.52.52.8", 5300, 5, NULL},
		{POLICY_TCP, "52.52.53.8", 5300, 99, "no rule allows 52.52.53.8"},
		{POLICY_UDP, "52.52.52.8", 5300, 6, NULL},
		{POLICY_UDP, "52.52.52.9", 5300, 99,
		 "rules[5] allows 52.52.52.9 by tcp on port 5300, not by udp on port 5300"},
		{POLICY_TCP, "8.8.8.9", 443, 10, NULL},
		/* A known resolver is allowed by its own name only (threat D6). */
		{POLICY_TCP, "8.8.8.8", 443, 99,
		 "no rule allows 8.8.8.8, a resolver of DNS over HTTPS or TLS (Sallyport resolves "
		 "names itself)"},
		{POLICY_TCP, "gone.net", 22, 7, "rules[7] denies gone.net"},
		{POLICY_UDP, "gone.net", 123, 7, "rules[7] denies gone.net"},
		{POLICY_UDP, "any.net", 123, 8, NULL},
		{POLICY_UDP, "192.0.2.1", 123, 99, "no rule allows 192.0.2.1"},
		{POLICY_TCP, "[2a00:1::1]", 9, 9, NULL},
		{POLICY_TCP, "[2b00:1::1]", 9, 99, "no rule allows 2b00:1::1"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy_verdict verdict;
		struct host host;

		host_parse(slice_from_text(rows[i].host), &host);
		assert_int_equal(
			policy_decide_flow(policy, rows[i].scheme, &host, rows[i].port, &verdict),
			!rows[i].reason);
		assert_int_equal(verdict.allow, !rows[i].reason);
		assert_int_equal(verdict.rule ? verdict.rule->index : 99, rows[i].rule);
		if (rows[i].reason)
			assert_string_equal(verdict.reason, rows[i].reason);
	}
	/* TLS that came by another way than the address of its name is within what is allowed. */
	{
		struct policy_verdict verdict;
		struct host host;

		host_parse(slice_from_text("ssh.example"), &host);
		assert_int_equal(policy_decide_tls(policy, &host, 22, &verdict), POLICY_TLS_PASS);
	}
	assert_true(policy_names_port(policy, 443));
	assert_false(policy_names_port(policy, 22));
	policy_free(policy);
}

static void plain_http_is_only_where_a_rule_allows_it(void **state)
{
	struct policy *policy = fixture_load(RULES "- allow: http://a.example\n"
						   "- allow: b.example\n"
						   "- deny: [c.example, 'e.example:9999']\n"
						   "- deny: http://d.example/x\n"
						   "- allow: http://d.example\n"
						   "- allow: http://*.e.example:8080\n");
	static const struct {
		const char *host;
		uint16_t port;
		bool may;
	} rows[] = {
		{"a.example", 80, true},    {"a.example", 443, false},
		{"a.example", 8080, false}, {"b.example", 80, false},
		{"b.example", 443, false},  {"c.example", 80, false},
		{"d.example", 80, true},    {"x.e.example", 8080, true},
		{"e.example", 8080, false}, {"other.example", 80, false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct host host;

		host_parse(slice_from_text(rows[i].host), &host);
		assert_int_equal(policy_may_http(policy, &host, rows[i].port), rows[i].may);
	}
	assert_true(policy_names_port(policy, 80));
	assert_true(policy_names_port(policy, 443));
	assert_true(policy_names_port(policy, 8080));
	assert_false(policy_names_port(policy, 8443));
	assert_false(policy_names_port(policy, 9999));
	assert_false(policy_names_port(policy, 0));
	assert_false(policy_names_port(policy, 65535));
	policy_free(policy);
}

static void secrets_go_where_they_are_bound_and_nowhere_else(void **state)
{
	struct policy *policy = fixture_load(
		"sallyport: 1\n"
		"rules: [{allow: [a.example, '*.b.example', 'a.example:8443', http://a.example]}]\n"
		"secrets:\n"
		"  A: {from: env, use: [{at: a.example/v1/**, methods: [POST], slot: header X},\n"
		"                       {at: a.example/v2/*, slot: basic user}]}\n"
		"  B: {from: env, use: [{at: '*.b.example', slot: header Y},\n"
		"                       {at: a.example/v1/**, slot: header Z}]}\n");
	static const struct {
		const char *request;
		size_t count;
		const char *first;
	} rows[] = {
		{"POST https://a.example/v1/x", 2, "header X"},
		{"GET https://a.example/v1/x", 1, "header Z"},
		{"PROPFIND https://a.example/v1/x", 0, NULL},
		{"GET https://a.example/v2/x", 1, "basic user"},
		{"GET https://a.example/v2/x%2Fy", 0, NULL},
		{"GET https://a.example/v2/x;y", 1, "basic user"},
		{"POST https://a.example/v3", 0, NULL},
		{"POST https://a.example:8443/v1/x", 0, NULL},
		{"POST http://a.example/v1/x", 0, NULL},
		{"POST http://a.example:443/v1/x", 0, NULL},
		{"GET https://x.y.b.example/", 1, "header Y"},
		{"GET https://b.example/", 0, NULL},
		{"GET https://xb.example/", 0, NULL},
	};
	const struct policy_use *uses[4];
	struct host host;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t count = policy_find_uses(policy, fixture_request(rows[i].request), uses, 4);

		assert_int_equal(count, rows[i].count);
		if (count)
			assert_true(
				slice_equal(uses[0]->slot.text, slice_from_text(rows[i].first)));
	}
	uses[1] = NULL;
	assert_int_equal(
		policy_find_uses(policy, fixture_request("POST https://a.example/v1/x"), uses, 1),
		2);
	assert_null(uses[1]);

	host_parse(SLICE_LITERAL("a.example"), &host);
	assert_true(policy_secret_names_host(&policy->secrets[0], &host, 443));
	assert_false(policy_secret_names_host(&policy->secrets[0], &host, 8443));
	host_parse(SLICE_LITERAL("x.b.example"), &host);
	assert_false(policy_secret_names_host(&policy->secrets[0], &host, 443));
	assert_true(policy_secret_names_host(&policy->secrets[1], &host, 443));
	host_parse(SLICE_LITERAL("b.example"), &host);
	assert_false(policy_secret_names_host(&policy->secrets[1], &host, 443));
	host_parse(SLICE_LITERAL("xb.example"), &host);
	assert_false(policy_secret_names_host(&policy->secrets[1], &host, 443));
	policy_free(policy);
}

static void a_websocket_needs_a_rule_that_says_so(void **state)
{
	struct policy *policy = fixture_load(
		"sallyport: 1\n"
		"secrets:\n"
		"  S: {from: env, use: [{at: a.example/live, slot: ws /token},\n"
		"                       {at: a.example/live, slot: header X}]}\n"
		"rules:\n"
		"- deny: a.example/live/admin\n"
		"- allow: a.example\n"
		"- {allow: [a.example/live/**, a.example/live], websocket: true, methods: [GET]}\n"
		"- {allow: http://b.example/live, websocket: true}\n");
	static const struct {
		const char *request;
		size_t rule;
		const char *reason;
	} rows[] = {
		{"GET https://a.example/live", 2, NULL},
		{"GET https://a.example/live/x", 2, NULL},
		{"GET https://a.example/live/admin", 0, "rules[0] denies a.example/live/admin"},
		{"GET https://a.example/x", 99, "rules[1] allows this path, but no WebSocket"},
		{"GET https://a.example/live%2Fadmin", 0,
		 "servers may read this path as /live/admin: rules[0] denies "
		 "a.example/live/admin"},
		{"GET http://b.example/live", 3, NULL},
	};
	const struct policy_use *uses[4];
	struct policy_request request;
	struct policy_verdict verdict;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		request = *fixture_request(rows[i].request);
		request.websocket = true;
		policy_decide_request(policy, &request, &verdict);
		assert_int_equal(verdict.allow, !rows[i].reason);
		assert_int_equal(verdict.rule ? verdict.rule->index : 99, rows[i].rule);
		if (rows[i].reason)
			assert_string_equal(verdict.reason, rows[i].reason);
	}
	/* The same path without: the first rule is there again. */
	request = *fixture_request("GET https://a.example/live");
	policy_decide_request(policy, &request, &verdict);
	assert_int_equal(verdict.rule->index, 1);
	assert_int_equal(policy_find_uses(policy, &request, uses, 4), 1);
	assert_int_equal(uses[0]->slot.kind, POLICY_SLOT_HEADER);
	request.websocket = true;
	assert_int_equal(policy_find_uses(policy, &request, uses, 4), 2);
	assert_int_equal(uses[0]->slot.kind, POLICY_SLOT_WS);
	policy_free(policy);
}

static void readings_are_treated_alike_or_refused(void **state)
{
	struct policy_verdict verdict;

	struct policy *policy = fixture_load(
		RULES "- {allow: a.example/v1/chat, credentials: none}\n"
		      "- {allow: [a.example/v1/*, a.example/v1/x/**], credentials: none}\n"
		      "- allow: [a.example, '*.b.example']\n");

	(void)state;
	assert_verdict(policy, "GET https://a.example/v1/chat", true, NULL);
	assert_verdict(policy, "GET https://a.example/other%2Fpath", true, NULL);
	/* One rule decides on /v1/x%2Fy, and another on /v1/x/y; they do the same. */
	assert_verdict(policy, "GET https://a.example/v1/x%2Fy", true, NULL);
	assert_verdict(policy, "GET https://a.example/v1%2Fchat", false,
		       "servers may read this path in ways that rules[0] and rules[2] allow, "
		       "which do not treat credentials alike");
	fixture_decide(policy, "GET https://a.example/v1%2Fchat", &verdict);
	assert_null(verdict.rule);
	assert_verdict(policy, "GET https://a.example//v1/chat", false,
		       "servers may read this path in ways that rules[0] and rules[2] allow, "
		       "which do not treat credentials alike");
	policy_free(policy);
}

static void readings_that_set_otherwise_are_refused(void **state)
{
	struct policy *policy = fixture_load(RULES "- {allow: a.example/v1/chat, set: {A: '{S}'}}\n"
						   "- {allow: a.example/v2/**, set: {A: '{S}'}}\n"
						   "- allow: a.example\n"
						   "secrets: {S: {from: env}}\n");
	struct policy_verdict verdict;

	(void)state;
	fixture_decide(policy, "GET https://a.example/v2/x%2Fy;z//", &verdict);
	assert_true(verdict.allow);
	assert_int_equal(verdict.rule->set_count, 1);
	assert_ptr_equal(verdict.rule->sets[0].parts[0].secret, &policy->secrets[0]);
	assert_verdict(policy, "GET https://a.example/v1;x/chat", false,
		       "servers may read this path in ways that rules[0] and rules[2] allow, "
		       "which do not treat credentials alike");
	assert_verdict(policy, "GET https://a.example/v2%2Fchat", false,
		       "servers may read this path in ways that rules[1] and rules[2] allow, "
		       "which do not treat credentials alike");
	policy_free(policy);
}

static void reasons_are_one_line_of_text_whatever_was_asked(void **state)
{
	struct policy *policy = fixture_load(RULES "- {allow: a.example/x, methods: GET}\n");
	struct policy_request request;
	char long_path[2000], hostile[64] = "G\x1b[2J\n\xff ";
	struct policy_verdict verdict;
	struct path path = {.reading_count = 1};

	(void)state;
	request = *fixture_request("GET https://a.example/x");
	request.method = slice_of(hostile, sizeof(hostile));
	policy_decide_request(policy, &request, &verdict);
	assert_string_equal(verdict.reason, "rules[0] allows this path, but not the method "
					    "G?[2J???????????????????????????...");
	memset(long_path, 'p', sizeof(long_path));
	long_path[0] = '/';
	path.text = path.readings[0] = slice_of(long_path, sizeof(long_path));
	request.path = &path;
	policy_decide_request(policy, &request, &verdict);
	assert_true(strlen(verdict.reason) < 260);
	assert_non_null(strstr(verdict.reason, "pppp..."));
	policy_free(policy);
}

static void assert_suggestion(const char *request, const char *expected)
{
	char line[400];
	size_t len = policy_suggest(fixture_request(request), line, sizeof(line));

	assert_string_equal(line, expected);
	assert_int_equal(len, strlen(expected));
}

static void a_suggestion_is_a_rule(void **state)
{
	char line[100];
	struct policy_request request;

	(void)state;
	assert_suggestion("GET https://a.example/v1/x",
			  "- allow: https://a.example/v1/x; methods: [GET]");
	assert_suggestion("POST http://a.example:8080/",
			  "- allow: http://a.example:8080/; methods: [POST]");
	assert_suggestion("PROPFIND https://[2001:db8::1]:8443/x",
			  "- allow: \"https://[2001:db8::1]:8443/x\"; methods: [PROPFIND]");
	assert_suggestion("GET https://a.example/a:",
			  "- allow: \"https://a.example/a:\"; methods: [GET]");
	assert_suggestion("GET https://a.example/a%2Fb",
			  "- allow: [\"https://a.example/a%2Fb\", \"https://a.example/a/b\"]; "
			  "methods: [GET]");
	/* A star would be read as more than itself. */
	assert_suggestion("GET https://a.example/*", "");
	assert_suggestion("GET https://a.example/a/**/b", "");
	assert_suggestion("FOO https://a.example/", "");
	assert_suggestion("CONNECT https://a.example/", "");
	assert_suggestion("get https://a.example/", "");
	assert_int_equal(policy_suggest(fixture_request("GET https://a.example/v1/x"), line, 20),
			 0);
	assert_string_equal(line, "");
	request = *fixture_request("GET https://a.example/live");
	request.websocket = true;
	policy_suggest(&request, line, sizeof(line));
	assert_string_equal(line,
			    "- allow: https://a.example/live; methods: [GET]; websocket: true");
}

static void a_suggested_flow_is_a_rule(void **state)
{
	static const struct {
		enum policy_scheme scheme;
		const char *host, *line;
	} rows[] = {
		{POLICY_TCP, "a.example", "- allow: tcp://a.example:22"},
		{POLICY_UDP, "52.52.52.8", "- allow: udp://52.52.52.8:22"},
		{POLICY_TCP, "[2a00::1]", "- allow: \"tcp://[2a00::1]:22\""},
	};
	char out[100], text[200];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy_verdict verdict;
		struct policy *policy;
		struct host host;

		host_parse(slice_from_text(rows[i].host), &host);
		policy_suggest_flow(rows[i].scheme, &host, 22, out, sizeof(out));
		assert_string_equal(out, rows[i].line);
		snprintf(text, sizeof(text), RULES "%s\n", out);
		policy = fixture_load(text);
		assert_true(policy_decide_flow(policy, rows[i].scheme, &host, 22, &verdict));
		policy_free(policy);
		assert_int_equal(policy_suggest_flow(rows[i].scheme, &host, 22, out, 9), 0);
		assert_string_equal(out, "");
	}
}

/* Puts the suggestion into a policy, and asks again. */
static void a_suggestion_allows_what_it_was_made_for(void **state)
{
	static const char *const requests[] = {
		"GET https://a.example/",
		"PUT http://b.example:8080/x/y",
		"GET https://a.example/a%2Fb;c//d",
		"DELETE https://a.example/a,b:c@d!$&'()+=",
		"GET https://a.example/%20%22%C3%A9",
		"HEAD https://a.example/~x/-/_.",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(requests); i++) {
		char line[1000], text[1200];
		size_t len = policy_suggest(fixture_request(requests[i]), line, sizeof(line));
		size_t at = slice_find(slice_of(line, len), SLICE_LITERAL("; methods"));
		struct policy_verdict verdict;
		struct policy *policy;

		assert_true(at < len);
		snprintf(text, sizeof(text), RULES "%.*s\n  %s\n", (int)at, line, line + at + 2);
		policy = fixture_load(text);
		fixture_decide(policy, requests[i], &verdict);
		assert_true(verdict.allow);
		policy_free(policy);
	}
}

/* A policy of the reference's rules, without the checks that would refuse most of them. */
struct compiled {
	struct policy policy;
	struct policy_matcher matcher;
	struct policy_rule rules[REFERENCE_RULES_MAX];
	struct policy_target targets[REFERENCE_RULES_MAX];
	char texts[REFERENCE_RULES_MAX][80];
	struct arena arena;
};

static void compile(struct compiled *c, const struct reference_rule *rules, size_t count)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < count; i++) {
		struct slice rest = slice_from_text(rules[i].methods), method;
		struct target_fault fault;
		int rc;

		reference_target_text(&rules[i], c->texts[i], sizeof(c->texts[i]));
		rc = target_parse(slice_from_text(c->texts[i]),
				  rules[i].allow ? TARGET_ALLOW : TARGET_DENY, &c->targets[i],
				  &fault);
		assert_int_equal(rc, 0);
		c->rules[i].index = i;
		c->rules[i].allow = rules[i].allow;
		c->rules[i].websocket = rules[i].websocket;
		c->rules[i].credentials = rules[i].credentials;
		c->rules[i].targets = &c->targets[i];
		c->rules[i].target_count = 1;
		while (rest.len && slice_next_part(&rest, ' ', &method))
			c->rules[i].methods.names[c->rules[i].methods.count++] = method;
	}
	c->policy.rules = c->rules;
	c->policy.rule_count = count;
	c->policy.matcher = &c->matcher;
	arena_init(&c->arena, 1 << 20);
	assert_int_equal(matcher_build(&c->policy, &c->arena, &c->matcher), 0);
}

static void release(struct compiled *c)
{
	matcher_free(&c->matcher);
	arena_free(&c->arena);
}

static void compare_request(const struct compiled *c, const struct reference_rule *rules,
			    size_t count, const struct reference_request *asked)
{
	struct policy_request request;
	struct policy_verdict verdict;
	char text[120];
	bool allow = true;
	size_t decided = 0, first = count;

	snprintf(text, sizeof(text), "%s %s://%s:%u%s", asked->method,
		 asked->https ? "https" : "http", asked->host, asked->port, asked->path);
	request = *fixture_request(text);
	request.websocket = asked->websocket;
	for (size_t i = request.path->reading_count; i-- > 0 && allow;) {
		char reading[64];

		snprintf(reading, sizeof(reading), "%.*s", SLICE_ARGS(request.path->readings[i]));
		decided = reference_decide(rules, count, asked, reading);
		allow = decided < count && rules[decided].allow;
		if (first == count)
			first = decided;
		/* Readings that are treated otherwise are not allowed together. */
		if (allow && rules[decided].credentials != rules[first].credentials) {
			allow = false;
			decided = count;
		}
	}
	policy_decide_request(&c->policy, &request, &verdict);
	assert_int_equal(verdict.allow, allow);
	assert_int_equal(verdict.rule ? verdict.rule->index : count, decided);
	assert_true(allow || verdict.reason);
}

static void compare_connection(const struct compiled *c, const struct reference_rule *rules,
			       size_t count, const struct reference_request *asked)
{
	size_t decided = reference_decide_tls(rules, count, asked->host, asked->port);
	struct policy_verdict verdict;
	struct host host;

	host_parse(slice_from_text(asked->host), &host);
	assert_int_equal(policy_decide_tls(&c->policy, &host, (uint16_t)asked->port, &verdict),
			 reference_route(rules, count, decided));
	assert_int_equal(verdict.rule ? verdict.rule->index : count, decided);
}

static void compare_flow(const struct compiled *c, const struct reference_rule *rules, size_t count,
			 const struct reference_request *asked, bool udp)
{
	size_t decided = reference_decide_flow(rules, count, udp, asked->host, asked->port);
	struct policy_verdict verdict;
	struct host host;
	bool allow;

	if (decided < count && !reference_is_flow_rule(&rules[decided], udp))
		decided = count;
	host_parse(slice_from_text(asked->host), &host);
	allow = policy_decide_flow(&c->policy, udp ? POLICY_UDP : POLICY_TCP, &host,
				   (uint16_t)asked->port, &verdict);
	assert_int_equal(allow, decided < count && rules[decided].allow);
	assert_int_equal(verdict.allow, allow);
	assert_int_equal(verdict.rule ? verdict.rule->index : count, decided);
	assert_true(allow || verdict.reason);
}

static void verdicts_are_those_of_the_reference(void **state)
{
	static struct compiled compiled;

	(void)state;
	srand(4);
	for (int i = 0; i < 3000; i++) {
		struct reference_rule rules[REFERENCE_RULES_MAX];
		size_t count = (size_t)rand() % (REFERENCE_RULES_MAX + 1);

		reference_random_rules(rules, count);
		compile(&compiled, rules, count);
		for (int j = 0; j < 60; j++) {
			struct reference_request asked;

			reference_random_request(&asked);
			compare_request(&compiled, rules, count, &asked);
			compare_connection(&compiled, rules, count, &asked);
			compare_flow(&compiled, rules, count, &asked, false);
			compare_flow(&compiled, rules, count, &asked, true);
		}
		release(&compiled);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rule_that_matches_decides),
		cmocka_unit_test(every_reading_of_a_path_must_be_allowed),
		cmocka_unit_test(a_star_allows_names_and_denies_addresses_too),
		cmocka_unit_test(connections_are_routed_by_the_first_rule_about_them),
		cmocka_unit_test(flows_are_let_out_by_the_first_rule_about_them),
		cmocka_unit_test(a_suggested_flow_is_a_rule),
		cmocka_unit_test(plain_http_is_only_where_a_rule_allows_it),
		cmocka_unit_test(secrets_go_where_they_are_bound_and_nowhere_else),
		cmocka_unit_test(a_websocket_needs_a_rule_that_says_so),
		cmocka_unit_test(readings_are_treated_alike_or_refused),
		cmocka_unit_test(readings_that_set_otherwise_are_refused),
		cmocka_unit_test(reasons_are_one_line_of_text_whatever_was_asked),
		cmocka_unit_test(a_suggestion_is_a_rule),
		cmocka_unit_test(a_suggestion_allows_what_it_was_made_for),
		cmocka_unit_test(verdicts_are_those_of_the_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
