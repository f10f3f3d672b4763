#include "proxy/secret/inject.h"

#include "base/base64.h"
#include "base/error.h"

/* The uses that this request may draw on, found once. */
struct uses {
	const struct policy_use *list[SECRET_USES_MAX];
	size_t count;
};

static const struct policy_use *find_use(const struct uses *uses, const struct secret_entry *entry,
					 enum policy_slot_kind kind, struct slice name)
{
	for (size_t i = 0; i < uses->count; i++) {
		const struct policy_use *use = uses->list[i];

		if (use->secret != entry->policy || use->slot.kind != kind)
			continue;
		if (slice_equal_nocase(kind == POLICY_SLOT_HEADER ? use->slot.name
								  : SLICE_LITERAL("Authorization"),
				       name))
			return use;
	}
	return NULL;
}

const char *secret_place_name(enum secret_place place)
{
	static const char *const names[] = {
		[SECRET_IN_FIELD] = "header",  [SECRET_IN_BASIC] = "basic",
		[SECRET_IN_COOKIE] = "cookie", [SECRET_IN_FIELD_NAME] = "header name",
		[SECRET_IN_PATH] = "path",     [SECRET_IN_QUERY] = "query",
		[SECRET_IN_BODY] = "body",     [SECRET_IN_TRAILER] = "trailer",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == SECRET_PLACE_COUNT,
		       "every place has a name");
	return names[place];
}

const char *secret_action_name(enum secret_action action)
{
	static const char *const names[] = {
		[SECRET_PASSED] = "passed",
		[SECRET_STRIPPED] = "stripped",
		[SECRET_BLOCKED] = "blocked",
		[SECRET_KILLED] = "killed",
	};

	return names[action];
}

static enum secret_action action_for(const struct secret_entry *entry, enum secret_place place)
{
	switch (entry->policy->misuse) {
	case POLICY_MISUSE_BLOCK:
		return place == SECRET_IN_BODY ? SECRET_PASSED : SECRET_BLOCKED;
	case POLICY_MISUSE_STRIP:
		/* What is left of a name could be the name of another field, that of one that
		 * frames or routes the message among them. */
		return place == SECRET_IN_FIELD_NAME ? SECRET_BLOCKED : SECRET_STRIPPED;
	case POLICY_MISUSE_PASS:
		return SECRET_PASSED;
	case POLICY_MISUSE_KILL:
		return SECRET_KILLED;
	default:
		return SECRET_BLOCKED;
	}
}

static bool is_noted(const struct secret_plan *plan, const struct secret_entry *entry,
		     enum secret_place place)
{
	for (size_t i = 0; i < plan->misuse_count; i++) {
		if (plan->misuses[i].entry == entry && plan->misuses[i].place == place)
			return true;
	}
	return false;
}

enum secret_action secret_plan_note(struct secret_plan *plan, const struct secret_entry *entry,
				    enum secret_place place)
{
	enum secret_action action = action_for(entry, place);
	struct secret_misuse *misuse;

	if (is_noted(plan, entry, place))
		return action;
	if (plan->misuse_count == SECRET_MISUSES_MAX) {
		/* The last one kept gives way to one that refuses the request. */
		plan->misuses_more++;
		if (action < SECRET_BLOCKED || plan->refusal)
			return action;
		plan->misuse_count--;
	}
	misuse = &plan->misuses[plan->misuse_count++];
	*misuse = (struct secret_misuse){entry, place, action};
	if (action >= SECRET_BLOCKED && !plan->refusal)
		plan->refusal = misuse;
	if (action == SECRET_KILLED)
		plan->kill = true;
	return action;
}

/* Notes every placeholder in TEXT as misused at PLACE; whether one must be stripped. */
static bool note_all(const struct secret_store *store, struct secret_plan *plan, struct slice text,
		     enum secret_place place)
{
	const struct secret_entry *entry;
	struct scan_hit hit;
	size_t at = 0;
	bool strip = false;

	while ((entry = secret_find(store, text, at, &hit))) {
		if (secret_plan_note(plan, entry, place) == SECRET_STRIPPED)
			strip = true;
		at = hit.start + hit.length;
	}
	return strip;
}

