#include "proxy/secret/inject.h"

#include "base/error.h"
#include "proxy/secret/inject_room.h"

static bool is_pointer(const struct policy_slot *slot, const struct slots_place *place)
{
	if (slot->pointer.count != place->pointer_count)
		return false;
	for (size_t i = 0; i < place->pointer_count; i++) {
		if (!slice_equal(slot->pointer.tokens[i], place->pointer[i]))
			return false;
	}
	return true;
}

static bool is_in_body(enum policy_slot_kind kind)
{
	return kind == POLICY_SLOT_FORM || kind == POLICY_SLOT_JSON || kind == POLICY_SLOT_BODY;
}

static bool is_slot(const struct policy_slot *slot, const struct slots_place *place)
{
	if (slot->kind == POLICY_SLOT_BODY)
		return is_in_body(place->kind);
	if (slot->kind != place->kind)
		return false;
	switch (slot->kind) {
	case POLICY_SLOT_HEADER:
		return slice_equal_nocase(slot->name, place->name);
	case POLICY_SLOT_BASIC_USER:
	case POLICY_SLOT_BASIC_PASSWORD:
		return slice_equal_nocase(SLICE_LITERAL("Authorization"), place->name);
	case POLICY_SLOT_COOKIE:
	case POLICY_SLOT_QUERY:
	case POLICY_SLOT_FORM:
		return slice_equal(slot->name, place->name);
	case POLICY_SLOT_JSON:
		return is_pointer(slot, place);
	case POLICY_SLOT_WS:
		return !slot->has_pointer || is_pointer(slot, place);
	default:
		return slot->kind == POLICY_SLOT_PATH;
	}
}

const struct policy_use *secret_plan_find_use(const struct secret_plan *plan,
					      const struct secret_entry *entry,
					      const struct slots_place *place)
{
	for (size_t i = 0; i < plan->use_count; i++) {
		const struct policy_use *use = plan->uses[i];

		if (use->secret == entry->policy && is_slot(&use->slot, place))
			return use;
	}
	return NULL;
}

int secret_plan_begin(struct secret_plan *plan, const struct policy *policy,
		      const struct policy_request *request)
{
	size_t count = policy_find_uses(policy, request, plan->uses, SECRET_USES_MAX);

	plan->item_count = 0;
	plan->body_may_get = false;
	plan->use_count = count > SECRET_USES_MAX ? 0 : count;
	for (size_t i = 0; i < plan->use_count; i++) {
		enum policy_slot_kind kind = plan->uses[i]->slot.kind;

		plan->body_may_get |= is_in_body(kind) || kind == POLICY_SLOT_WS;
	}
	return count > SECRET_USES_MAX ? ERROR_LIMIT : 0;
}

int secret_plan_add(struct secret_plan *plan, const struct secret_entry *entry,
		    const struct policy_use *use, const char *field)
{
	plan->captured |= entry->mark;
	for (size_t i = 0; i < plan->item_count; i++) {
		if (plan->items[i].use == use && plan->items[i].field == field)
			return 0;
	}
	if (plan->item_count == SECRET_ITEMS_MAX)
		return ERROR_LIMIT;
	plan->items[plan->item_count++] = (struct secret_item){entry, use, field};
	return 0;
}

enum slots_verdict planner_judge(void *owner, const struct secret_entry *entry,
				 const struct slots_place *place)
{
	struct planner *planner = owner;
	const struct policy_use *use = secret_plan_find_use(planner->plan, entry, place);
	int rc;

	if (place->disguised) {
		secret_plan_note_disguised(planner->plan, entry, planner->place);
		return SLOTS_KEEP;
	}
	if (use) {
		rc = secret_plan_add(planner->plan, entry, use, planner->field);
		if (rc < 0)
			planner->error = rc;
		return SLOTS_KEEP;
	}
	if (secret_plan_note(planner->plan, entry, planner->place) != SECRET_STRIPPED)
		return SLOTS_KEEP;
	planner->strips = true;
	return SLOTS_TAKE_OUT;
}

enum slots_verdict secret_plan_judge(void *owner, const struct secret_entry *entry,
				     const struct slots_place *place)
{
	struct secret_plan *plan = owner;
	const struct policy_use *use = secret_plan_find_use(plan, entry, place);
	enum secret_action action;

	if (use && !place->disguised)
		return secret_plan_add(plan, entry, use, NULL) < 0 ? SLOTS_REFUSE : SLOTS_PUT_IN;
	if (place->disguised)
		action = secret_plan_note_disguised(plan, entry, SECRET_IN_BODY);
	else
		action = secret_plan_note(plan, entry, SECRET_IN_BODY);
	if (action == SECRET_STRIPPED)
		return SLOTS_TAKE_OUT;
	return action == SECRET_PASSED ? SLOTS_KEEP : SLOTS_REFUSE;
}

struct slots_owner planner_owner(struct planner *planner)
{
	return (struct slots_owner){planner->store, planner_judge, planner};
}

int planner_settle(struct planner *planner, planner_rewrite *rewrite, struct slice *text)
{
	const struct slots_owner owner = planner_owner(planner);
	struct secret_output out;
	int rc;

	for (;;) {
		planner->strips = false;
		rc = rewrite(&owner, *text, NULL);
		if (rc < 0 || planner->error < 0 || !planner->strips)
			return rc < 0 ? rc : planner->error;
		out = (struct secret_output){arena_alloc_bytes(planner->arena, text->len + 1),
					     text->len, 0};
		if (!out.bytes)
			return -ENOMEM;
		rc = rewrite(&owner, *text, &out);
		if (rc < 0)
			return rc;
		*text = slice_of(out.bytes, out.length);
	}
}

