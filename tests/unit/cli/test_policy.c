#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/cli/options.h"
#include "tests/unit/allocation.h"
#include "tests/unit/cli/capture.h"

static char folder[] = "/tmp/sallyport-cli-XXXXXX";

static const char good[] = "sallyport: 1\n"
			   "secrets:\n"
			   "  KEY:\n"
			   "    from: env\n"
			   "    use:\n"
			   "      - at: https://api.example.com/v1/**\n"
			   "        methods: [POST]\n"
			   "        slot: header Authorization\n"
			   "rules:\n"
			   "  - allow: https://api.example.com/**\n"
			   "    methods: [GET, POST]\n"
			   "  - allow: [http://api.example.com/**, tls://pinned.example.com]\n"
			   "  - deny: \"*.internal\"\n"
			   "    reason: internal hosts are off limits\n";

static const char effects[] = "sallyport: 1\n"
			      "secrets:\n"
			      "  HIDDEN: {from: env}\n"
			      "  KEY:\n"
			      "    from: env\n"
			      "    use: [{at: api.example.com/v1/**, slot: json /auth/key}, {at: "
			      "api.example.com/v1/**, slot: ws /token}]\n"
			      "rules:\n"
			      "  - allow: https://api.example.com/v1/**\n"
			      "    credentials: ours\n"
			      "    websocket: true\n"
			      "    set: {X-Both: \"{HIDDEN}:{KEY}\", X-Tenant: \"{HIDDEN}\"}\n"
			      "  - {allow: https://api.example.com/open/**, credentials: none}\n";

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int make_files(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || chdir(folder) < 0)
		return -1;
	write_file("good.yaml", good);
	write_file("flows.yaml", "sallyport: 1\nrules:\n"
				 "  - allow: [tcp://db.example.com:5432, udp://52.52.0.0/16:5300]\n"
				 "  - allow: web.example.com\n");
	write_file("bad.yaml", "sallyport: 1\nrule: []\nmode: of\n");
	write_file("warned.yaml", "sallyport: 1\nrules: [{allow: '*.github.io'}]\n");
	write_file("effects.yaml", effects);
	write_file("includes.yaml", "sallyport: 1\ninclude: [effects.yaml]\n"
				    "rules: [{deny: api.example.com/v1/x}]\n");
	write_file("observe.yaml", "sallyport: 1\nmode: observe\n");
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	unlink("good.yaml");
	unlink("bad.yaml");
	unlink("warned.yaml");
	unlink("observe.yaml");
	unlink("effects.yaml");
	unlink("includes.yaml");
	unlink("sallyport.yaml");
	return rmdir(folder);
}

static void assert_run(const char *line, int status, const char *out, const char *err_part)
{
	static struct capture capture;

	capture_run(command_policy, line, NULL, &capture);
	if (capture.status != status || strcmp(capture.out, out) != 0 ||
	    !strstr(capture.err, err_part))
		print_error("%s: %d\n%s\n%s\n", line, capture.status, capture.out, capture.err);
	assert_int_equal(capture.status, status);
	assert_string_equal(capture.out, out);
	assert_non_null(strstr(capture.err, err_part));
}

static void check_tells_what_is_wrong_and_sums_up(void **state)
{
	static struct capture capture;

	(void)state;
	assert_run("policy check good.yaml", 0, "good.yaml: ok, 3 rules, 1 secret\n", "");
	assert_run("policy check bad.yaml", 1, "bad.yaml: refused, 2 errors\n",
		   "bad.yaml:2:1: error: unknown key \"rule\" in a policy");
	assert_run("policy check warned.yaml", 0, "warned.yaml: ok, 1 rule, 0 secrets\n",
		   "warned.yaml:2:17: warning: anybody");
	assert_run("policy check bad.yaml good.yaml missing.yaml", 1,
		   "bad.yaml: refused, 2 errors\n"
		   "good.yaml: ok, 3 rules, 1 secret\n"
		   "missing.yaml: refused, 1 error\n",
		   "missing.yaml: error: cannot open missing.yaml: No such file or directory");
	capture_run(command_policy, "policy check -", "sallyport: 1\nrules: []\n", &capture);
	assert_int_equal(capture.status, 0);
	assert_string_equal(capture.out, "<stdin>: ok, 0 rules, 0 secrets\n");
	assert_run("policy check", 1, "sallyport.yaml: refused, 1 error\n", "cannot open");
	write_file("sallyport.yaml", good);
	assert_run("policy check", 0, "sallyport.yaml: ok, 3 rules, 1 secret\n", "");
}

