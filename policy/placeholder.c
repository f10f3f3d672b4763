#include "policy/placeholder.h"

#include "policy/placeholder_random.h"

enum {
	BODY_MIN = 8,	/* of a secret behind a known prefix; less is no key of that kind */
	PLAIN_MIN = 16, /* of a secret whose kind is seen by its letters alone */
	UUID_LENGTH = 36,
	TRIES_MAX = 100,
};

struct prefix_shape {
	const char *prefix;
	const char *name;
	const struct alphabet *alphabet;
};

/* Longer prefixes come before those that they start with. */
static const struct prefix_shape prefix_shapes[] = {
	{"sk-ant-api03-", "Anthropic key", &alphabet_alnum},
	{"sk-ant-admin01-", "Anthropic key", &alphabet_alnum},
	{"sk-ant-oat01-", "Anthropic token", &alphabet_alnum},
	{"sk-ant-ort01-", "Anthropic token", &alphabet_alnum},
	{"sk-ant-", "Anthropic key", &alphabet_alnum},
	{"sk-proj-", "OpenAI key", &alphabet_alnum},
	{"sk-svcacct-", "OpenAI key", &alphabet_alnum},
	{"sk-or-v1-", "OpenRouter key", &alphabet_hex_lower},
	{"sk-", "key (sk-)", &alphabet_alnum},
	{"ghp_", "GitHub token", &alphabet_alnum},
	{"gho_", "GitHub token", &alphabet_alnum},
	{"ghu_", "GitHub token", &alphabet_alnum},
	{"ghs_", "GitHub token", &alphabet_alnum},
	{"ghr_", "GitHub token", &alphabet_alnum},
	{"AKIA", "AWS access key identifier", &alphabet_base32},
	{"ASIA", "AWS access key identifier", &alphabet_base32},
	{"glpat-", "GitLab token", &alphabet_alnum},
	{"hf_", "Hugging Face token", &alphabet_alpha},
	{"npm_", "npm token", &alphabet_alnum},
};

/* A new token of LEN characters, or more where LEN would be too few. The length, or ERROR_LIMIT. */
static ssize_t fill_behind(const char *prefix, const struct alphabet *alphabet, size_t len,
			   char *out, size_t size)
{
	size_t start = strlen(prefix), least = start + alphabet_least(alphabet);

	if (len < least)
		len = least;
	if (len > PLACEHOLDER_MAX_BYTES)
		len = PLACEHOLDER_MAX_BYTES;
	if (len > size)
		return ERROR_LIMIT;
	memcpy(out, prefix, start);
	alphabet_fill(alphabet, out + start, len - start);
	return (ssize_t)len;
}

static bool is_all_of(struct slice s, const char *letters)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!s.ptr[i] || !strchr(letters, s.ptr[i]))
			return false;
	}
	return s.len > 0;
}

static const struct prefix_shape *find_prefix(struct slice secret)
{
	for (size_t i = 0; i < sizeof(prefix_shapes) / sizeof(prefix_shapes[0]); i++) {
		struct slice prefix = slice_from_text(prefix_shapes[i].prefix);

		if (slice_starts_with(secret, prefix) && secret.len >= prefix.len + BODY_MIN &&
		    placeholder_is_base64url(secret))
			return &prefix_shapes[i];
	}
	return NULL;
}

/* github_pat_, 22 letters and digits, an underscore, 59 more. */
static const char github_pat[] = "github_pat_";

enum { GITHUB_PAT_BREAK = sizeof(github_pat) - 1 + 22 };

static bool is_github_pat(struct slice secret)
{
	return slice_starts_with(secret, slice_from_text(github_pat)) &&
	       secret.len > GITHUB_PAT_BREAK + 1 && secret.ptr[GITHUB_PAT_BREAK] == '_' &&
	       placeholder_is_base64url(secret);
}

static ssize_t make_github_pat(struct slice secret, char *out, size_t size)
{
	ssize_t length = fill_behind(github_pat, &alphabet_alnum, secret.len, out, size);

	if (length > GITHUB_PAT_BREAK)
		out[GITHUB_PAT_BREAK] = '_';
	return length;
}

/* xoxb-, then groups of digits, and of letters and digits, with hyphens between. */
static bool is_slack(struct slice secret)
{
	return secret.len > 5 + BODY_MIN && slice_starts_with(secret, SLICE_LITERAL("xox")) &&
	       strchr("abpserc", secret.ptr[3]) && secret.ptr[4] == '-' &&
	       placeholder_is_base64url(secret);
}

static ssize_t make_slack(struct slice secret, char *out, size_t size)
{
	size_t least = alphabet_least(&alphabet_alnum), used = 4;
	struct slice rest = slice_from(secret, 5), group;

	if (secret.len + 1 + least > size || secret.len > PLACEHOLDER_MAX_BYTES)
		return ERROR_LIMIT;
	memcpy(out, secret.ptr, used);
	while (slice_next_part(&rest, '-', &group)) {
		bool last = !rest.ptr, digits = !last && is_all_of(group, "0123456789");
		size_t len = last && group.len < least ? least : group.len;

		out[used++] = '-';
		alphabet_fill(digits ? &alphabet_digits : &alphabet_alnum, out + used, len);
		used += len;
	}
	return (ssize_t)used;
}