static void take_out_stripped(void *context, const struct secret_entry *entry,
			      struct slice *replacement)
{
	bool *found = context;

	if (entry->policy->misuse != POLICY_MISUSE_STRIP)
		return;
	*replacement = SLICE_EMPTY;
	*found = true;
}

/* Takes out the placeholders whose misuse is "strip", again and again, as what is left may close up
 * to another one. */
static int strip_text(const struct secret_store *store, struct arena *arena, struct slice *text)
{
	bool found = true;

	while (found) {
		struct secret_output out = {arena_alloc_bytes(arena, text->len + 1), text->len, 0};

		if (!out.bytes)
			return -ENOMEM;
		found = false;
		secret_rewrite(store, *text, take_out_stripped, &found, &out);
		*text = slice_of(out.bytes, out.length);
	}
	return 0;
}

/* What is left may close up to a placeholder with another setting: it is looked at again until
 * there is nothing to be stripped. */
static int check_text(const struct secret_store *store, struct secret_plan *plan,
		      struct arena *arena, struct slice *text, enum secret_place place)
{
	int rc = 0;

	while (rc == 0 && note_all(store, plan, *text, place))
		rc = strip_text(store, arena, text);
	return rc;
}

/* What a rewriting of one field needs to know. */
struct field_context {
	const struct uses *uses;
	struct secret_plan *plan;
	size_t field;
	enum policy_slot_kind kind;
	struct slice name;
	enum secret_place place;
	bool strip;
	int error;
};

static int add_item(struct field_context *context, const struct secret_entry *entry,
		    const struct policy_use *use)
{
	struct secret_plan *plan = context->plan;
	size_t field = context->field;

	for (size_t i = 0; i < plan->item_count; i++) {
		if (plan->items[i].use == use && plan->items[i].field == field)
			return 0;
	}
	if (plan->item_count == SECRET_ITEMS_MAX)
		return ERROR_LIMIT;
	plan->items[plan->item_count++] = (struct secret_item){entry, use, field, context->name};
	return 0;
}

/* Basic credentials (RFC 7617): the part of a field's value behind "Basic ", decoded. False when
 * the field is something else, or does not decode. */
static bool decode_basic(struct slice value, char *out, size_t size, struct slice *decoded)
{
	static const struct slice scheme = SLICE_LITERAL("Basic ");
	struct slice blob;
	ssize_t len;

	if (!slice_starts_with_nocase(value, scheme))
		return false;
	blob = slice_trim(slice_from(value, scheme.len));
	if (blob.len / 4 * 3 > size)
		return false;
	len = base64_decode(blob, out);
	if (len < 0)
		return false;
	*decoded = slice_of(out, (size_t)len);
	return true;
}

/* Sorts the placeholders in TEXT, a part of a field, into planned ones and misuses. */
static int sort_part(const struct secret_store *store, struct field_context *context,
		     struct slice text)
{
	const struct secret_entry *entry;
	struct scan_hit hit;
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && (entry = secret_find(store, text, at, &hit))) {
		const struct policy_use *use = find_use(context->uses, entry, context->kind,
							context->name);

		if (use)
			rc = add_item(context, entry, use);
		else if (secret_plan_note(context->plan, entry, context->place) == SECRET_STRIPPED)
			context->strip = true;
		at = hit.start + hit.length;
	}
	return rc;
}

/* Takes out misused placeholders whose misuse is "strip", and leaves the planned ones. */
static void take_out_unplanned(void *opaque, const struct secret_entry *entry,
			       struct slice *replacement)
{
	struct field_context *context = opaque;

	if (find_use(context->uses, entry, context->kind, context->name) ||
	    entry->policy->misuse != POLICY_MISUSE_STRIP)
		return;
	*replacement = SLICE_EMPTY;
}

static int strip_part(const struct secret_store *store, struct field_context *context,
		      struct slice text, struct secret_output *out)
{
	return secret_rewrite(store, text, take_out_unplanned, context, out);
}

static void basic_context(struct field_context *context, bool is_password)
{
	context->kind = is_password ? POLICY_SLOT_BASIC_PASSWORD : POLICY_SLOT_BASIC_USER;
	context->place = SECRET_IN_BASIC;
}

