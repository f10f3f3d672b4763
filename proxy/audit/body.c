#include "proxy/audit/body.h"

#include "base/json.h"
#include "base/utf8.h"
#include "proxy/audit/record.h"

enum {
	DEPTH_MAX = 4,
	NESTED_MEMBERS_MAX = 16,
	FRACTION_DIGITS_MAX = 3,
};

struct scan {
	const char *next;
	const char *end;
};

static bool scan_value(struct scan *s, int depth);

static bool take(struct scan *s, char c)
{
	if (s->next == s->end || *s->next != c)
		return false;
	s->next++;
	return true;
}

static bool take_text(struct scan *s, struct slice text)
{
	if ((size_t)(s->end - s->next) < text.len || memcmp(s->next, text.ptr, text.len) != 0)
		return false;
	s->next += text.len;
	return true;
}

/* The four digits of \uNNNN, as the writer makes them: lower case. */
static bool scan_unit(struct scan *s, unsigned int *unit)
{
	*unit = 0;
	if (s->end - s->next < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = *s->next++;

		if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'f'))
			return false;
		*unit = *unit << 4 | (unsigned int)ascii_hex_value(c);
	}
	return true;
}

static bool is_high_surrogate(unsigned int unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(unsigned int unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/* What follows a backslash. Half a surrogate pair is text to some parsers and an error to others.
 */
static bool scan_escape(struct scan *s)
{
	unsigned int unit, second;

	if (take(s, '"') || take(s, '\\') || take(s, 'n') || take(s, 'r') || take(s, 't'))
		return true;
	if (!take(s, 'u') || !scan_unit(s, &unit) || is_low_surrogate(unit))
		return false;
	if (!is_high_surrogate(unit))
		return true;
	return take(s, '\\') && take(s, 'u') && scan_unit(s, &second) && is_low_surrogate(second);
}

static bool scan_character(struct scan *s)
{
	uint32_t code;
	size_t len = utf8_decode(slice_of(s->next, (size_t)(s->end - s->next)), &code);

	if (len == 0 || utf8_is_unseen(code))
		return false;
	s->next += len;
	return true;
}

static bool scan_text(struct scan *s)
{
	if (!take(s, '"'))
		return false;
	for (;;) {
		s->next += json_plain_length(slice_of(s->next, (size_t)(s->end - s->next)));
		if (take(s, '"'))
			return true;
		if (take(s, '\\') ? !scan_escape(s) : !scan_character(s))
			return false;
	}
}

/* A member's name with its colon: lower case, digits and underscores, nothing escaped. */
static bool scan_name(struct scan *s, struct slice *name)
{
	static const bool allowed[256] = {
		['0' ... '9'] = true,
		['a' ... 'z'] = true,
		['_'] = true,
	};
	const char *start, *at;

	if (!take(s, '"'))
		return false;
	start = s->next;
	for (at = start; at < s->end && allowed[(unsigned char)*at]; at++)
		continue;
	s->next = at;
	*name = slice_of(start, (size_t)(at - start));
	return name->len > 0 && take(s, '"') && take(s, ':');
}

static bool scan_number(struct scan *s)
{
	const char *start;
	uint64_t ignored;

	take(s, '-');
	start = s->next;
	while (s->next < s->end && ascii_is_digit(*s->next))
		s->next++;
	if (slice_to_u64(slice_of(start, (size_t)(s->next - start)), INT64_MAX, &ignored) < 0)
		return false;
	if (*start == '0' && s->next - start > 1)
		return false;
	if (!take(s, '.'))
		return true;
	start = s->next;
	while (s->next < s->end && ascii_is_digit(*s->next))
		s->next++;
	return s->next > start && s->next - start <= FRACTION_DIGITS_MAX;
}

static bool scan_array(struct scan *s, int depth)
{
	if (take(s, ']'))
		return true;
	do {
		if (!scan_value(s, depth))
			return false;
	} while (take(s, ','));
	return take(s, ']');
}

static bool is_repeated(const struct slice *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (slice_equal(names[i], names[count]))
			return true;
	}
	return false;
}

static bool scan_object(struct scan *s, int depth)
{
	struct slice names[NESTED_MEMBERS_MAX];
	size_t count = 0;

	do {
		if (count == NESTED_MEMBERS_MAX || !scan_name(s, &names[count]) ||
		    is_repeated(names, count) || !scan_value(s, depth))
			return false;
		count++;
	} while (take(s, ','));
	return take(s, '}');
}

static bool scan_value(struct scan *s, int depth)
{
	if (s->next == s->end)
		return false;
	switch (*s->next) {
	case '"':
		return scan_text(s);
	case '{':
		s->next++;
		return depth < DEPTH_MAX && scan_object(s, depth + 1);
	case '[':
		s->next++;
		return depth < DEPTH_MAX && scan_array(s, depth + 1);
	case 't':
		return take_text(s, SLICE_LITERAL("true"));
	case 'f':
		return take_text(s, SLICE_LITERAL("false"));
	case 'n':
		return take_text(s, SLICE_LITERAL("null"));
	default:
		return scan_number(s);
	}
}

/* The members in the order in which record.c writes them. */
static const struct {
	struct slice name;
	bool is_required;
} members[] = {
	{SLICE_LITERAL("time"), true},		{SLICE_LITERAL("sandbox"), true},
	{SLICE_LITERAL("kind"), true},		{SLICE_LITERAL("verdict"), true},
	{SLICE_LITERAL("would_deny"), false},	{SLICE_LITERAL("rule"), true},
	{SLICE_LITERAL("reason"), true},	{SLICE_LITERAL("error"), false},
	{SLICE_LITERAL("host"), false},		{SLICE_LITERAL("port"), false},
	{SLICE_LITERAL("ip"), false},		{SLICE_LITERAL("proxy"), false},
	{SLICE_LITERAL("tls"), false},		{SLICE_LITERAL("upstream"), false},
	{SLICE_LITERAL("http"), false},		{SLICE_LITERAL("websocket"), false},
	{SLICE_LITERAL("bytes"), false},	{SLICE_LITERAL("secrets"), false},
	{SLICE_LITERAL("secrets_more"), false}, {SLICE_LITERAL("misuse"), false},
	{SLICE_LITERAL("misuse_more"), false},	{SLICE_LITERAL("scrubbed"), false},
	{SLICE_LITERAL("captured"), false},	{SLICE_LITERAL("dns"), false},
	{SLICE_LITERAL("packet"), false},	{SLICE_LITERAL("life"), false},
	{SLICE_LITERAL("ms"), false},
};

enum { MEMBER_COUNT = sizeof(members) / sizeof(members[0]) };

/* Moves NEXT behind the member called NAME; false if it is not among those still to come, or a
 * required one would be passed over. */
static bool advance(struct slice name, size_t *next)
{
	while (*next < MEMBER_COUNT && !slice_equal(name, members[*next].name)) {
		if (members[*next].is_required)
			return false;
		++*next;
	}
	return (*next)++ < MEMBER_COUNT;
}

static bool required_are_passed(size_t next)
{
	for (; next < MEMBER_COUNT; next++) {
		if (members[next].is_required)
			return false;
	}
	return true;
}

static void note(struct audit_body *read, struct slice name, struct slice value)
{
	if (slice_equal(name, SLICE_LITERAL("sandbox")))
		read->sandbox = value;
	else if (slice_equal(name, SLICE_LITERAL("kind")))
		read->kind = value;
	else if (slice_equal(name, SLICE_LITERAL("life")))
		read->has_life = true;
}

bool audit_body_is_sound(struct slice body, struct audit_body *read)
{
	struct scan s = {body.ptr, body.ptr + body.len};
	struct audit_body found = {0};
	size_t next = 0;

	if (body.len > AUDIT_BODY_MAX || !take(&s, '{'))
		return false;
	do {
		struct slice name;
		const char *value;

		if (!scan_name(&s, &name) || !advance(name, &next))
			return false;
		value = s.next;
		if (!scan_value(&s, 1))
			return false;
		note(&found, name, slice_of(value, (size_t)(s.next - value)));
	} while (take(&s, ','));
	if (read)
		*read = found;
	return required_are_passed(next) && take(&s, '}') && s.next == s.end;
}

/* TEXT in quotes, as an id is written that needs no escape. */
static bool is_quoted(struct slice json, const char *text)
{
	return json.len == strlen(text) + 2 && json.ptr[0] == '"' &&
	       memcmp(json.ptr + 1, text, json.len - 2) == 0;
}

bool audit_body_may_come_from(struct slice body, const char *sandbox)
{
	struct audit_body read;

	return audit_body_is_sound(body, &read) && !read.has_life &&
	       !is_quoted(read.kind, audit_kind_name(AUDIT_SANDBOX)) &&
	       (!sandbox || is_quoted(read.sandbox, sandbox));
}
