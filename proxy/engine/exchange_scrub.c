#include "proxy/engine/exchange_scrub.h"

#include "base/error.h"
#include "proxy/engine/sandbox.h"
#include "proxy/http/coding.h"
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
	struct writer out = writer_of(room, value->len + identity.len);

	if (!room)
		return -ENOMEM;
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
	/* A secret could come back in two parts. A server may send the whole instead (RFC 9110
	 * section 14.2). */
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

static int add_stages(struct exchange *exchange, const enum coding codings[], size_t count)
{
	struct sandbox *sandbox = exchange->sandbox;
	struct stage *stages[CODING_CHAIN_MAX], *scrub;

	if (count && coding_decoders(codings, count, &sandbox->coding_budget, stages) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		flow_add(&exchange->response_flow, stages[i]);
	scrub = scrub_stage(sandbox->body_scrubber, &exchange->scrubbed);
	if (!scrub || !flow_add(&exchange->response_flow, scrub))
		return -ENOMEM;
	exchange->response_flows = true;
	return 0;
}

static int prepare_body(struct exchange *exchange, struct http_message *response, const char **why)
{
	enum coding codings[CODING_CHAIN_MAX];
	size_t count = 0;
	int rc = coding_of_fields(&response->fields, codings, &count);
	bool has_body = !response->bodiless && response->body != HTTP_BODY_NONE;

	if (!is_must(exchange) && (rc < 0 || (response->status == 206 && count)))
		return 0;
	if (rc < 0 && has_body)
		return refuse(why, "the origin's response is in a coding that cannot be looked "
				   "through for secrets, and one was put into the request");
	if (has_body && is_must(exchange) && response->status == 206)
		return refuse(why, "the origin's response is a part of a body (206), which cannot "
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
	return 0;
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