static int encode_basic(struct slice decoded, struct arena *arena, struct slice *value)
{
	size_t size = base64_encoded_length(decoded.len) + 6;
	char *text = arena_alloc_bytes(arena, size);

	if (!text)
		return -ENOMEM;
	memcpy(text, "Basic ", 6);
	*value = slice_of(text, 6 + base64_encode(decoded, text + 6));
	return 0;
}

static int plan_basic(const struct secret_store *store, struct field_context *context,
		      struct arena *arena, struct slice decoded, struct slice *value)
{
	size_t colon = slice_find_char(decoded, ':');
	struct slice user = slice_first(decoded, colon), password = slice_from(decoded, colon + 1);
	struct secret_output out = {arena_alloc_bytes(arena, decoded.len + 1), decoded.len, 0};
	int rc;

	if (!out.bytes)
		return -ENOMEM;
	basic_context(context, false);
	rc = sort_part(store, context, user);
	if (rc == 0)
		rc = strip_part(store, context, user, &out);
	if (rc == 0 && colon < decoded.len)
		out.bytes[out.length++] = ':';
	basic_context(context, true);
	if (rc == 0)
		rc = sort_part(store, context, password);
	if (rc == 0)
		rc = strip_part(store, context, password, &out);
	if (rc < 0 || !context->strip)
		return rc;
	return encode_basic(slice_of(out.bytes, out.length), arena, value);
}

static bool has_item(const struct secret_plan *plan, size_t field)
{
	return plan->item_count && plan->items[plan->item_count - 1].field == field;
}

/* Sorts the placeholders in a field's value as it stands, and takes out those that must be. */
static int plan_value(const struct secret_store *store, struct field_context *context,
		      struct arena *arena, struct slice *value)
{
	struct secret_output out;
	int rc = sort_part(store, context, *value);

	if (rc < 0 || !context->strip)
		return rc;
	out = (struct secret_output){arena_alloc_bytes(arena, value->len + 1), value->len, 0};
	if (!out.bytes)
		return -ENOMEM;
	strip_part(store, context, *value, &out);
	*value = slice_trim(slice_of(out.bytes, out.length));
	return 0;
}

/* The same inside the blob of Basic credentials. */
static int plan_blob(const struct secret_store *store, struct field_context *context,
		     struct arena *arena, struct slice *value)
{
	struct slice decoded;
	char *memory;

	/* A secret that is itself a blob for "Basic" stands there as it is. */
	if (has_item(context->plan, context->field) ||
	    !slice_starts_with_nocase(*value, SLICE_LITERAL("Basic ")))
		return 0;
	memory = arena_alloc_bytes(arena, value->len);
	if (!memory)
		return -ENOMEM;
	if (!decode_basic(*value, memory, value->len, &decoded))
		return 0;
	return plan_basic(store, context, arena, decoded, value);
}

static int plan_field(const struct secret_store *store, const struct uses *uses,
		      struct http_message *message, size_t index, struct secret_plan *plan)
{
	struct http_field *field = &message->fields.list[index];
	struct field_context context;
	int rc;

	/* Again when something was stripped: what is left may close up to another placeholder. */
	do {
		context = (struct field_context){
			.uses = uses,
			.plan = plan,
			.field = index,
			.kind = POLICY_SLOT_HEADER,
			.name = field->name,
			.place = field->id == FIELD_COOKIE ? SECRET_IN_COOKIE : SECRET_IN_FIELD,
		};
		rc = plan_value(store, &context, message->arena, &field->value);
		if (rc == 0 && !context.strip)
			rc = plan_blob(store, &context, message->arena, &field->value);
	} while (rc == 0 && context.strip);
	return rc;
}

/* Percent-decodes TEXT once; false when there is nothing to decode. */
static bool percent_decode(struct slice text, char *out, struct slice *decoded)
{
	size_t used = 0;
	bool found = false;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '%' && i + 2 < text.len &&
		    ascii_hex_value(text.ptr[i + 1]) >= 0 &&
		    ascii_hex_value(text.ptr[i + 2]) >= 0) {
			out[used++] = (char)(ascii_hex_value(text.ptr[i + 1]) << 4 |
					     ascii_hex_value(text.ptr[i + 2]));
			i += 2;
			found = true;
		} else {
			out[used++] = text.ptr[i];
		}
	}
	*decoded = slice_of(out, used);
	return found;
}

