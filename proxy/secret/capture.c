#include "proxy/secret/capture.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/list.h"
#include "proxy/secret/json_walk.h"
#include "proxy/secret/percent.h"

struct capture_stage {
	struct stage stage;
	enum capture_syntax syntax;
	const struct capture_owner_ops *owner_ops;
	void *owner;
	size_t tokens;
	struct buffer body;
	struct buffer decoded; /* of a token that is escaped */
	struct buffer result;
	bool is_done;
};

static struct capture_stage *of(struct stage *stage)
{
	return container_of(stage, struct capture_stage, stage);
}

static int fail(struct capture_stage *capture, int code, const char *why)
{
	capture->stage.why = why;
	return code;
}

static int append(struct capture_stage *capture, struct slice text)
{
	int rc = buffer_append(&capture->result, text);

	return rc < 0 ? fail(capture, rc, "it is too long with its tokens replaced") : 0;
}

/* "access_token", "accessToken": servers differ. */
static bool names_token(struct slice name)
{
	static const char *const names[] = {"accesstoken", "refreshtoken", "idtoken"};
	char plain[16];
	size_t used = 0;

	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '_' || name.ptr[i] == '-')
			continue;
		if (used == sizeof(plain))
			return false;
		plain[used++] = ascii_lower(name.ptr[i]);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal(slice_of(plain, used), slice_from_text(names[i])))
			return true;
	}
	return false;
}

/* Puts the placeholder for TOKEN into the result. */
static int replace(struct capture_stage *capture, struct slice token)
{
	struct slice placeholder;
	const char *why = NULL;

	/* Servers send "" where there is none. */
	if (token.len == 0)
		return 0;
	if (capture->tokens++ == CAPTURE_TOKENS_MAX)
		return fail(capture, ERROR_LIMIT,
			    "there are more new tokens in it than are supported");
	placeholder = capture->owner_ops->token(capture->owner, token, &why);
	if (!placeholder.ptr)
		return fail(capture, ERROR_DENIED, why);
	return append(capture, placeholder);
}