static bool is_hex_digit_at(struct slice s, size_t i)
{
	return ascii_hex_value(s.ptr[i]) >= 0;
}

static bool is_uuid_hyphen(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

static bool is_uuid(struct slice secret)
{
	if (secret.len != UUID_LENGTH)
		return false;
	for (size_t i = 0; i < secret.len; i++) {
		if (is_uuid_hyphen(i) ? secret.ptr[i] != '-' : !is_hex_digit_at(secret, i))
			return false;
	}
	return true;
}

static const struct alphabet *hex_of(struct slice secret)
{
	for (size_t i = 0; i < secret.len; i++) {
		if (secret.ptr[i] >= 'A' && secret.ptr[i] <= 'F')
			return &alphabet_hex_upper;
	}
	return &alphabet_hex_lower;
}

/* Version 4, RFC 4122 section 4.4: 122 random bits. */
static ssize_t make_uuid(struct slice secret, char *out, size_t size)
{
	const struct alphabet *hex = hex_of(secret);

	if (size < UUID_LENGTH)
		return ERROR_LIMIT;
	alphabet_fill(hex, out, UUID_LENGTH);
	for (size_t i = 0; i < UUID_LENGTH; i++) {
		if (is_uuid_hyphen(i))
			out[i] = '-';
	}
	out[14] = '4';
	out[19] = hex->letters[8 | ((unsigned char)out[19] & 3)];
	return UUID_LENGTH;
}

static bool is_hex(struct slice secret)
{
	return secret.len >= PLAIN_MIN && is_all_of(secret, hex_of(secret)->letters);
}

static bool is_base64url(struct slice secret)
{
	return secret.len >= PLAIN_MIN && placeholder_is_base64url(secret) &&
	       (slice_find_char(secret, '-') < secret.len ||
		slice_find_char(secret, '_') < secret.len);
}

static ssize_t make_base64url(struct slice secret, char *out, size_t size)
{
	size_t len = secret.len < PLAIN_MIN ? PLAIN_MIN : secret.len;

	if (len > PLACEHOLDER_MAX_BYTES)
		len = PLACEHOLDER_MAX_BYTES;
	/* One character more than whole bytes is no encoding of anything. */
	if (len % 4 == 1)
		return fill_behind("", &alphabet_alnum, len, out, size);
	if (len > size)
		return ERROR_LIMIT;
	placeholder_fill_base64url(out, len);
	return (ssize_t)len;
}

static bool is_prefixed(struct slice secret)
{
	return find_prefix(secret);
}

static ssize_t make_prefixed(struct slice secret, char *out, size_t size)
{
	const struct prefix_shape *shape = find_prefix(secret);

	return fill_behind(shape->prefix, shape->alphabet, secret.len, out, size);
}

static ssize_t make_hex(struct slice secret, char *out, size_t size)
{
	return fill_behind("", hex_of(secret), secret.len, out, size);
}

static bool is_anything(struct slice secret)
{
	(void)secret;
	return true;
}

static ssize_t make_alnum(struct slice secret, char *out, size_t size)
{
	return fill_behind("", &alphabet_alnum, secret.len, out, size);
}

struct shape {
	const char *name; /* NULL: the prefix's */
	bool (*is)(struct slice secret);
	ssize_t (*make)(struct slice secret, char *out, size_t size);
};

/* The first that fits is taken; the last fits everything. */
static const struct shape shapes[] = {
	{"JWT", placeholder_is_jwt, placeholder_make_jwt},
	{"GitHub token", is_github_pat, make_github_pat},
	{"Slack token", is_slack, make_slack},
	{NULL, is_prefixed, make_prefixed},
	{"UUID", is_uuid, make_uuid},
	{"hex", is_hex, make_hex},
	{"base64url", is_base64url, make_base64url},
	{"letters and digits", is_anything, make_alnum},
};

static const struct shape *find_shape(struct slice secret)
{
	const struct shape *shape = shapes;

	while (!shape->is(secret))
		shape++;
	return shape;
}

ssize_t placeholder_from_secret(struct slice secret, char *out, size_t size)
{
	const struct shape *shape = find_shape(secret);

	/* A secret of one or two letters is met by chance. */
	for (int i = 0; i < TRIES_MAX; i++) {
		ssize_t length = shape->make(secret, out, size);

		if (length < 0 || secret.len == 0 ||
		    slice_find(slice_of(out, (size_t)length), secret) == (size_t)length)
			return length;
	}
	return ERROR_LIMIT;
}

const char *placeholder_shape_name(struct slice secret)
{
	const struct shape *shape = find_shape(secret);

	return shape->name ? shape->name : find_prefix(secret)->name;
}
