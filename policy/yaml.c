#include "policy/yaml.h"

#include <yaml.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/list.h"
#include "base/utf8.h"
#include "policy/policy.h"
#include "policy/source.h"
#include "policy/yaml_fault.h"

struct builder {
	yaml_parser_t parser;
	struct arena *arena;
	struct diagnostics *diagnostics;
	size_t nodes;
	int error; /* sticky: nothing more can be read */
};

static struct yaml_node *build(struct builder *b, const yaml_event_t *event, unsigned int depth,
			       const struct yaml_node *key);

const char *yaml_kind_name(enum yaml_kind kind)
{
	static const char *const names[] = {
		[YAML_KIND_TEXT] = "text",
		[YAML_KIND_LIST] = "a list",
		[YAML_KIND_MAPPING] = "a mapping",
		[YAML_KIND_FAULTY] = "something refused",
	};

	return names[kind];
}

const struct yaml_node *yaml_find_key(const struct yaml_node *mapping, const char *name)
{
	if (mapping->kind != YAML_KIND_MAPPING)
		return NULL;
	for (const struct yaml_node *key = mapping->first; key; key = key->next) {
		if (slice_equal(key->text, slice_from_text(name)))
			return key;
	}
	return NULL;
}

static uint32_t count_characters(struct slice s)
{
	uint32_t count = 0;

	for (size_t i = 0; i < s.len; i++)
		count += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return count;
}

struct diagnostic_place yaml_place_within(const struct yaml_node *node, size_t offset, size_t len)
{
	struct diagnostic_place place = node->place;

	if (!node->verbatim)
		return place;
	place.column += node->inset + count_characters(slice_first(node->text, offset));
	place.width = count_characters(slice_first(slice_from(node->text, offset), len));
	return place;
}

static void report(struct builder *b, struct diagnostic_place place, const char *hint,
		   const char *text)
{
	diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, place, hint, "%s", text);
}

static bool stop(struct builder *b, int error)
{
	b->error = error;
	return false;
}

static struct diagnostic_place place_of(const struct builder *b, const yaml_event_t *event)
{
	struct diagnostic_place place = {
		.line = (uint32_t)event->start_mark.line + 1,
		.column = (uint32_t)event->start_mark.column + 1,
		.width = 1,
		.file = b->diagnostics->reading,
	};

	if (event->end_mark.line == event->start_mark.line &&
	    event->end_mark.column > event->start_mark.column)
		place.width = (uint32_t)(event->end_mark.column - event->start_mark.column);
	return place;
}

static bool next_event(struct builder *b, yaml_event_t *event)
{
	if (b->error)
		return false;
	if (yaml_parser_parse(&b->parser, event))
		return true;
	if (b->parser.error == YAML_MEMORY_ERROR)
		return stop(b, -ENOMEM);
	yaml_fault_report(&b->parser, b->diagnostics);
	return stop(b, ERROR_SYNTAX);
}

static void delete_event(yaml_event_t *event)
{
	yaml_event_delete(event);
}

#define AUTO_EVENT CLEANUP(delete_event) yaml_event_t

static struct yaml_node *new_node(struct builder *b, const yaml_event_t *event, enum yaml_kind kind)
{
	struct yaml_node *node;

	if (++b->nodes > POLICY_NODES_MAX) {
		report(b, place_of(b, event), NULL, "the policy has too many entries");
		stop(b, ERROR_LIMIT);
		return NULL;
	}
	node = arena_calloc(b->arena, 1, sizeof(*node));
	if (!node) {
		stop(b, -ENOMEM);
		return NULL;
	}
	node->kind = kind;
	node->place = place_of(b, event);
	return node;
}

/* Anchors and tags, which every kind of node may carry. Whether there were any. */
static bool refuse_properties(struct builder *b, const struct yaml_node *node,
			      const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		report(b, node->place, "a text that starts with \"&\" must be quoted",
		       "YAML anchors are not part of the policy language");
	if (tag)
		report(b, node->place, "a text that starts with \"!\" must be quoted",
		       "YAML tags are not part of the policy language");
	return anchor || tag;
}

static bool is_blank(struct slice text, bool plain)
{
	static const char *const nulls[] = {"~", "null", "Null", "NULL"};

	if (plain && slice_is_one_of(text, nulls, sizeof(nulls) / sizeof(nulls[0])))
		return true;
	return slice_trim(text).len == 0;
}

