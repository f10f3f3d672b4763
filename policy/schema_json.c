#include "policy/schema_json.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "policy/schema.h"

enum {
	COMPACT_BYTES = 64 << 10,
	INDENTED_MAX_BYTES = 1 << 20,
	INDENT = 2,
	PLAIN_LIST_MAX = 80,
};

static void put_object(struct json *j, const char *name, const struct schema *schema,
		       const char *help);

/* YAML has numbers and truth values where the language has texts. */
static void put_choice(struct json *j, const char *choice)
{
	struct slice text = slice_from_text(choice);
	uint64_t number;

	json_text(j, NULL, text);
	if (slice_equal(text, SLICE_LITERAL("true")) || slice_equal(text, SLICE_LITERAL("false")))
		json_boolean(j, NULL, choice[0] == 't');
	else if (slice_to_u64(text, INT32_MAX, &number) == 0)
		json_number(j, NULL, (int64_t)number);
}

static void put_text_members(struct json *j, const struct schema_row *row)
{
	if (row->choices) {
		json_open_array(j, "enum");
		for (size_t i = 0; row->choices[i]; i++)
			put_choice(j, row->choices[i]);
		json_close_array(j);
		return;
	}
	json_cstring(j, "type", "string");
	if (row->pattern)
		json_cstring(j, "pattern", row->pattern);
	else
		json_number(j, "minLength", 1);
}

static void put_text(struct json *j, const char *name, const struct schema_row *row)
{
	json_open_object(j, name);
	put_text_members(j, row);
	json_close_object(j);
}

static void put_bounds(struct json *j, const struct schema_row *row, const char *least,
		       const char *most)
{
	if (row->least)
		json_number(j, least, row->least);
	if (row->most)
		json_number(j, most, row->most);
}

static void put_list_members(struct json *j, const struct schema_row *row)
{
	json_cstring(j, "type", "array");
	if (row->of)
		put_object(j, "items", row->of, NULL);
	else
		put_text(j, "items", row);
	put_bounds(j, row, "minItems", "maxItems");
}

/* The values of a mapping whose keys are the user's own: texts, or texts and lists of them. */
static void put_values(struct json *j, const struct schema_row *row)
{
	if (row->of) {
		put_object(j, "additionalProperties", row->of, NULL);
		return;
	}
	if (row->values == SCHEMA_TEXT) {
		put_text(j, "additionalProperties", row);
		return;
	}
	json_open_object(j, "additionalProperties");
	json_open_array(j, "anyOf");
	put_text(j, NULL, row);
	json_open_object(j, NULL);
	put_list_members(j, row);
	json_close_object(j);
	json_close_array(j);
	json_close_object(j);
}

static void put_named_members(struct json *j, const struct schema_row *row)
{
	json_cstring(j, "type", "object");
	if (row->name_pattern) {
		json_open_object(j, "propertyNames");
		json_cstring(j, "pattern", row->name_pattern);
		json_close_object(j);
	}
	put_values(j, row);
	put_bounds(j, row, "minProperties", "maxProperties");
}

/* One of the shapes that the row's value may have. */
static void put_shape(struct json *j, const char *name, const struct schema_row *row,
		      unsigned int shape, const char *help)
{
	if (shape == SCHEMA_MAPPING && !row->named) {
		put_object(j, name, row->of, help);
		return;
	}
	json_open_object(j, name);
	if (help)
		json_cstring(j, "description", help);
	if (shape == SCHEMA_TEXT)
		put_text_members(j, row);
	else if (shape == SCHEMA_LIST)
		put_list_members(j, row);
	else
		put_named_members(j, row);
	json_close_object(j);
}

static void put_row(struct json *j, const struct schema_row *row)
{
	if ((row->shapes & (row->shapes - 1)) == 0) {
		put_shape(j, row->key, row, row->shapes, row->help);
		return;
	}
	json_open_object(j, row->key);
	json_cstring(j, "description", row->help);
	json_open_array(j, "anyOf");
	for (unsigned int shape = SCHEMA_TEXT; shape <= SCHEMA_MAPPING; shape <<= 1) {
		if (row->shapes & shape)
			put_shape(j, NULL, row, shape, NULL);
	}
	json_close_array(j);
	json_close_object(j);
}

static void put_required(struct json *j, const struct schema *schema)
{
	bool any = false;

	for (size_t i = 0; i < schema->row_count; i++)
		any = any || schema->rows[i].required;
	if (!any)
		return;
	json_open_array(j, "required");
	for (size_t i = 0; i < schema->row_count; i++) {
		if (schema->rows[i].required)
			json_cstring(j, NULL, schema->rows[i].key);
	}
	json_close_array(j);
}

