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
	*body = (struct secret_body){
		.store = store,
		.plan = plan,
		.strips = secret_body_may_change(store),
	};
	buffer_init(&body->tail, SIZE_MAX / 2);
	buffer_init(&body->kept, SIZE_MAX / 2);
}

void secret_body_free(struct secret_body *body)
{
	buffer_free(&body->tail);
	buffer_free(&body->kept);
}

static int note_hits(struct secret_body *body, struct slice text)
{
	const struct secret_entry *entry;
	struct scan_hit hit;
	size_t at = 0;

	while ((entry = secret_find(body->store, text, at, &hit))) {
		if (secret_plan_note(body->plan, entry, SECRET_IN_BODY) >= SECRET_BLOCKED)
			return ERROR_DENIED;
		at = hit.start + hit.length;
	}
	return 0;
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

static int watch(struct secret_body *body, struct slice in)
{
	int rc = note_across(body, in);

	if (rc == 0)
		rc = note_hits(body, in);
	if (rc == 0)
		rc = keep_tail(body, in);
	return rc;
}

static void take_out(void *context, const struct secret_entry *entry, struct slice *replacement)
{
	struct secret_body *body = context;

	if (secret_plan_note(body->plan, entry, SECRET_IN_BODY) == SECRET_STRIPPED)
		*replacement = SLICE_EMPTY;
}

/* How much of TEXT can go on. The end of a placeholder may be the beginning of another one: what is
 * there whole is not held back for that. */
static size_t settled(const struct secret_body *body, struct slice text)
{
	size_t length = text.len - scanner_partial(body->store->scanner, text), at = 0;
	struct scan_hit hit;

	while (secret_find(body->store, text, at, &hit) && hit.start < length) {
		at = hit.start + hit.length;
		if (at > length)
			return at;
	}
	return length;
}

/* The tail holds what was held back; it is joined with IN and rewritten, but for the end of it that
 * could go on to be a placeholder. */
static int rewrite(struct secret_body *body, struct slice in, bool end, struct slice *out)
{
	struct secret_output output;
	struct slice joined;
	size_t whole;
	int rc;

	buffer_consume(&body->kept, buffer_length(&body->kept));
	rc = buffer_append(&body->tail, in);
	if (rc < 0)
		return rc;
	joined = buffer_slice(&body->tail);
	whole = end ? joined.len : settled(body, joined);
	output = (struct secret_output){buffer_reserve(&body->kept, whole + 1), whole, 0};
	if (!output.bytes)
		return -ENOMEM;
	secret_rewrite(body->store, slice_first(joined, whole), take_out, body, &output);
	buffer_commit(&body->kept, output.length);
	buffer_consume(&body->tail, whole);
	*out = buffer_slice(&body->kept);
	return body->plan->refusal ? ERROR_DENIED : 0;
}

int secret_body_feed(struct secret_body *body, struct slice in, bool end, struct slice *out)
{
	*out = in;
	if (body->store->count == 0)
		return 0;
	if (body->strips)
		return rewrite(body, in, end, out);
	return in.len ? watch(body, in) : 0;
}
