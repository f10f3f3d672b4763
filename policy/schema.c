#include "policy/schema.h"

#include <stdio.h>

#include "base/error.h"

enum {
	SHOWN_BYTES = 80,
	KEYS_MAX = 32,
	HINT_BYTES = DIAGNOSTIC_TEXT_BYTES,
};

const char *const schema_booleans[] = {"false", "true", NULL};

void *loader_alloc(struct loader *loader, size_t count, size_t size)
{
	void *memory = arena_calloc(loader->arena, count, size);

	if (!memory)
		loader->error = -ENOMEM;
	return memory;
}

struct slice loader_copy(struct loader *loader, struct slice text)
{
	struct slice copy = arena_copy(loader->arena, text);

	if (!copy.ptr)
		loader->error = -ENOMEM;
	return copy;
}

const char *loader_path(struct loader *loader, struct slice path)
{
	size_t folder = strlen(loader->folder), size = folder + 1 + path.len + 1;
	char *joined;

	if (path.ptr[0] == '/' || folder == 0)
		return loader_copy(loader, path).ptr;
	joined = loader_alloc(loader, size, 1);
	if (joined)
		snprintf(joined, size, "%s/%.*s",
			 strcmp(loader->folder, "/") == 0 ? "" : loader->folder, SLICE_ARGS(path));
	return joined;
}

struct slice loader_shown(struct slice text)
{
	return slice_first(text, SHOWN_BYTES);
}

static const struct schema_row *find_row(const struct schema *schema, struct slice key)
{
	for (size_t i = 0; i < schema->row_count; i++) {
		if (slice_equal(key, slice_from_text(schema->rows[i].key)))
			return &schema->rows[i];
	}
	return NULL;
}

/* "a, b and c", as far as it fits. */
static void join_words(const char *const *words, size_t count, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++) {
		const char *separator = i == 0 ? "" : (i + 1 == count ? " and " : ", ");

		used += (size_t)snprintf(out + used, size - used, "%s%s", separator, words[i]);
	}
}

/* A near miss among WORDS, or all of them. */
static void suggest(struct slice word, const char *const *words, size_t count, const char *what,
		    char hint[HINT_BYTES])
{
	const char *nearest = diagnostic_nearest(word, words, count);
	char all[HINT_BYTES - 40];

	if (nearest) {
		snprintf(hint, HINT_BYTES, "did you mean \"%s\"?", nearest);
		return;
	}
	join_words(words, count, all, sizeof(all));
	snprintf(hint, HINT_BYTES, "%s: %s", what, all);
}

/* The keys that may be used now; their number. */
static size_t known_keys(const struct schema *schema, const char *words[KEYS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < schema->row_count && count < KEYS_MAX; i++) {
		if (schema->rows[i].shapes != SCHEMA_LATER)
			words[count++] = schema->rows[i].key;
	}
	return count;
}

static void refuse_unknown(struct loader *loader, const struct schema *schema,
			   const struct yaml_node *key)
{
	const char *words[KEYS_MAX];
	size_t count = known_keys(schema, words);
	char hint[HINT_BYTES];

	suggest(key->text, words, count, "known keys", hint);
	loader_report(loader, key->place, hint, "unknown key \"%.*s\" in %s",
		      SLICE_ARGS(loader_shown(key->text)), schema->what);
}

bool schema_gives(const struct schema *schema, const struct yaml_node *mapping, const char *name)
{
	const char *words[KEYS_MAX];
	size_t count = known_keys(schema, words);

	for (const struct yaml_node *key = mapping->first; key; key = key->next) {
		const char *nearest;

		if (slice_equal(key->text, slice_from_text(name)))
			return true;
		if (find_row(schema, key->text))
			continue;
		nearest = diagnostic_nearest(key->text, words, count);
		if (nearest && strcmp(nearest, name) == 0)
			return true;
	}
	return false;
}

static bool has_shape(const struct schema_row *row, const struct yaml_node *value)
{
	static const unsigned int shapes[] = {
		[YAML_KIND_TEXT] = SCHEMA_TEXT,
		[YAML_KIND_LIST] = SCHEMA_LIST,
		[YAML_KIND_MAPPING] = SCHEMA_MAPPING,
		[YAML_KIND_FAULTY] = 0,
	};

	return row->shapes & shapes[value->kind];
}

static void choose(struct loader *loader, const struct schema_row *row,
		   const struct yaml_node *value, void *into)
{
	char hint[HINT_BYTES];
	unsigned int i;

	for (i = 0; row->choices[i]; i++) {
		if (slice_equal(value->text, slice_from_text(row->choices[i]))) {
			row->choose(i, into);
			return;
		}
	}
	suggest(value->text, row->choices, i, "possible values", hint);
	loader_report(loader, value->place, hint, "\"%s\" must be %s, not \"%.*s\"", row->key,
		      row->expected, SLICE_ARGS(loader_shown(value->text)));
}

static void read_key(struct loader *loader, const struct schema *schema,
		     const struct yaml_node *key, void *into)
{
	const struct schema_row *row = find_row(schema, key->text);

	if (!row)
		refuse_unknown(loader, schema, key);
	else if (row->shapes == SCHEMA_LATER)
		loader_report(loader, key->place, row->help, "\"%s\" is not yet supported",
			      row->key);
	else if (row->whole && loader->file > 0)
		loader_report(loader, key->place, "put it into the policy that includes this file",
			      "\"%s\" is for the whole policy, and not for a file that is included",
			      row->key);
	else if (!key->value || key->value->kind == YAML_KIND_FAULTY)
		return;
	else if (!has_shape(row, key->value))
		loader_report(loader, key->place, row->help, "\"%s\" must be %s, not %s", row->key,
			      row->expected, yaml_kind_name(key->value->kind));
	else if (row->choose)
		choose(loader, row, key->value, into);
	else
		row->read(loader, key, into);
}

bool schema_read(struct loader *loader, const struct schema *schema, const struct yaml_node *node,
		 struct diagnostic_place place, void *into)
{
	size_t errors = loader->diagnostics->errors;

	if (node->kind == YAML_KIND_FAULTY)
		return false;
	if (node->kind != YAML_KIND_MAPPING) {
		loader_report(loader, node->place, NULL, "%s must be a mapping, not %s",
			      schema->what, yaml_kind_name(node->kind));
		return false;
	}
	for (const struct yaml_node *key = node->first; key; key = key->next)
		read_key(loader, schema, key, into);
	for (size_t i = 0; i < schema->row_count; i++) {
		const struct schema_row *row = &schema->rows[i];

		if (row->required && !schema_gives(schema, node, row->key))
			loader_report(loader, place, row->help, "%s needs \"%s\": %s", schema->what,
				      row->key, row->expected);
	}
	return loader->diagnostics->errors == errors && loader->error == 0;
}
