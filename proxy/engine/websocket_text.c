#include "proxy/engine/websocket_text.h"

#include "base/error.h"
#include "proxy/engine/exchange_judge.h"
#include "proxy/engine/sandbox.h"
#include "proxy/http/websocket.h"

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

static const struct policy_use *find_use(const struct secret_plan *plan,
					 const struct secret_entry *entry,
					 const struct slots_place *place)
{
	for (size_t i = 0; i < plan->use_count && !place->disguised; i++) {
		const struct policy_use *use = plan->uses[i];

		if (use->secret != entry->policy || use->slot.kind != POLICY_SLOT_WS)
			continue;
		if (!use->slot.has_pointer || is_at(&use->slot.pointer, place))
			return use;
	}
	return NULL;
}

static enum slots_verdict judge_misuse(struct websocket_text *text,
				       const struct secret_entry *entry,
				       const struct slots_place *place)
{
	struct exchange *exchange = text->exchange;
	enum secret_action action;

	if (place->disguised)
		action = secret_plan_note_disguised(&exchange->plan, entry, SECRET_IN_BODY);
	else
		action = secret_plan_note(&exchange->plan, entry, SECRET_IN_BODY);
	switch (action) {
	case SECRET_PASSED:
		return SLOTS_KEEP;
	case SECRET_STRIPPED:
		return SLOTS_TAKE_OUT;
	default:
		return exchange_lets_misuse_pass(exchange) ? SLOTS_KEEP : SLOTS_REFUSE;
	}
}

static enum slots_verdict judge_without_slots(void *owner, const struct secret_entry *entry,
					      const struct slots_place *place)
{
	struct websocket_text *text = owner;

	text->met = true;
	return judge_misuse(text, entry, place);
}

static enum slots_verdict judge(void *owner, const struct secret_entry *entry,
				const struct slots_place *place)
{
	struct websocket_text *text = owner;
	struct secret_plan *plan = &text->exchange->plan;
	const struct policy_use *use = find_use(plan, entry, place);

	text->met = true;
	if (!use)
		return judge_misuse(text, entry, place);
	/* For the record; past its bound what is put in is not listed. */
	secret_plan_add(plan, entry, use, NULL);
	return SLOTS_PUT_IN;
}

void websocket_text_init(struct websocket_text *text, struct exchange *exchange)
{
	const struct secret_store *store = &exchange->sandbox->secrets;

	text->exchange = exchange;
	text->with_slots = (struct slots_owner){store, judge, text};
	text->without_slots = (struct slots_owner){store, judge_without_slots, text};
}

static bool is_like_json(struct slice message)
{
	for (size_t i = 0; i < message.len; i++) {
		char c = message.ptr[i];

		if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
			return c == '{' || c == '[' || c == '"';
	}
	return false;
}

static struct stage *make_stage(struct websocket_text *text, const struct slots_owner *owner,
				struct slice message)
{
	if (owner == &text->with_slots && is_like_json(message))
		return slots_json_stage(owner, POLICY_SLOT_WS);
	return slots_text_stage(owner, POLICY_SLOT_WS);
}

/* Puts all of MESSAGE through STAGE. ROOM has STAGE_OUT_BYTES more than comes out; NULL: what comes
 * out is only counted. */
static int run(struct stage *stage, struct slice message, char *scratch, char *room, size_t *length)
{
	int rc;

	*length = 0;
	do {
		struct writer out = writer_of(room ? room + *length : scratch, STAGE_OUT_BYTES);

		rc = stage->ops->step(stage, &message, true, &out);
		if (rc < 0)
			return rc;
		*length += writer_length(&out);
		if (*length > WEBSOCKET_MESSAGE_MAX_BYTES)
			return ERROR_LIMIT;
	} while (rc == STAGE_FULL);
	return 0;
}

static int run_once(struct websocket_text *text, const struct slots_owner *owner,
		    struct slice message, char *room, size_t *length)
{
	char *scratch = text->exchange->sandbox->engine->flow_scratch;
	struct stage *stage = make_stage(text, owner, message);
	int rc = stage ? run(stage, message, scratch, room, length) : -ENOMEM;

	explicit_bzero(scratch, STAGE_OUT_BYTES);
	if (stage)
		stage->ops->free(stage);
	return rc;
}

/* The first time to see what is in it, and how long it becomes; the second time, if it must be, to
 * write it. */
static int rewrite(struct websocket_text *text, const struct slots_owner *owner,
		   struct slice message, struct websocket_rewritten *out)
{
	struct wiped_budget *budget = &text->exchange->sandbox->message_budget;
	size_t length;
	int rc;

	*out = (struct websocket_rewritten){.text = message};
	text->met = false;
	rc = run_once(text, owner, message, NULL, &length);
	if (rc < 0 || !text->met)
		return rc;
	out->memory = wiped_alloc(budget, length + STAGE_OUT_BYTES);
	if (!out->memory)
		return -ENOMEM;
	rc = run_once(text, owner, message, out->memory, &length);
	out->text = slice_of(out->memory, length);
	return rc;
}

int websocket_text_rewrite(struct websocket_text *text, struct slice message,
			   struct websocket_rewritten *out)
{
	return rewrite(text, &text->with_slots, message, out);
}

int websocket_text_strip(struct websocket_text *text, struct slice payload,
			 struct websocket_rewritten *out)
{
	return rewrite(text, &text->without_slots, payload, out);
}

void websocket_text_release(struct websocket_text *text, struct websocket_rewritten *out)
{
	wiped_free(&text->exchange->sandbox->message_budget, out->memory);
	*out = (struct websocket_rewritten){.text = SLICE_EMPTY};
}

struct stage *websocket_binary_stage(struct websocket_text *text)
{
	return slots_text_stage(&text->without_slots, POLICY_SLOT_WS);
}
