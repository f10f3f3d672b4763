#include "proxy/engine/exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/wallclock.h"
#include "proxy/engine/answer.h"
#include "proxy/engine/exchange_judge.h"
#include "proxy/engine/exchange_life.h"
#include "proxy/engine/exchange_record.h"
#include "proxy/engine/exchange_scrub.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"
#include "proxy/engine/websocket.h"

static void release(struct grave *grave)
{
	struct exchange *exchange = container_of(grave, struct exchange, grave);

	/* A server may have sent a secret back in its head. */
	if (exchange->scrub == EXCHANGE_SCRUB_NONE)
		arena_free(&exchange->arena);
	else
		arena_wipe(&exchange->arena);
	free(exchange);
}

void exchange_finish(struct exchange *exchange, bool cut)
{
	exchange->state = EXCHANGE_OVER;
	if (exchange->reserved)
		sandbox_release_record(exchange->sandbox);
	exchange->reserved = false;
	if (exchange->origin)
		exchange->origin->ops->abort(exchange->origin);
	exchange->origin = NULL;
	deadline_stop(&exchange->deadline);
	deadline_stop(&exchange->idle);
	websocket_free(exchange);
	exchange_body_free(&exchange->body);
	flow_free(&exchange->response_flow);
	generation_leave(exchange->sandbox, &exchange->request_use);
	generation_leave(exchange->sandbox, &exchange->response_use);
	engine_bury(exchange->sandbox->engine, &exchange->grave, release);
	exchange->ops->over(exchange->leg, cut);
}

static void set_why(struct exchange *exchange, const char *why)
{
	if (why != exchange->why)
		snprintf(exchange->why, sizeof(exchange->why), "%s", why);
}

/* Ends the exchange with an answer of our own; if the origin's was begun already, the client is cut
 * off instead. */
static void answer_and_end(struct exchange *exchange, const struct answer *answer)
{
	struct http_message response;
	struct slice body;

	set_why(exchange, answer->reason);
	if (exchange->state == EXCHANGE_RESPONDING ||
	    answer_make(exchange, answer, &response, &body) < 0) {
		exchange_write_record(exchange, !answer->is_denial,
				      answer->is_denial ? NULL : exchange->why);
		exchange_finish(exchange, true);
		return;
	}
	exchange->status = answer->status;
	exchange->response_bytes = body.len;
	exchange_write_record(exchange, !answer->is_denial,
			      answer->is_denial ? NULL : exchange->why);
	exchange->ops->respond(exchange->leg, &response, true);
	if (body.len)
		exchange->ops->data(exchange->leg, body);
	exchange->ops->end(exchange->leg, NULL);
	exchange_finish(exchange, false);
}

void exchange_fail(struct exchange *exchange, int status, const char *why)
{
	/* An address that may not be dialled is a verdict; everything else is a failure. */
	struct answer answer = {.status = status, .is_denial = status == 403, .reason = why};

	answer_and_end(exchange, &answer);
}

static void too_late(struct deadline *deadline)
{
	struct exchange *exchange = container_of(deadline, struct exchange, deadline);

	if (exchange->websocket) {
		websocket_late(exchange);
		return;
	}
	exchange_fail(exchange, 504, "the origin did not answer in time");
}

struct exchange *exchange_create(struct sandbox *sandbox, const struct client_facts *facts,
				 const struct client_leg_ops *ops, void *leg)
{
	struct exchange *exchange = malloc(sizeof(*exchange));

	if (!exchange)
		return NULL;
	memset(exchange, 0, offsetof(struct exchange, why));
	exchange->why[0] = '\0';
	exchange->allow_with[0] = '\0';
	exchange->sandbox = sandbox;
	exchange->facts = facts;
	exchange->ops = ops;
	exchange->leg = leg;
	arena_init(&exchange->arena, HTTP_ARENA_MAX_BYTES);
	http_message_init(&exchange->request, &exchange->arena);
	deadline_init(&exchange->deadline, sandbox->engine->loop, too_late);
	exchange_response_init(exchange);
	exchange->started_us = monotonic_now_us();
	exchange->time_us = wallclock_now_us();
	return exchange;
}

bool exchange_carries_secret(const struct exchange *exchange)
{
	return secret_plan_has_secrets(&exchange->plan);
}

/* A record is reserved before anything is done that it would tell of. */
static bool reserve(struct exchange *exchange)
{
	exchange->reserved = sandbox_reserve_record(exchange->sandbox);
	if (exchange->reserved || exchange->sandbox->policy->audit_full == POLICY_AUDIT_CONTINUE)
		return true;
	exchange_fail(exchange, 503,
		      "the audit log cannot take a record, so nothing is let through until it can");
	return false;
}

