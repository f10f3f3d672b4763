#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/say.h"
#include "policy/match.h"
#include "proxy/cli/options.h"
#include "proxy/cli/policy.h"

enum {
	USES_SHOWN_MAX = 32,
	SUGGESTION_BYTES = 4096,
	PATH_ARENA_BYTES = PATH_MAX_BYTES * (PATH_READINGS_MAX + 2),
};

/* A request as it is given on the command line. */
struct question {
	enum policy_scheme scheme;
	struct host host;
	uint16_t port;
	struct slice method;
	struct path path;
	const char *refusal; /* why the path is refused before any rule is looked at */
	bool websocket;
};

static int fail(const char *text, struct slice url)
{
	say("%.*s: %s", SLICE_ARGS(url), text);
	return ERROR_SYNTAX;
}

/* What a URL may start with. */
static const struct {
	const char *name;
	enum policy_scheme scheme;
	bool websocket;
} schemes[] = {
	{"https", POLICY_HTTPS, false}, {"http", POLICY_HTTP, false}, {"tls", POLICY_TLS, false},
	{"wss", POLICY_HTTPS, true},	{"ws", POLICY_HTTP, true},    {"tcp", POLICY_TCP, false},
	{"udp", POLICY_UDP, false},
};

/* "https://" where no scheme is given. */
static int take_scheme(struct slice *rest, struct question *question)
{
	size_t end = slice_find(*rest, SLICE_LITERAL("://"));
	struct slice name = slice_first(*rest, end);

	question->scheme = POLICY_HTTPS;
	if (end == rest->len)
		return 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (!slice_equal_nocase(name, slice_from_text(schemes[i].name)))
			continue;
		question->scheme = schemes[i].scheme;
		question->websocket = schemes[i].websocket;
		*rest = slice_from(*rest, end + 3);
		return 0;
	}
	return ERROR_SYNTAX;
}

static const char *scheme_name(const struct question *question)
{
	if (!question->websocket)
		return policy_scheme_name(question->scheme);
	return question->scheme == POLICY_HTTPS ? "wss" : "ws";
}

static size_t authority_length(struct slice rest)
{
	size_t end = 0;

	while (end < rest.len && !strchr("/?#", rest.ptr[end]))
		end++;
	return end;
}

/* Of tcp and udp no request is seen, so that there is none to ask for. */
static bool is_flow(const struct question *question)
{
	return question->scheme == POLICY_TCP || question->scheme == POLICY_UDP;
}

static int check_flow(const struct question *question, struct slice path, struct slice url)
{
	if (question->method.len)
		return fail("a connection as such has no method; leave it out", url);
	if (path.len)
		return fail("a connection as such has no path; leave it out", url);
	if (question->port == 0)
		return fail("a port must be given, as in tcp://db.example.com:5432", url);
	return 0;
}

static int parse_url(struct slice url, struct arena *arena, struct question *question)
{
	struct slice rest = url, authority, path;

	if (take_scheme(&rest, question) < 0)
		return fail("schemes are https, http, tls, wss, ws, tcp and udp", url);
	if (question->websocket && !slice_equal(question->method, SLICE_LITERAL("GET")))
		return fail("a WebSocket is opened by GET", url);
	authority = slice_first(rest, authority_length(rest));
	path = slice_from(rest, authority.len);
	if (slice_find_char(path, '#') < path.len)
		return fail("a fragment is never sent; leave it out", url);
	if (host_parse_authority(authority, policy_scheme_port(question->scheme), &question->host,
				 &question->port) < 0)
		return fail("this is not HOST or HOST:PORT", authority);
	if (is_flow(question))
		return check_flow(question, path, url);
	path = slice_first(path, slice_find_char(path, '?'));
	if (path.len == 0)
		path = SLICE_LITERAL("/");
	if (path_canonicalise(path, arena, &question->path, &question->refusal) == -ENOMEM)
		return fail("out of memory", url);
	return 0;
}

/* Only tcp:// and udp:// go without a method. */
static bool is_asked_right(struct slice url, const struct question *question)
{
	return question->method.len || slice_starts_with_nocase(url, SLICE_LITERAL("tcp://")) ||
	       slice_starts_with_nocase(url, SLICE_LITERAL("udp://"));
}

static struct slice line_of(struct slice source, uint32_t number)
{
	struct slice line = SLICE_EMPTY;

	while (number-- > 0 && slice_next_part(&source, '\n', &line))
		;
	return slice_trim(line);
}

static void print_rule(const struct diagnostics *source, const struct policy_rule *rule)
{
	const struct diagnostic_file *file = &source->files[rule->place.file];
	struct slice line = line_of(file->text, rule->place.line);

	printf("rule:     rules[%zu], %s line %u: %.*s\n", rule->index, file->name,
	       rule->place.line, SLICE_ARGS(line));
	for (size_t i = 0; i < rule->target_count; i++) {
		if (!rule->targets[i].any_scheme)
			continue;
		printf("          A denial without a scheme is for every scheme%s.\n",
		       rule->targets[i].any_port ? ", at every port" : "");
		return;
	}
}