static int hex_of(struct slice digits)
{
	int value = 0;

	if (digits.len < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int digit = ascii_hex_value(digits.ptr[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* The characters of a JSON string; of those that are escaped, only such as a token can have. */
static int decode_string(struct capture_stage *capture, struct slice text)
{
	char *out = buffer_reserve(&capture->decoded, text.len + 1);
	size_t used = 0;

	if (!out)
		return fail(capture, -ENOMEM, "out of memory");
	for (size_t i = 0; i < text.len; i++) {
		int c = (unsigned char)text.ptr[i];

		if (c == '\\' && i + 1 < text.len && text.ptr[i + 1] == 'u') {
			c = hex_of(slice_from(text, i + 2));
			i += 5;
		} else if (c == '\\' && i + 1 < text.len) {
			c = (unsigned char)text.ptr[++i];
			if (c != '/' && c != '"' && c != '\\')
				c = -1;
		}
		if (c <= ' ' || c > '~')
			return fail(capture, ERROR_SYNTAX,
				    "a token in it has characters that no token has");
		out[used++] = (char)c;
	}
	buffer_commit(&capture->decoded, used);
	return 0;
}

static int replace_string(struct capture_stage *capture, struct slice text)
{
	int rc = decode_string(capture, text);

	if (rc == 0)
		rc = replace(capture, buffer_slice(&capture->decoded));
	buffer_consume(&capture->decoded, buffer_length(&capture->decoded));
	return rc;
}

static bool begins_value(const struct json_walk *walk)
{
	return walk->state == JSON_VALUE || walk->state == JSON_FIRST_ITEM;
}

/* A string that is a value begins: whether it is a token, by the name that it stands under, itself
 * or in lists. ERROR_SYNTAX when that name is not known. */
static int is_token_value(struct capture_stage *capture, const struct json_walk *walk)
{
	const struct json_level *level;
	size_t depth = walk->depth;

	while (depth > 0 && !walk->levels[depth - 1].is_object)
		depth--;
	if (depth == 0)
		return 0;
	level = &walk->levels[depth - 1];
	if (!level->known)
		return fail(capture, ERROR_SYNTAX, "it has a name that cannot be read");
	return names_token(slice_of(walk->names + level->start, level->length));
}

/* The offset of the quote that ends the string which begins at START, fed to WALK. */
static size_t end_of_string(struct json_walk *walk, struct slice text, size_t start)
{
	size_t at = start;

	while (at < text.len && !(text.ptr[at] == '"' && walk->state == JSON_STRING) &&
	       walk->state != JSON_LOST) {
		json_walk_feed(walk, slice_of(text.ptr + at, 1));
		at++;
	}
	return at;
}

static int rewrite_json(struct capture_stage *capture, struct json_walk *walk)
{
	struct slice text = buffer_slice(&capture->body);
	size_t done = 0;
	int rc = 0;

	json_walk_init(walk);
	for (size_t at = 0; at < text.len && rc == 0; at++) {
		bool begins = text.ptr[at] == '"' && begins_value(walk);
		size_t end;

		json_walk_feed(walk, slice_of(text.ptr + at, 1));
		if (begins)
			rc = is_token_value(capture, walk);
		if (!begins || rc <= 0)
			continue;
		end = end_of_string(walk, text, at + 1);
		rc = append(capture, slice_of(text.ptr + done, at + 1 - done));
		if (rc == 0)
			rc = replace_string(capture, slice_of(text.ptr + at + 1, end - at - 1));
		done = end;
		at = end - 1;
	}
	if (rc < 0)
		return rc;
	if (walk->depth > 0 || walk->state == JSON_LOST)
		return fail(capture, ERROR_SYNTAX, "it is no JSON, and should hold tokens");
	return append(capture, slice_from(text, done));
}

static int rewrite_pair(struct capture_stage *capture, struct slice pair)
{
	size_t equals = slice_find_char(pair, '=');
	struct slice name = slice_first(pair, equals), value = slice_from(pair, equals + 1);
	char plain[64];
	char *out;
	int rc;

	if (equals == pair.len || name.len > sizeof(plain) ||
	    !names_token(slice_of(plain, percent_decode(name, true, plain))))
		return append(capture, pair);
	rc = append(capture, slice_first(pair, equals + 1));
	out = buffer_reserve(&capture->decoded, value.len + 1);
	if (rc < 0 || !out)
		return rc < 0 ? rc : fail(capture, -ENOMEM, "out of memory");
	buffer_commit(&capture->decoded, percent_decode(value, true, out));
	rc = replace(capture, buffer_slice(&capture->decoded));
	buffer_consume(&capture->decoded, buffer_length(&capture->decoded));
	return rc;
}

static int rewrite_form(struct capture_stage *capture)
{
	struct slice rest = buffer_slice(&capture->body), pair;
	bool first = true;
	int rc = 0;

	while (rc == 0 && slice_next_part(&rest, '&', &pair)) {
		if (!first)
			rc = append(capture, SLICE_LITERAL("&"));
		first = false;
		if (rc == 0)
			rc = rewrite_pair(capture, pair);
	}
	return rc;
}

static int rewrite_tokens(struct capture_stage *capture)
{
	struct json_walk *walk;
	int rc;

	if (capture->syntax == CAPTURE_FORM)
		return rewrite_form(capture);
	walk = malloc(sizeof(*walk));
	if (!walk)
		return fail(capture, -ENOMEM, "out of memory");
	rc = rewrite_json(capture, walk);
	/* Names of the answer are in it. */
	explicit_bzero(walk, sizeof(*walk));
	free(walk);
	return rc;
}

/* What was captured may stand elsewhere, too. */
static int rewrite(struct capture_stage *capture)
{
	struct slice text, clean;
	struct arena arena;
	int rc = rewrite_tokens(capture);

	if (rc < 0 || capture->tokens == 0)
		return rc;
	arena_init(&arena, (size_t)8 * CAPTURE_BODY_MAX_BYTES);
	text = buffer_slice(&capture->result);
	clean = capture->owner_ops->clean(capture->owner, text, &arena);
	if (!clean.ptr) {
		rc = fail(capture, -ENOMEM, "out of memory");
	} else if (clean.ptr != text.ptr) {
		buffer_consume(&capture->result, text.len);
		rc = append(capture, clean);
	}
	arena_free(&arena);
	return rc;
}

static int collect(struct capture_stage *capture, struct slice *in)
{
	int rc = buffer_append(&capture->body, *in);

	if (rc == ERROR_LIMIT)
		return fail(capture, rc, "it is too long to be looked through for new tokens");
	if (rc < 0)
		return fail(capture, rc, "out of memory");
	*in = SLICE_EMPTY;
	return 0;
}

static int step(struct stage *stage, struct slice *in, bool end, struct writer *out)
{
	struct capture_stage *capture = of(stage);
	struct slice piece;
	int rc = collect(capture, in);

	if (rc == 0 && end && !capture->is_done) {
		rc = rewrite(capture);
		capture->is_done = true;
	}
	if (rc < 0)
		return rc;
	if (!end)
		return STAGE_MORE;
	piece = slice_first(buffer_slice(&capture->result), STAGE_OUT_BYTES);
	writer_bytes(out, piece);
	if (piece.len)
		buffer_consume(&capture->result, piece.len);
	return buffer_length(&capture->result) ? STAGE_FULL : STAGE_END;
}

static void free_stage(struct stage *stage)
{
	struct capture_stage *capture = of(stage);

	buffer_free(&capture->body);
	buffer_free(&capture->decoded);
	buffer_free(&capture->result);
	free(capture);
}

static const struct stage_ops ops = {
	.name = "capture",
	.step = step,
	.free = free_stage,
};

struct stage *capture_stage(enum capture_syntax syntax, const struct capture_owner_ops *owner_ops,
			    void *owner)
{
	struct capture_stage *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return NULL;
	capture->stage.ops = &ops;
	capture->syntax = syntax;
	capture->owner_ops = owner_ops;
	capture->owner = owner;
	buffer_init_wiped(&capture->body, CAPTURE_BODY_MAX_BYTES);
	buffer_init_wiped(&capture->decoded, CAPTURE_BODY_MAX_BYTES);
	/* A placeholder may be longer than its token. */
	buffer_init_wiped(&capture->result, (size_t)2 * CAPTURE_BODY_MAX_BYTES);
	return &capture->stage;
}
