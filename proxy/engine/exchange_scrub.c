#include "proxy/engine/exchange_scrub.h"

#include <stdio.h>

#include "base/error.h"
#include "policy/slot.h"
#include "proxy/engine/sandbox.h"
#include "proxy/http/coding.h"
#include "proxy/secret/capture.h"
#include "proxy/secret/scrub.h"

static const struct slice identity = SLICE_LITERAL("identity");

static bool is_bound_host(const struct exchange *exchange)
{
	const struct http_message *request = &exchange->request;
	const struct secret_store *secrets = &exchange->sandbox->secrets;

	for (size_t i = 0; i < secrets->count; i++) {
		const struct policy_secret *secret = secrets->entries[i].policy;

		if (secret->scrub != POLICY_SCRUB_NONE &&
		    policy_secret_names_host(secret, &request->host, request->port))
			return true;
	}
	return false;
}

/* "gzip;q=0.5": whether we can decode it, or it is no coding. */
static bool is_known(struct slice item)
{
	enum coding codings[CODING_CHAIN_MAX];
	struct slice name = slice_trim(slice_first(item, slice_find_char(item, ';')));
	size_t count = 0;

	return name.len && coding_parse(name, codings, &count) == 0;
}

/* Leaves of an Accept-Encoding what can be decoded. */
static int filter_codings(struct arena *arena, struct slice *value)
{
	struct slice rest = *value, item;
	char *room = arena_alloc_bytes(arena, value->len + identity.len);
	struct writer out;

	if (!room)
		return -ENOMEM;
	out = writer_of(room, value->len + identity.len);
	while (slice_next_part(&rest, ',', &item)) {
		item = slice_trim(item);
		if (!is_known(item))
			continue;
		if (writer_length(&out))
			writer_text(&out, ",");
		writer_bytes(&out, item);
	}
	if (writer_length(&out) == 0)
		writer_bytes(&out, identity);
	*value = slice_of(room, writer_length(&out));
	return 0;
}

static void limit_codings(struct exchange *exchange)
{
	struct http_fields *fields = &exchange->request.fields;

	for (size_t i = 0; i < fields->count; i++) {
		struct http_field *field = &fields->list[i];

		if (field->id == FIELD_ACCEPT_ENCODING &&
		    filter_codings(&exchange->arena, &field->value) < 0)
			field->value = identity;
	}
}

void exchange_scrub_request(struct exchange *exchange)
{
	struct sandbox *sandbox = exchange->sandbox;

	exchange->scrub = EXCHANGE_SCRUB_NONE;
	if (!sandbox->field_scrubber || exchange->request.scheme != POLICY_HTTPS)
		return;
	if (exchange_carries_secret(exchange))
		exchange->scrub = EXCHANGE_SCRUB_MUST;
	else if (is_bound_host(exchange))
		exchange->scrub = EXCHANGE_SCRUB_TRY;
	if (exchange->scrub == EXCHANGE_SCRUB_NONE || !sandbox->body_scrubber)
		return;
	limit_codings(exchange);
	if (exchange->scrub != EXCHANGE_SCRUB_MUST)
		return;
	/* A secret could come back in two parts, or as a delta. A server may send the whole instead
	 * (RFC 9110 section 14.2, RFC 3229 section 10.5.3). */
	http_fields_remove(&exchange->request.fields, FIELD_A_IM);
	http_fields_remove(&exchange->request.fields, FIELD_RANGE);
	http_fields_remove(&exchange->request.fields, FIELD_IF_RANGE);
}

int exchange_scrub_fields(struct exchange *exchange, struct http_fields *fields)
{
	const struct scrubber *scrubber = exchange->sandbox->field_scrubber;

	if (exchange->scrub == EXCHANGE_SCRUB_NONE || !fields)
		return 0;
	for (size_t i = 0; i < fields->count; i++) {
		struct http_field *field = &fields->list[i];

		field->name = scrub_text(scrubber, field->name, &exchange->arena,
					 &exchange->scrubbed);
		field->value = scrub_text(scrubber, field->value, &exchange->arena,
					  &exchange->scrubbed);
		if (!field->name.ptr || !field->value.ptr)
			return -ENOMEM;
	}
	return 0;
}

