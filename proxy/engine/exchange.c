#include "proxy/engine/exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/wallclock.h"
#include "proxy/engine/answer.h"
#include "proxy/engine/exchange_judge.h"
#include "proxy/engine/exchange_record.h"
#include "proxy/engine/exchange_scrub.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

enum { COLLECT_MAX_BYTES = 64 << 10 };

static void release(struct grave *grave)
{
	struct exchange *exchange = container_of(grave, struct exchange, grave);

	arena_free(&exchange->arena);
	free(exchange);
}

static void end(struct exchange *exchange, bool cut)
{
	exchange->state = EXCHANGE_OVER;
	if (exchange->reserved)
		sandbox_release_record(exchange->sandbox);
	exchange->reserved = false;
	if (exchange->origin)
		exchange->origin->ops->abort(exchange->origin);
	exchange->origin = NULL;
	deadline_stop(&exchange->deadline);
	secret_body_free(&exchange->body);
	buffer_free(&exchange->collected);
	flow_free(&exchange->response_flow);
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
		end(exchange, true);
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
	end(exchange, false);
}

static void fail(struct exchange *exchange, int status, const char *why)
{
	/* An address that may not be dialled is a verdict; everything else is a failure. */
	struct answer answer = {.status = status, .is_denial = status == 403, .reason = why};

	answer_and_end(exchange, &answer);
}

static void too_late(struct deadline *deadline)
{
	struct exchange *exchange = container_of(deadline, struct exchange, deadline);

	fail(exchange, 504, "the origin did not answer in time");
}

static void give_to_client(void *owner, struct slice data)
{
	struct exchange *exchange = owner;

	exchange->ops->data(exchange->leg, data);
}

static bool is_client_congested(void *owner)
{
	struct exchange *exchange = owner;

	return exchange->ops->is_congested(exchange->leg);
}

static const struct flow_sink client_sink = {give_to_client, is_client_congested};

struct exchange *exchange_create(struct sandbox *sandbox, const struct client_facts *facts,
				 const struct client_leg_ops *ops, void *leg)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->sandbox = sandbox;
	exchange->facts = facts;
	exchange->ops = ops;
	exchange->leg = leg;
	arena_init(&exchange->arena, HTTP_ARENA_MAX_BYTES);
	http_message_init(&exchange->request, &exchange->arena);
	deadline_init(&exchange->deadline, sandbox->engine->loop, too_late);
	buffer_init(&exchange->collected, COLLECT_MAX_BYTES);
	flow_init(&exchange->response_flow, &client_sink, exchange, sandbox->engine->flow_scratch);
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
	fail(exchange, 503,
	     "the audit log cannot take a record, so nothing is let through until it can");
	return false;
}

static void connect_origin(struct exchange *exchange, bool fresh)
{
	exchange->state = EXCHANGE_CONNECTING;
	if (origin_acquire(exchange->sandbox, exchange, fresh) < 0 &&
	    exchange->state == EXCHANGE_CONNECTING)
		fail(exchange, 503, "too many connections to origins are being made at once");
}

static bool must_collect(const struct exchange *exchange)
{
	return exchange->scans_body && secret_body_may_change(&exchange->sandbox->secrets) &&
	       exchange->request.body == HTTP_BODY_SIZED;
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
	if (exchange->scans_body)
		secret_body_init(&exchange->body, &exchange->sandbox->secrets, &exchange->plan);
	if (!must_collect(exchange)) {
		connect_origin(exchange, false);
		return;
	}
	/* The body may lose bytes: a short one is collected and its length set right, a long one is
	 * re-framed. */
	if (exchange->request.body_bytes > COLLECT_MAX_BYTES) {
		exchange->request.body = HTTP_BODY_STREAM;
		connect_origin(exchange, false);
		return;
	}
	exchange->state = EXCHANGE_COLLECTING;
	let_body_come(exchange);
}

