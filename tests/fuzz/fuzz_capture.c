/* An answer from arbitrary bytes, in JSON or in a form: however it is cut, the same comes out.
 * Where another parser takes what comes out, no token is left in it. The first byte says which
 * syntax, the second how it is cut. */
#include "proxy/secret/capture.h"

#include <jansson.h>

#include "tests/unit/secret/stage_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLACEHOLDER "placeholder"

static struct slice take_token(void *owner, struct slice token, const char **why)
{
	(void)owner;
	assert(token.len);
	*why = "it ends with a mark";
	return token.ptr[token.len - 1] == '$' ? (struct slice){NULL, 0}
					       : SLICE_LITERAL(PLACEHOLDER);
}

static struct slice leave(void *owner, struct slice text, struct arena *arena)
{
	(void)owner;
	(void)arena;
	return text;
}

static int run(enum capture_syntax syntax, struct slice text, size_t first, size_t cut,
	       struct buffer *out)
{
	static const struct capture_owner_ops ops = {take_token, leave};
	struct stage *stage = capture_stage(syntax, &ops, NULL);
	int rc;

	assert(stage);
	buffer_init(out, 4 << 20);
	rc = drive(stage, text, first, cut, first & 1, out);
	assert(rc == STAGE_END || (rc < 0 && stage->why && buffer_length(out) == 0));
	stage->ops->free(stage);
	return rc;
}

static bool is_name(const char *name)
{
	return strcmp(name, "access_token") == 0 || strcmp(name, "refreshToken") == 0 ||
	       strcmp(name, "ID-TOKEN") == 0;
}

/* VALUE stands under a token's name: it is none itself. */
static void check_value(json_t *value)
{
	size_t index;
	json_t *item;

	if (json_is_string(value))
		assert(json_string_length(value) == 0 ||
		       strcmp(json_string_value(value), PLACEHOLDER) == 0);
	if (json_is_array(value))
		json_array_foreach(value, index, item) check_value(item);
}

static void check(json_t *value)
{
	const char *name;
	size_t index;
	json_t *item;

	if (json_is_object(value)) {
		json_object_foreach(value, name, item)
		{
			if (is_name(name))
				check_value(item);
			check(item);
		}
	}
	if (json_is_array(value))
		json_array_foreach(value, index, item) check(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum capture_syntax syntax;
	struct slice text;
	struct buffer out[2];
	json_t *document;
	int rc;

	if (size < 2)
		return 0;
	syntax = data[0] & 1 ? CAPTURE_FORM : CAPTURE_JSON;
	text = slice_of(data + 2, size - 2);
	rc = run(syntax, text, text.len + 1, 1, &out[0]);
	assert(run(syntax, text, data[1], 1 + data[1] % 64, &out[1]) == rc);
	assert(slice_equal(buffer_slice(&out[0]), buffer_slice(&out[1])));
	if (rc == STAGE_END && syntax == CAPTURE_JSON) {
		document = json_loadb(buffer_slice(&out[0]).ptr, buffer_length(&out[0]),
				      JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		if (document)
			check(document);
		json_decref(document);
	}
	buffer_free(&out[0]);
	buffer_free(&out[1]);
	return 0;
}