static int refuse(const char **why, const char *text)
{
	*why = text;
	return ERROR_DENIED;
}

static bool is_must(const struct exchange *exchange)
{
	return exchange->scrub == EXCHANGE_SCRUB_MUST;
}

/* The body as it was coded is told of by these. */
static void forget_coding(struct http_message *response)
{
	static const enum http_field_id told[] = {
		FIELD_CONTENT_ENCODING, FIELD_CONTENT_MD5, FIELD_DIGEST,
		FIELD_CONTENT_DIGEST,	FIELD_REPR_DIGEST,
	};

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		http_fields_remove(&response->fields, told[i]);
}

static void drop_length(struct http_message *response)
{
	if (response->body != HTTP_BODY_SIZED)
		return;
	response->body = response->bodiless ? HTTP_BODY_NONE : HTTP_BODY_STREAM;
	response->body_bytes = 0;
}

static bool is_captured(const struct exchange *exchange, const struct secret_entry *entry)
{
	const struct secret_store *secrets = &exchange->sandbox->secrets;

	return entry >= secrets->entries + secrets->fixed_count;
}

/* Whether the answer to a request with ITEM may give out tokens: a token that was itself captured
 * asks for others in a body only (RFC 6749 section 6); in a field it is what calls are made with.
 */
static bool asks_for_tokens(const struct exchange *exchange, const struct secret_item *item)
{
	return item->entry->policy->capture &&
	       (!is_captured(exchange, item->entry) || slot_is_in_body(&item->use->slot));
}

/* The secret whose answers give out tokens, among those that went into the request, or may still,
 * or NULL. */
static const struct policy_secret *find_captor(const struct exchange *exchange)
{
	const struct secret_plan *plan = &exchange->plan;
	struct secret_put put;

	for (size_t i = 0; i < plan->item_count; i++) {
		if (asks_for_tokens(exchange, &plan->items[i]))
			return plan->items[i].entry->policy;
	}
	/* What the rule sets is listed behind them. */
	for (size_t i = plan->item_count; secret_plan_list(plan, i, &put); i++) {
		if (put.secret->capture)
			return put.secret;
	}
	/* An answer may begin before the request has ended. */
	for (size_t i = 0; !exchange->request_sent && i < plan->use_count; i++) {
		if (plan->uses[i]->secret->capture && slot_is_in_body(&plan->uses[i]->slot))
			return plan->uses[i]->secret;
	}
	return NULL;
}

/* Whether it is the policy's own secret that went into the request, as where tokens are given out,
 * and not a token that was captured, as everywhere else. */
static bool is_for_tokens(const struct exchange *exchange)
{
	const struct secret_plan *plan = &exchange->plan;
	struct secret_put put;

	for (size_t i = 0; i < plan->item_count; i++) {
		const struct secret_entry *entry = plan->items[i].entry;

		if (entry->policy->capture && !is_captured(exchange, entry))
			return true;
	}
	/* What the rule sets is listed behind them. */
	for (size_t i = plan->item_count; secret_plan_list(plan, i, &put); i++) {
		if (put.secret->capture)
			return true;
	}
	return false;
}

static struct slice capture(void *owner, struct slice token, const char **why)
{
	struct exchange *exchange = owner;
	struct slice placeholder;
	struct error err;

	placeholder = generation_capture(exchange->sandbox, exchange->captor, token, &err);
	if (placeholder.ptr) {
		exchange->captured++;
	} else {
		snprintf(exchange->why, sizeof(exchange->why), "%.600s", err.text);
		*why = exchange->why;
	}
	return placeholder;
}

static struct slice clean(void *owner, struct slice text, struct arena *arena)
{
	struct exchange *exchange = owner;

	return scrub_text(exchange->sandbox->body_scrubber, text, arena, &exchange->scrubbed);
}

/* Of several Content-Types, who knows which is believed: one that can be captured from. */
static enum slots_body type_of(const struct http_message *response)
{
	enum slots_body type = SLOTS_BODY_OTHER;

