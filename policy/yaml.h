/*
 * YAML as the policy uses it: libyaml's events made into a tree whose nodes know their places.
 *
 * There are texts, lists and mappings, and nothing else. Every scalar is text, quoted or not; "no",
 * "1e3" and "0x10" mean themselves (threat C10). Refused at their places: anchors, aliases, tags,
 * directives, merge keys, several documents, duplicate keys, keys that are not text, and blank
 * entries (nothing, "~", "null", "", blanks only), as a forgotten value must not mean anything
 * (H3). Depth and number of nodes are bounded.
 */
#ifndef POLICY_YAML_H
#define POLICY_YAML_H

#include "base/arena.h"
#include "base/map.h"
#include "policy/diagnostic.h"

enum yaml_kind {
	YAML_KIND_TEXT,
	YAML_KIND_LIST,
	YAML_KIND_MAPPING,
	YAML_KIND_FAULTY, /* refused and reported already; whoever reads it says no more */
};

struct yaml_node {
	enum yaml_kind kind;
	struct diagnostic_place place;
	struct slice text; /* NUL-terminated behind its length; one line of visible characters */
	bool verbatim; /* the text stands in the source as it is, INSET columns from the place */
	uint8_t inset;
	size_t count;		 /* entries of a list, keys of a mapping */
	struct yaml_node *first; /* entry or key */
	struct yaml_node *next;	 /* entry or key, in the same list or mapping */
	struct yaml_node *value; /* of a key */
	struct map_node by_text; /* of a key, while the mapping is read */
};

/* Reads the one document in SOURCE, which source_check() let pass, into ARENA. NODES counts those
 * of all files of a policy. 0 when there is a tree to go on with, though DIAGNOSTICS may hold
 * errors; else ERROR_SYNTAX, ERROR_LIMIT or -ENOMEM. The tree does not refer to SOURCE. */
int yaml_read(struct slice source, struct arena *arena, struct diagnostics *diagnostics,
	      size_t *nodes, const struct yaml_node **root);

/* The key NAME of MAPPING, or NULL; of anything else too. */
const struct yaml_node *yaml_find_key(const struct yaml_node *mapping, const char *name);

/* "text", "a list" or "a mapping", for messages. */
const char *yaml_kind_name(enum yaml_kind kind);

/* The place of LEN bytes at OFFSET of the text of NODE; of the whole node when that cannot be told
 * (escapes, several lines). */
struct diagnostic_place yaml_place_within(const struct yaml_node *node, size_t offset, size_t len);

#endif