static void explain_says_what_happens_and_why(void **state)
{
	(void)state;
	assert_run("policy explain -p good.yaml POST https://api.example.com/v1/x?key=1", 0,
		   "verdict:  allow\n"
		   "request:  POST https://api.example.com/v1/x\n"
		   "rule:     rules[0], good.yaml line 10: - allow: https://api.example.com/**\n"
		   "secret:   KEY may go into header Authorization\n",
		   "");
	assert_run("policy explain -p good.yaml GET https://api.example.com/v1/%2e%2e/a%2Fb", 0,
		   "verdict:  allow\n"
		   "request:  GET https://api.example.com/a%2Fb\n"
		   "rule:     rules[0], good.yaml line 10: - allow: https://api.example.com/**\n"
		   "readings: servers may read this path in 2 ways, and every one must be allowed\n"
		   "          /a%2Fb\n"
		   "          /a/b\n"
		   "          KEY does not: it is bound to this host, but not to this path and "
		   "method\n",
		   "");
	assert_run("policy explain -p good.yaml GET http://api.example.com", 0,
		   "verdict:  allow\n"
		   "request:  GET http://api.example.com/\n"
		   "rule:     rules[1], good.yaml line 12: - allow: [http://api.example.com/**, "
		   "tls://pinned.example.com]\n",
		   "");
	assert_run("policy explain -p good.yaml GET https://pinned.example.com/x", 0,
		   "verdict:  allow, passed through unopened: path and method are not seen\n"
		   "request:  GET https://pinned.example.com/x\n"
		   "rule:     rules[1], good.yaml line 12: - allow: [http://api.example.com/**, "
		   "tls://pinned.example.com]\n",
		   "");
	assert_run("policy explain -p good.yaml DELETE https://api.example.com/v1/x;y", 1,
		   "verdict:  deny\n"
		   "request:  DELETE https://api.example.com/v1/x;y\n"
		   "reason:   servers may read this path as /v1/x: rules[0] allows this path, but "
		   "not the method DELETE\n"
		   "readings: servers may read this path in 2 ways, and every one must be allowed\n"
		   "          /v1/x;y\n"
		   "          /v1/x\n"
		   "allow it: put this before the other rules\n"
		   "  - allow: [\"https://api.example.com/v1/x;y\", "
		   "\"https://api.example.com/v1/x\"]\n"
		   "    methods: [DELETE]\n",
		   "");
	assert_run("policy explain -p good.yaml GET http://db.internal:8080/", 1,
		   "verdict:  deny\n"
		   "request:  GET http://db.internal:8080/\n"
		   "reason:   internal hosts are off limits\n"
		   "rule:     rules[2], good.yaml line 13: - deny: \"*.internal\"\n"
		   "          A denial without a scheme is for every scheme, at every port.\n"
		   "allow it: put this before rules[2]\n"
		   "  - allow: http://db.internal:8080/\n"
		   "    methods: [GET]\n",
		   "");
	assert_run("policy explain -p good.yaml CONNECT https://api.example.com/", 1,
		   "verdict:  deny\n"
		   "request:  CONNECT https://api.example.com/\n"
		   "reason:   rules[0] allows this path, but not the method CONNECT\n"
		   "allow it: no rule can\n",
		   "");
	assert_run("policy explain -p good.yaml GET https://api.example.com/%2e%2e%2f", 1,
		   "verdict:  deny\n"
		   "reason:   the path has a dot segment behind an encoded slash or a parameter, "
		   "whatever the rules say\n",
		   "");
	assert_run("policy explain -p observe.yaml GET https://a.example:8443/", 1,
		   "verdict:  deny\n"
		   "request:  GET https://a.example:8443/\n"
		   "reason:   no rule allows a.example\n"
		   "allow it: add to the rules\n"
		   "  - allow: https://a.example:8443/\n"
		   "    methods: [GET]\n"
		   "mode:     observe: it goes out all the same, and is marked in the log\n",
		   "");
	assert_run("policy explain -p bad.yaml GET https://a.example/", 1, "", "did you mean");
}

