#include "proxy/secret/body.h"

#include "base/error.h"

bool secret_body_must_inspect(const struct secret_store *store)
{
	for (size_t i = 0; i < store->count; i++) {
		enum policy_misuse misuse = store->entries[i].policy->misuse;

		if (misuse != POLICY_MISUSE_BLOCK && misuse != POLICY_MISUSE_PASS)
			return true;
	}
	return false;
}

bool secret_body_may_change(const struct secret_store *store)
{
	for (size_t i = 0; i < store->count; i++) {
		if (store->entries[i].policy->misuse == POLICY_MISUSE_STRIP)
			return true;
	}
	return false;
}

void secret_body_init(struct secret_body *body, const struct secret_store *store,
		      struct secret_plan *plan)
{
	*body = (struct secret_body){.store = store, .plan = plan};
	buffer_init(&body->tail, SIZE_MAX / 2);
}

void secret_body_free(struct secret_body *body)
{
	buffer_free(&body->tail);
}

static int note_hits(struct secret_body *body, struct slice text)
{
	const struct secret_entry *entry;
	struct scan_hit hit;
	size_t at = 0;
	int rc = 0;

	while ((entry = secret_find(body->store, text, at, &hit))) {
		if (secret_plan_note(body->plan, entry, SECRET_IN_BODY) >= SECRET_BLOCKED)
			rc = ERROR_DENIED;
		at = hit.start + hit.length;
	}
	return rc;
}

/* Placeholders that begin in the tail and end in IN. */
static int note_across(struct secret_body *body, struct slice in)
{
	size_t reach = scanner_longest(body->store->scanner) - 1;
	int rc;

	if (buffer_length(&body->tail) == 0)
		return 0;
	rc = buffer_append(&body->tail, slice_first(in, reach));
	return rc < 0 ? rc : note_hits(body, buffer_slice(&body->tail));
}

static int keep_tail(struct secret_body *body, struct slice in)
{
	size_t reach = scanner_longest(body->store->scanner) - 1, held;

	if (in.len >= reach) {
		buffer_consume(&body->tail, buffer_length(&body->tail));
		return buffer_append(&body->tail, slice_from(in, in.len - reach));
	}
	/* A short slice: note_across() has appended it to a tail that was there already. */
	if (buffer_length(&body->tail) == 0)
		return buffer_append(&body->tail, in);
	held = buffer_length(&body->tail);
	if (held > reach)
		buffer_consume(&body->tail, held - reach);
	return 0;
}

int secret_body_feed(struct secret_body *body, struct slice in)
{
	int across, rc;

	if (body->store->count == 0 || in.len == 0)
		return 0;
	across = note_across(body, in);
	if (across < 0 && across != ERROR_DENIED)
		return across;
	rc = note_hits(body, in);
	if (rc == 0)
		rc = across;
	/* Whoever lets a misuse pass goes on. */
	return keep_tail(body, in) < 0 ? -ENOMEM : rc;
}
