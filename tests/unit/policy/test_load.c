/* Threats H2, H3, H12, H13, S9, S21, C3, C4, C10. */
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "policy/schema.h"
#include "tests/unit/policy/fixture.h"

static const char everything[] =
	"sallyport: 1\n"
	"name: coding-agent\n"
	"secrets:\n"
	"  OPENAI_API_KEY:\n"
	"    from: env\n"
	"    placeholder: \"sk-proj-{random:48}\"\n"
	"    use:\n"
	"      - at: https://api.openai.com/v1/**\n"
	"        methods: [GET, POST]\n"
	"        slot: header Authorization\n"
	"    misuse: strict\n"
	"  GIT_PASSWORD:\n"
	"    from: {file: git/token}\n"
	"    use:\n"
	"      - {at: github.com, slot: basic password}\n"
	"      - {at: github.com, slot: basic user}\n"
	"  OTHER:\n"
	"    from: {exec: [./get, -x, secret]}\n"
	"    use: [{at: \"https://*.other.example:8443\", slot: header X-Key}]\n"
	"  HIDDEN: {from: env, scrub: fields}\n"
	"  RENAMED:\n"
	"    from: {env: ANOTHER_NAME}\n"
	"    use: [{at: github.com/api, slot: header X-Key}]\n"
	"rules:\n"
	"  - allow: https://api.openai.com/v1/chat/completions\n"
	"    methods: POST\n"
	"    credentials: ours\n"
	"  - allow: [github.com, \"*.example.org\", \"https://a.other.example:8443/**\"]\n"
	"    websocket: true\n"
	"  - {allow: http://mirror.example.org/**, credentials: none}\n"
	"  - {allow: set.example, set: {Authorization: \"Bearer {HIDDEN}\"}, methods: GET}\n"
	"  - allow: tls://pinned.bank.example\n"
	"  - allow: db.internal\n"
	"  - deny: \"*.internal\"\n"
	"    reason: internal hosts are off limits\n"
	"  - allow: \"*\"\n"
	"    wide: true\n"
	"network:\n"
	"  resolve: {db.internal: 10.0.0.5, a.internal: [10.0.0.6, \"fd00:1::1\"]}\n"
	"  private: [10.0.0.0/24, \"fd00:1::/64\"]\n"
	"  ca: [corp-root.pem, /etc/other.pem]\n"
	"mode: observe\n"
	"audit: {when_full: continue}\n";

static void every_part_of_the_language_is_read(void **state)
{
	struct policy *policy = fixture_load(everything);
	const struct policy_secret *secret = policy->secrets;
	const struct policy_rule *rule = policy->rules;
	struct host name;
	uint8_t digest[32];

	(void)state;
	assert_string_equal(policy->file, "p.yaml");
	assert_string_equal(policy->name, "coding-agent");
	assert_int_equal(policy->mode, POLICY_OBSERVE);
	assert_int_equal(policy->audit_full, POLICY_AUDIT_CONTINUE);
	SHA256((const unsigned char *)everything, sizeof(everything) - 1, digest);
	assert_memory_equal(policy->sha256, digest, sizeof(digest));

	assert_int_equal(policy->secret_count, 5);
	assert_string_equal(secret[0].name, "OPENAI_API_KEY");
	assert_int_equal(secret[0].index, 0);
	assert_int_equal(secret[0].place.line, 4);
	assert_int_equal(secret[0].from.kind, POLICY_FROM_ENV);
	assert_string_equal(secret[0].from.name, "OPENAI_API_KEY");
	assert_true(slice_equal(secret[0].placeholder, SLICE_LITERAL("sk-proj-{random:48}")));
	assert_int_equal(secret[0].misuse, POLICY_MISUSE_STRICT);
	assert_int_equal(secret[0].use_count, 1);
	assert_ptr_equal(secret[0].uses[0].secret, &secret[0]);
	assert_int_equal(secret[0].uses[0].methods.count, 2);
	assert_int_equal(secret[0].uses[0].slot.kind, POLICY_SLOT_HEADER);
	assert_int_equal(secret[1].from.kind, POLICY_FROM_FILE);
	assert_string_equal(secret[1].from.name, "git/token");
	assert_int_equal(secret[1].misuse, POLICY_MISUSE_BLOCK);
	assert_int_equal(secret[1].placeholder.len, 0);
	assert_int_equal(secret[1].use_count, 2);
	assert_int_equal(secret[1].uses[1].slot.kind, POLICY_SLOT_BASIC_USER);
	assert_int_equal(secret[2].from.kind, POLICY_FROM_EXEC);
	assert_string_equal(secret[2].from.argv[0], "./get");
	assert_string_equal(secret[2].from.argv[2], "secret");
	assert_null(secret[2].from.argv[3]);
	assert_true(secret[2].uses[0].at.wildcard);
	assert_true(secret[3].is_hidden);
	assert_int_equal(secret[3].scrub, POLICY_SCRUB_FIELDS);
	assert_string_equal(secret[4].from.name, "ANOTHER_NAME");
	assert_false(secret[4].is_set || secret[4].is_hidden);

	assert_int_equal(policy->rule_count, 8);
	assert_int_equal(rule[1].index, 1);
	assert_int_equal(rule[1].place.line, 28);
	assert_int_equal(rule[1].target_count, 3);
	assert_int_equal(rule[1].targets[1].place.column, 25);
	assert_false(rule[6].allow);
	assert_string_equal(rule[6].reason.ptr, "internal hosts are off limits");
	assert_false(rule[0].websocket);
	assert_int_equal(rule[0].credentials, POLICY_CREDENTIALS_OURS);
	assert_true(rule[1].websocket);
	assert_int_equal(rule[1].credentials, POLICY_CREDENTIALS_ANY);
	assert_int_equal(rule[2].credentials, POLICY_CREDENTIALS_NONE);
	assert_true(rule[7].targets[0].any_host);

	assert_int_equal(policy->private_count, 2);
	assert_int_equal(policy->private_ranges[0].prefix_bits, 24);
	assert_int_equal(policy->ca_count, 2);
	assert_string_equal(policy->ca_files[0], "corp-root.pem");
	assert_int_equal(policy->resolve_count, 2);
	host_parse(SLICE_LITERAL("a.internal"), &name);
	assert_int_equal(policy_find_resolve(policy, &name)->address_count, 2);
	assert_string_equal(policy_find_resolve(policy, &name)->addresses[1].text, "fd00:1::1");
	host_parse(SLICE_LITERAL("b.internal"), &name);
	assert_null(policy_find_resolve(policy, &name));
	policy_free(policy);
}

