/* Fields that a rule sets from secrets, with no placeholder in the sandbox. */
#include "base/error.h"
#include "proxy/secret/field_name.h"
#include "proxy/secret/inject_room.h"

static void take_out(struct http_fields *fields, struct slice name)
{
	size_t kept = 0;

	for (size_t i = 0; i < fields->count; i++) {
		if (!field_name_is_read_as(fields->list[i].name, name))
			fields->list[kept++] = fields->list[i];
	}
	fields->count = kept;
}

static int describe(struct arena *arena, struct slice field, struct slice *slot)
{
	static const struct slice word = SLICE_LITERAL("set ");
	char *text = arena_alloc_bytes(arena, word.len + field.len);

	if (!text)
		return -ENOMEM;
	memcpy(text, word.ptr, word.len);
	memcpy(text + word.len, field.ptr, field.len);
	*slot = slice_of(text, word.len + field.len);
	return 0;
}

int secret_plan_set(const struct policy_rule *rule, struct http_message *message,
		    struct secret_plan *plan)
{
	int rc = 0;

	if (rule->set_count == 0)
		return 0;
	plan->rule = rule;
	for (size_t i = 0; i < rule->set_count; i++)
		take_out(&message->fields, rule->sets[i].field);
	for (size_t i = 0; i < rule->set_count && rc == 0; i++) {
		rc = http_fields_add(&message->fields, message->arena, rule->sets[i].field,
				     SLICE_EMPTY);
		if (rc == 0)
			rc = describe(message->arena, rule->sets[i].field, &plan->set_slots[i]);
	}
	return rc;
}

static int put(struct secret_output *out, struct slice bytes)
{
	if (out->size - out->length < bytes.len)
		return ERROR_LIMIT;
	if (bytes.len)
		memcpy(out->bytes + out->length, bytes.ptr, bytes.len);
	out->length += bytes.len;
	return 0;
}

static int put_part(struct applier *applier, const struct policy_set_part *part)
{
	const struct secret_entry *entry;
	int rc = put(&applier->out, part->literal);

	if (rc < 0 || !part->secret)
		return rc;
	entry = secret_store_entry(applier->store, part->secret);
	return entry ? put(&applier->out, entry->value) : ERROR_MISMATCH;
}

/* The field that was made for SET: its name is the policy's own text. */
static struct http_field *find_field(struct http_fields *fields, const struct policy_set *set)
{
	for (size_t i = 0; i < fields->count; i++) {
		if (fields->list[i].name.ptr == set->field.ptr)
			return &fields->list[i];
	}
	return NULL;
}

int set_apply(struct applier *applier, struct http_message *message)
{
	const struct policy_rule *rule = applier->plan->rule;
	struct secret_output *out = &applier->out;
	int rc = 0;

	for (size_t i = 0; rule && i < rule->set_count && rc == 0; i++) {
		const struct policy_set *set = &rule->sets[i];
		struct http_field *field = find_field(&message->fields, set);
		size_t before = out->length;

		if (!field)
			return ERROR_MISMATCH;
		for (size_t j = 0; j < set->part_count && rc == 0; j++)
			rc = put_part(applier, &set->parts[j]);
		if (rc == 0)
			rc = applier_replace(applier, field,
					     slice_of(out->bytes + before, out->length - before));
	}
	return rc;
}
