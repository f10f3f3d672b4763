#include "policy/slot.h"

#include "base/error.h"

static const char *const later[] = {"cookie", "query", "path", "form", "json", "body", "ws"};

/* Fields that the engine makes itself, that frame the message, or that have a slot of their own. */
static const struct {
	const char *name;
	const char *why;
	const char *hint;
} refused_fields[] = {
	{"Authority", "this field cannot hold a secret", NULL},
	{"Connection", "this field is for one hop only", NULL},
	{"Content-Encoding", "this field frames the message", NULL},
	{"Content-Length", "this field frames the message", NULL},
	{"Content-Type", "this field frames the message", NULL},
	{"Cookie", "slot \"cookie NAME\" is not yet supported, and the whole field is not a slot",
	 NULL},
	{"Date", "this field cannot hold a secret", NULL},
	{"Expect", "this field frames the message", NULL},
	{"Host", "this field says where the request goes", NULL},
	{"Keep-Alive", "this field is for one hop only", NULL},
	{"Proxy-Authorization", "this field is for one hop only", "did you mean Authorization?"},
	{"Proxy-Connection", "this field is for one hop only", NULL},
	{"TE", "this field is for one hop only", NULL},
	{"Trailer", "this field frames the message", NULL},
	{"Transfer-Encoding", "this field frames the message", NULL},
	{"Upgrade", "this field is for one hop only", NULL},
};

static int fail(int code, const char **why, const char *text)
{
	*why = text;
	return code;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!ascii_is_alnum(c) && !(c && strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return s.len > 0;
}

static int parse_header(struct slice name, struct policy_slot *slot, const char **why,
			const char **hint)
{
	*hint = "as in: header Authorization";
	if (name.len == 0)
		return fail(ERROR_SYNTAX, why, "slot \"header\" needs the field's name");
	if (!is_token(name))
		return fail(ERROR_SYNTAX, why, "this is not the name of a field");
	for (size_t i = 0; i < sizeof(refused_fields) / sizeof(refused_fields[0]); i++) {
		if (!slice_equal_nocase(name, slice_from_text(refused_fields[i].name)))
			continue;
		*hint = refused_fields[i].hint;
		return fail(ERROR_SYNTAX, why, refused_fields[i].why);
	}
	slot->kind = POLICY_SLOT_HEADER;
	slot->name = name;
	return 0;
}

static int parse_basic(struct slice part, struct policy_slot *slot, const char **why,
		       const char **hint)
{
	*hint = NULL;
	if (slice_equal(part, SLICE_LITERAL("user")))
		slot->kind = POLICY_SLOT_BASIC_USER;
	else if (slice_equal(part, SLICE_LITERAL("password")))
		slot->kind = POLICY_SLOT_BASIC_PASSWORD;
	else
		return fail(ERROR_SYNTAX, why,
			    "slot \"basic\" is either \"basic user\" or \"basic password\"");
	return 0;
}

/* The ones that get into values by accident are named. */
static const char *name_control(unsigned char c)
{
	switch (c) {
	case '\r':
		return "the value has a carriage return in it, which would break the framing of "
		       "HTTP";
	case '\n':
		return "the value has a line feed in it, which would break the framing of HTTP";
	case '\0':
		return "the value has a NUL byte in it";
	default:
		return "the value has a control character in it";
	}
}

int slot_check_value(const struct policy_slot *slot, struct slice value, const char **why)
{
	bool field = slot->kind == POLICY_SLOT_HEADER;

	if (value.len == 0)
		return fail(ERROR_SYNTAX, why, "the value is empty");
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (c < 0x20 || c == 0x7f)
			return fail(ERROR_SYNTAX, why, name_control(c));
		if (field && c >= 0x80)
			return fail(ERROR_SYNTAX, why, "the value of a field must be ASCII");
	}
	if (field && slice_trim(value).len < value.len)
		return fail(ERROR_SYNTAX, why,
			    "the value of a field cannot start or end with a space");
	if (slot->kind == POLICY_SLOT_BASIC_USER && slice_find_char(value, ':') < value.len)
		return fail(ERROR_SYNTAX, why, "a user name of Basic authentication has no colon");
	return 0;
}

int slot_parse(struct slice text, struct policy_slot *slot, const char **why, const char **hint)
{
	size_t space = slice_find_char(text, ' ');
	struct slice kind = slice_first(text, space), rest = slice_from(text, space + 1);

	*slot = (struct policy_slot){.text = text};
	*hint = "slots are: header NAME, basic user, basic password";
	if (slice_equal(kind, SLICE_LITERAL("header")))
		return parse_header(rest, slot, why, hint);
	if (slice_equal(kind, SLICE_LITERAL("basic")))
		return parse_basic(rest, slot, why, hint);
	if (slice_is_one_of(kind, later, sizeof(later) / sizeof(later[0])))
		return fail(ERROR_UNSUPPORTED, why, "this slot is not yet supported");
	return fail(ERROR_SYNTAX, why, "unknown slot");
}