static void what_comes_back_is_scrubbed_unless_it_is_said(void **state)
{
	static const struct {
		const char *keys;
		enum policy_scrub scrub;
		bool capture;
	} rows[] = {
		{"", POLICY_SCRUB_ALL, false},
		{", scrub: true", POLICY_SCRUB_ALL, false},
		{", scrub: fields", POLICY_SCRUB_FIELDS, false},
		{", scrub: 'false'", POLICY_SCRUB_NONE, false},
		{", capture: true", POLICY_SCRUB_ALL, true},
		{", capture: false, scrub: false", POLICY_SCRUB_NONE, false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy *policy;
		char text[300];

		snprintf(text, sizeof(text),
			 "sallyport: 1\nrules: [{allow: x.example}]\nsecrets:\n  S: {from: env, "
			 "use: [{at: x.example, slot: header A}]%s}\n",
			 rows[i].keys);
		policy = fixture_load(text);
		assert_int_equal(policy->secrets[0].scrub, rows[i].scrub);
		assert_int_equal(policy->secrets[0].capture, rows[i].capture);
		policy_free(policy);
	}
}

/* Parts as text: literals as they are, names in angle brackets. */
static void write_parts(const struct policy_set *set, char out[200])
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < set->part_count; i++) {
		const struct policy_set_part *part = &set->parts[i];

		used += (size_t)snprintf(out + used, 200 - used, "%.*s%s%s%s",
					 SLICE_ARGS(part->literal), part->secret ? "<" : "",
					 part->secret ? part->secret->name : "",
					 part->secret ? ">" : "");
	}
}

static void fields_are_set_from_secrets(void **state)
{
	static const struct {
		const char *value, *parts;
		size_t count;
	} rows[] = {
		{"'Bearer {S}'", "Bearer <S>", 1},
		{"'{S}'", "<S>", 1},
		{"'{S}{OTHER}'", "<S><OTHER>", 2},
		{"'a {S} b {OTHER} c'", "a <S> b <OTHER> c", 3},
		{"'{{{S}}}'", "{<S>}", 2},
		{"'{{S}} {S}'", "{S} <S>", 1},
		{"'token=\"{S}\"'", "token=\"<S>\"", 2},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy *policy;
		char text[300], parts[200];

		snprintf(text, sizeof(text),
			 "sallyport: 1\nrules: [{allow: '*.x.example', set: {Authorization: %s, "
			 "X-Other: '{OTHER}'}}]\nsecrets:\n  S: {from: env}\n"
			 "  OTHER: {from: env, use: [{at: y.x.example, slot: header A}]}\n",
			 rows[i].value);
		policy = fixture_load(text);
		assert_int_equal(policy->rules[0].set_count, 2);
		assert_string_equal(policy->rules[0].sets[0].field.ptr, "Authorization");
		assert_int_equal(policy->rules[0].sets[0].part_count, rows[i].count);
		write_parts(&policy->rules[0].sets[0], parts);
		assert_string_equal(parts, rows[i].parts);
		assert_ptr_equal(policy->rules[0].sets[1].parts[0].secret, &policy->secrets[1]);
		assert_true(policy->secrets[0].is_set && policy->secrets[0].is_hidden);
		assert_true(policy->secrets[1].is_set && !policy->secrets[1].is_hidden);
		policy_free(policy);
	}
}

static void one_fixed_address_is_found(void **state)
{
	struct policy *policy = fixture_load("sallyport: 1\nrules: [{allow: b.example}]\n"
					     "network: {resolve: {B.example: 8.8.8.8}}\n");
	struct host name;

	(void)state;
	host_parse(SLICE_LITERAL("b.example"), &name);
	assert_string_equal(policy_find_resolve(policy, &name)->addresses[0].text, "8.8.8.8");
	host_parse(SLICE_LITERAL("8.8.8.8"), &name);
	assert_null(policy_find_resolve(policy, &name));
	policy_free(policy);
}

static bool uses_proxy(const struct policy *policy, const char *text)
{
	struct host host;

	assert_int_equal(host_parse(slice_from_text(text), &host), 0);
	return policy_uses_proxy(policy, &host);
}

static void the_proxy_has_its_exceptions(void **state)
{
	struct policy *policy = fixture_load(
		"sallyport: 1\nrules: [{allow: [a.example, r.example]}]\n"
		"secrets: {LOGIN: {from: env}, BOTH: {from: env, use: [{at: a.example, "
		"slot: header X-A}]}}\n"
		"network:\n"
		"  proxy: {at: \"http://P.example:3128/\", login: LOGIN, except: [e.example, "
		"\"*.w.example\", 8.8.4.4]}\n"
		"  resolve: {r.example: 8.8.8.8}\n");

	(void)state;
	assert_string_equal(policy->proxy->host.text, "p.example");
	assert_int_equal(policy->proxy->port, 3128);
	assert_ptr_equal(policy->proxy->login, &policy->secrets[0]);
	assert_true(policy->secrets[0].is_login && policy->secrets[0].is_hidden);
	assert_false(policy->secrets[1].is_login || policy->secrets[1].is_hidden);
	assert_true(uses_proxy(policy, "a.example") && uses_proxy(policy, "x.e.example"));
	assert_true(uses_proxy(policy, "w.example") && uses_proxy(policy, "8.8.8.8"));
	assert_false(uses_proxy(policy, "e.example") || uses_proxy(policy, "a.b.w.example"));
	assert_false(uses_proxy(policy, "8.8.4.4") || uses_proxy(policy, "r.example"));
	policy_free(policy);
	policy = fixture_load("sallyport: 1\nrules: [{allow: a.example}]\n"
			      "network: {private: [10.0.0.0/8], proxy: \"10.0.0.1:8080\"}\n");
	assert_true(uses_proxy(policy, "a.example"));
	assert_null(policy->proxy->login);
	policy_free(policy);
	policy = fixture_load("sallyport: 1\nrules: [{allow: a.example}]\n");
	assert_false(uses_proxy(policy, "a.example"));
	policy_free(policy);
}