/* What the rule does with what it allows. */
static void print_effects(const struct policy_rule *rule)
{
	static const char *const credentials[] = {
		[POLICY_CREDENTIALS_ANY] = NULL,
		[POLICY_CREDENTIALS_OURS] =
			"Credentials that are no placeholders are refused (credentials: ours).",
		[POLICY_CREDENTIALS_NONE] = "All credentials are taken out (credentials: none).",
	};

	if (credentials[rule->credentials])
		printf("          %s\n", credentials[rule->credentials]);
	if (rule->websocket)
		printf("          WebSockets may be opened (websocket: true).\n");
	for (size_t i = 0; i < rule->set_count; i++) {
		const struct policy_set *set = &rule->sets[i];

		printf("set:      %.*s, from", SLICE_ARGS(set->field));
		for (size_t j = 0; j < set->part_count && set->parts[j].secret; j++)
			printf("%s %s", j ? " and" : "", set->parts[j].secret->name);
		printf("\n");
	}
}

static void print_readings(const struct path *path)
{
	if (path->reading_count < 2)
		return;
	printf("readings: servers may read this path in %zu ways, and every one must be allowed\n",
	       path->reading_count);
	for (size_t i = 0; i < path->reading_count; i++)
		printf("          %.*s\n", SLICE_ARGS(path->readings[i]));
}

static void print_request(const char *verdict, const struct question *question)
{
	char authority[HOST_AUTHORITY_MAX + 1];

	host_format_authority(&question->host, question->port, policy_scheme_port(question->scheme),
			      authority);
	printf("verdict:  %s\n", verdict);
	if (is_flow(question))
		printf("request:  %s://%s\n", scheme_name(question), authority);
	else
		printf("request:  %.*s %s://%s%.*s\n", SLICE_ARGS(question->method),
		       scheme_name(question), authority, SLICE_ARGS(question->path.text));
}

static const char *why_not(const struct policy_request *request, const struct policy_rule *rule)
{
	if (rule->credentials == POLICY_CREDENTIALS_NONE)
		return "all credentials are taken out";
	return request->scheme == POLICY_HTTPS
		       ? "it is bound to this host, but not to this path and method"
		       : "it is bound to this host, but not to plain HTTP";
}

/* The secrets that go in, and those bound to the host that do not. */
static void print_secrets(const struct policy *policy, const struct policy_request *request,
			  const struct policy_rule *rule)
{
	const struct policy_use *uses[USES_SHOWN_MAX];
	size_t count = policy_find_uses(policy, request, uses, USES_SHOWN_MAX);

	if (rule->credentials == POLICY_CREDENTIALS_NONE)
		count = 0;
	for (size_t i = 0; i < count && i < USES_SHOWN_MAX; i++)
		printf("secret:   %s may go into %.*s\n", uses[i]->secret->name,
		       SLICE_ARGS(uses[i]->slot.text));
	for (size_t i = 0; i < policy->secret_count; i++) {
		const struct policy_secret *secret = &policy->secrets[i];
		bool goes_in = false;

		for (size_t j = 0; j < count && j < USES_SHOWN_MAX; j++)
			goes_in = goes_in || uses[j]->secret == secret;
		if (!goes_in && policy_secret_names_host(secret, request->host, request->port))
			printf("          %s does not: %s\n", secret->name, why_not(request, rule));
	}
}

static void print_suggestion(const struct policy_request *request,
			     const struct policy_verdict *verdict)
{
	char line[SUGGESTION_BYTES];
	bool flow = request->scheme == POLICY_TCP || request->scheme == POLICY_UDP;
	size_t len = flow ? policy_suggest_flow(request->scheme, request->host, request->port, line,
						sizeof(line))
			  : policy_suggest(request, line, sizeof(line));
	struct slice rest = slice_of(line, len);
	const char *indent = "  ";

	if (len == 0) {
		printf("allow it: no rule can\n");
		return;
	}
	if (verdict->rule)
		printf("allow it: put this before rules[%zu]\n", verdict->rule->index);
	else if (flow || request->path->reading_count > 1)
		printf("allow it: put this before the other rules\n");
	else
		printf("allow it: add to the rules\n");
	/* No path has a space, so that these are the line breaks. */
	while (rest.len) {
		size_t line_break = slice_find(rest, SLICE_LITERAL("; "));

		printf("%s%.*s\n", indent, SLICE_ARGS(slice_first(rest, line_break)));
		rest = slice_from(rest, line_break + 2);
		indent = "    ";
	}
}

