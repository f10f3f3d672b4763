#include "proxy/secret/credentials.h"

#include "base/base64.h"
#include "base/error.h"
#include "proxy/secret/credentials_room.h"
#include "proxy/secret/field_name.h"
#include "proxy/secret/percent.h"

enum {
	SCHEME_MAX_BYTES = 16,	 /* "Bearer", "token", "AWS4-HMAC-SHA256" */
	USER_MAX_BYTES = 64,	 /* beside a password of ours */
	PASSWORD_MAX_BYTES = 16, /* beside a user of ours: "x-oauth-basic" */
};

bool credential_is_planned(const struct secret_plan *plan, const char *field,
			   enum policy_slot_kind kind, struct slice name, struct slice text)
{
	for (size_t i = 0; i < plan->item_count; i++) {
		const struct secret_item *item = &plan->items[i];
		const struct policy_slot *slot = &item->use->slot;
		struct slice placeholder = item->entry->placeholder;

		if (item->field != field || slot->kind != kind)
			continue;
		if (kind == POLICY_SLOT_QUERY
			    ? slice_equal(slot->name, name) &&
				      percent_reads_as(text, true, placeholder)
			    : slice_equal(text, placeholder) &&
				      (kind != POLICY_SLOT_COOKIE || slice_equal(slot->name, name)))
			return true;
	}
	return false;
}

bool credential_is_slot(const struct secret_plan *plan, enum policy_slot_kind kind,
			struct slice name)
{
	for (size_t i = 0; i < plan->use_count; i++) {
		const struct policy_slot *slot = &plan->uses[i]->slot;

		if (slot->kind == kind && field_name_is_read_as(slot->name, name))
			return true;
	}
	return false;
}

/* Subprotocols by which programs in browsers, which cannot set fields, send a key (those of OpenAI
 * and Kubernetes). */
static bool has_key_protocol(const struct http_field *field)
{
	static const struct slice marks[] = {
		SLICE_LITERAL("api-key"),
		SLICE_LITERAL("authorization"),
		SLICE_LITERAL("bearer"),
		SLICE_LITERAL("token"),
	};

	if (!field_name_is_read_as(field->name, SLICE_LITERAL("Sec-WebSocket-Protocol")))
		return false;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		for (size_t at = 0; at + marks[i].len <= field->value.len; at++) {
			if (field_name_is_read_as(slice_of(field->value.ptr + at, marks[i].len),
						  marks[i]))
				return true;
		}
	}
	return false;
}

static bool says_scheme(struct slice value)
{
	value = slice_trim(value);
	return slice_starts_with_nocase(value, SLICE_LITERAL("Bearer ")) ||
	       slice_starts_with_nocase(value, SLICE_LITERAL("Basic "));
}

static bool is_credential(const struct secret_plan *plan, const struct http_field *field)
{
	if (field->value.len == 0)
		return false;
	return credential_is_field(field->name) || says_scheme(field->value) ||
	       credential_is_slot(plan, POLICY_SLOT_HEADER, field->name) || has_key_protocol(field);
}

static bool is_cookie(const struct http_field *field)
{
	return field_name_is_read_as(field->name, SLICE_LITERAL("Cookie")) ||
	       field_name_is_read_as(field->name, SLICE_LITERAL("Cookie2"));
}

/* A field that the rule sets: its name is the policy's own text. */
static bool is_set(const struct secret_plan *plan, const struct http_field *field)
{
	for (size_t i = 0; plan->rule && i < plan->rule->set_count; i++) {
		if (plan->rule->sets[i].field.ptr == field->name.ptr)
			return true;
	}
	return false;
}

static bool is_scheme(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_alnum(text.ptr[i]) && text.ptr[i] != '-')
			return false;
	}
	return text.len > 0 && text.len <= SCHEME_MAX_BYTES && !credential_looks_like_key(text);
}

/* PLACEHOLDER, SCHEME PLACEHOLDER, SCHEME NAME=PLACEHOLDER, and with quotes. */
static struct slice core_of(struct slice value)
{
	size_t space = slice_find_char(value, ' '), equals;

	if (space < value.len && is_scheme(slice_first(value, space))) {
		value = slice_trim(slice_from(value, space + 1));
		equals = slice_find_char(value, '=');
		if (equals < value.len && is_scheme(slice_first(value, equals)))
			value = slice_from(value, equals + 1);
	}
	if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
		value = slice_of(value.ptr + 1, value.len - 2);
	return value;
}

static bool is_harmless(struct slice text, size_t max)
{
	return text.len <= max && !credential_looks_like_key(text);
}