static void explain_is_asked_about_connections_as_such(void **state)
{
	(void)state;
	assert_run("policy explain -p flows.yaml tcp://db.example.com:5432", 0,
		   "verdict:  allow, passed on as it is: nothing of it is seen\n"
		   "request:  tcp://db.example.com:5432\n"
		   "rule:     rules[0], flows.yaml line 3: - allow: [tcp://db.example.com:5432, "
		   "udp://52.52.0.0/16:5300]\n",
		   "");
	assert_run("policy explain -p flows.yaml GET https://db.example.com:5432/x", 0,
		   "verdict:  allow, passed through unopened: path and method are not seen\n"
		   "request:  GET https://db.example.com:5432/x\n"
		   "rule:     rules[0], flows.yaml line 3: - allow: [tcp://db.example.com:5432, "
		   "udp://52.52.0.0/16:5300]\n",
		   "");
	assert_run("policy explain -p flows.yaml udp://52.52.52.8:5300", 0,
		   "verdict:  allow, passed on as it is: nothing of it is seen\n"
		   "request:  udp://52.52.52.8:5300\n"
		   "rule:     rules[0], flows.yaml line 3: - allow: [tcp://db.example.com:5432, "
		   "udp://52.52.0.0/16:5300]\n",
		   "");
	assert_run("policy explain -p flows.yaml tcp://web.example.com:443", 1,
		   "verdict:  deny\n"
		   "request:  tcp://web.example.com:443\n"
		   "reason:   rules[1] names web.example.com port 443 by https, and comes first\n"
		   "allow it: put this before the other rules\n"
		   "  - allow: tcp://web.example.com:443\n",
		   "");
	assert_run("policy explain -p flows.yaml udp://[2a00::1]:5300", 1,
		   "verdict:  deny\n"
		   "request:  udp://[2a00::1]:5300\n"
		   "reason:   no rule allows 2a00::1\n"
		   "allow it: put this before the other rules\n"
		   "  - allow: \"udp://[2a00::1]:5300\"\n",
		   "");
	assert_run("policy explain -p flows.yaml tcp://a.example", 2, "", "a port must be given");
	assert_run("policy explain -p flows.yaml tcp://a.example:22/", 2, "", "has no path");
	assert_run("policy explain -p flows.yaml GET tcp://a.example:22", 2, "", "has no method");
	assert_run("policy explain -p flows.yaml https://a.example/", 2, "",
		   "needs a method and a URL");
}

static void explain_shows_what_rules_do(void **state)
{
	(void)state;
	assert_run(
		"policy explain -p effects.yaml GET https://api.example.com/v1/x", 0,
		"verdict:  allow\n"
		"request:  GET https://api.example.com/v1/x\n"
		"rule:     rules[0], effects.yaml line 8: - allow: https://api.example.com/v1/**\n"
		"          Credentials that are no placeholders are refused (credentials: ours).\n"
		"          WebSockets may be opened (websocket: true).\n"
		"set:      X-Both, from HIDDEN and KEY\n"
		"set:      X-Tenant, from HIDDEN\n"
		"secret:   KEY may go into json /auth/key\n",
		"");
	assert_run(
		"policy explain -p effects.yaml GET wss://api.example.com/v1/x", 0,
		"verdict:  allow\n"
		"request:  GET wss://api.example.com/v1/x\n"
		"rule:     rules[0], effects.yaml line 8: - allow: https://api.example.com/v1/**\n"
		"          Credentials that are no placeholders are refused (credentials: ours).\n"
		"          WebSockets may be opened (websocket: true).\n"
		"set:      X-Both, from HIDDEN and KEY\n"
		"set:      X-Tenant, from HIDDEN\n"
		"secret:   KEY may go into json /auth/key\n"
		"secret:   KEY may go into ws /token\n",
		"");
	assert_run("policy explain -p effects.yaml GET https://api.example.com/open/x", 0,
		   "verdict:  allow\n"
		   "request:  GET https://api.example.com/open/x\n"
		   "rule:     rules[1], effects.yaml line 12: - {allow: "
		   "https://api.example.com/open/**, credentials: none}\n"
		   "          All credentials are taken out (credentials: none).\n"
		   "          KEY does not: all credentials are taken out\n",
		   "");
	assert_run("policy explain -p effects.yaml GET wss://api.example.com/open/x", 1,
		   "verdict:  deny\n"
		   "request:  GET wss://api.example.com/open/x\n"
		   "reason:   rules[1] allows this path, but no WebSocket\n"
		   "allow it: add to the rules\n"
		   "  - allow: https://api.example.com/open/x\n"
		   "    methods: [GET]\n"
		   "    websocket: true\n",
		   "");
	assert_run("policy explain -p includes.yaml GET https://api.example.com/open/x", 0,
		   "verdict:  allow\n"
		   "request:  GET https://api.example.com/open/x\n"
		   "rule:     rules[2], effects.yaml line 12: - {allow: "
		   "https://api.example.com/open/**, credentials: none}\n"
		   "          All credentials are taken out (credentials: none).\n"
		   "          KEY does not: all credentials are taken out\n",
		   "");
	assert_run(
		"policy explain -p includes.yaml GET https://api.example.com/v1/x", 1,
		"verdict:  deny\n"
		"request:  GET https://api.example.com/v1/x\n"
		"reason:   rules[0] denies api.example.com/v1/x\n"
		"rule:     rules[0], includes.yaml line 3: rules: [{deny: api.example.com/v1/x}]\n"
		"          A denial without a scheme is for every scheme, at every port.\n"
		"allow it: put this before rules[0]\n"
		"  - allow: https://api.example.com/v1/x\n"
		"    methods: [GET]\n",
		"");
	assert_run("policy check includes.yaml", 0, "includes.yaml: ok, 3 rules, 2 secrets\n", "");
}