static void datagrams_pass_by_the_proxy(void **state)
{
	char *shown = fixture_diagnose("sallyport: 1\nnetwork: {proxy: {at: \"p.example:3128\", "
				       "except: [e.example]}}\nrules:\n"
				       "- allow: [udp://e.example:123, udp://n.example:123, "
				       "udp://m.example:123]\n");

	(void)state;
	assert_non_null(strstr(shown, ":4:32: warning: datagrams cannot go through the proxy"));
	assert_null(strstr(shown, ":4:11:"));
	assert_null(strstr(shown, "error"));
	free(shown);
}

static void quotes_do_not_matter(void **state)
{
	struct policy *policy = fixture_load("\"sallyport\": '1'\n"
					     "'rules':\n"
					     "- \"allow\": [\"x.example\", '*']\n"
					     "  wide: 'true'\n"
					     "\"mode\": 'observe'\n");

	(void)state;
	assert_int_equal(policy->mode, POLICY_OBSERVE);
	assert_true(policy->rules[0].targets[1].any_host);
	policy_free(policy);
}

static void what_is_missing_denies(void **state)
{
	static const char *const texts[] = {"sallyport: 1", "sallyport: 1\nrules: []\nsecrets: {}"};
	struct policy_verdict verdict;

	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct policy *policy = fixture_load(texts[i]);

		assert_int_equal(policy->rule_count, 0);
		assert_int_equal(policy->mode, POLICY_ENFORCE);
		assert_int_equal(policy->audit_full, POLICY_AUDIT_BLOCK);
		assert_string_equal(policy->name, "p");
		fixture_decide(policy, "GET https://x.example/", &verdict);
		assert_false(verdict.allow);
		policy_free(policy);
	}
}

#define RULES "sallyport: 1\nrules:\n"
#define SECRET                                                                                     \
	"sallyport: 1\nrules: [{allow: x.example}]\nsecrets:\n  S:\n    from: env\n"               \
	"    use: [{at: x.example, slot: header A}]\n"
#define FROM(value)                                                                                \
	"sallyport: 1\nrules: [{allow: x.example}]\nsecrets:\n  S:\n    from: " value "\n"         \
	"    use: [{at: x.example, slot: header A}]\n"
#define USE(value)                                                                                 \
	"sallyport: 1\nrules: [{allow: x.example}]\nsecrets:\n  S:\n    from: env\n    "           \
	"use: " value "\n"
#define NAMED(name)                                                                                \
	"sallyport: 1\nrules: [{allow: x.example}]\nsecrets:\n  " name ":\n    from: env\n"        \
	"    use: [{at: x.example, slot: header A}]\n"
#define SETTING(value)                                                                             \
	"sallyport: 1\nsecrets: {S: {from: env}}\nrules: [{allow: x.example, set: " value "}]\n"
#define NETWORK(value) "sallyport: 1\nrules: [{allow: x.example}]\nnetwork: " value "\n"