static void refuse_blank(struct builder *b, struct yaml_node *node, const struct yaml_node *key)
{
	node->kind = YAML_KIND_FAULTY;
	if (key)
		diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, key->place,
				"give it a value, or remove it; a text with braces must be quoted",
				"\"%.*s\" has no value", SLICE_ARGS(slice_first(key->text, 80)));
	else
		report(b, node->place, "write what is meant, or remove the entry",
		       "this entry is blank");
}

/* Escapes in quotes can make what source_check() would have refused. */
static void refuse_invisible(struct builder *b, struct yaml_node *node, struct slice text)
{
	size_t at = source_find_invisible(text);

	if (at == text.len)
		return;
	node->kind = YAML_KIND_FAULTY;
	if (text.ptr[at] == '\n')
		report(b, node->place, "write it on one line, or fold it with \">-\"",
		       "this text has a line break");
	else
		report(b, node->place, NULL, "this text has a control or invisible character");
}

static bool is_verbatim(const yaml_event_t *event, struct slice text, uint8_t inset)
{
	size_t width = event->end_mark.column - event->start_mark.column;

	return event->start_mark.line == event->end_mark.line &&
	       width == count_characters(text) + 2u * inset;
}

static struct yaml_node *build_text(struct builder *b, const yaml_event_t *event,
				    const struct yaml_node *key)
{
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct slice text = slice_of(event->data.scalar.value, event->data.scalar.length);
	struct yaml_node *node = new_node(b, event, YAML_KIND_TEXT);

	if (!node)
		return NULL;
	if (refuse_properties(b, node, event->data.scalar.anchor, event->data.scalar.tag))
		node->kind = YAML_KIND_FAULTY;
	else if (is_blank(text, plain))
		refuse_blank(b, node, key);
	else
		refuse_invisible(b, node, text);
	node->inset = plain ? 0 : 1;
	node->verbatim = is_verbatim(event, text, node->inset);
	node->text = arena_copy(b->arena, text);
	if (!node->text.ptr)
		stop(b, -ENOMEM);
	return node;
}

static bool enter(struct builder *b, const struct yaml_node *node, unsigned int depth)
{
	if (depth < POLICY_DEPTH_MAX)
		return true;
	report(b, node->place, NULL, "the policy is nested too deeply");
	return stop(b, ERROR_LIMIT);
}

static struct yaml_node *build_list(struct builder *b, const yaml_event_t *event,
				    unsigned int depth)
{
	struct yaml_node *node = new_node(b, event, YAML_KIND_LIST), **end;

	if (!node || !enter(b, node, depth))
		return node;
	node->place.width = 1;
	refuse_properties(b, node, event->data.sequence_start.anchor,
			  event->data.sequence_start.tag);
	end = &node->first;
	for (;;) {
		AUTO_EVENT entry = {0};

		if (!next_event(b, &entry) || entry.type == YAML_SEQUENCE_END_EVENT)
			return node;
		*end = build(b, &entry, depth + 1, NULL);
		if (!*end)
			return node;
		node->count++;
		end = &(*end)->next;
	}
}

/* Whether KEY may stay in its mapping. */
static bool check_key(struct builder *b, struct yaml_node *key, struct map *known)
{
	struct map_node *before;

	if (key->kind == YAML_KIND_FAULTY)
		return false;
	if (key->kind != YAML_KIND_TEXT) {
		report(b, key->place, "quote it if it starts with a bracket or brace",
		       "a key must be text");
		return false;
	}
	if (slice_equal(key->text, SLICE_LITERAL("<<"))) {
		report(b, key->place, NULL, "YAML merge keys are not part of the policy language");
		return false;
	}
	before = map_find(known, key->text);
	if (before) {
		struct yaml_node *first = container_of(before, struct yaml_node, by_text);

		diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, key->place, NULL,
				"\"%.*s\" is given twice; the first is on line %u",
				SLICE_ARGS(slice_first(key->text, 80)), first->place.line);
		return false;
	}
	if (map_insert(known, &key->by_text, key->text) < 0)
		return stop(b, -ENOMEM);
	return true;
}