static void connect_origin(struct exchange *exchange, bool fresh)
{
	exchange->state = EXCHANGE_CONNECTING;
	if (origin_acquire(exchange->sandbox, exchange, fresh) < 0 &&
	    exchange->state == EXCHANGE_CONNECTING)
		exchange_fail(exchange, 503,
			      "too many connections to origins are being made at once");
}

/* The client waits for leave to send its body, which we want before we have asked the origin. */
static void let_body_come(struct exchange *exchange)
{
	struct http_message go_on;

	if (exchange->request.expect_continue) {
		exchange->request.expect_continue = false;
		http_message_init(&go_on, &exchange->arena);
		go_on.status = 100;
		go_on.bodiless = true;
		exchange->ops->respond(exchange->leg, &go_on, false);
	}
	exchange->ops->pause_request(exchange->leg, false);
}

static void begin(struct exchange *exchange)
{
	if (exchange->body.plan == BODY_COLLECT) {
		exchange->state = EXCHANGE_COLLECTING;
		let_body_come(exchange);
	} else {
		connect_origin(exchange, false);
	}
}

void exchange_request(struct exchange *exchange)
{
	struct answer answer;

	if (!reserve(exchange))
		return;
	generation_use(exchange->sandbox, &exchange->request_use, &exchange->plan);
	if (!exchange_judge(exchange, &answer)) {
		answer_and_end(exchange, &answer);
		return;
	}
	exchange_scrub_request(exchange);
	begin(exchange);
}

void exchange_request_bad(struct exchange *exchange, int status, const char *why)
{
	struct answer answer = {.status = status, .is_denial = true, .reason = why};

	if (exchange->state == EXCHANGE_OVER)
		return;
	if (exchange->state == EXCHANGE_NEW && !exchange->reserved && !reserve(exchange))
		return;
	answer_and_end(exchange, &answer);
}

static void refuse_misuse(struct exchange *exchange)
{
	struct answer answer;

	exchange_refuse_misuse(exchange, &answer);
	answer_and_end(exchange, &answer);
}

/* The body cannot go on, for RC and WHY (exchange_body.h). */
static void refuse_body(struct exchange *exchange, int rc, const char *why)
{
	struct answer answer = {.status = 400, .is_denial = true, .reason = exchange->why};

	if (rc == ERROR_DENIED && exchange->plan.refusal) {
		refuse_misuse(exchange);
		return;
	}
	if (rc == ERROR_DENIED) {
		answer.status = 403;
		snprintf(exchange->why, sizeof(exchange->why),
			 "the body of the request would have to be changed, which cannot be: %s",
			 why);
	} else if (rc == -ENOMEM) {
		answer.status = 503;
		answer.is_denial = false;
		snprintf(exchange->why, sizeof(exchange->why), "out of memory");
	} else {
		snprintf(exchange->why, sizeof(exchange->why),
			 "the body of the request cannot be looked through: %s", why);
	}
	answer_and_end(exchange, &answer);
}

static void finish_request(struct exchange *exchange)
{
	exchange->request_sent = true;
	if (exchange->origin)
		exchange->origin->ops->send_end(exchange->origin, &exchange->trailers);
}

/* What became of the body: STATE is a flow_state, or a negative code with WHY. */
static void follow_body(struct exchange *exchange, int state, const char *why)
{
	struct origin *origin = exchange->origin;

	if (state < 0)
		refuse_body(exchange, state, why);
	else if (state == FLOW_DONE)
		finish_request(exchange);
	else if (origin && origin->ops->is_congested(origin))
		exchange->ops->pause_request(exchange->leg, true);
}

void exchange_request_data(struct exchange *exchange, struct slice data)
{
	const char *why = NULL;
	int rc;

	if (exchange->state == EXCHANGE_OVER)
		return;
	exchange->request_bytes += data.len;
	if (exchange->websocket) {
		websocket_from_client(exchange, data);
		return;
	}
	if (exchange->state == EXCHANGE_COLLECTING) {
		rc = exchange_body_collect(&exchange->body, data, &why);
		if (rc < 0)
			refuse_body(exchange, rc, why);
		return;
	}
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	rc = exchange_body_feed(&exchange->body, data, false, &why);
	follow_body(exchange, rc, why);
}

static void end_collection(struct exchange *exchange)
{
	const char *why = NULL;
	int rc = exchange_body_measure(&exchange->body, &why);

	if (rc < 0)
		refuse_body(exchange, rc, why);
	else
		connect_origin(exchange, false);
}

/* False: the exchange is over. */
static bool take_trailers(struct exchange *exchange, struct http_fields *trailers)
{
	struct answer answer;

	if (!trailers || trailers->count == 0)
		return true;
	if (!exchange_judge_trailers(exchange, trailers, &answer)) {
		answer_and_end(exchange, &answer);
		return false;
	}
	exchange->trailers = *trailers;
	return true;
}

