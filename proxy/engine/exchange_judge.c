#include "proxy/engine/exchange_judge.h"

#include <stdio.h>

#include "base/error.h"
#include "proxy/engine/sandbox.h"
#include "proxy/engine/websocket.h"
#include "proxy/secret/credentials.h"
#include "proxy/secret/signature.h"

enum { FOREIGN_NAME_BYTES = 64 };

static bool refuse(struct answer *answer, int status, const char *reason)
{
	*answer = (struct answer){.status = status, .is_denial = true, .reason = reason};
	return false;
}

static bool is_observing(const struct exchange *exchange)
{
	return exchange->sandbox->policy->mode == POLICY_OBSERVE;
}

/* In observe mode what the policy would refuse goes on, and is marked. Only the policy's refusals:
 * what HTTP or the rules that never bend refuse is refused in any mode. */
static bool refuse_by_policy(struct exchange *exchange, struct answer *answer, const char *reason)
{
	if (!is_observing(exchange))
		return refuse(answer, 403, reason);
	exchange->would_deny = true;
	exchange->would_reason = reason;
	return true;
}

/* One authority: the name of the connection, and what the request says, must agree (design section
 * 3, rule 2). */
static bool check_authority(struct exchange *exchange, struct answer *answer)
{
	const struct client_facts *facts = exchange->facts;
	const struct http_message *request = &exchange->request;
	char asked[HOST_AUTHORITY_MAX + 1], connected[HOST_AUTHORITY_MAX + 1];
	uint16_t default_port = policy_scheme_port(facts->scheme);

	if ((!facts->has_host || host_equal(&facts->host, &request->host)) &&
	    facts->port == request->port)
		return true;
	host_format_authority(&request->host, request->port, default_port, asked);
	host_format_authority(facts->has_host ? &facts->host : &request->host, facts->port,
			      default_port, connected);
	snprintf(exchange->why, sizeof(exchange->why),
		 "the request is for %s, but the connection was made to %s", asked, connected);
	return refuse(answer, 421, exchange->why);
}

static bool check_upgrade(struct exchange *exchange, struct answer *answer)
{
	struct slice rest = exchange->request.upgrade, part;

	if (rest.len == 0)
		return true;
	if (websocket_is_asked_for(&exchange->request))
		return true;
	if (exchange->request.is_h2)
		return refuse(answer, 501,
			      "the request is a CONNECT to another protocol than WebSocket");
	/* A server may ignore an Upgrade (RFC 9110 section 7.8), and HTTP/2 without TLS is ignored.
	 */
	while (slice_next_part(&rest, ',', &part)) {
		if (!slice_equal_nocase(slice_trim(part), SLICE_LITERAL("h2c")))
			return refuse(answer, 403,
				      "the request asks for an upgrade to another protocol than "
				      "WebSocket");
	}
	exchange->request.upgrade = SLICE_EMPTY;
	return true;
}

/* Of a WebSocket that a rule allows. */
static bool check_handshake(struct exchange *exchange, struct answer *answer)
{
	const char *why;
	int rc;

	if (exchange->request.upgrade.len == 0)
		return true;
	rc = websocket_ask(exchange, &why);
	return rc == 0 || refuse(answer, rc == ERROR_SYNTAX ? 400 : 503, why);
}

static bool canonicalise(struct exchange *exchange, struct path *path, struct answer *answer)
{
	struct http_message *request = &exchange->request;
	const char *why = "";
	int rc;

	if (request->path.ptr[0] != '/')
		return refuse(answer, 403, "a request for * names no path that a rule could allow");
	rc = path_canonicalise(request->path, &exchange->arena, path, &why);
	if (rc == ERROR_SYNTAX) {
		snprintf(exchange->why, sizeof(exchange->why),
			 "the path can be read in more than one way: %s", why);
		return refuse(answer, 400, exchange->why);
	}
	if (rc < 0)
		return refuse(answer, 414, "the path is too long");
	request->path = path->text;
	return true;
}

static struct policy_request question(const struct exchange *exchange, const struct path *path)
{
	const struct http_message *request = &exchange->request;

	return (struct policy_request){
		.scheme = request->scheme,
		.host = &request->host,
		.port = request->port,
		.method = request->method,
		.path = path,
		.websocket = websocket_is_asked_for(request),
	};
}

/* What would allow the request, as two lines of YAML; NULL when no rule could. */
static const char *suggest(struct exchange *exchange, const struct policy_request *asked)
{
	char *text = exchange->allow_with;
	size_t len = policy_suggest(asked, text, sizeof(exchange->allow_with) - 1);
	size_t line_break = slice_find(slice_of(text, len), SLICE_LITERAL("; "));

	if (line_break == len)
		return NULL;
	memmove(text + line_break + 3, text + line_break + 2, len - line_break - 2);
	memcpy(text + line_break, "\n  ", 3);
	text[len + 1] = '\0';
	return text;
}