/* Reads the value of KEY, which was read from the event before. */
static void build_value(struct builder *b, struct yaml_node *key, unsigned int depth)
{
	AUTO_EVENT event = {0};

	if (next_event(b, &event))
		key->value = build(b, &event, depth, key->kind == YAML_KIND_TEXT ? key : NULL);
}

static void build_pairs(struct builder *b, struct yaml_node *node, unsigned int depth,
			struct map *known)
{
	struct yaml_node **end = &node->first;

	for (;;) {
		AUTO_EVENT event = {0};
		struct yaml_node *key;
		bool stays;

		if (!next_event(b, &event) || event.type == YAML_MAPPING_END_EVENT)
			return;
		key = build(b, &event, depth + 1, NULL);
		if (!key || b->error)
			return;
		stays = check_key(b, key, known);
		build_value(b, key, depth + 1);
		if (b->error)
			return;
		if (!stays)
			continue;
		*end = key;
		end = &key->next;
		node->count++;
	}
}

static struct yaml_node *build_mapping(struct builder *b, const yaml_event_t *event,
				       unsigned int depth)
{
	CLEANUP(map_free) struct map known;
	struct yaml_node *node = new_node(b, event, YAML_KIND_MAPPING);

	map_init(&known);
	if (!node || !enter(b, node, depth))
		return node;
	node->place.width = 1;
	refuse_properties(b, node, event->data.mapping_start.anchor, event->data.mapping_start.tag);
	build_pairs(b, node, depth, &known);
	return node;
}

static struct yaml_node *build_alias(struct builder *b, const yaml_event_t *event)
{
	struct yaml_node *node = new_node(b, event, YAML_KIND_FAULTY);

	if (node)
		report(b, node->place, "a text that starts with \"*\" must be quoted",
		       "YAML aliases are not part of the policy language");
	return node;
}

static struct yaml_node *build(struct builder *b, const yaml_event_t *event, unsigned int depth,
			       const struct yaml_node *key)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return build_text(b, event, key);
	case YAML_SEQUENCE_START_EVENT:
		return build_list(b, event, depth);
	case YAML_MAPPING_START_EVENT:
		return build_mapping(b, event, depth);
	case YAML_ALIAS_EVENT:
		return build_alias(b, event);
	default:
		stop(b, ERROR_SYNTAX);
		return NULL;
	}
}

/* Skips what starts a stream and a document; false when there is no document. */
static bool open_document(struct builder *b)
{
	for (;;) {
		AUTO_EVENT event = {0};

		if (!next_event(b, &event))
			return false;
		if (event.type == YAML_STREAM_END_EVENT) {
			report(b, (struct diagnostic_place){1, 1, 1, b->diagnostics->reading},
			       "a policy starts with \"sallyport: 1\"", "the file has no content");
			return stop(b, ERROR_SYNTAX);
		}
		if (event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (event.data.document_start.version_directive ||
		    event.data.document_start.tag_directives.start !=
			    event.data.document_start.tag_directives.end)
			report(b, place_of(b, &event), "remove it",
			       "YAML directives are not part of the policy language");
		return true;
	}
}

static void close_document(struct builder *b)
{
	for (;;) {
		AUTO_EVENT event = {0};

		if (!next_event(b, &event) || event.type == YAML_STREAM_END_EVENT)
			return;
		if (event.type == YAML_DOCUMENT_END_EVENT)
			continue;
		report(b, place_of(b, &event), "put the other one into a file of its own",
		       "a second YAML document starts here");
		stop(b, ERROR_SYNTAX);
	}
}

static struct yaml_node *read_document(struct builder *b)
{
	AUTO_EVENT event = {0};
	struct yaml_node *root;

	if (!open_document(b) || !next_event(b, &event))
		return NULL;
	root = build(b, &event, 0, NULL);
	close_document(b);
	return root;
}

int yaml_read(struct slice source, struct arena *arena, struct diagnostics *diagnostics,
	      size_t *nodes, const struct yaml_node **root)
{
	struct builder b = {.arena = arena, .diagnostics = diagnostics, .nodes = *nodes};

	if (!yaml_parser_initialize(&b.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)source.ptr, source.len);
	*root = read_document(&b);
	yaml_parser_delete(&b.parser);
	*nodes = b.nodes;
	return b.error;
}