/* A placeholder in percent encoding, once or twice, is as good as a plain one to the server that
 * decodes it (threat S8). It cannot be stripped without doubt, so what would be stripped is
 * refused. */
static int check_encoded(const struct secret_store *store, struct secret_plan *plan,
			 struct arena *arena, struct slice text, enum secret_place place)
{
	char *memory = arena_alloc_bytes(arena, text.len + 1);

	if (!memory)
		return -ENOMEM;
	for (int depth = 0; depth < 2 && percent_decode(text, memory, &text); depth++) {
		bool strip = note_all(store, plan, text, place);

		for (size_t i = 0; strip && i < plan->misuse_count; i++) {
			struct secret_misuse *misuse = &plan->misuses[i];

			if (misuse->place != place || misuse->action != SECRET_STRIPPED)
				continue;
			misuse->action = SECRET_BLOCKED;
			if (!plan->refusal)
				plan->refusal = misuse;
		}
	}
	return 0;
}

static int plan_target(const struct secret_store *store, struct http_message *message,
		       struct secret_plan *plan)
{
	int rc = check_text(store, plan, message->arena, &message->path, SECRET_IN_PATH);

	if (rc == 0)
		rc = check_text(store, plan, message->arena, &message->query, SECRET_IN_QUERY);
	if (rc == 0 && slice_find_char(message->query, '%') < message->query.len)
		rc = check_encoded(store, plan, message->arena, message->query, SECRET_IN_QUERY);
	if (rc == 0 && slice_find_char(message->path, '%') < message->path.len)
		rc = check_encoded(store, plan, message->arena, message->path, SECRET_IN_PATH);
	return rc;
}

int secret_plan_make(const struct secret_store *store, const struct policy *policy,
		     const struct policy_request *request, struct http_message *message,
		     struct secret_plan *plan)
{
	struct uses uses;
	int rc;

	*plan = (struct secret_plan){0};
	if (store->count == 0)
		return 0;
	uses.count = policy_find_uses(policy, request, uses.list, SECRET_USES_MAX);
	if (uses.count > SECRET_USES_MAX)
		return ERROR_LIMIT;
	rc = plan_target(store, message, plan);
	for (size_t i = 0; i < message->fields.count && rc == 0; i++) {
		note_all(store, plan, message->fields.list[i].name, SECRET_IN_FIELD_NAME);
		rc = plan_field(store, &uses, message, i, plan);
	}
	return rc;
}

bool secret_plan_holds(const struct secret_plan *plan, const struct policy *policy,
		       const struct policy_request *request)
{
	struct uses uses;

	if (plan->item_count == 0)
		return true;
	uses.count = policy_find_uses(policy, request, uses.list, SECRET_USES_MAX);
	if (uses.count > SECRET_USES_MAX)
		return false;
	for (size_t i = 0; i < plan->item_count; i++) {
		size_t at = 0;

		while (at < uses.count && uses.list[at] != plan->items[i].use)
			at++;
		if (at == uses.count)
			return false;
	}
	return true;
}

int secret_plan_trailers(const struct secret_store *store, struct http_fields *trailers,
			 struct arena *arena, struct secret_plan *plan)
{
	int rc = 0;

	if (store->count == 0)
		return 0;
	for (size_t i = 0; i < trailers->count && rc == 0; i++) {
		note_all(store, plan, trailers->list[i].name, SECRET_IN_FIELD_NAME);
		rc = check_text(store, plan, arena, &trailers->list[i].value, SECRET_IN_TRAILER);
	}
	return rc;
}

/* Of apply: which entries are planned for the field and slot at hand. */
struct apply_context {
	const struct secret_plan *plan;
	size_t field;
	enum policy_slot_kind kind;
};

static void put_real_value(void *opaque, const struct secret_entry *entry,
			   struct slice *replacement)
{
	const struct apply_context *context = opaque;

