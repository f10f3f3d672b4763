#include "base/error.h"
#include "base/utf8.h"
#include "policy/slot.h"

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

static const char *check_controls(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (c < 0x20 || c == 0x7f)
			return name_control(c);
	}
	return NULL;
}

static bool is_ascii(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.ptr[i] >= 0x80)
			return false;
	}
	return true;
}

static bool is_utf8(struct slice value)
{
	while (value.len) {
		size_t len = utf8_sequence(value);

		if (len == 0)
			return false;
		value = slice_from(value, len);
	}
	return true;
}

static bool has_one_of(struct slice value, const char *bytes)
{
	for (; *bytes; bytes++) {
		if (slice_find_char(value, *bytes) < value.len)
			return true;
	}
	return false;
}

static const char *check_field(struct slice value)
{
	if (!is_ascii(value))
		return "the value of a field must be ASCII";
	if (slice_trim(value).len < value.len)
		return "the value of a field cannot start or end with a space";
	return NULL;
}

static const char *check_user(struct slice value)
{
	return has_one_of(value, ":") ? "a user name of Basic authentication has no colon" : NULL;
}

static const char *check_password(struct slice value)
{
	(void)value;
	return NULL;
}

/* RFC 6265 section 4.1.1, cookie-octet. There is no escaping that every server knows. */
static const char *check_cookie(struct slice value)
{
	return !is_ascii(value) || has_one_of(value, " \",;\\")
		       ? "the value of a cookie is ASCII without spaces, quotes, commas, "
			 "semicolons and backslashes"
		       : NULL;
}

/* Percent-encoding would carry these, and servers that decode first would see another path. */
static const char *check_segment(struct slice value)
{
	if (slice_equal(value, SLICE_LITERAL(".")) || slice_equal(value, SLICE_LITERAL("..")))
		return "a segment of dots would change the path";
	if (has_one_of(value, "/\\;%"))
		return "the value has a slash, backslash, semicolon or percent sign, which some "
		       "servers read as more than a segment of the path";
	return is_utf8(value) ? NULL : "the value is not UTF-8";
}

static const char *check_text(struct slice value)
{
	return is_utf8(value) ? NULL : "the value is not UTF-8";
}

int slot_check_value(const struct policy_slot *slot, struct slice value, const char **why)
{
	static const char *(*const checks[])(struct slice value) = {
		[POLICY_SLOT_HEADER] = check_field,
		[POLICY_SLOT_BASIC_USER] = check_user,
		[POLICY_SLOT_BASIC_PASSWORD] = check_password,
		[POLICY_SLOT_COOKIE] = check_cookie,
		[POLICY_SLOT_QUERY] = check_text,
		[POLICY_SLOT_PATH] = check_segment,
		[POLICY_SLOT_FORM] = check_text,
		[POLICY_SLOT_JSON] = check_text,
		[POLICY_SLOT_BODY] = check_text,
		[POLICY_SLOT_WS] = check_text,
	};

	_Static_assert(sizeof(checks) / sizeof(checks[0]) == POLICY_SLOT_COUNT,
		       "every slot has a check");
	*why = value.len ? check_controls(value) : "the value is empty";
	if (!*why)
		*why = checks[slot->kind](value);
	return *why ? ERROR_SYNTAX : 0;
}

/* RFC 7617 section 2: the first colon ends the user's name. */
static const char *check_login(struct slice value)
{
	const char *why = value.len ? check_controls(value) : "the value is empty";

	if (why)
		return why;
	return slice_find_char(value, ':') < value.len
		       ? NULL
		       : "the value is not of the form user:password";
}

int slot_check_secret(const struct policy_secret *secret, struct slice value, struct slice *where,
		      const char **why)
{
	static const struct policy_slot field = {
		.kind = POLICY_SLOT_HEADER,
		.text = SLICE_LITERAL("a field that a rule sets"),
	};
	const struct policy_slot *slot = &field;
	int rc = secret->is_set ? slot_check_value(slot, value, why) : 0;

	for (size_t i = 0; i < secret->use_count && rc == 0; i++) {
		slot = &secret->uses[i].slot;
		rc = slot_check_value(slot, value, why);
	}
	*where = slot->text;
	if (rc < 0 || !secret->is_login)
		return rc;
	*where = SLICE_LITERAL("login of the upstream proxy");
	*why = check_login(value);
	return *why ? ERROR_SYNTAX : 0;
}