void exchange_request(struct exchange *exchange)
{
	struct answer answer;

	if (!reserve(exchange))
		return;
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

/* Passes a piece of the body through the scanner. False: the exchange is over. */
static bool scan(struct exchange *exchange, struct slice data, bool last, struct slice *out)
{
	int rc;

	*out = data;
	if (!exchange->scans_body)
		return true;
	rc = secret_body_feed(&exchange->body, data, last, out);
	if (rc == 0)
		return true;
	if (rc == ERROR_DENIED && exchange->sandbox->policy->mode == POLICY_OBSERVE) {
		exchange->would_deny = true;
		exchange->would_reason = "a placeholder in the body is misused";
		exchange->plan.refusal = NULL;
		exchange->plan.kill = false;
		return true;
	}
	if (rc == ERROR_DENIED)
		refuse_misuse(exchange);
	else
		fail(exchange, 503, "out of memory");
	return false;
}

static void send_body(struct exchange *exchange, struct slice data)
{
	/* An origin that has answered early wants no more of it. */
	if (data.len == 0 || !exchange->origin)
		return;
	exchange->origin->ops->send_data(exchange->origin, data);
	if (exchange->origin->ops->is_congested(exchange->origin))
		exchange->ops->pause_request(exchange->leg, true);
}

void exchange_request_data(struct exchange *exchange, struct slice data)
{
	struct slice out;

	if (exchange->state == EXCHANGE_OVER)
		return;
	exchange->request_bytes += data.len;
	if (!scan(exchange, data, false, &out))
		return;
	if (exchange->state == EXCHANGE_COLLECTING) {
		if (buffer_append(&exchange->collected, out) < 0)
			fail(exchange, 503, "out of memory");
		return;
	}
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	send_body(exchange, out);
}

static void finish_request(struct exchange *exchange, const struct http_fields *trailers)
{
	if (!exchange->origin)
		return;
	exchange->origin->ops->send_end(exchange->origin, trailers);
	exchange->request_sent = true;
}

static bool end_of_collection(struct exchange *exchange)
{
	if (exchange->state != EXCHANGE_COLLECTING)
		return false;
	exchange->request.body_bytes = buffer_length(&exchange->collected);
	connect_origin(exchange, false);
	return true;
}

void exchange_request_end(struct exchange *exchange, struct http_fields *trailers)
{
	struct slice rest = SLICE_EMPTY;
	struct answer answer;

	if (exchange->state == EXCHANGE_OVER)
		return;
	exchange->request_ended = true;
	if (!scan(exchange, SLICE_EMPTY, true, &rest))
		return;
	if (trailers && trailers->count && !exchange_judge_trailers(exchange, trailers, &answer)) {
		answer_and_end(exchange, &answer);
		return;
	}
	if (exchange->state == EXCHANGE_COLLECTING && rest.len &&
	    buffer_append(&exchange->collected, rest) < 0) {
		fail(exchange, 503, "out of memory");
		return;
	}
	if (trailers)
		exchange->trailers = *trailers;
	if (end_of_collection(exchange) || !exchange->head_sent)
		return;
	send_body(exchange, rest);
	finish_request(exchange, trailers);
}

void exchange_client_gone(struct exchange *exchange, const char *why)
{
	if (exchange->state == EXCHANGE_OVER)
		return;
	exchange_write_record(exchange, true, why);
	end(exchange, true);
}

/* The response has gone to the client. */
static void finish_response(struct exchange *exchange)
{
	exchange->ops->end(exchange->leg, &exchange->response_trailers);
	exchange_write_record(exchange, true, NULL);
	end(exchange, false);
}

/* What became of the response's flow. False: the exchange is over. */
static bool follow_response_flow(struct exchange *exchange, int state)
{
	char why[256];

	if (state < 0) {
		snprintf(why, sizeof(why), "the origin's response cannot be looked through: %s",
			 exchange->response_flow.why);
		fail(exchange, 502, why);
		return false;
	}
	if (state != FLOW_DONE)
		return true;
	finish_response(exchange);
	return false;
}

void exchange_client_drained(struct exchange *exchange)
{
	if (exchange->state == EXCHANGE_OVER)
		return;
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	if (exchange->response_flows &&
	    !follow_response_flow(exchange, flow_resume(&exchange->response_flow)))
		return;
	if (exchange->origin && exchange->response_flow.state != FLOW_BLOCKED)
		exchange->origin->ops->pause(exchange->origin, false);
}

void exchange_origin_drained(struct exchange *exchange)
{
	if (exchange->state == EXCHANGE_OVER)
		return;
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	if (!exchange->request_ended)
		exchange->ops->pause_request(exchange->leg, false);
}

void exchange_origin_ready(struct exchange *exchange)
{
	struct slice collected = buffer_slice(&exchange->collected);
	struct origin *origin = exchange->origin;
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
		fail(exchange, 502, "the request could not be written anew");
		return;
	}
	exchange->head_sent = true;
	exchange->state = EXCHANGE_SENDING;
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	send_body(exchange, collected);
	if (exchange->request_ended)
		finish_request(exchange, &exchange->trailers);
	else
		exchange->ops->pause_request(exchange->leg, false);
}

