#include "tests/unit/policy/reference.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {"x.example",  "a.x.example", "b.a.x.example", "y.example",
				    "ax.example", "z.org",	 "192.0.2.1"};
static const char *const hosts[] = {"x.example", "a.x.example", "b.a.x.example",
				    "y.example", "*.x.example", "*.a.x.example",
				    "*.example", "*",		"192.0.2.1"};
#define RANGE "192.0.2.0/24"
static const char *const flow_hosts[] = {"x.example", "a.x.example", "*.x.example", "*",
					 "192.0.2.1", RANGE,	     RANGE};
static const char *const schemes[] = {"", "", "https", "http", "tls", "tcp", "udp"};
static const char *const globs[] = {"", "", "/", "/p/**", "/p/q", "/*", "/p/*/r", "/**/q"};
static const char *const paths[] = {"/",      "/p/q",  "/p/x/r", "/z",	  "/p%2Fq",
				    "/p;a/q", "//p/q", "/p//q",	 "/p/q/", "/a/q"};
static const char *const lists[] = {"", "", "GET", "GET POST", "PROPFIND", "DELETE GET"};
static const char *const methods[] = {"GET", "POST", "DELETE", "PROPFIND", "FOO"};
static const unsigned int rule_ports[] = {0, 0, 443, 80, 8443};
static const unsigned int ports[] = {443, 80, 8443};

#define PICK(list) list[(size_t)rand() % (sizeof(list) / sizeof((list)[0]))]

static bool is_flow(const struct reference_rule *rule)
{
	return strcmp(rule->scheme, "tcp") == 0 || strcmp(rule->scheme, "udp") == 0;
}

static bool is_unopened(const struct reference_rule *rule)
{
	return is_flow(rule) || strcmp(rule->scheme, "tls") == 0;
}

static bool may_have_websocket(const struct reference_rule *rule)
{
	return rule->allow && !is_unopened(rule) &&
	       (!*rule->methods || strstr(rule->methods, "GET"));
}

void reference_random_rules(struct reference_rule rules[REFERENCE_RULES_MAX], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct reference_rule *rule = &rules[i];

		rule->allow = rand() % 3 > 0;
		rule->scheme = PICK(schemes);
		rule->host = PICK(hosts);
		rule->port = PICK(rule_ports);
		rule->path = PICK(globs);
		rule->methods = PICK(lists);
		if (is_unopened(rule))
			rule->path = rule->methods = "";
		if (is_flow(rule))
			rule->host = PICK(flow_hosts);
		if (is_flow(rule) && rule->allow && !rule->port)
			rule->port = PICK(ports);
		rule->websocket = may_have_websocket(rule) && rand() % 3 == 0;
		rule->credentials = rule->allow && !is_unopened(rule) && rand() % 4 == 0
					    ? POLICY_CREDENTIALS_NONE
					    : POLICY_CREDENTIALS_ANY;
	}
}

void reference_random_request(struct reference_request *request)
{
	request->https = rand() % 2;
	request->host = PICK(names);
	request->port = PICK(ports);
	request->method = PICK(methods);
	request->path = PICK(paths);
	request->websocket = strcmp(request->method, "GET") == 0 && rand() % 2;
}

void reference_target_text(const struct reference_rule *rule, char *out, size_t size)
{
	char port[16] = "";

	if (rule->port)
		snprintf(port, sizeof(port), ":%u", rule->port);
	snprintf(out, size, "%s%s%s%s%s", rule->scheme, *rule->scheme ? "://" : "", rule->host,
		 port, rule->path);
}

bool reference_glob_matches(const char *glob, const char *text)
{
	if (glob[0] == '*' && glob[1] == '*')
		return reference_glob_matches(glob + 2, text) ||
		       (*text && reference_glob_matches(glob, text + 1));
	if (glob[0] == '*')
		return reference_glob_matches(glob + 1, text) ||
		       (*text && *text != '/' && reference_glob_matches(glob, text + 1));
	if (!*glob || *glob != *text)
		return !*glob && !*text;
	return reference_glob_matches(glob + 1, text + 1);
}

static bool is_address(const char *host)
{
	return host[0] >= '0' && host[0] <= '9';
}