static int rewrite_bare(const struct slots_owner *owner, struct slice text,
			struct secret_output *out)
{
	static const struct slots_place nowhere = {.kind = POLICY_SLOT_COUNT};

	return slots_rewrite_text(owner, &nowhere, text, out);
}

int planner_settle_bare(struct planner *planner, struct slice *text)
{
	return planner_settle(planner, rewrite_bare, text);
}

int secret_plan_path(const struct secret_store *store, struct http_message *message,
		     struct secret_plan *plan)
{
	struct planner planner = {
		.store = store, .plan = plan, .arena = message->arena, .place = SECRET_IN_PATH};
	const char *before = message->path.ptr;
	int rc;

	if (store->count == 0)
		return 0;
	rc = planner_settle(&planner, slots_rewrite_path, &message->path);
	return rc < 0 ? rc : message->path.ptr != before;
}

int secret_plan_make(const struct secret_store *store, struct http_message *message,
		     struct secret_plan *plan)
{
	struct planner planner = {.store = store, .plan = plan, .arena = message->arena};
	int rc;

	if (store->count == 0)
		return 0;
	if (message->body == HTTP_BODY_NONE && message->upgrade.len == 0)
		plan->body_may_get = false;
	planner.place = SECRET_IN_QUERY;
	rc = planner_settle(&planner, slots_rewrite_query, &message->query);
	return rc < 0 ? rc : fields_plan(&planner, message);
}

int secret_plan_trailers(const struct secret_store *store, struct http_fields *trailers,
			 struct arena *arena, struct secret_plan *plan)
{
	struct planner planner = {.store = store, .plan = plan, .arena = arena};
	int rc = 0;

	if (store->count == 0)
		return 0;
	for (size_t i = 0; i < trailers->count && rc == 0; i++) {
		struct slice name = trailers->list[i].name;

		planner.place = SECRET_IN_FIELD_NAME;
		rc = planner_settle_bare(&planner, &name);
		planner.place = SECRET_IN_TRAILER;
		if (rc == 0)
			rc = planner_settle_bare(&planner, &trailers->list[i].value);
	}
	return rc;
}

static bool list_set(const struct secret_plan *plan, size_t index, struct secret_put *put)
{
	for (size_t i = 0; plan->rule && i < plan->rule->set_count; i++) {
		const struct policy_set *set = &plan->rule->sets[i];

		for (size_t j = 0; j < set->part_count; j++) {
			if (!set->parts[j].secret || index-- > 0)
				continue;
			*put = (struct secret_put){set->parts[j].secret, plan->set_slots[i]};
			return true;
		}
	}
	return false;
}

bool secret_plan_list(const struct secret_plan *plan, size_t index, struct secret_put *put)
{
	const struct secret_item *item;

	if (index >= plan->item_count)
		return list_set(plan, index - plan->item_count, put);
	item = &plan->items[index];
	*put = (struct secret_put){item->entry->policy, item->use->slot.text};
	return true;
}

enum slots_verdict applier_judge(void *owner, const struct secret_entry *entry,
				 const struct slots_place *place)
{
	const struct applier *applier = owner;
	const struct secret_plan *plan = applier->plan;
	const struct policy_use *use = secret_plan_find_use(plan, entry, place);

	for (size_t i = 0; use && !place->disguised && i < plan->item_count; i++) {
		if (plan->items[i].use == use && plan->items[i].field == applier->field)
			return SLOTS_PUT_IN;
	}
	return SLOTS_KEEP;
}

struct slots_owner applier_owner(struct applier *applier)
{
	return (struct slots_owner){applier->store, applier_judge, applier};
}

int applier_replace(struct applier *applier, struct http_field *field, struct slice value)
{
	struct secret_plan *plan = applier->plan;

	if (plan->saved_count == SECRET_SAVED_MAX)
		return ERROR_LIMIT;
	plan->saved[plan->saved_count++] = (struct secret_saved){field, field->value};
	field->value = value;
	field->is_secret = true;
	return 0;
}

int secret_plan_apply(const struct secret_store *store, struct secret_plan *plan,
		      struct http_message *message, char *scratch)
{
	struct applier applier = {
		.store = store,
		.plan = plan,
		.out = {scratch, SECRET_SCRATCH_BYTES / 2, 0},
		.back = scratch + SECRET_SCRATCH_BYTES / 2,
	};
	int rc = target_apply(&applier, message);

	if (rc == 0)
		rc = fields_apply(&applier, message);
	if (rc == 0)
		rc = set_apply(&applier, message);
	plan->scratch_used = applier.out.length;
	return rc;
}

void secret_plan_undo(struct secret_plan *plan, struct http_message *message, char *scratch)
{
	while (plan->saved_count > 0) {
		const struct secret_saved *saved = &plan->saved[--plan->saved_count];

		saved->field->value = saved->value;
		saved->field->is_secret = false;
	}
	if (plan->target_saved) {
		message->path = plan->saved_path;
		message->query = plan->saved_query;
		message->target_is_secret = false;
		plan->target_saved = false;
	}
	explicit_bzero(scratch, plan->scratch_used);
	plan->scratch_used = 0;
}
