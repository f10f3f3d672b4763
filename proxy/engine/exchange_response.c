/* An exchange's response on its way to the client's leg. */
#include <stdio.h>

#include "base/cleanup.h"
#include "proxy/engine/exchange_life.h"
#include "proxy/engine/exchange_record.h"
#include "proxy/engine/exchange_scrub.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"
#include "proxy/engine/websocket.h"

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

/* The response has gone to the client. */
static void finish_response(struct exchange *exchange)
{
	exchange->ops->end(exchange->leg, &exchange->response_trailers);
	exchange_write_record(exchange, true, NULL);
	exchange_finish(exchange, false);
}

/* What became of the response's flow. False: the exchange is over. */
static bool follow_response_flow(struct exchange *exchange, int state)
{
	char why[256];

	if (state < 0) {
		snprintf(why, sizeof(why), "the origin's response cannot be looked through: %s",
			 exchange->response_flow.why);
		exchange_fail(exchange, 502, why);
		return false;
	}
	if (state != FLOW_DONE)
		return true;
	finish_response(exchange);
	return false;
}

/* Nothing has come for a moment: the client may be waiting for what is held back. */
static void give_out_early(struct deadline *deadline)
{
	struct exchange *exchange = container_of(deadline, struct exchange, idle);

	follow_response_flow(exchange, flow_release(&exchange->response_flow));
}

void exchange_response_init(struct exchange *exchange)
{
	struct engine *engine = exchange->sandbox->engine;

	deadline_init(&exchange->idle, engine->loop, give_out_early);
	flow_init(&exchange->response_flow, &client_sink, exchange, engine->flow_scratch);
}

void exchange_client_drained(struct exchange *exchange)
{
	if (exchange->state == EXCHANGE_OVER)
		return;
	if (exchange->websocket) {
		websocket_client_drained(exchange);
		return;
	}
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	if (exchange->response_flows &&
	    !follow_response_flow(exchange, flow_resume(&exchange->response_flow)))
		return;
	if (exchange->origin && exchange->response_flow.state != FLOW_BLOCKED)
		exchange->origin->ops->pause(exchange->origin, false);
}

static void begin_websocket(struct exchange *exchange, struct http_message *response)
{
	int status = websocket_begin(exchange, response);

	if (status == 400)
		exchange_request_bad(exchange, status, exchange->why);
	else if (status)
		exchange_fail(exchange, status, exchange->why);
}

static void respond_informational(struct exchange *exchange, struct http_message *response)
{
	if (response->status == 101 && exchange->handshake) {
		begin_websocket(exchange, response);
		return;
	}
	if (response->status == 101) {
		exchange_fail(exchange, 502,
			      "the origin changed the protocol, which was not asked for");
		return;
	}
	if (++exchange->informational > LIMIT_INFORMATIONAL) {
		exchange_fail(exchange, 502, "the origin sent too many informational responses");
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
		exchange_fail(exchange, 502, why);
		return;
	}
	/* Which answers are our own is for us to say. */
	http_fields_remove(&response->fields, FIELD_SALLYPORT_VERDICT);
	if (response->status < 200) {
		respond_informational(exchange, response);
		return;
	}
	/* In HTTP/2 it would say that there is a WebSocket (RFC 8441 section 5). */
	if (exchange->handshake && exchange->request.is_h2 && response->status < 300) {
		exchange_fail(exchange, 502, "the origin did not change the protocol to WebSocket");
		return;
	}
	exchange->status = response->status;
	exchange->state = EXCHANGE_RESPONDING;
	exchange->ops->respond(exchange->leg, response, false);
}

void exchange_response_data(struct exchange *exchange, struct slice data)
{
	exchange->response_bytes += data.len;
	if (exchange->websocket) {
		websocket_from_origin(exchange, data);
		return;
	}
	deadline_set(&exchange->deadline, TIMEOUT_RESPONSE);
	if (!exchange->response_flows)
		exchange->ops->data(exchange->leg, data);
	else if (!follow_response_flow(exchange, flow_feed(&exchange->response_flow, data, false)))
		return;
	else if (flow_holds(&exchange->response_flow))
		deadline_set(&exchange->idle, TIMEOUT_HOLD_BACK);
	if (exchange->ops->is_congested(exchange->leg))
		exchange->origin->ops->pause(exchange->origin, true);
}

void exchange_response_end(struct exchange *exchange, struct http_fields *trailers)
{
	struct origin *origin;

	if (exchange->websocket) {
		websocket_origin_ended(exchange);
		return;
	}
	origin = take_ptr(exchange->origin);
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