	for (size_t i = 0; i < context->plan->item_count; i++) {
		const struct secret_item *item = &context->plan->items[i];

		if (item->field == context->field && item->entry == entry &&
		    item->use->slot.kind == context->kind) {
			*replacement = entry->value;
			return;
		}
	}
}

/* Results are put at the front half of the scratch memory; decoding works in the back half and
 * wipes it. */
static int rewrite_basic(const struct secret_store *store, struct apply_context *context,
			 struct slice decoded, struct secret_output *plain)
{
	size_t colon = slice_find_char(decoded, ':');
	int rc;

	context->kind = POLICY_SLOT_BASIC_USER;
	rc = secret_rewrite(store, slice_first(decoded, colon), put_real_value, context, plain);
	context->kind = POLICY_SLOT_BASIC_PASSWORD;
	if (rc == 0)
		rc = secret_rewrite(store, slice_from(decoded, colon), put_real_value, context,
				    plain);
	return rc;
}

static int apply_basic(const struct secret_store *store, struct apply_context *context,
		       struct slice value, struct secret_output *scratch, struct slice *result)
{
	size_t quarter = SECRET_SCRATCH_BYTES / 4, encoded;
	struct secret_output plain = {scratch->bytes + 2 * quarter, quarter, 0};
	char *start = scratch->bytes + scratch->length;
	struct slice decoded;
	int rc;

	if (!decode_basic(value, scratch->bytes + 3 * quarter, quarter, &decoded))
		return ERROR_SYNTAX;
	rc = rewrite_basic(store, context, decoded, &plain);
	encoded = base64_encoded_length(plain.length) + 6;
	if (rc == 0 && scratch->size - scratch->length < encoded)
		rc = ERROR_LIMIT;
	if (rc == 0) {
		memcpy(start, "Basic ", 6);
		base64_encode(slice_of(plain.bytes, plain.length), start + 6);
		scratch->length += encoded;
		*result = slice_of(start, encoded);
	}
	explicit_bzero(plain.bytes, plain.length);
	return rc;
}

static int apply_header(const struct secret_store *store, struct apply_context *context,
			struct slice value, struct secret_output *scratch, struct slice *result)
{
	size_t before = scratch->length;
	int rc;

	context->kind = POLICY_SLOT_HEADER;
	rc = secret_rewrite(store, value, put_real_value, context, scratch);
	*result = slice_of(scratch->bytes + before, scratch->length - before);
	return rc;
}

static bool is_basic_slot(enum policy_slot_kind kind)
{
	return kind == POLICY_SLOT_BASIC_USER || kind == POLICY_SLOT_BASIC_PASSWORD;
}

/* Whether an earlier item has dealt with this field already: one pass puts in all that belong
 * there. */
static bool is_done(const struct secret_plan *plan, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (plan->items[i].field == plan->items[index].field)
			return true;
	}
	return false;
}

int secret_plan_apply(const struct secret_store *store, struct secret_plan *plan,
		      struct http_message *message, char *scratch)
{
	struct secret_output out = {scratch, SECRET_SCRATCH_BYTES / 2, 0};

	for (plan->applied = 0; plan->applied < plan->item_count; plan->applied++) {
		const struct secret_item *item = &plan->items[plan->applied];
		struct http_field *field = &message->fields.list[item->field];
		struct apply_context context = {.plan = plan, .field = item->field};
		struct slice result;
		int rc;

		if (item->field >= message->fields.count || field->name.ptr != item->name.ptr)
			return ERROR_MISMATCH;
		plan->originals[plan->applied] = field->value;
		if (is_done(plan, plan->applied))
			continue;
		if (is_basic_slot(item->use->slot.kind))
			rc = apply_basic(store, &context, field->value, &out, &result);
		else
			rc = apply_header(store, &context, field->value, &out, &result);
		plan->scratch_used = out.length;
		if (rc < 0)
			return rc;
		field->value = result;
	}
	return 0;
}

void secret_plan_undo(struct secret_plan *plan, struct http_message *message, char *scratch)
{
	while (plan->applied > 0) {
		plan->applied--;
		message->fields.list[plan->items[plan->applied].field].value =
			plan->originals[plan->applied];
	}
	explicit_bzero(scratch, plan->scratch_used);
	plan->scratch_used = 0;
}
