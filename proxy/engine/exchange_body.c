#include "proxy/engine/exchange_body.h"

#include "base/error.h"
#include "policy/slot.h"
#include "proxy/engine/answer.h"
#include "proxy/engine/exchange_judge.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"
#include "proxy/http/coding.h"
#include "proxy/secret/signature.h"

static const struct http_message *request_of(const struct exchange_body *body)
{
	return &body->exchange->request;
}

static struct exchange_body *body_of(void *owner)
{
	return owner;
}

static bool is_too_long(const struct exchange_body *body)
{
	return request_of(body)->body == HTTP_BODY_SIZED &&
	       body->sent_bytes > request_of(body)->body_bytes;
}

/* The sinks: the origin's leg, and the one that measures. */

static void give_to_origin(void *owner, struct slice data)
{
	struct exchange_body *body = owner;
	struct origin *origin = body->exchange->origin;

	body->sent_bytes += data.len;
	/* One that has answered early wants no more; and no more is sent than was announced. */
	if (origin && !is_too_long(body))
		origin->ops->send_data(origin, data);
}

static bool is_origin_congested(void *owner)
{
	struct origin *origin = body_of(owner)->exchange->origin;

	return origin && origin->ops->is_congested(origin);
}

static const struct flow_sink origin_sink = {give_to_origin, is_origin_congested};

static void measure(void *owner, struct slice data)
{
	struct exchange_body *body = owner;

	body->measured_bytes += data.len;
	digest_feed(&body->digest, data);
}

static const struct flow_sink measuring_sink = {measure, NULL};

/* The judge: what becomes of a placeholder. */

static enum slots_verdict change(struct exchange_body *body, enum slots_verdict verdict)
{
	body->changed = true;
	if (!body->fixed)
		return verdict;
	body->fixed_was_met = true;
	return SLOTS_REFUSE;
}

/* Else it is refused because there are too many. */
static bool is_misuse(const struct exchange *exchange, const struct secret_entry *entry,
		      const struct slots_place *place)
{
	return place->disguised || !secret_plan_find_use(&exchange->plan, entry, place);
}

static enum slots_verdict judge(void *owner, const struct secret_entry *entry,
				const struct slots_place *place)
{
	struct exchange_body *body = owner;
	struct exchange *exchange = body->exchange;
	enum slots_verdict verdict = secret_plan_judge(&exchange->plan, entry, place);

	if (verdict == SLOTS_PUT_IN || verdict == SLOTS_TAKE_OUT)
		return change(body, verdict);
	if (verdict == SLOTS_REFUSE && is_misuse(exchange, entry, place) &&
	    exchange_lets_misuse_pass(exchange))
		return SLOTS_KEEP;
	return verdict;
}

/* What kind of body it is. */

static int find_type(struct exchange_body *body)
{
	const struct http_fields *fields = &request_of(body)->fields;
	const struct http_field *found = NULL;

	body->type = SLOTS_BODY_OTHER;
	for (size_t i = 0; i < fields->count; i++) {
		if (fields->list[i].id != FIELD_CONTENT_TYPE)
			continue;
		/* Of two, who knows which the server believes. */
		if (found)
			return 0;
		found = &fields->list[i];
	}
	if (!found)
		return 0;
	body->type = slots_body_of(found->value);
	if (body->type != SLOTS_BODY_MULTIPART)
		return 0;
	return slots_find_boundary(found->value, body->boundary, &body->boundary_bytes);
}

static struct stage *make_slot_stage(struct exchange_body *body)
{
	switch (body->type) {
	case SLOTS_BODY_JSON:
		return slots_json_stage(&body->owner, POLICY_SLOT_JSON);
	case SLOTS_BODY_FORM:
		return slots_form_stage(&body->owner);
	case SLOTS_BODY_MULTIPART:
		return slots_multipart_stage(&body->owner,
					     slice_of(body->boundary, body->boundary_bytes));
	default:
		return slots_text_stage(&body->owner, POLICY_SLOT_BODY);
	}
}

