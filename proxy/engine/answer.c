#include "proxy/engine/answer.h"

#include "base/error.h"
#include "base/json.h"
#include "proxy/engine/sandbox.h"

enum {
	ANSWER_BODY_BYTES = 4096,
	ANSWER_TEXT_MAX = 600, /* bytes of each text from outside */
};

static void write_facts(struct json *j, const struct exchange *exchange,
			const struct answer *answer)
{
	const struct http_message *request = &exchange->request;
	const struct policy_rule *rule = exchange->verdict.rule;

	json_open_object(j, "sallyport");
	json_cstring(j, "verdict", answer->is_denial ? "deny" : "error");
	if (request->host.length) {
		json_text(j, "host", host_slice(&request->host));
		json_number(j, "port", request->port);
	}
	if (request->method.len)
		json_text_cut(j, "method", request->method, 64);
	if (request->path.len)
		json_text_cut(j, "path", request->path, ANSWER_TEXT_MAX);
	if (rule)
		json_number(j, "rule", (int64_t)rule->index);
	else
		json_null(j, "rule");
	json_text_cut(j, "reason", slice_from_text(answer->reason), ANSWER_TEXT_MAX);
	if (answer->allow_with)
		json_text_cut(j, "allow_with", slice_from_text(answer->allow_with),
			      ANSWER_TEXT_MAX);
	json_cstring(j, "sandbox", exchange->sandbox->id);
	json_close_object(j);
}

static void write_body(struct json *j, const struct exchange *exchange, const struct answer *answer)
{
	static const struct slice prefix = SLICE_LITERAL("Sallyport: ");
	char message[ANSWER_TEXT_MAX + 16];
	struct slice reason = slice_first(slice_from_text(answer->reason), ANSWER_TEXT_MAX);

	memcpy(message, prefix.ptr, prefix.len);
	memcpy(message + prefix.len, reason.ptr, reason.len);
	json_open_object(j, NULL);
	json_open_object(j, "error");
	json_text(j, "message", slice_of(message, prefix.len + reason.len));
	json_cstring(j, "type", answer->is_denial ? "sallyport_denied" : "sallyport_failed");
	json_close_object(j);
	write_facts(j, exchange, answer);
	json_close_object(j);
}

int answer_make(struct exchange *exchange, const struct answer *answer,
		struct http_message *response, struct slice *body)
{
	/* Every text in it is cut, and escapes take six bytes at most. */
	size_t size = ANSWER_BODY_BYTES + 6 * 4 * ANSWER_TEXT_MAX;
	char *text = arena_alloc_bytes(&exchange->arena, size);
	struct json j = json_of(text, size);

	if (!text)
		return -ENOMEM;
	write_body(&j, exchange, answer);
	if (j.error || j.next == j.end)
		return ERROR_LIMIT;
	*j.next++ = '\n';
	*body = slice_of(text, json_length(&j));

	http_message_init(response, &exchange->arena);
	response->status = answer->status;
	response->minor_version = 1;
	response->bodiless = http_response_is_bodiless(answer->status, exchange->request.method);
	response->body = HTTP_BODY_SIZED;
	response->body_bytes = body->len;
	if (http_fields_add(&response->fields, &exchange->arena, SLICE_LITERAL("Content-Type"),
			    SLICE_LITERAL("application/json")) < 0 ||
	    http_fields_add(&response->fields, &exchange->arena, SLICE_LITERAL("Sallyport-Verdict"),
			    answer->is_denial ? SLICE_LITERAL("deny") : SLICE_LITERAL("error")) <
		    0 ||
	    http_fields_add(&response->fields, &exchange->arena, SLICE_LITERAL("Cache-Control"),
			    SLICE_LITERAL("no-store")) < 0)
		return -ENOMEM;
	if (response->bodiless)
		body->len = 0;
	return 0;
}
