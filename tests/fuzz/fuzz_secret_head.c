/* Placeholders in a head: the first line of the input is the target, the others are fields. A
 * secret goes into its own slot and nowhere else, undo leaves what was there, and what is taken out
 * is out.
 */
#include <assert.h>
#include <stdlib.h>

#include "proxy/secret/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policy_text[] =
	"sallyport: 1\n"
	"name: fuzz\n"
	"secrets:\n"
	"  SESSION: {from: env, misuse: pass, use: [{at: a.example, slot: cookie s}]}\n"
	"  MAP: {from: env, misuse: pass, use: [{at: a.example, slot: query k}]}\n"
	"  BOT: {from: env, misuse: pass, use: [{at: a.example, slot: path}]}\n"
	"  KEY: {from: env, misuse: pass, use: [{at: a.example, slot: header X-K}]}\n"
	"  WORD: {from: env, misuse: pass, use: [{at: a.example, slot: basic password}]}\n"
	"  STRIP: {from: env, misuse: strip, use: [{at: b.example, slot: header X-K}]}\n"
	"  HIDDEN: {from: env}\n"
	"rules: [{allow: [a.example, b.example], set: {X-Set: \"{HIDDEN}\"}}]\n";

/* The order of the secrets above. */
enum { SESSION, MAP, BOT, KEY, WORD, STRIP, HIDDEN, SECRETS };

static const char *const placeholders[SECRETS] = {
	"phSESSION0", "phMAP00000", "phBOT00000", "phKEY00000",
	"phWORD0000", "phSTRIP000", "phHIDDEN00",
};
static const char *const values[SECRETS] = {
	"VALUE/SES", "VALUE&MAP", "VALUE:BOT", "VALUE_KEY", "VALUE_WRD", "VALUE_STR", "VALUE_HID",
};

static struct policy *policy;
static struct secret_store store;
static char scratch[SECRET_SCRATCH_BYTES];

static void set_up(void)
{
	static struct diagnostics diagnostics;
	struct error err;

	if (policy)
		return;
	if (policy_load_text("fuzz", slice_from_text(policy_text), &policy, &diagnostics) < 0 ||
	    secret_store_init(&store, &err) < 0)
		abort();
	for (size_t i = 0; i < SECRETS; i++) {
		if (secret_store_add(&store, &policy->secrets[i], slice_from_text(placeholders[i]),
				     slice_from_text(values[i]), &err) < 0)
			abort();
	}
	if (secret_store_seal(&store, &err) < 0)
		abort();
}

static bool has(struct slice text, const char *part)
{
	return slice_find(text, slice_from_text(part)) < text.len;
}

static bool is_visible(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
			return false;
	}
	return true;
}

/* Reads the input to MESSAGE; false when it is none. */
static bool read_head(struct slice input, struct http_message *message, struct path *path)
{
	struct slice line, rest = input;
	const char *why;
	size_t mark;

	slice_next_part(&rest, '\n', &line);
	mark = slice_find_char(line, '?');
	message->method = SLICE_LITERAL("GET");
	message->query = slice_from(line, mark);
	if (host_parse(SLICE_LITERAL("a.example"), &message->host) < 0 ||
	    !is_visible(message->query) ||
	    path_canonicalise(slice_first(line, mark), message->arena, path, &why) < 0)
		return false;
	message->path = path->text;
	while (slice_next_part(&rest, '\n', &line)) {
		size_t colon = slice_find_char(line, ':');
		struct slice value = slice_trim(slice_from(line, colon + 1));

		if (!http_is_token(slice_first(line, colon)) || !http_is_field_value(value) ||
		    http_fields_add(&message->fields, message->arena, slice_first(line, colon),
				    value) < 0)
			return false;
	}
	return true;
}

/* Each value is where its slot is, if at all. */
static void check_applied(const struct http_message *message)
{
	for (size_t i = 0; i < SECRETS; i++) {
		assert(i == BOT || !has(message->path, values[i]));
		assert(!has(message->query, values[i]) || i == KEY || i == WORD || i == STRIP);
	}
	assert(!has(message->query, "VALUE_"));
	for (size_t i = 0; i < message->fields.count; i++) {
		const struct http_field *field = &message->fields.list[i];

		assert(!has(field->value, values[SESSION]) || field->id == FIELD_COOKIE);
		assert(!has(field->value, values[KEY]) ||
		       slice_equal_nocase(field->name, SLICE_LITERAL("X-K")));
		assert(!has(field->value, values[MAP]) && !has(field->value, values[BOT]));
		assert(!has(field->value, values[STRIP]));
		assert(!has(field->value, values[HIDDEN]) ||
		       slice_equal(field->name, SLICE_LITERAL("X-Set")));
	}
}

static bool has_value(const struct http_message *message)
{
	if (has(message->path, "VALUE") || has(message->query, "VALUE"))
		return true;
	for (size_t i = 0; i < message->fields.count; i++) {
		if (has(message->fields.list[i].value, "VALUE"))
			return true;
	}
	return false;
}

static void check_stripped(const struct http_message *message)
{
	assert(!has(message->path, placeholders[STRIP]));
	assert(!has(message->query, placeholders[STRIP]));
	for (size_t i = 0; i < message->fields.count; i++)
		assert(!has(message->fields.list[i].value, placeholders[STRIP]));
}

static void check_credentials(const struct secret_plan *plan, struct http_message *message)
{
	struct credentials_foreign foreign;
	size_t count, length;

	assert(credentials_find_foreign(plan, message, &foreign) == 0);
	assert(credentials_take_out(plan, message) == 0);
	count = message->fields.count;
	length = message->query.len;
	assert(credentials_take_out(plan, message) == 0);
	assert(message->fields.count == count && message->query.len == length);
}

static void judge(struct http_message *message, struct path *path)
{
	struct policy_request request = {.scheme = POLICY_HTTPS,
					 .host = &message->host,
					 .port = 443,
					 .method = message->method,
					 .path = path};
	struct secret_plan plan = {0};
	struct slice before_path, before_query;
	int rc;

	assert(secret_plan_begin(&plan, policy, &request) == 0);
	while ((rc = secret_plan_path(&store, message, &plan)) == 1)
		;
	if (rc < 0 || secret_plan_set(&policy->rules[0], message, &plan) < 0 ||
	    secret_plan_make(&store, message, &plan) < 0)
		return;
	check_stripped(message);
	/* What is left around a placeholder that was taken out can make one up, and proves nothing
	 * then. */
	if (has_value(message))
		return;
	before_path = message->path;
	before_query = message->query;
	if (secret_plan_apply(&store, &plan, message, scratch) == 0)
		check_applied(message);
	secret_plan_undo(&plan, message, scratch);
	assert(message->path.ptr == before_path.ptr && message->query.ptr == before_query.ptr);
	for (size_t i = 0; i < 4096; i++)
		assert(scratch[i] == 0);
	check_credentials(&plan, message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct http_message message;
	struct arena arena;
	struct path path;

	set_up();
	/* What holds a value already proves nothing. */
	if (size > 4096 || has(input, "VALUE"))
		return 0;
	arena_init(&arena, 1 << 20);
	http_message_init(&message, &arena);
	if (read_head(input, &message, &path))
		judge(&message, &path);
	arena_free(&arena);
	return 0;
}