static int explain_denial(const struct policy *policy, const struct diagnostics *source,
			  const struct question *question, const struct policy_request *request,
			  const struct policy_verdict *verdict)
{
	print_request("deny", question);
	printf("reason:   %s\n", verdict->reason);
	if (verdict->rule)
		print_rule(source, verdict->rule);
	print_readings(&question->path);
	if (request->scheme != POLICY_TLS)
		print_suggestion(request, verdict);
	if (policy->mode == POLICY_OBSERVE)
		printf("mode:     observe: it goes out all the same, and is marked in the log\n");
	return EXIT_FAILURE;
}

static int explain_pass(const struct diagnostics *source, const struct question *question,
			const struct policy_verdict *verdict)
{
	print_request(is_flow(question)
			      ? "allow, passed on as it is: nothing of it is seen"
			      : "allow, passed through unopened: path and method are not seen",
		      question);
	print_rule(source, verdict->rule);
	return EXIT_SUCCESS;
}

static int explain_request(const struct policy *policy, const struct diagnostics *source,
			   const struct question *question, const struct policy_request *request)
{
	struct policy_verdict verdict;

	policy_decide_request(policy, request, &verdict);
	if (!verdict.allow)
		return explain_denial(policy, source, question, request, &verdict);
	print_request("allow", question);
	print_rule(source, verdict.rule);
	print_effects(verdict.rule);
	print_readings(&question->path);
	print_secrets(policy, request, verdict.rule);
	return EXIT_SUCCESS;
}

/* Connections that a tcp:// rule lets out are relayed, whatever is in them. */
static bool is_relayed(const struct policy *policy, const struct question *question,
		       struct policy_verdict *verdict)
{
	enum policy_scheme scheme = question->scheme == POLICY_UDP ? POLICY_UDP : POLICY_TCP;

	return policy_decide_flow(policy, scheme, &question->host, question->port, verdict);
}

static int explain(const struct policy *policy, const struct diagnostics *source,
		   const struct question *question)
{
	struct policy_request request = {
		.scheme = question->scheme,
		.host = &question->host,
		.port = question->port,
		.method = question->method,
		.path = &question->path,
		.websocket = question->websocket,
	};
	struct policy_verdict verdict;
	enum policy_tls_route route;

	if (question->refusal) {
		printf("verdict:  deny\nreason:   %s, whatever the rules say\n", question->refusal);
		return EXIT_FAILURE;
	}
	if (is_relayed(policy, question, &verdict))
		return explain_pass(source, question, &verdict);
	if (is_flow(question))
		return explain_denial(policy, source, question, &request, &verdict);
	if (question->scheme == POLICY_HTTP)
		return explain_request(policy, source, question, &request);
	route = policy_decide_tls(policy, &question->host, question->port, &verdict);
	if (route == POLICY_TLS_PASS)
		return explain_pass(source, question, &verdict);
	if (route == POLICY_TLS_REFUSE)
		return explain_denial(policy, source, question, &request, &verdict);
	request.scheme = POLICY_HTTPS;
	return explain_request(policy, source, question, &request);
}

static int explain_file(const char *file, const struct question *question)
{
	struct diagnostics diagnostics;
	struct policy *policy = policy_open(file, &diagnostics);
	int status = policy ? explain(policy, &diagnostics, question) : EXIT_FAILURE;

	diagnostics_release(&diagnostics);
	policy_free(policy);
	return status;
}

static const struct option_row rows[] = {
	{'p', "policy", "FILE", "the policy (" POLICY_DEFAULT_FILE ")"},
};

static const struct command_help help = {
	.usage = "sallyport policy explain [-p FILE] METHOD URL\n"
		 "       sallyport policy explain [-p FILE] tcp://HOST:PORT|udp://HOST:PORT",
	.text = "Says what the policy does with a request, by which rule and why, which secrets "
		"may\n"
		"go in, and what would allow it; a WebSocket is asked for by wss:// or ws://.\n"
		"Ends with 0 if it is allowed, with 1 if not.",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
};

int policy_command_explain(int argc, char **argv)
{
	const char *file = POLICY_DEFAULT_FILE, *value;
	struct question question = {0};
	CLEANUP(arena_free) struct arena arena;
	struct options options;
	int letter;

	arena_init(&arena, PATH_ARENA_BYTES);
	options_init(&options, &help, argc, argv);
	while ((letter = options_next(&options, &value)) > OPTIONS_END)
		file = value;
	if (letter < 0)
		return letter == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
	if (argc - options.next == 2)
		question.method = slice_from_text(argv[options.next++]);
	if (argc - options.next != 1 ||
	    !is_asked_right(slice_from_text(argv[options.next]), &question)) {
		say("policy explain needs a method and a URL, as in: GET https://example.com/ (or "
		    "tcp://HOST:PORT)");
		return EXIT_USAGE;
	}
	if (parse_url(slice_from_text(argv[options.next]), &arena, &question) < 0)
		return EXIT_USAGE;
	return explain_file(file, &question);
}