static const struct {
	const char *text, *part;
} refused[] = {
	/* The top. */
	{"rules: []", ":1:1: error: a policy needs \"sallyport\""},
	{"sallyport: 2", "error: this Sallyport knows version 1"},
	{"sallyport: 1.0", "error: this Sallyport knows version 1"},
	{"sallyport: [1]",
	 "error: \"sallyport\" must be the version of the language, 1, not a list"},
	{"- sallyport: 1", "error: a policy must be a mapping, not a list"},
	{"sallyport", "error: a policy must be a mapping, not text"},
	{"sallyport: 1\nrule: []", "did you mean \"rules\"?"},
	{"sallyport: 1\nbanana: []",
	 "known keys: sallyport, name, secrets, rules, include, network, mode"},
	{"sallyport: 1\nname: a b", "error: a policy's name has letters"},
	{"sallyport: 1\nname: {a: b}", "error: \"name\" must be a name, not a mapping"},
	{"sallyport: 1\nmode: enforced", "did you mean \"enforce\"?"},
	{"sallyport: 1\nmode: off", "possible values: enforce and observe"},
	{"sallyport: 1\nmode: [enforce]", "must be enforce or observe, not a list"},
	{"sallyport: 1\naudit: {}", "error: \"audit\" needs \"when_full\""},
	{"sallyport: 1\naudit: {when_full: stop}", "\"when_full\" must be block or continue"},
	{"sallyport: 1\naudit: block", "\"audit\" must be a mapping, not text"},
	{"sallyport: 1\nlimits: {}", "error: \"limits\" is not yet supported"},
	{"sallyport: 1\ncredentials: {}", "error: \"credentials\" is not yet supported"},
	{"sallyport: 1\nrules:\n", "error: \"rules\" has no value"},
	{"sallyport: 1\nrules: no", "error: \"rules\" must be a list of rules, not text"},
	{"sallyport: 1\nrules: {allow: x.example}", "must be a list of rules, not a mapping"},
	/* Rules. */
	{RULES "- x.example", "error: a rule must be a mapping, not text"},
	{RULES "- [allow, x.example]", "error: a rule must be a mapping, not a list"},
	{RULES "-", "error: this entry is blank"},
	{RULES "- reason: x", ":3:3: error: a rule needs \"allow\" or \"deny\""},
	{RULES "- alow: x.example", "did you mean \"allow\"?"},
	{RULES "- {allow: x.example, deny: y.example}", "error: a rule either allows or denies"},
	{RULES "- allow:", "error: \"allow\" has no value"},
	{RULES "- allow: \"\"", "error: \"allow\" has no value"},
	{RULES "- allow: []", "error: \"allow\" is an empty list"},
	{RULES "- allow: {host: x}", "error: \"allow\" must be a target or a list of targets"},
	{RULES "- allow: [[x.example]]", "error: a target is text, not a list"},
	{RULES "- allow: [x.example, ]\n  deny: []\n", "error: a rule either"},
	{RULES "- allow: [x.example, '']", "error: this entry is blank"},
	{RULES "- allow: https://x_y.example", ":3:19: error: a host name has no underscore"},
	{RULES "- allow: *.x.example", "must be quoted"},
	{RULES "- {allow: x.example, methods: []}", "error: \"methods\" is an empty list"},
	{RULES "- {allow: x.example, methods: get}", "did you mean GET?"},
	{RULES "- {allow: x.example, methods: FOO}", "error: unknown method \"FOO\""},
	{RULES "- {allow: x.example, methods: [GET, G T]}", "in capital letters, not \"G T\""},
	{RULES "- {allow: x.example, methods: [GET, GET]}", "error: GET is listed twice"},
	{RULES "- {allow: x.example, methods: CONNECT}", "error: CONNECT is always denied"},
	{RULES "- {allow: x.example, methods: [[GET]]}", "error: a method is text, not a list"},
	{RULES "- {allow: x.example, methods: {GET: 1}}", "must be a method or a list of methods"},
	{RULES "- {allow: x.example, method: GET}", "did you mean \"methods\"?"},
	{RULES "- {allow: x.example, reason: [x]}", "error: \"reason\" must be one line of text"},
	{RULES "- allow: x.example\n  reason: |\n    x\n", "error: this text has a line break"},
	{RULES "- {allow: tls://x.example, methods: GET}", "error: a tls:// target has no methods"},
	{RULES "- {allow: x.example, json: []}", "error: \"json\" is not yet supported"},
	{RULES "- {allow: x.example, limits: {}}", "error: \"limits\" is not yet supported"},
	/* Fields that a rule sets. */
	{RULES "- {allow: x.example, set: X}", "error: \"set\" must be a mapping from names of"},
	{RULES "- {allow: x.example, set: {}}", "error: a rule sets 1 to 16 fields, not 0"},
	{RULES "- {allow: x.example, set: {Host: '{S}'}}",
	 ":3:28: error: this field says where the request goes"},
	{RULES "- {allow: x.example, set: {connection: '{S}'}}",
	 "error: this field is for one hop"},
	{RULES "- {allow: x.example, set: {Content-Length: '{S}'}}",
	 "this field frames the message"},
	{RULES "- {allow: x.example, set: {Sec-WebSocket-Protocol: '{S}'}}", "handshake of the"},
	{RULES "- {allow: x.example, set: {'X Y': '{S}'}}", "this is not the name of a field"},
	{SETTING("{X: '{S}', x: '{S}'}"), ":3:44: error: x is set twice"},
	{SETTING("{X: ['{S}']}"), "error: the value of a field is text, not a list"},
	{SETTING("{X: Bearer S}"), ":3:37: error: there is no secret in this"},
	{SETTING("{X: '{{S}}'}"), "error: there is no secret in this"},
	{SETTING("{X: 'Bearer {S'}"), ":3:45: error: this brace is not closed"},
	{SETTING("{X: '{S}}'}"), ":3:41: error: this brace closes nothing"},
	{SETTING("{X: '{ S }'}"), ":3:38: error: braces hold the name of a secret"},
	{SETTING("{X: '{}'}"), "error: braces hold the name of a secret"},
	{SETTING("{X: '{S:{S}}'}"), "error: braces hold the name of a secret"},
	{SETTING("{X: '{random:32}'}"), "error: braces hold the name of a secret"},
	{SETTING("{X: ' {S}'}"), "error: the value of a field cannot start or end with a space"},
	{SETTING("{X: '{S} '}"), "error: the value of a field cannot start or end with a space"},
	{SETTING("{X: '\xc3\xa4{S}'}"), "error: the value of a field is ASCII"},
	{SETTING("{X: '{T}'}"), ":3:39: error: there is no secret T"},
	{SETTING("{X: '{SECRETS}'}"), "= secrets are defined under \"secrets\""},
	{"sallyport: 1\nrules: [{allow: x.example, set: {X: '{OPENAI_APIKEY}'}}]\nsecrets:\n"
	 "  OPENAI_API_KEY: {from: env}\n",
	 "= did you mean OPENAI_API_KEY?"},
	{"sallyport: 1\nrules: [{allow: x.example, set: {X: '{OPENAI_APIKEY}'}}]\nsecrets:\n"
	 "  OPENAI_API_KEY: {from: env}\n",
	 ":4:3: error: a secret needs \"use\": a list of uses"},
	{"sallyport: 1\nrules: [{deny: x.example, set: {X: '{S}'}}]\nsecrets: {S: {from: env}}",
	 ":2:27: error: a denial sets nothing"},
	{"sallyport: 1\nrules: [{allow: tls://x.example, set: {X: '{S}'}}]\n"
	 "secrets: {S: {from: env}}",
	 "error: \"set\" has no effect on a tls:// target"},
	{"sallyport: 1\nrules: [{allow: [x.example, http://x.example], set: {X: '{S}'}}]\n"
	 "secrets: {S: {from: env}}",
	 ":2:29: error: a field can only be set from a secret on https"},
	{"sallyport: 1\nrules: [{allow: '*', wide: true, set: {X: '{S}'}}]\n"
	 "secrets: {S: {from: env}}",
	 "error: anybody can get a name that this matches"},
	{"sallyport: 1\nrules: [{allow: '*.co.uk', wide: true, set: {X: '{S}'}}]\n"
	 "secrets: {S: {from: env}}",
	 "error: anybody can get a name that this matches"},
	{"sallyport: 1\nrules: [{allow: '*.github.io', set: {X: '{S}'}}]\nsecrets: {S: {from: "
	 "env}}",
	 "error: anybody can get a name that this matches"},
	{"sallyport: 1\nrules: [{allow: x.example, methods: [GET, TRACE], set: {X: '{S}'}}]\n"
	 "secrets: {S: {from: env}}",
	 "error: TRACE would send the secret back"},
	{"sallyport: 1\nrules: [{allow: x.example, set: {X: '{S}'}}]\n"
	 "secrets: {S: {from: env, use: []}}",
	 "error: a secret has 1 to 64 uses, not 0"},
	{RULES "- {allow: x.example, credentials: our}",
	 ":3:35: error: \"credentials\" must be any, ours or none, not \"our\""},
	{RULES "- {allow: x.example, credentials: our}", "= did you mean \"ours\"?"},
	{RULES "- {allow: x.example, credentials: {}}", "must be any, ours or none, not a mapping"},
	{RULES "- {deny: x.example, credentials: none}",
	 ":3:21: error: no credential passes a denial"},
	{RULES "- {allow: tls://x.example, credentials: none}",
	 "error: \"credentials\" has no effect on a tls:// target"},
	{RULES "- {allow: [y.example, tls://x.example], credentials: any}",
	 "error: \"credentials\" has no effect on a tls:// target"},
	{RULES "- {allow: x.example, websocket: yes}",
	 ":3:33: error: \"websocket\" must be true or false, not \"yes\""},
	{RULES "- {deny: x.example, websocket: true}",
	 ":3:21: error: a denial is for WebSockets too"},
	{RULES "- {allow: tls://x.example, websocket: true}",
	 "error: \"websocket\" has no effect on a tls:// target"},
	{RULES "- {allow: x.example, websocket: true, methods: [POST]}",
	 "error: a WebSocket is opened by GET, which is not among the methods"},
	{RULES "- allow: wss://x.example", ":3:10: error: a WebSocket is opened by a request"},
	{RULES "- allow: WS://x.example", "error: a WebSocket is opened by a request of HTTP"},
	{RULES "- allow: postgres://x.example", "error: scheme \"postgres\" is not yet supported"},
	{RULES "- allow: tcp://x.example", ":3:16: error: a tcp:// target needs a port"},
	{RULES "- {allow: 'tcp://x.example:22', methods: [GET]}",
	 ":3:33: error: a tcp:// target has no methods"},
	{RULES "- allow: udp://x.example:53", ":3:10: error: this never decides: port 53"},
	{RULES "- allow: [tcp://x.example:5300, tcp://x.example:53]",
	 "this never decides: port 53"},
	{RULES "- {deny: 'udp://x.example:5300', methods: [GET]}",
	 "error: a udp:// target has no methods"},
	{RULES "- {allow: 'tcp://x.example:22', credentials: none}",
	 "error: \"credentials\" has no effect on a tcp:// target"},
	{RULES "- {allow: 'udp://x.example:22', websocket: true}",
	 "error: \"websocket\" has no effect on a udp:// target"},
	{RULES "- {allow: 'tcp://x.example:443', set: {A: '{S}'}}\nsecrets: {S: {from: env}}",
	 "error: \"set\" has no effect on a tcp:// target"},
	{RULES "- allow: 'tcp://*:22'", "error: this allows every name there is"},
	{RULES "- allow: tcp://0.0.0.0/0:22", "error: this allows a great part of all addresses"},
	{RULES "- allow: 'udp://[2000::]/3:5300'",
	 "error: this allows a great part of all addresses"},
	/* Width. */
	{RULES "- allow: '*'", "error: this allows every name there is"},
	{RULES "- {allow: '*', wide: false}", "error: this allows every name there is"},
	{RULES "- allow: '*.com'", "error: this allows every name below a public suffix"},
	{RULES "- allow: 'http://*.co.uk/x'",
	 "error: this allows every name below a public suffix"},
	{RULES "- {allow: '*.com', wide: yes}",
	 "error: \"wide\" must be true or false, not \"yes\""},
	{RULES "- {deny: '*.com', wide: true}", "error: a denial may be as wide as it likes"},
	/* Secrets. */
	{"sallyport: 1\nsecrets: [A]", "error: \"secrets\" must be a mapping from names"},
	{"sallyport: 1\nsecrets: {A: x}", "error: a secret must be a mapping, not text"},
	{"sallyport: 1\nsecrets: {A: }", "error: \"A\" has no value"},
	{NAMED("a-b"), "error: a secret's name must be one that an environment variable"},
	{NAMED("1A"), "error: a secret's name must be one that an environment variable"},
	{NAMED("PATH"), "error: the sandbox needs the variable PATH for itself"},
	{NAMED("LD_PRELOAD"), "error: the sandbox needs the variable LD_PRELOAD for itself"},
	{NAMED("SSL_CERT_FILE"), "error: the sandbox needs the variable SSL_CERT_FILE"},
	{"sallyport: 1\nsecrets: {A: {}}", "error: a secret needs \"from\""},
	{"sallyport: 1\nsecrets: {A: {from: env}}",
	 "error: a secret needs \"use\": a list of uses"},
	{SECRET "    scrub: yes", "error: \"scrub\" must be true, fields or false, not \"yes\""},
	{SECRET "    scrub: [true]", "\"scrub\" must be true, fields or false, not a list"},
	{SECRET "    capture: fields", "error: \"capture\" must be true or false"},
	{SECRET "    capture: true\n    scrub: false",
	 ":4:3: error: new tokens can only be captured where all of a response is looked through"},
	{SECRET "    capture: true\n    scrub: fields", "error: new tokens can only be captured"},
	{SECRET "    misuse: ignore", "possible values: block, strict, strip, pass and kill"},
	{SECRET "    misuse: blok", "did you mean \"block\"?"},
	{SECRET "    placeholder: x", "error: a placeholder that could be guessed is none"},
	{SECRET "    placeholder: 'x{random:16}'", "error: a placeholder that could be guessed"},
	{SECRET "    placeholder: {random: 48}", "must be a quoted text with {random:N} in it"},
	{SECRET "    placeholder: '{random:48} x'", "error: a placeholder has no spaces"},
	{FROM("vault"), "error: from \"vault\" is not yet supported"},
	{FROM("{vault: x}"), "error: \"vault\" is not yet supported"},
	{FROM("en"), "error: unknown source \"en\""},
	{FROM("[env]"), "error: \"from\" must be env, {env: NAME}"},
	{FROM("{}"), "error: a secret is from one source, not from 0"},
	{FROM("{env: A, file: b}"), "error: a secret is from one source, not from 2"},
	{FROM("{env: A-B}"), "error: \"A-B\" is not the name of an environment variable"},
	{FROM("{env: [A]}"), "error: \"env\" must be the name of an environment variable"},
	{FROM("{file: ~/x}"), "error: \"~\" is not expanded"},
	{FROM("{exec: pass show x}"), "error: \"exec\" must be a command as a list of words"},
	{FROM("{exec: []}"), "error: \"exec\" is a command of 1 to 64 words"},
	{FROM("{exec: ['']}"), "error: this entry is blank"},
	{FROM("{exec: [[x]]}"), "error: a word of a command is text, not a list"},
	{FROM("{fil: x}"), "did you mean \"file\"?"},
	/* Uses. */
	{USE("[]"), "error: a secret has 1 to 64 uses, not 0"},
	{USE("{at: x.example, slot: header A}"), "error: \"use\" must be a list of uses"},
	{USE("[x.example]"), "error: a use must be a mapping, not text"},
	{USE("[{slot: header A}]"), "error: a use needs \"at\": an https target"},
	{USE("[{at: x.example}]"), "error: a use needs \"slot\""},
	{USE("[{at: [x.example], slot: header A}]"), "\"at\" must be an https target, not a list"},
	{USE("[{at: http://x.example, slot: header A}]"),
	 "error: a secret can only be put in on https"},
	{USE("[{at: tls://x.example, slot: header A}]"),
	 "error: a secret can only be put in on https"},
	{USE("[{at: '*', slot: header A}]"), "error: anybody can get a name that this matches"},
	{USE("[{at: '*.com', slot: header A}]"), "error: anybody can get a name that this matches"},
	{USE("[{at: '*.github.io', slot: header A}]"), "error: anybody can get a name"},
	{USE("[{at: x.example, slot: bodi}]"),
	 "= slots are: header NAME, basic user, basic password, cookie NAME, query NAME, path, "
	 "form FIELD, json POINTER, body, ws, or ws POINTER"},
	{USE("[{at: x.example, slot: header Cookie}]"), "= name the cookie, as in: cookie session"},
	{USE("[{at: x.example, slot: json key}]"), ":6:33: error: a pointer starts with a slash"},
	{USE("[{at: x.example, slot: json}]"), "error: the pointer is missing"},
	{USE("[{at: x.example, slot: ws, methods: POST}]"),
	 "error: a WebSocket is opened by GET, which is not among the methods"},
	{USE("[{at: x.example, slot: [body]}]"), "error: \"slot\" must be header NAME, basic user"},
	{USE("[{at: x.example, slot: header Host}]"), "error: this field says where"},
	{USE("[{at: x.example, slot: header A, methods: TRACE}]"), "error: TRACE would send"},
	{USE("[{at: x.example, slot: header A, wide: true}]"),
	 "error: unknown key \"wide\" in a use"},
	{USE("[{at: x.example, slot: header A, set: x}]"), "error: \"set\" is not yet supported"},
	/* Network. */
	{NETWORK("[]"), "error: \"network\" must be a mapping, not a list"},
	{NETWORK("{privat: []}"), "did you mean \"private\"?"},
	{NETWORK("{proxy: []}"), "error: \"proxy\" must be HOST:PORT or a mapping with \"at\""},
	{NETWORK("{proxy: {}}"), "error: \"proxy\" needs \"at\""},
	{NETWORK("{proxy: p.example}"), "error: a proxy is given by its host and its port"},
	{NETWORK("{proxy: p.example:0}"), "error: a proxy is given by its host and its port"},
	{NETWORK("{proxy: p.example:99999}"), "error: a proxy is given by its host and its port"},
	{NETWORK("{proxy: \"p_x.example:8080\"}"), "error: a proxy is given by its host"},
	{NETWORK("{proxy: http://p.example:8080/x}"), "error: a proxy is given by its host"},
	{NETWORK("{proxy: socks5://p.example:1080}"), "error: a proxy is given by its host"},
	{NETWORK("{proxy: https://p.example:443}"),
	 "error: a proxy that is spoken to over TLS is not yet supported"},
	{NETWORK("{proxy: http://me:secret@p.example:8080}"), "error: a policy holds no password"},
	{NETWORK("{proxy: 10.0.0.1:8080}"),
	 ":3:18: error: this address is private (RFC 1918), and no range under \"private\" has it"},
	{NETWORK("{proxy: 169.254.169.254:80}"),
	 "error: this address (cloud metadata service) can never be reached"},
	{NETWORK("{proxy: {at: p.example:8080, login: {env: X}}}"),
	 "error: \"login\" must be the name of a secret"},
	{NETWORK("{proxy: {at: p.example:8080, login: me:secret}}"),
	 "error: this is not the name of a secret"},
	{NETWORK("{proxy: {at: p.example:8080, login: PROXY_LOGIN}}"),
	 ":3:46: error: there is no secret PROXY_LOGIN"},
	{NETWORK("{proxy: {at: p.example:8080, except: x.example}}"),
	 "error: \"except\" must be a list of hosts"},
	{NETWORK("{proxy: {at: p.example:8080, except: [\"*\"]}}"),
	 "error: an exception is a host alone"},
	{NETWORK("{proxy: {at: p.example:8080, except: [x.example:443]}}"),
	 "error: an exception is a host alone"},
	{NETWORK("{proxy: {at: p.example:8080, except: [https://x.example]}}"),
	 "error: an exception is a host alone"},
	{NETWORK("{proxy: {at: p.example:8080, except: [x.example/y]}}"),
	 "error: an exception is a host alone"},
	{NETWORK("{proxy: {at: p.example:8080, except: [[x]]}}"),
	 "error: a host is text, not a list"},
	{NETWORK("{private: 10.0.0.0/8}"), "error: \"private\" must be a list of address ranges"},
	{NETWORK("{private: [[x]]}"), "error: a range is text, not a list"},
	{NETWORK("{private: [x]}"), "error: this is not an address or a range of addresses"},
	{NETWORK("{private: [10.0.0.1/8]}"), "error: the address has bits set behind its prefix"},
	{NETWORK("{private: [8.8.8.0/24]}"), "error: this is not a private range"},
	{NETWORK("{private: [10.0.0.0/7]}"), "error: this is not a private range"},
	{NETWORK("{private: [0.0.0.0/0]}"),
	 "error: 169.254.169.254, a cloud metadata service, is in this"},
	{NETWORK("{private: [169.254.0.0/16]}"),
	 "error: 169.254.169.254, a cloud metadata service, is in"},
	{NETWORK("{private: [169.254.169.254]}"),
	 "error: 169.254.169.254, a cloud metadata service, is in"},
	{NETWORK("{private: [100.100.100.200]}"),
	 "error: 100.100.100.200, a cloud metadata service (Alibaba)"},
	{NETWORK("{private: ['fd00::/8']}"), "(AWS"},
	{NETWORK("{private: [224.0.0.0/4]}"), "error: this range (multicast"},
	{NETWORK("{private: [198.18.0.0/15]}"), "error: this range (synthetic, of a sandbox"},
	{NETWORK("{resolve: [x]}"), "error: \"resolve\" must be a mapping from names to addresses"},
	{NETWORK("{resolve: {x.example: name}}"), "error: this is not an address"},
	{NETWORK("{resolve: {x.example: 127.1}}"), "error: this is not an address"},
	{NETWORK("{resolve: {x.example: {a: b}}}"), "error: an address is text, not a mapping"},
	{NETWORK("{resolve: {x.example: []}}"), "error: a name has 1 to 16 addresses"},
	{NETWORK("{resolve: {x_y.example: 8.8.8.8}}"), "error: this is not a host name"},
	{NETWORK("{resolve: {10.0.0.1: 8.8.8.8}}"), "error: this is not a host name"},
	{NETWORK("{resolve: {x.example: 8.8.8.8, X.example: 8.8.4.4}}"),
	 "x.example is given twice"},
	{NETWORK("{resolve: {x.example: 10.0.0.5}}"), "error: this address is private (RFC 1918)"},
	{NETWORK("{resolve: {x.example: 127.0.0.1}}"), "error: this address is loopback, and no"},
	{NETWORK("{resolve: {x.example: 10.0.1.5}, private: [10.0.0.0/24]}"), "no range under"},
	{NETWORK("{resolve: {x.example: 169.254.169.254}}"), "(cloud metadata service) can never"},
	{NETWORK("{resolve: {x.example: 224.0.0.1}}"), "(multicast) can never be reached"},
	{NETWORK("{ca: root.pem}"), "error: \"ca\" must be a list of files, not text"},
	{NETWORK("{ca: [{a: b}]}"), "error: a file is text, not a mapping"},
};