	for (size_t i = 0; i < response->fields.count; i++) {
		const struct http_field *field = &response->fields.list[i];
		enum slots_body found = field->id == FIELD_CONTENT_TYPE
						? slots_body_of(field->value)
						: SLOTS_BODY_OTHER;

		if (found == SLOTS_BODY_JSON || type == SLOTS_BODY_OTHER)
			type = found;
	}
	return type;
}

static bool is_empty(const struct http_message *response)
{
	return response->body == HTTP_BODY_SIZED && response->body_bytes == 0;
}

/* A stage for new tokens, if the response is one that may give some out. The program can ask some
 * servers for tokens in XML, or in plain text: nothing is found there, so that it must not pass. */
static int add_capture(struct exchange *exchange, struct http_message *response, const char **why)
{
	static const struct capture_owner_ops ops = {capture, clean};
	enum slots_body type = type_of(response);
	struct stage *stage;

	*why = "out of memory";
	exchange->captor = find_captor(exchange);
	if (!exchange->captor || is_empty(response))
		return 0;
	if (type != SLOTS_BODY_JSON && type != SLOTS_BODY_FORM) {
		if (response->status >= 300 || !is_for_tokens(exchange))
			return 0;
		return refuse(why, "the origin's response may give out tokens, which are looked "
				   "for in JSON and in forms only, and it is neither");
	}
	stage = capture_stage(type == SLOTS_BODY_FORM ? CAPTURE_FORM : CAPTURE_JSON, &ops,
			      exchange);
	if (!stage || !flow_add(&exchange->response_flow, stage))
		return -ENOMEM;
	drop_length(response);
	return 0;
}

static int add_stages(struct exchange *exchange, const enum coding codings[], size_t count)
{
	struct sandbox *sandbox = exchange->sandbox;
	struct stage *stages[CODING_CHAIN_MAX], *scrub;

	if (count && coding_decoders(codings, count, &sandbox->coding_budget, stages) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		flow_add(&exchange->response_flow, stages[i]);
	generation_use(sandbox, &exchange->response_use, &exchange->plan);
	scrub = scrub_stage(sandbox->body_scrubber, &exchange->scrubbed);
	if (!scrub || !flow_add(&exchange->response_flow, scrub))
		return -ENOMEM;
	exchange->response_flows = true;
	return 0;
}

/* 226 is coded in ways of which its own field tells (RFC 3229). */
static bool is_part(const struct http_message *response)
{
	return response->status == 206 || response->status == 226;
}

static int prepare_body(struct exchange *exchange, struct http_message *response, const char **why)
{
	enum coding codings[CODING_CHAIN_MAX];
	size_t count = 0;
	int rc = coding_of_fields(&response->fields, codings, &count);
	bool has_body = !response->bodiless && response->body != HTTP_BODY_NONE;

	if (!is_must(exchange) && (rc < 0 || (is_part(response) && count)))
		return 0;
	if (rc < 0 && has_body)
		return refuse(why, "the origin's response is in a coding that cannot be looked "
				   "through for secrets, and one was put into the request");
	if (has_body && is_must(exchange) && is_part(response))
		return refuse(why,
			      "the origin's response is a part of a body (206, 226), which cannot "
			      "be looked through for secrets, and one was put into the "
			      "request");
	if (has_body && add_stages(exchange, codings, count) < 0) {
		*why = "out of memory";
		return -ENOMEM;
	}
	if (count)
		forget_coding(response);
	if (count || !scrubber_keeps_length(exchange->sandbox->body_scrubber))
		drop_length(response);
	return has_body ? add_capture(exchange, response, why) : 0;
}

int exchange_scrub_response(struct exchange *exchange, struct http_message *response,
			    const char **why)
{
	if (exchange->scrub == EXCHANGE_SCRUB_NONE)
		return 0;
	if (exchange_scrub_fields(exchange, &response->fields) < 0) {
		*why = "out of memory";
		return -ENOMEM;
	}
	if (response->status < 200 || !exchange->sandbox->body_scrubber)
		return 0;
	return prepare_body(exchange, response, why);
}