/* Sending anew is possible when nothing of the body is lost, and safe when the origin has not acted
 * on the request, or when acting twice does no harm (RFC 9110 section 9.2.2). */
static bool may_retry(const struct exchange *exchange, enum origin_failure kind)
{
	bool has_whole_body = exchange->request.body == HTTP_BODY_NONE ||
			      exchange->request_bytes == 0 ||
			      buffer_length(&exchange->collected) > 0;

	if (exchange->was_retried || exchange->state == EXCHANGE_RESPONDING ||
	    exchange->informational > 0 || !has_whole_body)
		return false;
	return kind == ORIGIN_UNPROCESSED ||
	       (kind == ORIGIN_CLOSED_EARLY && http_method_is_idempotent(exchange->request.method));
}

void exchange_origin_failed(struct exchange *exchange, int status, const char *why,
			    enum origin_failure kind)
{
	exchange->origin = NULL;
	if (!may_retry(exchange, kind)) {
		fail(exchange, status, why);
		return;
	}
	exchange->was_retried = true;
	exchange->head_sent = false;
	exchange->request_sent = false;
	exchange->ops->pause_request(exchange->leg, true);
	connect_origin(exchange, true);
}

static void respond_informational(struct exchange *exchange, struct http_message *response)
{
	if (response->status == 101) {
		fail(exchange, 502, "the origin changed the protocol, which was not asked for");
		return;
	}
	if (++exchange->informational > LIMIT_INFORMATIONAL) {
		fail(exchange, 502, "the origin sent too many informational responses");
		return;
	}
	exchange->ops->respond(exchange->leg, response, false);
}

void exchange_response(struct exchange *exchange, struct http_message *response)
{
	const char *why;

	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	/* It would advertise HTTP/3, for which there is no way out (design section 1). */
	http_fields_remove(&response->fields, FIELD_ALT_SVC);
	if (exchange_scrub_response(exchange, response, &why) < 0) {
		fail(exchange, 502, why);
		return;
	}
	/* Which answers are our own is for us to say. */
	http_fields_remove(&response->fields, FIELD_SALLYPORT_VERDICT);
	if (response->status < 200) {
		respond_informational(exchange, response);
		return;
	}
	exchange->status = response->status;
	exchange->state = EXCHANGE_RESPONDING;
	exchange->ops->respond(exchange->leg, response, false);
}

void exchange_response_data(struct exchange *exchange, struct slice data)
{
	exchange->response_bytes += data.len;
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	if (!exchange->response_flows)
		exchange->ops->data(exchange->leg, data);
	else if (!follow_response_flow(exchange, flow_feed(&exchange->response_flow, data, false)))
		return;
	if (exchange->ops->is_congested(exchange->leg))
		exchange->origin->ops->pause(exchange->origin, true);
}

void exchange_response_end(struct exchange *exchange, struct http_fields *trailers)
{
	struct origin *origin = take_ptr(exchange->origin);

	/* An origin that answered early may still be waiting for the rest of the request. */
	if (exchange->request_sent)
		origin->ops->release(origin);
	else
		origin->ops->abort(origin);
	/* What cannot be scrubbed does not pass. */
	if (trailers && exchange_scrub_fields(exchange, trailers) == 0)
		exchange->response_trailers = *trailers;
	if (exchange->response_flows)
		follow_response_flow(exchange,
				     flow_feed(&exchange->response_flow, SLICE_EMPTY, true));
	else
		finish_response(exchange);
}