/* Decoded, rewritten, and encoded in the same codings again. */
static int make_flow(struct exchange_body *body, const struct flow_sink *sink)
{
	struct sandbox *sandbox = body->exchange->sandbox;
	struct stage *stages[CODING_CHAIN_MAX], *stage;
	enum coding codings[CODING_CHAIN_MAX];
	size_t count = 0;

	flow_free(&body->flow);
	flow_init(&body->flow, sink, body, sandbox->engine->flow_scratch);
	generation_use(sandbox, &body->exchange->request_use, &body->exchange->plan);
	if (coding_of_fields(&request_of(body)->fields, codings, &count) < 0)
		return ERROR_UNSUPPORTED;
	if (count && coding_decoders(codings, count, &sandbox->coding_budget, stages) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		flow_add(&body->flow, stages[i]);
	stage = make_slot_stage(body);
	for (size_t i = 0; stage && flow_add(&body->flow, stage) && i < count; i++)
		stage = coding_encoder(codings[i], &sandbox->coding_budget);
	return body->flow.count == 2 * count + 1 ? 0 : -ENOMEM;
}

/* Whether the value takes the placeholder's room exactly, wherever a slot of this body may be. */
static bool keeps_length(const struct exchange_body *body, const struct secret_entry *entry)
{
	if (entry->placeholder.len != entry->value.len)
		return false;
	for (size_t i = 0; i < entry->value.len; i++) {
		char c = entry->value.ptr[i];

		/* Nothing of these is escaped in any place. */
		if (!ascii_is_alnum(c) && c != '-' && c != '.' && c != '_')
			return body->type == SLOTS_BODY_OTHER;
	}
	return true;
}

/* Whether the body has a slot for SECRET. */
static bool may_get(const struct exchange_body *body, const struct policy_secret *secret)
{
	const struct secret_plan *plan = &body->exchange->plan;

	for (size_t i = 0; i < plan->use_count; i++) {
		if (plan->uses[i]->secret == secret && slot_is_in_body(&plan->uses[i]->slot))
			return true;
	}
	return false;
}

static bool may_change_length(const struct exchange_body *body)
{
	const struct secret_store *secrets = &body->exchange->sandbox->secrets;

	if (http_fields_find(&request_of(body)->fields, FIELD_CONTENT_ENCODING) ||
	    secret_body_may_change(secrets))
		return true;
	for (size_t i = 0; i < secrets->count; i++) {
		if (may_get(body, secrets->entries[i].policy) &&
		    !keeps_length(body, &secrets->entries[i]))
			return true;
	}
	return false;
}

/* What vouches for the body as it is. */

static bool is_signed(const struct http_message *request)
{
	const struct http_field *digest = http_fields_find(&request->fields,
							   FIELD_X_AMZ_CONTENT_SHA256);

	return signature_of(request) ||
	       (digest && !slice_equal(digest->value, SLICE_LITERAL("UNSIGNED-PAYLOAD")));
}

static const char *why_fixed(const struct exchange_body *body)
{
	const struct http_fields *fields = &request_of(body)->fields;
	struct digest digest;

	if (is_signed(request_of(body)))
		return "the request is signed, and its signature covers the body";
	if (http_fields_find(fields, FIELD_CONTENT_RANGE))
		return "the body is a part of a larger one (Content-Range)";
	if (!digest_is_told(fields))
		return NULL;
	if (body->plan != BODY_COLLECT)
		return "the request tells a digest of its body, which is too long to be computed "
		       "anew before it is sent";
	if (digest_begin(&digest, fields) < 0)
		return "the request tells a digest of its body that cannot be computed anew";
	digest_free(&digest);
	return NULL;
}

static void plan_length(struct exchange_body *body)
{
	struct http_message *request = &body->exchange->request;
	bool changes = may_change_length(body);
	bool is_short = request->body == HTTP_BODY_SIZED &&
			request->body_bytes <= BODY_COLLECT_MAX_BYTES;

	body->plan = BODY_STREAM;
	if (request->body == HTTP_BODY_SIZED && (changes || digest_is_told(&request->fields))) {
		if (is_short)
			body->plan = BODY_COLLECT;
		else if (changes)
			request->body = HTTP_BODY_STREAM;
	}
	body->fixed = why_fixed(body);
	/* If it must be refused, it is before anything of it has gone out. */
	if (body->fixed && is_short)
		body->plan = BODY_COLLECT;
}

static bool refuse(struct answer *answer, int status, const char *reason)
{
	*answer = (struct answer){.status = status, .is_denial = true, .reason = reason};
	return false;
}

static bool is_coded(const struct http_message *request)
{
	enum coding codings[CODING_CHAIN_MAX];
	size_t count = 0;

	return coding_of_fields(&request->fields, codings, &count) < 0 || count > 0;
}

static void choose_mode(struct exchange_body *body)
{
	const struct secret_store *secrets = &body->exchange->sandbox->secrets;
	const struct http_message *request = request_of(body);

	body->mode = BODY_PASS;
	if (request->body == HTTP_BODY_NONE || secrets->count == 0)
		return;
	body->mode = BODY_WATCH;
	if (body->exchange->plan.body_may_get || secret_body_may_change(secrets) ||
	    (secret_body_must_inspect(secrets) && is_coded(request)))
		body->mode = BODY_FLOW;
}

static bool begin_flow(struct exchange_body *body, struct answer *answer)
{
	int rc = find_type(body);

	if (rc < 0)
		return refuse(answer, 400,
			      "the Content-Type is multipart, but has no boundary that can be "
			      "read");
	plan_length(body);
	rc = make_flow(body, body->plan == BODY_COLLECT ? &measuring_sink : &origin_sink);
	if (rc == ERROR_UNSUPPORTED && !body->exchange->plan.body_may_get &&
	    exchange_lets_misuse_pass(body->exchange)) {
		body->mode = BODY_WATCH;
		return true;
	}
	if (rc == ERROR_UNSUPPORTED)
		return refuse(answer, 415,
			      "the body is in a coding that cannot be looked through, and the "
			      "policy has a slot in it, or a misuse setting (strict, strip or "
			      "kill) that demands that it be");
	if (rc < 0)
		return refuse(answer, 503,
			      "there is no memory left to look through the body of the request");
	return true;
}

bool exchange_body_begin(struct exchange *exchange, struct answer *answer)
{
	struct exchange_body *body = &exchange->body;

	body->exchange = exchange;
	body->owner = (struct slots_owner){&exchange->sandbox->secrets, judge, body};
	buffer_init(&body->collected, BODY_COLLECT_MAX_BYTES);
	choose_mode(body);
	if (body->mode == BODY_FLOW && !begin_flow(body, answer))
		return false;
	if (body->mode == BODY_WATCH)
		secret_body_init(&body->watch, &exchange->sandbox->secrets, &exchange->plan);
	return true;
}

void exchange_body_free(struct exchange_body *body)
{
	secret_body_free(&body->watch);
	flow_free(&body->flow);
	digest_free(&body->digest);
	if (body->exchange)
		body->exchange->sandbox->collected_bytes -= buffer_length(&body->collected);
	buffer_free(&body->collected);
}

/* What is said of a flow that failed. */
static int explain(const struct exchange_body *body, int rc, const char **why)
{
	*why = body->fixed_was_met ? body->fixed : body->flow.why;
	return rc;
}

static int follow(const struct exchange_body *body, int state, const char **why)
{
	const struct http_message *request = request_of(body);

	if (state < 0)
		return explain(body, state, why);
	if (state == FLOW_DONE && request->body == HTTP_BODY_SIZED &&
	    body->sent_bytes != request->body_bytes) {
		*why = "its length came out other than it was announced";
		return ERROR_MISMATCH;
	}
	return state;
}

static int feed_watch(struct exchange_body *body, struct slice data, bool end, const char **why)
{
	int rc = secret_body_feed(&body->watch, data);

	if (rc == ERROR_DENIED && exchange_lets_misuse_pass(body->exchange))
		rc = 0;
	if (rc < 0) {
		*why = "out of memory";
		return rc;
	}
	if (data.len)
		give_to_origin(body, data);
	return end ? FLOW_DONE : FLOW_OPEN;
}

int exchange_body_feed(struct exchange_body *body, struct slice data, bool end, const char **why)
{
	switch (body->mode) {
	case BODY_PASS:
		if (data.len)
			give_to_origin(body, data);
		return end ? FLOW_DONE : FLOW_OPEN;
	case BODY_WATCH:
		return feed_watch(body, data, end, why);
	default:
		return follow(body, flow_feed(&body->flow, data, end), why);
	}
}

int exchange_body_resume(struct exchange_body *body, const char **why)
{
	if (body->mode != BODY_FLOW)
		return FLOW_OPEN;
	return follow(body, flow_resume(&body->flow), why);
}

int exchange_body_collect(struct exchange_body *body, struct slice data, const char **why)
{
	struct sandbox *sandbox = body->exchange->sandbox;

	*why = "out of memory";
	if (data.len > LIMIT_COLLECTED_BYTES - sandbox->collected_bytes)
		return -ENOMEM;
	if (buffer_append(&body->collected, data) < 0)
		return -ENOMEM;
	sandbox->collected_bytes += data.len;
	return 0;
}

int exchange_body_measure(struct exchange_body *body, const char **why)
{
	struct http_message *request = &body->exchange->request;
	int rc = 0;

	/* A placeholder that is newer than the request's head may have come in its body. */
	if (body->exchange->request_use.generation != body->exchange->sandbox->generation)
		rc = make_flow(body, &measuring_sink);
	body->measured_bytes = 0;
	if (rc == 0 && digest_is_told(&request->fields) && !body->fixed)
		rc = digest_begin(&body->digest, &request->fields);
	if (rc == 0)
		rc = flow_feed(&body->flow, buffer_slice(&body->collected), true);
	if (rc < 0)
		return explain(body, rc, why);
	request->body_bytes = body->measured_bytes;
	if (digest_is_told(&request->fields) && !body->fixed && body->changed)
		rc = digest_finish(&body->digest, &request->fields, request->arena);
	*why = "out of memory";
	return rc;
}

int exchange_body_restart(struct exchange_body *body, const char **why)
{
	*why = "out of memory";
	body->sent_bytes = 0;
	return body->mode == BODY_FLOW ? make_flow(body, &origin_sink) : 0;
}

int exchange_body_send_collected(struct exchange_body *body, const char **why)
{
	int rc = exchange_body_restart(body, why);

	if (rc < 0)
		return rc;
	return exchange_body_feed(body, buffer_slice(&body->collected), true, why);
}