static void mistakes_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(refused); i++)
		fixture_assert_says(refused[i].text, refused[i].part, false);
}

static void oddities_are_warned_of(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{RULES "- allow: '*.github.io'", "warning: anybody can get a name below this one"},
		{RULES "- allow: '*.cloudfront.net'", "warning: anybody can get a name below"},
		{RULES "- allow: s3.amazonaws.com",
		 "warning: everybody's buckets are on this host"},
		{RULES "- {allow: x.example, wide: true}", "warning: no target of this rule needs"},
		{RULES "- allow: https://x.example/", "warning: this is the path \"/\" alone"},
		{RULES "- allow: x.example/a%2Fb", "warning: servers read this path in 2 ways"},
		{USE("[{at: x.example, slot: body}]"),
		 ":6:16: warning: the secret can be put into anything that is sent here"},
		{USE("[{at: x.example/a, slot: json /a/*/b}]"),
		 "warning: a pointer has no wildcards: this is a member named \"*\""},
		{NETWORK("{private: [127.0.0.0/8]}"), "warning: this is the host itself"},
		{NETWORK("{private: [100.64.0.0/10]}"), "warning: 100.100.100.200"},
		{NETWORK("{resolve: {y.example: 8.8.8.8}}"), "warning: no rule allows y.example"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		fixture_assert_says(rows[i].text, rows[i].part, true);
}

static void every_mistake_is_told_at_once(void **state)
{
	char *shown = fixture_diagnose("sallyport: 1\n"
				       "mode: of\n"
				       "rules:\n"
				       "- alow: x.example\n"
				       "- allow: x_y.example\n"
				       "  methods: [get]\n"
				       "secrets:\n"
				       "  S: {from: env, use: [{at: x.example, slot: bodi}]}\n");

	(void)state;
	assert_string_equal(
		shown, "p.yaml:2:7: error: \"mode\" must be enforce or observe, not \"of\"\n"
		       "    2 | mode: of\n"
		       "      |       ^^\n"
		       "      = possible values: enforce and observe\n"
		       "p.yaml:4:3: error: unknown key \"alow\" in a rule\n"
		       "    4 | - alow: x.example\n"
		       "      |   ^^^^\n"
		       "      = did you mean \"allow\"?\n"
		       "p.yaml:5:11: error: a host name has no underscore\n"
		       "    5 | - allow: x_y.example\n"
		       "      |           ^\n"
		       "p.yaml:6:13: error: a method is written in capital letters, not \"get\"\n"
		       "    6 |   methods: [get]\n"
		       "      |             ^^^\n"
		       "      = did you mean GET?\n"
		       "p.yaml:8:46: error: unknown slot\n"
		       "    8 |   S: {from: env, use: [{at: x.example, slot: bodi}]}\n"
		       "      |                                              ^^^^\n"
		       "      = slots are: header NAME, basic user, basic password, cookie NAME, "
		       "query NAME, path, form FIELD, json POINTER, body, ws, or ws POINTER\n");
	free(shown);
}

/* HEAD, and COUNT lines made of BEFORE, a number and AFTER. */
static char *repeat(const char *head, const char *before, const char *after, size_t count)
{
	size_t size = strlen(head) + count * 128 + 1, used;
	char *text = malloc(size);

	assert_non_null(text);
	used = (size_t)snprintf(text, size, "%s", head);
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%zu%s", before, i, after);
	return text;
}

static void size_is_bounded(void **state)
{
	static const struct {
		const char *head, *before, *after, *part;
		size_t count;
	} rows[] = {
		{RULES, "- allow: a", ".example\n", "at most 50000", POLICY_RULES_MAX + 1},
		{"sallyport: 1\nsecrets:\n", "  S", ": {from: env}\n", "at most 256",
		 POLICY_SECRETS_MAX + 1},
		{"sallyport: 1\nrules: [{allow: x.example}]\nsecrets:\n  S:\n    from: env\n    "
		 "use:\n",
		 "    - {at: x.example/", ", slot: header A}\n", "has 1 to 64 uses, not 65",
		 POLICY_USES_MAX + 1},
		{"sallyport: 1\n",
		 "# a comment that is long enough to reach the bound in few lines ", "\n",
		 "larger than", POLICY_FILE_MAX_BYTES / 64},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char *text = repeat(rows[i].head, rows[i].before, rows[i].after, rows[i].count);

		fixture_assert_says(text, rows[i].part, false);
		free(text);
	}
}

static int try_load(void *context)
{
	struct diagnostics diagnostics;
	struct policy *policy;
	int rc = policy_load_text("p.yaml", slice_from_text(everything), &policy, &diagnostics);

	(void)context;
	if (rc < 0)
		assert_true(policy == NULL && diagnostics.errors > 0);
	policy_free(policy);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(try_load, NULL, false);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_file_says(const char *path, const char *part)
{
	struct diagnostics diagnostics;
	struct policy *policy;
	char *shown;

	assert_true(policy_load_file(path, &policy, &diagnostics) < 0);
	assert_null(policy);
	shown = diagnostics_render(&diagnostics);
	assert_non_null(strstr(shown, part));
	free(shown);
	diagnostics_release(&diagnostics);
}

static void paths_start_at_the_folder_of_the_policy(void **state)
{
	char folder[] = "/tmp/sallyport-policy-XXXXXX", path[256], expected[256];
	struct diagnostics diagnostics;
	struct policy *policy;

	(void)state;
	assert_non_null(mkdtemp(folder));
	write_file(folder, "root.pem", "-----BEGIN CERTIFICATE-----\n");
	write_file(folder, "p.yaml",
		   "sallyport: 1\n"
		   "rules: [{allow: x.example}]\n"
		   "secrets:\n"
		   "  A: {from: {file: a}, use: [{at: x.example, slot: header A}]}\n"
		   "  B: {from: {file: /b}, use: [{at: x.example, slot: header B}]}\n"
		   "  C: {from: {exec: [./c, d/e]}, use: [{at: x.example, slot: header C}]}\n"
		   "  D: {from: {exec: [pass, d]}, use: [{at: x.example, slot: header D}]}\n"
		   "network: {ca: [root.pem]}\n");
	snprintf(path, sizeof(path), "%s/p.yaml", folder);
	assert_int_equal(policy_load_file(path, &policy, &diagnostics), 0);
	assert_string_equal(policy->name, "p");
	snprintf(expected, sizeof(expected), "%s/a", folder);
	assert_string_equal(policy->secrets[0].from.name, expected);
	assert_string_equal(policy->secrets[1].from.name, "/b");
	snprintf(expected, sizeof(expected), "%s/./c", folder);
	assert_string_equal(policy->secrets[2].from.argv[0], expected);
	assert_string_equal(policy->secrets[2].from.argv[1], "d/e");
	assert_string_equal(policy->secrets[3].from.argv[0], "pass");
	snprintf(expected, sizeof(expected), "%s/root.pem", folder);
	assert_string_equal(policy->ca_files[0], expected);
	policy_free(policy);
	diagnostics_release(&diagnostics);

	write_file(folder, "root.pem", "no certificate\n");
	assert_file_says(path, "/p.yaml:8:16: error: ");
	assert_file_says(path, "/root.pem holds no certificate in PEM form");
	snprintf(expected, sizeof(expected), "%s/root.pem", folder);
	unlink(expected);
	assert_file_says(path, "/root.pem: No such file or directory");
	unlink(path);
	assert_file_says(path, "error: cannot open");
	assert_file_says(folder, "is a directory");
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_of_the_language_is_read),
		cmocka_unit_test(what_comes_back_is_scrubbed_unless_it_is_said),
		cmocka_unit_test(fields_are_set_from_secrets),
		cmocka_unit_test(one_fixed_address_is_found),
		cmocka_unit_test(the_proxy_has_its_exceptions),
		cmocka_unit_test(datagrams_pass_by_the_proxy),
		cmocka_unit_test(quotes_do_not_matter),
		cmocka_unit_test(what_is_missing_denies),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(oddities_are_warned_of),
		cmocka_unit_test(every_mistake_is_told_at_once),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(running_out_of_memory_is_reported),
		cmocka_unit_test(paths_start_at_the_folder_of_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
