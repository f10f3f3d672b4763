#include "proxy/engine/websocket_text.h"

#include "base/error.h"
#include "proxy/engine/sandbox.h"
#include "proxy/http/websocket.h"
#include "proxy/secret/slots.h"

int websocket_text_init(struct websocket_text *text, struct exchange *exchange)
{
	const struct http_message *request = &exchange->request;
	const struct policy_use *uses[SECRET_USES_MAX];
	struct path path;
	const char *why;
	struct policy_request asked = {
		.scheme = request->scheme,
		.host = &request->host,
		.port = request->port,
		.method = request->method,
		.path = &path,
		.websocket = true,
	};
	size_t count;
	int rc = path_canonicalise(request->path, &exchange->arena, &path, &why);

	*text = (struct websocket_text){.exchange = exchange};
	if (rc < 0)
		return rc;
	count = policy_find_uses(exchange->sandbox->policy, &asked, uses, SECRET_USES_MAX);
	for (size_t i = 0; i < count && i < SECRET_USES_MAX; i++) {
		if (uses[i]->slot.kind != POLICY_SLOT_WS)
			continue;
		text->uses[text->use_count++] = uses[i];
		text->has_pointers |= uses[i]->slot.has_pointer;
	}
	return 0;
}

static bool is_at(const struct policy_pointer *pointer, const struct slots_place *place)
{
	if (!place->pointer || place->pointer_count != pointer->count)
		return false;
	for (size_t i = 0; i < pointer->count; i++) {
		if (!slice_equal(place->pointer[i], pointer->tokens[i]))
			return false;
	}
	return true;
}

static const struct policy_use *find_use(const struct websocket_text *text,
					 const struct secret_entry *entry,
					 const struct slots_place *place)
{
	for (size_t i = 0; i < text->use_count; i++) {
		const struct policy_use *use = text->uses[i];

		if (use->secret != entry->policy || place->disguised)
			continue;
		if (!use->slot.has_pointer || is_at(&use->slot.pointer, place))
			return use;
	}
	return NULL;
}

/* For the record. */
static void note_put_in(struct secret_plan *plan, const struct secret_entry *entry,
			const struct policy_use *use)
{
	for (size_t i = 0; i < plan->item_count; i++) {
		if (plan->items[i].use == use)
			return;
	}
	if (plan->item_count < SECRET_ITEMS_MAX)
		plan->items[plan->item_count++] = (struct secret_item){.entry = entry, .use = use};
}

/* In observe mode what would be refused passes, and is marked. */
static enum slots_verdict refuse(struct exchange *exchange)
{
	if (exchange->sandbox->policy->mode != POLICY_OBSERVE)
		return SLOTS_REFUSE;
	exchange->would_deny = true;
	exchange->would_reason = "a placeholder in a message is misused";
	exchange->plan.refusal = NULL;
	exchange->plan.kill = false;
	return SLOTS_KEEP;
}

static enum slots_verdict judge(void *owner, const struct secret_entry *entry,
				const struct slots_place *place)
{
	struct websocket_text *text = owner;
	struct secret_plan *plan = &text->exchange->plan;
	const struct policy_use *use = find_use(text, entry, place);

	if (use) {
		note_put_in(plan, entry, use);
		return SLOTS_PUT_IN;
	}
	switch (secret_plan_note(plan, entry, SECRET_IN_BODY)) {
	case SECRET_PASSED:
		return SLOTS_KEEP;
	case SECRET_STRIPPED:
		return SLOTS_TAKE_OUT;
	default:
		return refuse(text->exchange);
	}
}

/* What is known of a look at a text that is not JSON, or has no pointers that matter. */
struct look {
	struct websocket_text *text;
	size_t length; /* of what comes out */
	bool changes;
	bool strips;
	bool refuses;
};

static void replace(void *context, const struct secret_entry *entry, struct slice *replacement)
{
	const struct slots_place nowhere = {.kind = POLICY_SLOT_WS};
	struct look *look = context;

	switch (judge(look->text, entry, &nowhere)) {
	case SLOTS_PUT_IN:
		*replacement = entry->value;
		look->changes = true;
		break;
	case SLOTS_TAKE_OUT:
		*replacement = SLICE_EMPTY;
		look->changes = look->strips = true;
		break;
	case SLOTS_REFUSE:
		look->refuses = true;
		break;
	case SLOTS_KEEP:
		break;
	}
}

static struct look look_at(struct websocket_text *text, struct slice message)
{
	const struct secret_store *store = &text->exchange->sandbox->secrets;
	struct look look = {.text = text, .length = message.len};
	const struct secret_entry *entry;
	struct scan_hit hit;
	size_t at = 0;

	while (!look.refuses && look.length <= WEBSOCKET_MESSAGE_MAX_BYTES &&
	       (entry = secret_find(store, message, at, &hit))) {
		struct slice replacement = slice_of(message.ptr + hit.start, hit.length);

		replace(&look, entry, &replacement);
		look.length = look.length - hit.length + replacement.len;
		at = hit.start + hit.length;
	}
	return look;
}

/* A message in which text is text: the slot `ws` is anywhere. What is left where a placeholder was
 * taken out may close up to another one, and is looked at again. */
static int rewrite_plain(struct websocket_text *text, struct slice message,
			 struct websocket_rewritten *out)
{
	struct sandbox *sandbox = text->exchange->sandbox;
	struct look look;

	do {
		struct secret_output output = {0};

		look = look_at(text, message);
		if (look.refuses)
			return ERROR_DENIED;
		if (look.length > WEBSOCKET_MESSAGE_MAX_BYTES)
			return ERROR_LIMIT;
		if (!look.changes)
			return 0;
		output.size = look.length;
		output.bytes = wiped_alloc(&sandbox->message_budget, look.length + 1);
		if (!output.bytes)
			return -ENOMEM;
		secret_rewrite(&sandbox->secrets, message, replace, &look, &output);
		wiped_free(&sandbox->message_budget, out->memory);
		out->memory = output.bytes;
		out->text = message = slice_of(output.bytes, output.length);
	} while (look.strips);
	return 0;
}

int websocket_text_rewrite(struct websocket_text *text, struct slice message,
			   struct websocket_rewritten *out)
{
	*out = (struct websocket_rewritten){.text = message};
	return rewrite_plain(text, message, out);
}

int websocket_text_strip(struct websocket_text *text, struct slice message,
			 struct websocket_rewritten *out)
{
	struct websocket_text without_uses = {.exchange = text->exchange};

	return websocket_text_rewrite(&without_uses, message, out);
}

void websocket_text_release(struct websocket_text *text, struct websocket_rewritten *out)
{
	wiped_free(&text->exchange->sandbox->message_budget, out->memory);
	*out = (struct websocket_rewritten){.text = SLICE_EMPTY};
}