static void schema_is_printed(void **state)
{
	static struct capture capture;

	(void)state;
	capture_run(command_policy, "policy schema", NULL, &capture);
	assert_int_equal(capture.status, 0);
	assert_non_null(strstr(capture.out, "\"$id\": \"urn:sallyport:policy:1\""));
	assert_string_equal(capture.err, "");
}

static void what_is_no_command_line_ends_with_2(void **state)
{
	(void)state;
	assert_run("policy", 2, "", "usage: sallyport policy COMMAND");
	assert_run("policy chek", 2, "", "unknown command: policy chek; did you mean check?");
	assert_run("policy banana", 2, "", "unknown command: policy banana");
	assert_run("policy test", 2, "", "policy test is not yet supported");
	assert_run("policy learn", 2, "", "policy learn is not yet supported");
	assert_run("policy schema x", 2, "", "policy schema takes no argument: x");
	assert_run("policy schema --bad", 2, "", "unknown option --bad");
	assert_run("policy explain POST wss://a.example/", 2, "", "a WebSocket is opened by GET");
	assert_run("policy check --bad", 2, "", "unknown option --bad");
	assert_run("policy explain -p", 2, "", "needs a value");
	assert_run("policy explain GET", 2, "", "needs a method and a URL");
	assert_run("policy explain GET https://a.example/ x", 2, "", "needs a method and a URL");
	assert_run("policy explain GET ftp://a.example/", 2, "",
		   "schemes are https, http, tls, wss, ws, tcp and udp");
	assert_run("policy explain GET https://a_b.example/", 2, "", "not HOST or HOST:PORT");
	assert_run("policy explain GET https://u@a.example/", 2, "", "not HOST or HOST:PORT");
	assert_run("policy explain GET https://a.example/#x", 2, "", "a fragment is never sent");
}

static void help_goes_to_standard_output(void **state)
{
	static const char *const lines[] = {"policy --help", "policy -h", "policy check --help",
					    "policy explain -h", "policy schema --help"};
	static struct capture capture;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		capture_run(command_policy, lines[i], NULL, &capture);
		assert_int_equal(capture.status, 0);
		assert_non_null(strstr(capture.out, "usage: sallyport policy"));
		assert_string_equal(capture.err, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_tells_what_is_wrong_and_sums_up),
		cmocka_unit_test(explain_says_what_happens_and_why),
		cmocka_unit_test(explain_is_asked_about_connections_as_such),
		cmocka_unit_test(explain_shows_what_rules_do),
		cmocka_unit_test(schema_is_printed),
		cmocka_unit_test(what_is_no_command_line_ends_with_2),
		cmocka_unit_test(help_goes_to_standard_output),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
