/*
 * The keys of the language, as rows: each mapping of a policy has a schema, and the rows drive the
 * reading, the messages with their hints, the JSON Schema for editors (schema_json.h), and the test
 * that the manual names every key.
 */
#ifndef POLICY_SCHEMA_H
#define POLICY_SCHEMA_H

#include "base/arena.h"
#include "policy/policy.h"
#include "policy/yaml.h"

struct load_file;	 /* load_files.h */
struct secret_draft;	 /* load_secrets.h */
struct secret_reference; /* load_secrets.h */

/* A policy while it is read. */
struct loader {
	struct arena *arena; /* the policy's own */
	struct diagnostics *diagnostics;
	struct policy *policy;
	const struct policy_reader
		*reader;     /* NULL: files that the policy names are not looked at */
	struct arena *trees; /* released when all is read */
	struct load_file *files;
	size_t file_count;
	size_t range_count;	       /* in targets */
	size_t bytes;		       /* of all files together */
	size_t nodes;		       /* the same */
	size_t file;		       /* the one whose keys are read */
	const char *folder;	       /* its folder, for relative paths; empty: none */
	struct policy_secret *secrets; /* with room for all */
	struct policy_rule *rules;
	struct secret_draft *secret_drafts; /* as many */
	struct map secret_names;
	struct secret_reference *references; /* until all secrets are known */
	int error;			     /* sticky: -ENOMEM */
};

/* What a key's value may be; several may be combined. */
enum schema_shape {
	SCHEMA_LATER = 0, /* nothing yet: the key belongs to a later version */
	SCHEMA_TEXT = 1,
	SCHEMA_LIST = 2,
	SCHEMA_MAPPING = 4,
};

struct schema_row {
	const char *key;
	unsigned int shapes;
	bool required;
	const char *expected; /* "a list of rules" */
	const char *help;     /* one line: what it is for */
	/* Takes the value, KEY->value, of one of the shapes, into INTO. */
	void (*read)(struct loader *loader, const struct yaml_node *key, void *into);
	/* Or, of a text that must be one of CHOICES (NULL-terminated), which one it is. */
	const char *const *choices;
	void (*choose)(unsigned int choice, void *into);
	bool whole; /* about the policy as a whole: not for a file that is included */
	/* What READ sees to, told once more for the JSON Schema. */
	const struct schema *of;  /* of the mapping, of each entry of the list, or of each value */
	bool named;		  /* a mapping whose keys are names of the user's own */
	unsigned int values;	  /* shapes of what it holds, without OF */
	unsigned int least, most; /* entries; 0: no bound */
	const char *pattern;	  /* of each text (ECMA 262) */
	const char *name_pattern; /* of the names */
};

/* Choices of a key that is "false", 0, or "true", 1. */
extern const char *const schema_booleans[];

struct schema {
	const char *what; /* "a rule" */
	const struct schema_row *rows;
	size_t row_count;
	const char *const
		*one_of; /* exactly one of these keys is given; NULL-terminated, or NULL */
};

/* Reads the mapping NODE by SCHEMA into INTO. PLACE is where a missing key is reported. False if
 * NODE is not a mapping or anything in it was wrong. */
bool schema_read(struct loader *loader, const struct schema *schema, const struct yaml_node *node,
		 struct diagnostic_place place, void *into);

/* Whether MAPPING has the key NAME, or one that was refused as a misspelling of it: then there is
 * no need to say that it is missing as well. */
bool schema_gives(const struct schema *schema, const struct yaml_node *mapping, const char *name);

/* Adds an error or a warning: loader_report(loader, place, hint or NULL, format, ...). */
#define loader_report(loader, place, hint, ...)                                                    \
	diagnostics_add((loader)->diagnostics, DIAGNOSTIC_ERROR, place, hint, __VA_ARGS__)
#define loader_warn(loader, place, hint, ...)                                                      \
	diagnostics_add((loader)->diagnostics, DIAGNOSTIC_WARNING, place, hint, __VA_ARGS__)

/* COUNT cleared objects of SIZE bytes in the policy's arena; NULL sets the loader's error. */
void *loader_alloc(struct loader *loader, size_t count, size_t size);

/* A copy of TEXT in the policy's arena, with a NUL behind it; ptr is NULL without memory. */
struct slice loader_copy(struct loader *loader, struct slice text);

/* PATH, a relative one with the folder of the file that names it before it. NULL without memory. */
const char *loader_path(struct loader *loader, struct slice path);

/* Text for messages: cut, so that what follows it is still seen. */
struct slice loader_shown(struct slice text);

/* The schemas of the language. */
extern const struct schema policy_schema;
extern const struct schema secret_schema;
extern const struct schema source_schema;
extern const struct schema use_schema;
extern const struct schema rule_schema;
extern const struct schema network_schema;
extern const struct schema proxy_schema;
extern const struct schema audit_schema;

/* What the keys hold; in load_rules.c, load_secrets.c and load_network.c. INTO is the policy. */
void load_rules(struct loader *loader, const struct yaml_node *key, void *into);
void load_secrets(struct loader *loader, const struct yaml_node *key, void *into);
void load_network(struct loader *loader, const struct yaml_node *key, void *into);

#endif