static void put_one_of(struct json *j, const char *const *keys)
{
	json_open_array(j, "oneOf");
	for (; *keys; keys++) {
		json_open_object(j, NULL);
		json_open_array(j, "required");
		json_cstring(j, NULL, *keys);
		json_close_array(j);
		json_close_object(j);
	}
	json_close_array(j);
}

/* Keys of later versions are left out, and so are refused. */
static void put_members(struct json *j, const struct schema *schema)
{
	json_cstring(j, "type", "object");
	json_open_object(j, "properties");
	for (size_t i = 0; i < schema->row_count; i++) {
		if (schema->rows[i].shapes != SCHEMA_LATER)
			put_row(j, &schema->rows[i]);
	}
	json_close_object(j);
	json_boolean(j, "additionalProperties", false);
	put_required(j, schema);
	if (schema->one_of)
		put_one_of(j, schema->one_of);
}

static void put_object(struct json *j, const char *name, const struct schema *schema,
		       const char *help)
{
	json_open_object(j, name);
	if (help)
		json_cstring(j, "description", help);
	put_members(j, schema);
	json_close_object(j);
}

static void put_document(struct json *j)
{
	json_open_object(j, NULL);
	json_cstring(j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_cstring(j, "$id", "urn:sallyport:policy:1");
	json_cstring(j, "title", "A policy of Sallyport, version 1");
	json_cstring(j, "description",
		     "What a sandbox may reach, and which secrets go in where. `sallyport policy "
		     "check` checks more than this.");
	put_members(j, &policy_schema);
	json_close_object(j);
}

/* JSON in one line, made readable. */
struct printer {
	struct buffer out;
	size_t depth;
	int error; /* sticky */
};

static void print(struct printer *p, struct slice text)
{
	if (p->error == 0)
		p->error = buffer_append(&p->out, text);
}

static void print_line_break(struct printer *p)
{
	print(p, SLICE_LITERAL("\n"));
	for (size_t i = 0; i < p->depth * INDENT; i++)
		print(p, SLICE_LITERAL(" "));
}

/* The length of the text in quotes that S starts with. */
static size_t quoted_length(struct slice s)
{
	size_t i = 1;

	while (s.ptr[i] != '"')
		i += s.ptr[i] == '\\' ? 2 : 1;
	return i + 1;
}

/* The length of the list that S starts with, if it is short and holds nothing but texts and
 * numbers; else 0. */
static size_t plain_list_length(struct slice s)
{
	size_t i = 1;

	while (s.ptr[i] != ']') {
		if (s.ptr[i] == '{' || s.ptr[i] == '[')
			return 0;
		i += s.ptr[i] == '"' ? quoted_length(slice_from(s, i)) : 1;
	}
	return i < PLAIN_LIST_MAX ? i + 1 : 0;
}

static void print_plain_list(struct printer *p, struct slice list)
{
	while (list.len) {
		size_t len = list.ptr[0] == '"' ? quoted_length(list) : 1;

		print(p, slice_first(list, len));
		if (list.ptr[0] == ',')
			print(p, SLICE_LITERAL(" "));
		list = slice_from(list, len);
	}
}

/* Prints the next token of S and returns its length. */
static size_t print_token(struct printer *p, struct slice s)
{
	size_t plain = s.ptr[0] == '[' ? plain_list_length(s) : 0, len = 1;

	if (plain) {
		print_plain_list(p, slice_first(s, plain));
		return plain;
	}
	if (s.ptr[0] == '"')
		len = quoted_length(s);
	if (s.ptr[0] == '}' || s.ptr[0] == ']') {
		p->depth--;
		print_line_break(p);
	}
	print(p, slice_first(s, len));
	if (s.ptr[0] == '{' || s.ptr[0] == '[')
		p->depth++;
	if (strchr("{[,", s.ptr[0]))
		print_line_break(p);
	else if (s.ptr[0] == ':')
		print(p, SLICE_LITERAL(" "));
	return len;
}

char *schema_make_json(void)
{
	cleanup_free char *compact = malloc(COMPACT_BYTES);
	struct printer p = {0};
	struct slice rest;
	struct json j;

	if (!compact)
		return NULL;
	j = json_of(compact, COMPACT_BYTES);
	put_document(&j);
	assert(j.error == 0);
	buffer_init(&p.out, INDENTED_MAX_BYTES);
	for (rest = slice_of(compact, json_length(&j)); rest.len;)
		rest = slice_from(rest, print_token(&p, rest));
	print(&p, SLICE_LITERAL("\n\0"));
	if (p.error)
		buffer_free(&p.out);
	return p.error ? NULL : p.out.bytes;
}