void exchange_request_end(struct exchange *exchange, struct http_fields *trailers)
{
	const char *why = NULL;
	int rc;

	if (exchange->state == EXCHANGE_OVER)
		return;
	exchange->request_ended = true;
	if (exchange->websocket) {
		websocket_client_ended(exchange);
		return;
	}
	if (!take_trailers(exchange, trailers))
		return;
	if (exchange->state == EXCHANGE_COLLECTING) {
		end_collection(exchange);
	} else if (exchange->head_sent) {
		rc = exchange_body_feed(&exchange->body, SLICE_EMPTY, true, &why);
		follow_body(exchange, rc, why);
	}
}

void exchange_client_gone(struct exchange *exchange, const char *why)
{
	if (exchange->state == EXCHANGE_OVER)
		return;
	if (exchange->websocket && websocket_is_closing(exchange))
		why = NULL;
	exchange_write_record(exchange, true, why);
	exchange_finish(exchange, true);
}

void exchange_origin_drained(struct exchange *exchange)
{
	const char *why = NULL;
	int state;

	if (exchange->state == EXCHANGE_OVER)
		return;
	if (exchange->websocket) {
		websocket_origin_drained(exchange);
		return;
	}
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	if (exchange->request_sent || !exchange->head_sent)
		return;
	state = exchange_body_resume(&exchange->body, &why);
	if (state == FLOW_OPEN && !exchange->request_ended)
		exchange->ops->pause_request(exchange->leg, false);
	else
		follow_body(exchange, state, why);
}

void exchange_origin_ready(struct exchange *exchange)
{
	struct origin *origin = exchange->origin;
	const char *why = NULL;
	int rc;

	origin->ops->describe(origin, &exchange->origin_facts);
	exchange->has_origin_facts = true;
	rc = origin->ops->send_request(origin);
	if (rc == -EAGAIN) {
		origin->ops->abort(origin);
		exchange_origin_failed(exchange, 503, "the origin takes no more requests now",
				       ORIGIN_UNPROCESSED);
		return;
	}
	if (rc < 0) {
		exchange_fail(exchange, 502, "the request could not be written anew");
		return;
	}
	exchange->head_sent = true;
	exchange->was_sent = true;
	exchange->state = EXCHANGE_SENDING;
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	/* What follows the request for a WebSocket waits until the origin has agreed. */
	if (exchange->handshake) {
		finish_request(exchange);
		return;
	}
	if (!exchange->request_ended) {
		exchange->ops->pause_request(exchange->leg, false);
		return;
	}
	if (exchange->body.plan == BODY_COLLECT)
		rc = exchange_body_send_collected(&exchange->body, &why);
	else
		rc = exchange_body_feed(&exchange->body, SLICE_EMPTY, true, &why);
	follow_body(exchange, rc, why);
}

/* Sending anew is possible when nothing of the body is lost, and safe when the origin has not acted
 * on the request, or when acting twice does no harm (RFC 9110 section 9.2.2). */
static bool may_retry(const struct exchange *exchange, enum origin_failure kind)
{
	bool has_whole_body = exchange->request.body == HTTP_BODY_NONE ||
			      exchange->request_bytes == 0 || exchange->body.plan == BODY_COLLECT;

	if (exchange->was_retried || exchange->state == EXCHANGE_RESPONDING ||
	    exchange->informational > 0 || !has_whole_body)
		return false;
	return kind == ORIGIN_UNPROCESSED ||
	       (kind == ORIGIN_CLOSED_EARLY && http_method_is_idempotent(exchange->request.method));
}

void exchange_origin_failed(struct exchange *exchange, int status, const char *why,
			    enum origin_failure kind)
{
	const char *refusal = NULL;
	int rc;

	exchange->origin = NULL;
	if (exchange->websocket) {
		websocket_origin_ended(exchange);
		return;
	}
	if (!may_retry(exchange, kind)) {
		exchange_fail(exchange, status, why);
		return;
	}
	rc = exchange_body_restart(&exchange->body, &refusal);
	if (rc < 0) {
		refuse_body(exchange, rc, refusal);
		return;
	}
	exchange->was_retried = true;
	exchange->head_sent = false;
	exchange->request_sent = false;
	exchange->ops->pause_request(exchange->leg, true);
	connect_origin(exchange, true);
}

void exchange_end_websocket(struct exchange *exchange, bool allow, const char *error, bool cut)
{
	struct origin *origin = take_ptr(exchange->origin);

	exchange_write_record(exchange, allow, error);
	if (!cut)
		exchange->ops->end(exchange->leg, NULL);
	if (origin)
		origin->ops->release(origin);
	exchange_finish(exchange, cut);
}