static bool host_matches(const struct reference_rule *rule, const char *host)
{
	size_t suffix = strlen(rule->host + 1), len = strlen(host);

	if (strcmp(rule->host, "*") == 0)
		return !rule->allow || !is_address(host);
	if (strcmp(rule->host, RANGE) == 0)
		return strncmp(host, "192.0.2.", 8) == 0;
	if (rule->host[0] != '*')
		return strcmp(rule->host, host) == 0;
	/* ".x.example" must be its end, with something before it. */
	return !is_address(host) && len > suffix &&
	       strcmp(host + len - suffix, rule->host + 1) == 0;
}

static bool is_bare_denial(const struct reference_rule *rule)
{
	return !*rule->scheme && !rule->allow;
}

static bool place_matches(const struct reference_rule *rule, const char *scheme, unsigned int port)
{
	const char *own = *rule->scheme ? rule->scheme : "https";
	unsigned int own_port = rule->port ? rule->port : (strcmp(own, "http") == 0 ? 80 : 443);

	if (is_bare_denial(rule))
		return !rule->port || rule->port == port;
	if (is_flow(rule))
		return strcmp(own, scheme) == 0 && (!rule->port || rule->port == port);
	return strcmp(own, scheme) == 0 && own_port == port;
}

static bool method_matches(const struct reference_rule *rule, const char *method)
{
	const char *found;

	if (!*rule->methods)
		return !rule->allow || strstr("GET HEAD POST PUT PATCH DELETE OPTIONS", method);
	found = strstr(rule->methods, method);
	return found;
}

static bool rule_matches(const struct reference_rule *rule, const struct reference_request *request,
			 const char *reading)
{
	const char *glob = *rule->path ? rule->path : "/**";

	if (!host_matches(rule, request->host))
		return false;
	/* A denial of a connection is one of all that would go through it. */
	if (strcmp(rule->scheme, "tls") == 0)
		return !rule->allow && request->https && place_matches(rule, "tls", request->port);
	if (strcmp(rule->scheme, "tcp") == 0)
		return !rule->allow && place_matches(rule, "tcp", request->port);
	return place_matches(rule, request->https ? "https" : "http", request->port) &&
	       reference_glob_matches(glob, reading) && method_matches(rule, request->method) &&
	       (!request->websocket || !rule->allow || rule->websocket);
}

size_t reference_decide(const struct reference_rule *rules, size_t count,
			const struct reference_request *request, const char *reading)
{
	size_t i = 0;

	while (i < count && !rule_matches(&rules[i], request, reading))
		i++;
	return i;
}

size_t reference_decide_tls(const struct reference_rule *rules, size_t count, const char *host,
			    unsigned int port)
{
	size_t i = 0;

	while (i < count &&
	       !(host_matches(&rules[i], host) &&
		 (place_matches(&rules[i], "https", port) ||
		  place_matches(&rules[i], "tls", port) || place_matches(&rules[i], "tcp", port))))
		i++;
	return i;
}

enum policy_tls_route reference_route(const struct reference_rule *rules, size_t count,
				      size_t decided)
{
	const struct reference_rule *rule = &rules[decided];

	if (decided == count)
		return POLICY_TLS_REFUSE;
	if (is_unopened(rule))
		return rule->allow ? POLICY_TLS_PASS : POLICY_TLS_REFUSE;
	if (is_bare_denial(rule) && !*rule->path && !*rule->methods)
		return POLICY_TLS_REFUSE;
	return POLICY_TLS_INSPECT;
}

static bool is_total_denial(const struct reference_rule *rule)
{
	return is_bare_denial(rule) && !*rule->path && !*rule->methods;
}

bool reference_is_flow_rule(const struct reference_rule *rule, bool udp)
{
	return strcmp(rule->scheme, udp ? "udp" : "tcp") == 0 || is_total_denial(rule);
}

static bool is_about_flow(const struct reference_rule *rule, bool udp, unsigned int port)
{
	if (udp)
		return reference_is_flow_rule(rule, true) && place_matches(rule, "udp", port);
	return place_matches(rule, "https", port) || place_matches(rule, "http", port) ||
	       place_matches(rule, "tls", port) || place_matches(rule, "tcp", port);
}

size_t reference_decide_flow(const struct reference_rule *rules, size_t count, bool udp,
			     const char *host, unsigned int port)
{
	size_t i = 0;

	while (i < count && !(host_matches(&rules[i], host) && is_about_flow(&rules[i], udp, port)))
		i++;
	return i;
}
