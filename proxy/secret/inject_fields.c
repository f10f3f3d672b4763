/* Secrets in fields: as they stand, in cookies, and in Basic credentials. */
#include "base/error.h"
#include "proxy/secret/inject_room.h"

static const struct slice basic_scheme = SLICE_LITERAL("Basic ");

/* Plans for a value as it stands. */
static int plan_text(struct planner *planner, const struct slots_place *place, struct slice *value)
{
	const struct slots_owner owner = planner_owner(planner);
	struct secret_output out;
	int rc;

	for (;;) {
		planner->strips = false;
		rc = slots_rewrite_text(&owner, place, *value, NULL);
		if (rc < 0 || planner->error < 0 || !planner->strips)
			return rc < 0 ? rc : planner->error;
		out = (struct secret_output){arena_alloc_bytes(planner->arena, value->len + 1),
					     value->len, 0};
		if (!out.bytes)
			return -ENOMEM;
		slots_rewrite_text(&owner, place, *value, &out);
		*value = slice_trim(slice_of(out.bytes, out.length));
	}
}

/* Basic credentials are looked at decoded, unless a placeholder stands in the blob's place: a
 * secret may be such a blob itself. What does not decode is text. */
static int plan_value(struct planner *planner, struct http_field *field)
{
	const struct slots_place place = {.kind = POLICY_SLOT_HEADER, .name = field->name};
	struct scan_hit plain;
	struct slice decoded;
	char *memory;

	planner->place = SECRET_IN_FIELD;
	if (!slice_starts_with_nocase(field->value, basic_scheme) ||
	    secret_find(planner->store, field->value, 0, &plain))
		return plan_text(planner, &place, &field->value);
	memory = arena_alloc_bytes(planner->arena, field->value.len);
	if (!memory)
		return -ENOMEM;
	if (!basic_decode(field->value, memory, field->value.len, &decoded))
		return plan_text(planner, &place, &field->value);
	planner->place = SECRET_IN_BASIC;
	return basic_plan(planner, field->name, decoded, &field->value);
}

static int plan_field(struct planner *planner, struct http_field *field)
{
	struct slice name = field->name, before;
	int rc;

	planner->place = SECRET_IN_FIELD_NAME;
	rc = planner_settle_bare(planner, &name);
	planner->field = field->name.ptr;
	if (rc == 0 && field->id == FIELD_COOKIE) {
		planner->place = SECRET_IN_COOKIE;
		rc = planner_settle(planner, slots_rewrite_cookie, &field->value);
		field->value = slice_trim(field->value);
	} else {
		/* Again when something was stripped: a value may be another one then. */
		do {
			before = field->value;
			if (rc == 0)
				rc = plan_value(planner, field);
		} while (rc == 0 && field->value.ptr != before.ptr);
	}
	planner->field = NULL;
	return rc;
}

int fields_plan(struct planner *planner, struct http_message *message)
{
	int rc = 0;

	for (size_t i = 0; i < message->fields.count && rc == 0; i++)
		rc = plan_field(planner, &message->fields.list[i]);
	return rc;
}

/* The first item for the field whose name is at NAME, or NULL. */
static const struct secret_item *find_item(const struct secret_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->item_count; i++) {
		if (plan->items[i].field == name)
			return &plan->items[i];
	}
	return NULL;
}

static int apply_to(struct applier *applier, const struct http_field *field,
		    enum policy_slot_kind kind)
{
	const struct slots_place place = {.kind = POLICY_SLOT_HEADER, .name = field->name};
	const struct slots_owner owner = applier_owner(applier);

	if (kind == POLICY_SLOT_COOKIE)
		return slots_rewrite_cookie(&owner, field->value, &applier->out);
	if (kind == POLICY_SLOT_HEADER)
		return slots_rewrite_text(&owner, &place, field->value, &applier->out);
	return basic_apply(applier, field->name, field->value);
}

int fields_apply(struct applier *applier, struct http_message *message)
{
	struct secret_output *out = &applier->out;

	for (size_t i = 0; i < message->fields.count; i++) {
		struct http_field *field = &message->fields.list[i];
		const struct secret_item *item = find_item(applier->plan, field->name.ptr);
		size_t before = out->length;
		int rc;

		if (!item)
			continue;
		applier->field = field->name.ptr;
		rc = apply_to(applier, field, item->use->slot.kind);
		if (rc == 0)
			rc = applier_replace(applier, field,
					     slice_of(out->bytes + before, out->length - before));
		if (rc < 0)
			return rc;
	}
	applier->field = NULL;
	return 0;
}