/* Both halves are ours, or one is, and the other could be no key. */
static bool is_our_basic(const struct secret_plan *plan, const struct http_field *field,
			 struct slice decoded)
{
	size_t colon = slice_find_char(decoded, ':');
	struct slice user = slice_first(decoded, colon), password = slice_from(decoded, colon + 1);
	bool our_user = credential_is_planned(plan, field->name.ptr, POLICY_SLOT_BASIC_USER,
					      SLICE_EMPTY, user);
	bool our_password = credential_is_planned(plan, field->name.ptr, POLICY_SLOT_BASIC_PASSWORD,
						  SLICE_EMPTY, password);

	if (our_user)
		return our_password || is_harmless(password, PASSWORD_MAX_BYTES);
	return our_password && is_harmless(user, USER_MAX_BYTES);
}

/* *OURS: whether FIELD, a credential, is. 0 or -ENOMEM. */
static int check_field(const struct secret_plan *plan, struct arena *arena,
		       const struct http_field *field, bool *ours)
{
	static const struct slice basic = SLICE_LITERAL("Basic ");
	struct slice value = slice_trim(field->value), blob;
	ssize_t length;
	char *memory;

	*ours = is_set(plan, field) ||
		credential_is_planned(plan, field->name.ptr, POLICY_SLOT_HEADER, SLICE_EMPTY,
				      core_of(value));
	if (*ours || !slice_starts_with_nocase(value, basic))
		return 0;
	blob = slice_trim(slice_from(value, basic.len));
	memory = arena_alloc_bytes(arena, blob.len + 1);
	if (!memory)
		return -ENOMEM;
	length = base64_decode(blob, memory);
	*ours = length > 0 && is_our_basic(plan, field, slice_of(memory, (size_t)length));
	return 0;
}

void credentials_drop_trailers(const struct secret_plan *plan, struct http_fields *fields)
{
	size_t kept = 0;

	for (size_t i = 0; i < fields->count; i++) {
		if (!is_credential(plan, &fields->list[i]) && !is_cookie(&fields->list[i]))
			fields->list[kept++] = fields->list[i];
	}
	fields->count = kept;
}

int credentials_take_out(const struct secret_plan *plan, struct http_message *message)
{
	credentials_drop_trailers(plan, &message->fields);
	return credential_strip_query(plan, message);
}

static int sort_cookies(const struct secret_plan *plan, struct http_message *message)
{
	struct http_fields *fields = &message->fields;
	size_t kept = 0;

	for (size_t i = 0; i < fields->count; i++) {
		struct http_field field = fields->list[i];

		if (is_cookie(&field) && !is_set(plan, &field)) {
			if (credential_keep_cookies(plan, &field, message->arena, &field.value) < 0)
				return -ENOMEM;
			if (field.value.len == 0)
				continue;
		}
		fields->list[kept++] = field;
	}
	fields->count = kept;
	return 0;
}

static bool has_star_segment(struct slice glob)
{
	return slice_find(glob, SLICE_LITERAL("/*/")) < glob.len ||
	       slice_ends_with(glob, SLICE_LITERAL("/*"));
}

/* A slot "path" at a target that says with a star which segment it is: something else stands there.
 */
static const struct policy_use *find_foreign_path(const struct secret_plan *plan)
{
	const struct policy_use *missing = NULL;

	for (size_t i = 0; i < plan->use_count; i++) {
		const struct policy_use *use = plan->uses[i];

		if (use->slot.kind == POLICY_SLOT_PATH && has_star_segment(use->at.path.text))
			missing = use;
	}
	for (size_t i = 0; i < plan->item_count; i++) {
		if (plan->items[i].use->slot.kind == POLICY_SLOT_PATH)
			return NULL;
	}
	return missing;
}

static int find_field(const struct secret_plan *plan, const struct http_message *message,
		      struct slice *name)
{
	for (size_t i = 0; i < message->fields.count; i++) {
		const struct http_field *field = &message->fields.list[i];
		bool ours = true;
		int rc = 0;

		if (!is_cookie(field) && is_credential(plan, field))
			rc = check_field(plan, message->arena, field, &ours);
		if (rc == 0 && ours)
			continue;
		*name = field->name;
		return rc;
	}
	return 0;
}

int credentials_find_foreign(const struct secret_plan *plan, struct http_message *message,
			     struct credentials_foreign *foreign)
{
	const struct policy_use *use = find_foreign_path(plan);
	struct slice name = SLICE_EMPTY;
	int rc = sort_cookies(plan, message);

	*foreign = (struct credentials_foreign){.where = NULL};
	if (rc == 0)
		rc = find_field(plan, message, &name);
	if (rc < 0)
		return rc;
	if (name.len) {
		*foreign = (struct credentials_foreign){"field", name};
		return 0;
	}
	name = credential_find_parameter(plan, message);
	if (name.len)
		*foreign = (struct credentials_foreign){"parameter", name};
	else if (use)
		*foreign = (struct credentials_foreign){"path", slice_from_text(use->secret->name)};
	return 0;
}