static bool decide(struct exchange *exchange, const struct path *path, struct answer *answer)
{
	struct policy_request asked = question(exchange, path);

	policy_decide_request(exchange->sandbox->policy, &asked, &exchange->verdict);
	if (exchange->verdict.allow)
		return true;
	if (refuse_by_policy(exchange, answer, exchange->verdict.reason))
		return true;
	answer->allow_with = suggest(exchange, &asked);
	return false;
}

/* Fields by which a server may take the method or the path for another than the one that was judged
 * (threats P11, P12). */
static void strip_overrides(struct exchange *exchange)
{
	static const enum http_field_id overrides[] = {
		FIELD_X_HTTP_METHOD,  FIELD_X_HTTP_METHOD_OVERRIDE, FIELD_X_METHOD_OVERRIDE,
		FIELD_X_ORIGINAL_URL, FIELD_X_REWRITE_URL,
	};

	for (size_t i = 0; i < sizeof(overrides) / sizeof(overrides[0]); i++)
		http_fields_remove(&exchange->request.fields, overrides[i]);
}

static void describe_misuse(struct exchange *exchange, const struct secret_misuse *misuse)
{
	const struct policy_secret *secret = misuse->entry->policy;
	const struct policy_use *use = &secret->uses[0];

	snprintf(exchange->why, sizeof(exchange->why),
		 "the placeholder of %s stands in the %s%s, where it is not bound to; it is bound "
		 "to %.*s at %.*s%s%s",
		 secret->name, secret_place_name(misuse->place),
		 misuse->disguised ? ", in disguise" : "", SLICE_ARGS(use->slot.text),
		 SLICE_ARGS(use->at.text), secret->use_count > 1 ? ", among others" : "",
		 misuse->action == SECRET_KILLED ? "; for this, the sandbox is ended" : "");
}

void exchange_refuse_misuse(struct exchange *exchange, struct answer *answer)
{
	struct sandbox *sandbox = exchange->sandbox;

	describe_misuse(exchange, exchange->plan.refusal);
	refuse(answer, 403, exchange->why);
	if (exchange->plan.kill && !sandbox->killed) {
		sandbox->killed = true;
		sandbox->on_kill(sandbox, exchange->plan.refusal->entry);
	}
}

bool exchange_lets_misuse_pass(struct exchange *exchange)
{
	struct secret_plan *plan = &exchange->plan;

	if (!is_observing(exchange))
		return false;
	if (plan->refusal) {
		describe_misuse(exchange, plan->refusal);
		exchange->would_reason = exchange->why;
	} else if (!exchange->would_reason) {
		exchange->would_reason = "the body of the request cannot be looked through";
	}
	exchange->would_deny = true;
	for (size_t i = 0; i < plan->misuse_count; i++) {
		if (plan->misuses[i].action >= SECRET_BLOCKED)
			plan->misuses[i].action = SECRET_PASSED;
	}
	plan->refusal = NULL;
	plan->kill = false;
	return true;
}

static bool check_misuse(struct exchange *exchange, struct answer *answer)
{
	if (!exchange->plan.refusal || exchange_lets_misuse_pass(exchange))
		return true;
	exchange_refuse_misuse(exchange, answer);
	return false;
}

static bool refuse_plan(struct answer *answer, int rc)
{
	if (rc == -ENOMEM)
		return refuse(answer, 503, "out of memory");
	return refuse(answer, 431, "the request has more placeholders than are supported");
}

/* What is left of a path that something was taken out of is judged like any other. */
static bool settle_path(struct exchange *exchange, struct path *path, struct answer *answer)
{
	struct http_message *request = &exchange->request;
	int rc;

	do {
		struct policy_request asked = question(exchange, path);

		rc = secret_plan_begin(&exchange->plan, exchange->sandbox->policy, &asked);
		if (rc == 0)
			rc = secret_plan_path(&exchange->sandbox->secrets, request,
					      &exchange->plan);
		if (rc == 1 &&
		    (!canonicalise(exchange, path, answer) || !decide(exchange, path, answer)))
			return false;
	} while (rc == 1);
	return rc < 0 ? refuse_plan(answer, rc) : true;
}

/* What the rule that allows the request does to it before its placeholders are looked at. */
static int apply_rule(struct exchange *exchange, const struct policy_rule *rule)
{
	int rc = 0;

	if (rule->credentials == POLICY_CREDENTIALS_NONE)
		rc = credentials_take_out(&exchange->plan, &exchange->request);
	if (rc == 0)
		rc = secret_plan_set(rule, &exchange->request, &exchange->plan);
	return rc;
}

