/* Threats S22, C5, D3, N9: what is only wrong as a whole. */
#include "policy/lint.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/policy/fixture.h"
#include "tests/unit/policy/reference.h"

#define RULES "sallyport: 1\nrules:\n"

static void rules_that_never_decide_are_errors(void **state)
{
	static const struct {
		const char *rules, *part;
	} rows[] = {
		{"- allow: a.example\n- allow: a.example\n",
		 ":4:10: error: this never matches: rules[0] on line 3 allows \"a.example\""},
		{"- allow: [a.example, a.example]\n", ":3:22: error: this never matches: rules[0]"},
		{"- allow: '*.example.org'\n- allow: a.example.org/x\n", "this never matches"},
		{"- allow: '*.example.org'\n- allow: '*.a.example.org'\n", "this never matches"},
		{"- {allow: '*', wide: true}\n- allow: a.example\n", "this never matches"},
		{"- allow: a.example/x/**\n- allow: a.example/x/y\n", "this never matches"},
		{"- allow: a.example\n- {allow: a.example/x, methods: [GET]}\n",
		 "this never matches"},
		{"- {allow: a.example, methods: [GET, POST]}\n"
		 "- {allow: a.example/x, methods: GET}\n",
		 "this never matches"},
		{"- {allow: a.example, websocket: true}\n"
		 "- {allow: a.example/x, websocket: true, credentials: none}\n",
		 "this never matches"},
		{"- deny: a.example\n- {allow: a.example/x, websocket: true}\n",
		 "this never matches"},
		{"- {allow: a.example, websocket: true}\n- deny: a.example/x\n",
		 "this denial comes too late"},
		{"- allow: http://a.example\n- allow: http://a.example/x\n", "this never matches"},
		{"- deny: a.example\n- allow: a.example/x\n",
		 "this never matches: rules[0] on line 3 denies \"a.example\""},
		{"- deny: a.example\n- allow: http://a.example:8080\n", "this never matches"},
		{"- deny: '*.example.org'\n- deny: a.example.org\n", "this never matches"},
		{"- deny: '*'\n- allow: a.example\n", "this never matches"},
		{"- deny: a.example\n- allow: tls://a.example\n", "this never matches"},
		{"- deny: a.example\n- deny: tls://a.example\n", "this never matches"},
		/* Denials that come after what they deny. */
		{"- allow: a.example\n- deny: https://a.example/x\n",
		 "error: this denial comes too late: rules[0] on line 3 allows \"a.example\""},
		{"- allow: a.example\n- deny: a.example/x\n", "this denial comes too late"},
		{"- allow: a.example\n- deny: a.example\n", "this denial comes too late"},
		{"- allow: '*.example.org'\n- deny: a.example.org\n", "this denial comes too late"},
		{"- {allow: a.example, methods: GET}\n- {deny: a.example/x, methods: GET}\n",
		 "this denial comes too late"},
		{"- allow: tls://a.example\n- deny: a.example\n", "this denial comes too late"},
		{"- allow: tls://a.example\n- deny: tls://a.example\n",
		 "this denial comes too late"},
		/* Connections and requests. */
		{"- allow: tls://a.example\n- allow: a.example/x\n",
		 "rules[0] on line 3 passes through \"tls://a.example\" before a request is seen"},
		{"- allow: tls://*.example.org\n- deny: https://a.example.org/x\n",
		 "passes through \"tls://*.example.org\" before a request is seen"},
		{"- deny: tls://a.example\n- allow: a.example\n",
		 "denies \"tls://a.example\" before a request is seen"},
		{"- allow: a.example/x\n- allow: tls://a.example\n",
		 "rules[0] on line 3 names \"a.example/x\", so that the connection is opened"},
		{"- deny: a.example/x\n- allow: tls://a.example\n",
		 "so that the connection is opened"},
		{"- allow: tcp://a.example:22\n- allow: tcp://a.example:22\n",
		 "error: this never matches: rules[0] on line 3 allows \"tcp://a.example:22\""},
		{"- allow: tcp://a.example:443\n- allow: a.example/x\n",
		 "passes through \"tcp://a.example:443\" before a request is seen"},
		{"- allow: tcp://a.example:80\n- allow: http://a.example\n",
		 "passes through \"tcp://a.example:80\" before a request is seen"},
		{"- allow: tcp://a.example:443\n- allow: tls://a.example\n", "this never matches"},
		{"- allow: a.example/x\n- allow: tcp://a.example:443\n",
		 "rules[0] on line 3 names \"a.example/x\", so that the connection is opened"},
		{"- allow: http://a.example:8080\n- allow: tcp://a.example:8080\n",
		 "so that the connection is opened"},
		{"- allow: tls://a.example\n- allow: tcp://a.example:443\n",
		 "names \"tls://a.example\", so that nothing but TLS passes"},
		{"- allow: tcp://a.example:443\n- deny: a.example\n",
		 "error: this denial comes too late"},
		{"- allow: tcp://a.example:22\n- deny: a.example:22\n",
		 "error: this denial comes too late"},
		{"- allow: tcp://a.example:22\n- deny: tcp://a.example:22\n",
		 "error: this denial comes too late"},
		{"- allow: udp://a.example:123\n- deny: udp://a.example:123\n",
		 "error: this denial comes too late"},
		{"- deny: tcp://a.example\n- allow: a.example\n",
		 "denies \"tcp://a.example\" before a request is seen"},
		{"- deny: a.example\n- allow: tcp://a.example:22\n", "this never matches"},
		{"- deny: a.example\n- allow: udp://a.example:22\n", "this never matches"},
		{"- deny: udp://*\n- allow: udp://8.8.8.8:123\n", "this never matches"},
		{"- allow: tcp://8.8.8.0/24:123\n- allow: tcp://8.8.8.8:123\n",
		 "this never matches"},
		{"- allow: tcp://8.8.8.0/24:123\n- allow: tcp://8.8.8.128/25:123\n",
		 "this never matches"},
		{"- allow: udp://8.8.8.0/24:123\n- deny: udp://8.8.8.8:123\n",
		 "this denial comes too late"},
		{"- allow: tcp://8.8.8.0/24:443\n- allow: https://8.8.8.8\n",
		 "before a request is seen"},
		/* Addresses that cannot be dialled. */
		{"- allow: tcp://10.0.0.0/24:5432\n",
		 ":3:10: error: this range is private (RFC 1918), and no range"},
		{"- allow: udp://169.254.0.0/16:123\n",
		 "this range (link-local) can never be reached"},
		{"- allow: tcp://10.0.0.5:5432\n", "this address is private (RFC 1918)"},
		{"- allow: tcp://localhost:5432\n", "\"localhost\" is the sandbox itself"},
		{"- allow: 10.0.0.5\n",
		 ":3:10: error: this address is private (RFC 1918), and no range"},
		{"- allow: http://127.0.0.1:8080\n", "this address is loopback, and no range"},
		{"- allow: '[fd12::1]'\n", "this address is private (RFC 4193)"},
		{"- allow: 169.254.169.254\n", "this address (cloud metadata service) can never"},
		{"- allow: 0.0.0.0\n", "can never be reached"},
		{"- allow: localhost\n", "\"localhost\" is the sandbox itself"},
		{"- allow: http://a.localhost:3000\n", "\"localhost\" is the sandbox itself"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[400];

		snprintf(text, sizeof(text), RULES "%s", rows[i].rules);
		fixture_assert_says(text, rows[i].part, false);
	}
}

static void denials_that_leave_a_part_allowed_are_warned_of(void **state)
{
	static const char *const rows[] = {
		"- {allow: a.example, methods: GET}\n- deny: a.example/x\n",
		"- {allow: '*.example.org', methods: GET}\n- deny: a.example.org\n",
		"- allow: a.example/x/**\n- deny: a.example/**/secret\n",
		"- allow: tcp://*.example.org:22\n- deny: tcp://a.example.org\n",
		"- allow: udp://*.example.org:123\n- deny: udp://a.example.org\n",
		"- allow: udp://*.example.org:123\n- deny: a.example.org:123\n",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[400];

		snprintf(text, sizeof(text), RULES "%s", rows[i]);
		fixture_assert_says(text, "warning: some of this stays allowed: rules[0] on line 3",
				    true);
	}
}

static void port_53_is_the_resolvers(void **state)
{
	(void)state;
	fixture_assert_says(RULES "- allow: tcp://8.8.8.8:53\n",
			    ":3:10: warning: this never matches: port 53 is answered", true);
	fixture_assert_says(RULES "- {allow: 'udp://*:53', wide: true}\n",
			    "warning: this never matches: port 53 is answered", true);
}

static void what_decides_something_is_left_alone(void **state)
{
	static const char *const rows[] = {
		"- allow: a.example/x\n- allow: a.example\n",
		"- allow: a.example.org\n- deny: '*.example.org'\n",
		"- allow: a.example/api/**\n- deny: a.example\n",
		"- {allow: a.example/api/**, methods: GET}\n- deny: a.example\n",
		"- deny: a.example/admin/**\n- allow: a.example\n",
		"- {allow: a.example, methods: GET}\n- {allow: a.example, methods: POST}\n",
		"- {allow: a.example, methods: GET}\n- allow: a.example\n",
		"- allow: a.example\n- {allow: a.example/x, websocket: true}\n",
		"- {allow: a.example/x, websocket: true}\n- allow: a.example\n",
		"- allow: a.example\n- {allow: a.example, methods: PROPFIND}\n",
		"- allow: a.example\n- allow: http://a.example\n",
		"- allow: a.example\n- allow: a.example:8443\n",
		"- allow: '*.example.org'\n- allow: example.org\n",
		"- allow: a.example.org\n- allow: b.example.org\n",
		"- {allow: '*', wide: true}\n- allow: 192.0.2.1\n",
		"- allow: tls://a.example\n- allow: http://a.example\n",
		"- allow: tls://a.example:8443\n- allow: a.example\n",
		"- deny: https://a.example\n- deny: a.example\n",
		"- deny: a.example:8443\n- deny: a.example\n",
		"- allow: a.example/x\n- deny: tls://a.example\n",
		"- allow: a.b.org/x\n- allow: tls://*.b.org\n- allow: '*.b.org'\n",
		"- allow: [a.example/x, a.example/y]\n- deny: a.example\n",
		"- allow: tcp://a.example:22\n- allow: a.example\n",
		"- allow: a.example\n- allow: tcp://a.example:22\n",
		"- allow: a.example\n- allow: udp://a.example:443\n",
		"- allow: udp://a.example:443\n- allow: a.example\n",
		"- allow: udp://a.example:123\n- allow: tcp://a.example:123\n",
		"- allow: tcp://a.example:22\n- deny: tcp://a.example\n",
		"- allow: tcp://a.example:22\n- deny: a.example\n",
		"- allow: udp://a.example:123\n- deny: a.example:123\n",
		"- deny: a.example/x\n- allow: udp://a.example:123\n",
		"- allow: a.b.org/x\n- allow: tcp://*.b.org:443\n- allow: '*.b.org'\n",
		"- allow: tcp://8.8.8.8:123\n- deny: tcp://8.8.8.0/24\n",
		"- {allow: 'tcp://*:22', wide: true}\n- allow: tcp://8.8.8.0/24:22\n",
		"- deny: tcp://10.0.0.0/8\n- deny: udp://169.254.169.254\n",
		"- deny: 169.254.169.254\n- deny: 10.0.0.5\n- deny: localhost\n",
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[400], *shown;

		snprintf(text, sizeof(text), RULES "%snetwork: {private: [192.0.2.0/24]}\n",
			 rows[i]);
		shown = fixture_diagnose(text);
		assert_string_equal(shown, "");
		free(shown);
	}
}

static void secrets_must_have_a_way_out(void **state)
{
	static const struct {
		const char *rules, *use, *part;
		bool warns;
	} rows[] = {
		{"[]", "a.example", ":5:26: error: no rule allows this host", false},
		{"[{allow: b.example}]", "a.example", "error: no rule allows this host", false},
		{"[{allow: http://a.example}]", "a.example", "error: no rule allows this host",
		 false},
		{"[{allow: 'a.example:8443'}]", "a.example", "error: no rule allows this host",
		 false},
		{"[{allow: '*.a.example'}]", "a.example", "error: no rule allows this host", false},
		{"[{deny: a.example}]", "a.example", "error: no rule allows this host", false},
		{"[{allow: b.example}]", "'*.a.example'", "error: no rule allows this host", false},
		{"[{allow: a.example}]", "'*.a.example'", "error: no rule allows this host", false},
		{"[{allow: a.example/v2/**}]", "a.example/v1/**",
		 "error: the rules allow this host, but no request", false},
		{"[{allow: a.example, methods: GET}]", "a.example, methods: POST",
		 "error: the rules allow this host, but no request", false},
		{"[{allow: x.a.example/v2/**}]", "'*.a.example/v1/**'",
		 "error: the rules allow this host, but no request", false},
		{"[{deny: a.example/v1/**}, {allow: a.example/**}]", "a.example/v1/x",
		 "error: no rule allows this host", false},
		{"[{allow: 'tls://a.example'}]", "a.example",
		 "error: rules[0] on line 2 passes this host through unopened", false},
		{"[{allow: 'tls://*.example', wide: true}]", "a.example",
		 "error: rules[0] on line 2 passes this host through unopened", false},
		{"[{allow: 'tls://*.b.example'}]", "'*.a.b.example'",
		 "error: rules[0] on line 2 passes this host through unopened", false},
		{"[{allow: 'tcp://a.example:443'}]", "a.example",
		 "error: rules[0] on line 2 passes this host through unopened", false},
		{"[{allow: 'tcp://*.b.example:443'}]", "'*.a.b.example'",
		 "error: rules[0] on line 2 passes this host through unopened", false},
		{"[{allow: 'tcp://8.8.8.0/24:443'}]", "8.8.8.8",
		 "error: rules[0] on line 2 passes this host through unopened", false},
		{"[{allow: 'udp://a.example:443'}]", "a.example", "error: no rule allows this host",
		 false},
		{"[{allow: 'tcp://x.a.example:443'}, {allow: '*.a.example'}]", "'*.a.example'",
		 "warning: rules[0] on line 2 passes some of these hosts through", true},
		{"[{allow: 'tls://x.a.example'}, {allow: '*.a.example'}]", "'*.a.example'",
		 "warning: rules[0] on line 2 passes some of these hosts through", true},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[400];

		snprintf(text, sizeof(text),
			 "sallyport: 1\nrules: %s\nsecrets:\n  S: {from: env, use: [\n    {slot: "
			 "header A, "
			 "at: %s}]}\n",
			 rows[i].rules, rows[i].use);
		fixture_assert_says(text, rows[i].part, rows[i].warns);
	}
}

static void secrets_with_a_way_out_are_left_alone(void **state)
{
	static const struct {
		const char *rules, *use;
	} rows[] = {
		{"[{allow: a.example}]", "a.example"},
		{"[{allow: a.example/v1/chat}]", "a.example/v1/**"},
		{"[{allow: a.example/**}]", "a.example/v1/*"},
		{"[{allow: '*.a.example'}]", "x.a.example"},
		{"[{allow: x.a.example}]", "'*.a.example'"},
		{"[{allow: '*.x.a.example'}]", "'*.a.example'"},
		{"[{allow: '*.a.example'}]", "'*.x.a.example'"},
		{"[{allow: '*', wide: true}]", "a.example"},
		{"[{allow: '*', wide: true}]", "'*.a.example'"},
		{"[{deny: a.example/v1/admin}, {allow: a.example}]", "a.example/v1/**"},
		{"[{allow: 'tls://b.example'}, {allow: a.example}]", "a.example"},
		{"[{allow: 'tcp://a.example:22'}, {allow: a.example}]", "a.example"},
		{"[{allow: 'udp://a.example:443'}, {allow: a.example}]", "a.example"},
		{"[{allow: a.b.example/x}, {allow: 'tls://*.b.example'}]", "a.b.example"},
		{"[{allow: a.example, methods: [PROPFIND]}]", "a.example, methods: PROPFIND"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[400], *shown;

		snprintf(text, sizeof(text),
			 "sallyport: 1\nrules: %s\nsecrets:\n  S: {from: env, use: [\n    {slot: "
			 "header A, "
			 "at: %s}]}\n",
			 rows[i].rules, rows[i].use);
		shown = fixture_diagnose(text);
		assert_string_equal(shown, "");
		free(shown);
	}
}

static void slots_must_be_met_by_what_rules_do(void **state)
{
	static const struct {
		const char *rules, *slot, *part; /* NULL: nothing is said */
	} rows[] = {
		{"[{allow: a.example}]", "ws /a",
		 "error: rules[0] on line 2 allows this, but no WebSocket"},
		{"[{allow: a.example}, {allow: a.example/y, websocket: true}]", "ws /a",
		 "error: rules[0] on line 2 allows this, but no WebSocket"},
		{"[{allow: a.example, websocket: true}]", "ws /a", NULL},
		{"[{allow: a.example}, {allow: a.example/x, websocket: true}]", "ws /a", NULL},
		{"[{allow: a.example, websocket: true}]", "header A", NULL},
		{"[{allow: a.example, credentials: none}]", "header A",
		 "error: rules[0] on line 2 takes all credentials out here"},
		{"[{allow: a.example, credentials: none}]", "json /a",
		 "error: rules[0] on line 2 takes all credentials out here"},
		{"[{allow: a.example/y, credentials: none}, {allow: a.example}]", "header A", NULL},
		{"[{allow: a.example, credentials: ours}]", "header A", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[400], *shown;

		snprintf(text, sizeof(text),
			 "sallyport: 1\nrules: %s\nsecrets:\n  S: {from: env, use: [\n    {at: "
			 "a.example/x, slot: %s}]}\n",
			 rows[i].rules, rows[i].slot);
		if (rows[i].part)
			fixture_assert_says(text, rows[i].part, false);
		shown = fixture_diagnose(text);
		assert_int_equal(shown[0] == '\0', !rows[i].part);
		free(shown);
	}
}

static void credentials_of_ours_need_a_secret(void **state)
{
	static const char refused[] =
		"error: no secret is bound to what this rule allows: \"credentials: ours\" would "
		"refuse every credential";
	static const struct {
		const char *targets, *at, *part; /* NULL: nothing is said */
		bool warns;
	} rows[] = {
		{"a.example", "b.example", refused, false},
		{"a.example/y", "a.example/x", refused, false},
		{"'a.example:8443'", "b.example", refused, false},
		{"http://a.example", "b.example", refused, false},
		{"'b.example:8443'", "b.example", refused, false},
		{"'http://b.example:443'", "b.example", refused, false},
		{"'*.c.example'", "b.example", refused, false},
		{"[a.example/y, b.example/x]", "b.example/x", "warning: no secret is bound here",
		 true},
		{"b.example/x", "b.example/x", NULL, false},
		{"b.example/x*", "b.example/x", NULL, false},
		{"'*.d.example'", "x.d.example", NULL, false},
		{"x.d.example", "'*.d.example'", NULL, false},
		{"'*.d.example'", "'*.d.example'", NULL, false},
		{"'*.y.d.example'", "'*.d.example'", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[500], *shown;

		snprintf(
			text, sizeof(text),
			"sallyport: 1\nsecrets: {S: {from: env, use: [{at: %s, slot: header A}]}}\n"
			"rules:\n- {allow: %s, credentials: ours}\n"
			"- {allow: [b.example, a.example/x], methods: [GET, DELETE]}\n",
			rows[i].at, rows[i].targets);
		if (rows[i].part)
			fixture_assert_says(text, rows[i].part, rows[i].warns);
		shown = fixture_diagnose(text);
		assert_int_equal(shown[0] == '\0', !rows[i].part);
		free(shown);
	}
	fixture_assert_says("sallyport: 1\nrules: [{allow: a.example, methods: GET, credentials: "
			    "ours}, {allow: a.example}]\n"
			    "secrets: {S: {from: env, use: [{at: a.example, methods: POST, slot: "
			    "header A}]}}\n",
			    refused, false);
}

static void fields_that_are_set_are_looked_at(void **state)
{
	static const struct {
		const char *rules, *at, *slot, *part; /* NULL: nothing is said */
	} rows[] = {
		{"", "a.example", "header x-key",
		 "warning: rules[0] on line 4 sets X-Key in some of these requests"},
		{"", "a.example/y", "header X-Key", NULL},
		{"", "a.example", "header X-Other", NULL},
		{"", "a.example", "basic user",
		 "warning: rules[0] on line 4 sets authorization in some of"},
		{"", "a.example", "cookie c", NULL},
		{"", "a.example", "json /authorization", NULL},
		{"- allow: tls://x.b.example\n", "a.example/y", "header A",
		 "warning: rules[0] on line 4 passes some of these hosts through unopened, where "
		 "no "
		 "field can be set"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[500], *shown;

		snprintf(text, sizeof(text),
			 "sallyport: 1\nsecrets: {H: {from: env}, S: {from: env, use: [{at: %s, "
			 "slot: "
			 "%s}]}}\nrules:\n%s- {allow: [a.example/x, '*.b.example'], set: {X-Key: "
			 "'{H}', authorization: '{H}'}}\n- allow: a.example\n",
			 rows[i].at, rows[i].slot, rows[i].rules);
		if (rows[i].part)
			fixture_assert_says(text, rows[i].part, true);
		shown = fixture_diagnose(text);
		assert_int_equal(shown[0] == '\0', !rows[i].part);
		free(shown);
	}
	/* The rule that sets must be reached like any other. */
	fixture_assert_says(RULES "- allow: a.example\n- {allow: a.example/x, set: {A: '{S}'}}\n"
				  "secrets: {S: {from: env}}\n",
			    "error: this never matches: rules[0] on line 3", false);
	fixture_assert_says(RULES
			    "- allow: tls://a.example\n- {allow: a.example, set: {A: '{S}'}}\n"
			    "secrets: {S: {from: env}}\n",
			    "passes through \"tls://a.example\" before a request is seen", false);
	/* It is a credential of ours. */
	fixture_assert_says(RULES "- {allow: [a.example, b.example], set: {A: '{S}'}, credentials: "
				  "ours}\n- allow: '*.github.io'\nsecrets: {S: {from: env}}\n",
			    ":4:10: warning: anybody can get a name", true);
}

static void a_faulty_rule_brings_no_complaints_about_secrets(void **state)
{
	char *shown = fixture_diagnose("sallyport: 1\nrules: [{allow: a_b.example}]\n"
				       "secrets: {S: {from: env, use: [{at: ab.example, slot: "
				       "header A}]}}\nnetwork: {resolve: {ab.example: 8.8.8.8}}\n");

	(void)state;
	assert_non_null(strstr(shown, "underscore"));
	assert_null(strstr(shown, "no rule allows"));
	free(shown);
}

/* Writes the rules as a policy, one on a line, the first on line 3. */
static void write_policy(const struct reference_rule *rules, size_t count, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, RULES);

	for (size_t i = 0; i < count; i++) {
		char target[80], list[64], wide[32] = "";
		const char *websocket = rules[i].websocket ? ", websocket: true" : "";
		const char *credentials = rules[i].credentials ? ", credentials: none" : "";
		size_t len = (size_t)snprintf(list, sizeof(list), "%s", rules[i].methods);

		reference_target_text(&rules[i], target, sizeof(target));
		for (size_t j = 0; j < len; j++) {
			if (list[j] == ' ')
				list[j] = ',';
		}
		if (rules[i].allow)
			snprintf(wide, sizeof(wide), ", wide: true");
		used += (size_t)snprintf(out + used, size - used, "- {%s: \"%s\"%s%s%s%s%s%s}\n",
					 rules[i].allow ? "allow" : "deny", target,
					 len ? ", methods: [" : "", list, len ? "]" : "", wide,
					 websocket, credentials);
	}
}

static bool is_bare_denial(const struct reference_rule *rule)
{
	return !rule->allow && !*rule->scheme;
}

static bool is_tls(const struct reference_rule *rule)
{
	return strcmp(rule->scheme, "tls") == 0;
}

static bool is_tcp(const struct reference_rule *rule)
{
	return strcmp(rule->scheme, "tcp") == 0;
}

/* What a denial is called too late for: https at its port, by the common methods. */
static bool is_beside_the_point(const struct reference_rule *rule,
				const struct reference_request *asked)
{
	if (strstr("PROPFIND FOO", asked->method) || asked->websocket)
		return true;
	return is_bare_denial(rule) &&
	       (!asked->https || asked->port != (rule->port ? rule->port : 443));
}

/* Whether the connection is relayed as it is. */
static bool is_relayed(const struct reference_rule *rules, size_t count,
		       const struct reference_request *asked)
{
	size_t flow = reference_decide_flow(rules, count, false, asked->host, asked->port);

	return flow < count && rules[flow].allow && reference_is_flow_rule(&rules[flow], false);
}

static void refute_flows(const struct reference_rule *rules, size_t count, size_t accused,
			 bool too_late, const struct reference_request *asked)
{
	const struct reference_rule *rule = &rules[accused];
	size_t tcp = reference_decide_flow(rules, count, false, asked->host, asked->port);
	size_t udp = reference_decide_flow(rules, count, true, asked->host, asked->port);

	if (reference_is_flow_rule(rule, false))
		assert_int_not_equal(tcp, accused);
	if (reference_is_flow_rule(rule, true) && !(too_late && is_bare_denial(rule)))
		assert_int_not_equal(udp, accused);
}

/* Asks many things, and fails if one is decided by the rule that is said to decide nothing. */
static void refute(const struct reference_rule *rules, size_t count, size_t accused, bool too_late)
{
	for (int i = 0; i < 200; i++) {
		struct reference_request asked;
		size_t connection;

		reference_random_request(&asked);
		if (too_late && is_beside_the_point(&rules[accused], &asked))
			continue;
		refute_flows(rules, count, accused, too_late, &asked);
		/* The denial of a port is too late where one of its protocols is allowed. */
		if (is_relayed(rules, count, &asked) || (too_late && is_tcp(&rules[accused])))
			continue;
		connection = reference_decide_tls(rules, count, asked.host, asked.port);
		if (is_tls(&rules[accused]))
			assert_int_not_equal(connection, accused);
		/* Where connections are not opened there are no requests. */
		if (asked.https && reference_route(rules, count, connection) != POLICY_TLS_INSPECT)
			continue;
		assert_int_not_equal(reference_decide(rules, count, &asked, asked.path), accused);
	}
}

static void what_is_said_to_decide_nothing_does_not(void **state)
{
	size_t accused = 0;

	(void)state;
	srand(5);
	for (int i = 0; i < 3000; i++) {
		struct reference_rule rules[REFERENCE_RULES_MAX];
		struct diagnostics diagnostics;
		struct policy *policy;
		char text[4000];

		reference_random_rules(rules, REFERENCE_RULES_MAX);
		write_policy(rules, REFERENCE_RULES_MAX, text, sizeof(text));
		policy_load_text("p", slice_from_text(text), &policy, &diagnostics);
		policy_free(policy);
		for (size_t j = 0; j < diagnostics.count; j++) {
			const struct diagnostic *d = &diagnostics.list[j];
			bool too_late = strstr(d->text, "comes too late");

			if (!too_late && !strstr(d->text, "never matches"))
				continue;
			accused++;
			refute(rules, REFERENCE_RULES_MAX, d->line - 3, too_late);
		}
	}
	assert_true(accused > 1000);
}

static void the_work_is_bounded(void **state)
{
	enum { SAME_HOST_RULES = 8000 };
	size_t size = SAME_HOST_RULES * 40 + 100, used;
	char *text = malloc(size), *shown;

	(void)state;
	assert_non_null(text);
	used = (size_t)snprintf(text, size, RULES);
	for (size_t i = 0; i < SAME_HOST_RULES; i++)
		used += (size_t)snprintf(text + used, size - used, "- allow: a.example/path/%zu\n",
					 i);
	shown = fixture_diagnose(text);
	assert_non_null(
		strstr(shown, "p.yaml: warning: there are too many rules for the same hosts"));
	free(shown);
	free(text);
}

/* Where the uses cannot all be checked, the policy is refused. */
static void secrets_are_checked_or_refused(void **state)
{
	enum { SECRETS = POLICY_SECRETS_MAX, USES = 30, OTHER_RULES = 8000 };
	size_t size = SECRETS * (USES * 64 + 64) + OTHER_RULES * 40 + 100, used;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	used = (size_t)snprintf(text, size, RULES "- allow: '*.a.example'\n");
	for (size_t i = 0; i < OTHER_RULES; i++)
		used += (size_t)snprintf(text + used, size - used, "- allow: b%zu.example\n", i);
	used += (size_t)snprintf(text + used, size - used, "secrets:\n");
	for (size_t i = 0; i < SECRETS * USES; i++) {
		if (i % USES == 0)
			used += (size_t)snprintf(text + used, size - used,
						 "  S%zu:\n    from: env\n    use:\n", i / USES);
		used += (size_t)snprintf(text + used, size - used,
					 "    - {at: '*.x%zu.a.example', slot: header A}\n", i);
	}
	fixture_assert_says(text, "p.yaml: error: there are too many uses and rules", false);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_that_never_decide_are_errors),
		cmocka_unit_test(denials_that_leave_a_part_allowed_are_warned_of),
		cmocka_unit_test(port_53_is_the_resolvers),
		cmocka_unit_test(what_decides_something_is_left_alone),
		cmocka_unit_test(secrets_must_have_a_way_out),
		cmocka_unit_test(secrets_with_a_way_out_are_left_alone),
		cmocka_unit_test(slots_must_be_met_by_what_rules_do),
		cmocka_unit_test(credentials_of_ours_need_a_secret),
		cmocka_unit_test(fields_that_are_set_are_looked_at),
		cmocka_unit_test(a_faulty_rule_brings_no_complaints_about_secrets),
		cmocka_unit_test(what_is_said_to_decide_nothing_does_not),
		cmocka_unit_test(the_work_is_bounded),
		cmocka_unit_test(secrets_are_checked_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
