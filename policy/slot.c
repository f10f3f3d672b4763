#include "policy/slot.h"

#include "base/error.h"
#include "policy/diagnostic.h"
#include "policy/field.h"
#include "policy/pointer.h"

/* A slot while it is parsed. */
struct slot_text {
	struct slice rest; /* behind the first word and its space */
	bool has_rest;
	struct arena *arena;
	struct policy_slot *slot;
	struct slot_fault *fault;
};

static int fail(struct slot_text *t, const char *why, const char *hint)
{
	*t->fault = (struct slot_fault){why, hint};
	return ERROR_SYNTAX;
}

static int parse_header(struct slot_text *t)
{
	struct field_fault field;

	if (t->rest.len == 0)
		return fail(t, "slot \"header\" needs the field's name",
			    "as in: header Authorization");
	if (!field_may_be_named(t->rest, FIELD_OF_SLOT, &field))
		return fail(t, field.why, field.hint);
	t->slot->name = t->rest;
	return 0;
}

static int parse_basic(struct slot_text *t)
{
	if (slice_equal(t->rest, SLICE_LITERAL("user")))
		t->slot->kind = POLICY_SLOT_BASIC_USER;
	else if (slice_equal(t->rest, SLICE_LITERAL("password")))
		t->slot->kind = POLICY_SLOT_BASIC_PASSWORD;
	else
		return fail(t, "slot \"basic\" is either \"basic user\" or \"basic password\"",
			    NULL);
	return 0;
}

/* RFC 6265 section 4.1.1: a cookie's name is a token. */
static int parse_cookie(struct slot_text *t)
{
	if (t->rest.len == 0)
		return fail(t, "slot \"cookie\" needs the cookie's name", "as in: cookie session");
	if (!field_is_token(t->rest))
		return fail(t, "this is not the name of a cookie", "as in: cookie session");
	t->slot->name = t->rest;
	return 0;
}

static bool has_escape(struct slice name)
{
	for (size_t i = 0; i + 2 < name.len; i++) {
		if (name.ptr[i] == '%' && ascii_hex_value(name.ptr[i + 1]) >= 0 &&
		    ascii_hex_value(name.ptr[i + 2]) >= 0)
			return true;
	}
	return false;
}

/* Names of parameters and of forms' fields are compared decoded; that is how they are written. */
static int parse_parameter(struct slot_text *t)
{
	bool query = t->slot->kind == POLICY_SLOT_QUERY;
	const char *example = query ? "as in: query api_key" : "as in: form api_key";
	struct slice name = t->rest;

	if (name.len == 0)
		return fail(t,
			    query ? "slot \"query\" needs the parameter's name"
				  : "slot \"form\" needs the field's name",
			    example);
	if (name.ptr[0] == ' ' || name.ptr[name.len - 1] == ' ')
		return fail(t, "the name starts or ends with a space", example);
	if (slice_find_char(name, '=') < name.len || slice_find_char(name, '&') < name.len)
		return fail(t, "a name is all that is needed, without \"=\" and \"&\"", example);
	if (has_escape(name))
		return fail(t, "names are compared decoded", "write the name without %");
	t->slot->name = name;
	return 0;
}

static int parse_pointer(struct slot_text *t)
{
	const char *why = NULL;
	int rc;

	if (t->rest.len == 0)
		return fail(t, "the pointer is missing",
			    "as in: json /api_key, for the member \"api_key\" of an object");
	rc = pointer_parse(t->rest, t->arena, &t->slot->pointer, &why);
	t->slot->has_pointer = rc == 0;
	*t->fault = (struct slot_fault){why, "as in: /auth/api_key, for {\"auth\": {\"api_key\": "
					     "...}} (RFC 6901)"};
	return rc;
}

static int parse_path(struct slot_text *t)
{
	return t->has_rest
		       ? fail(t, "slot \"path\" is a whole segment of the path, and has no name",
			      "the target says which paths it is for")
		       : 0;
}

static int parse_body(struct slot_text *t)
{
	return t->has_rest ? fail(t, "slot \"body\" is anywhere in the body, and has no name",
				  "for one field write form FIELD or json POINTER")
			   : 0;
}

static int parse_ws(struct slot_text *t)
{
	return t->has_rest ? parse_pointer(t) : 0;
}

static const struct {
	const char *word;
	enum policy_slot_kind kind;
	int (*parse)(struct slot_text *t);
} words[] = {
	{"header", POLICY_SLOT_HEADER, parse_header},
	{"basic", POLICY_SLOT_BASIC_USER, parse_basic},
	{"cookie", POLICY_SLOT_COOKIE, parse_cookie},
	{"query", POLICY_SLOT_QUERY, parse_parameter},
	{"path", POLICY_SLOT_PATH, parse_path},
	{"form", POLICY_SLOT_FORM, parse_parameter},
	{"json", POLICY_SLOT_JSON, parse_pointer},
	{"body", POLICY_SLOT_BODY, parse_body},
	{"ws", POLICY_SLOT_WS, parse_ws},
};

/* One word is for both parts of Basic. */
_Static_assert(sizeof(words) / sizeof(words[0]) == POLICY_SLOT_COUNT - 1, "every slot is here");

int slot_parse(struct slice text, struct arena *arena, struct policy_slot *slot,
	       struct slot_fault *fault)
{
	size_t space = slice_find_char(text, ' ');
	struct slice word = slice_first(text, space);
	struct slot_text t = {.rest = slice_from(text, space + 1),
			      .has_rest = space < text.len,
			      .arena = arena,
			      .slot = slot,
			      .fault = fault};

	*slot = (struct policy_slot){.text = text};
	*fault = (struct slot_fault){0};
	if (text.len > SLOT_NAME_MAX_BYTES)
		return fail(&t, "the slot is too long", NULL);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!slice_equal(word, slice_from_text(words[i].word)))
			continue;
		slot->kind = words[i].kind;
		return words[i].parse(&t);
	}
	return fail(&t, "unknown slot", "slots are: " SLOT_FORMS);
}

bool slot_is_in_body(const struct policy_slot *slot)
{
	return slot->kind == POLICY_SLOT_FORM || slot->kind == POLICY_SLOT_JSON ||
	       slot->kind == POLICY_SLOT_BODY;
}