static bool plan_secrets(struct exchange *exchange, struct path *path, struct answer *answer)
{
	int rc = 0;

	if (!settle_path(exchange, path, answer))
		return false;
	if (exchange->verdict.allow)
		rc = apply_rule(exchange, exchange->verdict.rule);
	if (rc == 0)
		rc = secret_plan_make(&exchange->sandbox->secrets, &exchange->request,
				      &exchange->plan);
	return rc < 0 ? refuse_plan(answer, rc) : check_misuse(exchange, answer);
}

/* A credential that is none of ours, where the rule wants none such (threat S20). */
static bool check_credentials(struct exchange *exchange, struct answer *answer)
{
	const struct policy_rule *rule = exchange->verdict.rule;
	struct credentials_foreign foreign;

	if (!exchange->verdict.allow || rule->credentials != POLICY_CREDENTIALS_OURS)
		return true;
	if (credentials_find_foreign(&exchange->plan, &exchange->request, &foreign) < 0)
		return refuse(answer, 503, "out of memory");
	if (!foreign.where)
		return true;
	foreign.name = slice_first(foreign.name, FOREIGN_NAME_BYTES);
	if (strcmp(foreign.where, "path") == 0)
		snprintf(exchange->why, sizeof(exchange->why),
			 "the path has something else where the placeholder of %.*s belongs, and "
			 "rules[%zu] takes no other credentials",
			 SLICE_ARGS(foreign.name), rule->index);
	else
		snprintf(exchange->why, sizeof(exchange->why),
			 "the %s \"%.*s\" has a credential that is no placeholder of this "
			 "sandbox, and rules[%zu] takes no other credentials",
			 foreign.where, SLICE_ARGS(foreign.name), rule->index);
	return refuse_by_policy(exchange, answer, exchange->why);
}

/* A signature that the sender has made is over placeholders: what is sent would not hold. */
static bool check_signature(struct exchange *exchange, struct answer *answer)
{
	const char *signature;

	/* What goes into a body is known when it comes (exchange_body.h). */
	if (exchange->plan.item_count == 0 && !exchange->plan.rule)
		return true;
	signature = signature_of(&exchange->request);
	if (!signature)
		return true;
	snprintf(exchange->why, sizeof(exchange->why),
		 "the request is signed (%s), and a secret would be put into it: the signature was "
		 "made over the placeholder and would not hold",
		 signature);
	return refuse(answer, 403, exchange->why);
}

/* The connection was refused when its name was known; what would allow this very request can be
 * told now. */
static bool refuse_connection(struct exchange *exchange, struct answer *answer)
{
	const struct client_facts *facts = exchange->facts;
	struct http_message *request = &exchange->request;
	struct policy_request asked;
	struct path path;
	const char *why;

	exchange->verdict.rule = facts->refusal.rule;
	refuse(answer, facts->refusal_status, facts->refusal.reason);
	/* No rule helps a client that names no server, or another one than it asks for. */
	if (!facts->is_denied_by_policy || !host_equal(&facts->host, &request->host) ||
	    request->path.len == 0 ||
	    path_canonicalise(request->path, &exchange->arena, &path, &why) < 0)
		return false;
	asked = question(exchange, &path);
	answer->allow_with = suggest(exchange, &asked);
	return false;
}

bool exchange_judge(struct exchange *exchange, struct answer *answer)
{
	const struct client_facts *facts = exchange->facts;
	struct path path;

	*answer = (struct answer){0};
	if (exchange->sandbox->killed)
		return refuse(answer, 403, "the sandbox has ended");
	if (facts->is_refused)
		return refuse_connection(exchange, answer);
	if (!check_authority(exchange, answer) || !check_upgrade(exchange, answer) ||
	    !canonicalise(exchange, &path, answer) || !decide(exchange, &path, answer) ||
	    !check_handshake(exchange, answer))
		return false;
	/* Before secrets are planned, as the plan knows fields by their place. */
	strip_overrides(exchange);
	if (!plan_secrets(exchange, &path, answer) || !check_credentials(exchange, answer) ||
	    !check_signature(exchange, answer) || !exchange_body_begin(exchange, answer))
		return false;
	exchange->would_deny |= facts->would_deny;
	if (facts->would_deny && !exchange->would_reason)
		exchange->would_reason = facts->refusal.reason;
	return true;
}

bool exchange_judge_trailers(struct exchange *exchange, struct http_fields *trailers,
			     struct answer *answer)
{
	const struct policy_verdict *verdict = &exchange->verdict;
	int rc;

	*answer = (struct answer){0};
	if (verdict->allow && verdict->rule->credentials != POLICY_CREDENTIALS_ANY)
		credentials_drop_trailers(&exchange->plan, trailers);
	rc = secret_plan_trailers(&exchange->sandbox->secrets, trailers, &exchange->arena,
				  &exchange->plan);
	return rc < 0 ? refuse_plan(answer, rc) : check_misuse(exchange, answer);
}
