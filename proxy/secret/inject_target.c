/* Secrets in the path and the query. */
#include "base/error.h"
#include "proxy/secret/inject_room.h"

static bool has_target_item(const struct secret_plan *plan)
{
	for (size_t i = 0; i < plan->item_count; i++) {
		enum policy_slot_kind kind = plan->items[i].use->slot.kind;

		if (kind == POLICY_SLOT_PATH || kind == POLICY_SLOT_QUERY)
			return true;
	}
	return false;
}

/* Both are written, one behind the other, so that nobody has to join them elsewhere. */
int target_apply(struct applier *applier, struct http_message *message)
{
	const struct slots_owner owner = applier_owner(applier);
	struct secret_plan *plan = applier->plan;
	struct secret_output *out = &applier->out;
	size_t start = out->length, middle;
	int rc;

	if (!has_target_item(plan))
		return 0;
	rc = slots_rewrite_path(&owner, message->path, out);
	middle = out->length;
	if (rc == 0)
		rc = slots_rewrite_query(&owner, message->query, out);
	if (rc < 0)
		return rc;
	plan->saved_path = message->path;
	plan->saved_query = message->query;
	plan->target_saved = true;
	message->path = slice_of(out->bytes + start, middle - start);
	message->query = slice_of(out->bytes + middle, out->length - middle);
	message->target_is_secret = true;
	return 0;
}
