#include <openssl/sha.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/list.h"
#include "policy/lint.h"
#include "policy/load_secrets.h"
#include "policy/schema.h"
#include "policy/source.h"

enum {
	ARENA_MAX_BYTES = 512 << 20,
	TREE_MAX_BYTES = 256 << 20,
	NAME_MAX_BYTES = 64,
};

/* A policy with what it is released by. */
struct storage {
	struct policy policy;
	struct policy_matcher matcher;
	struct arena arena;
};

/* What the keys at the top are read into. */
struct root {
	struct policy *policy;
	bool rules_are_sound; /* every rule could be read */
};

static void read_version(struct loader *loader, const struct yaml_node *key, void *into)
{
	(void)into;
	if (!slice_equal(key->value->text, SLICE_LITERAL("1")))
		loader_report(loader, key->value->place, "write \"sallyport: 1\"",
			      "this Sallyport knows version 1 of the language");
}

static bool is_name(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!ascii_is_alnum(c) && !(c && strchr("-._", c)))
			return false;
	}
	return text.len <= NAME_MAX_BYTES;
}

static void read_name(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct root *root = into;

	if (!is_name(key->value->text))
		loader_report(loader, key->value->place, NULL,
			      "a policy's name has letters, digits, dots, hyphens and underscores, "
			      "%d at most",
			      NAME_MAX_BYTES);
	else
		root->policy->name = loader_copy(loader, key->value->text).ptr;
}

static void read_secrets(struct loader *loader, const struct yaml_node *key, void *into)
{
	load_secrets(loader, key, ((struct root *)into)->policy);
}

static void read_rules(struct loader *loader, const struct yaml_node *key, void *into)
{
	size_t errors = loader->diagnostics->errors;
	struct root *root = into;

	load_rules(loader, key, root->policy);
	root->rules_are_sound = loader->diagnostics->errors == errors;
}

static void read_network(struct loader *loader, const struct yaml_node *key, void *into)
{
	load_network(loader, key, ((struct root *)into)->policy);
}

static const char *const modes[] = {
	[POLICY_ENFORCE] = "enforce",
	[POLICY_OBSERVE] = "observe",
	NULL,
};

static void choose_mode(unsigned int choice, void *into)
{
	((struct root *)into)->policy->mode = choice;
}

static const char *const audit_choices[] = {
	[POLICY_AUDIT_BLOCK] = "block",
	[POLICY_AUDIT_CONTINUE] = "continue",
	NULL,
};

static void choose_audit_full(unsigned int choice, void *into)
{
	((struct root *)into)->policy->audit_full = choice;
}

static const struct schema_row audit_rows[] = {
	{"when_full", SCHEMA_TEXT, true, "block or continue",
	 "what happens when the log cannot take a record: nothing goes out (block), or it goes out "
	 "unlogged (continue)",
	 .choices = audit_choices, .choose = choose_audit_full},
};

const struct schema audit_schema = {"\"audit\"", audit_rows,
				    sizeof(audit_rows) / sizeof(audit_rows[0])};

static void read_audit(struct loader *loader, const struct yaml_node *key, void *into)
{
	schema_read(loader, &audit_schema, key->value, key->place, into);
}

static const struct schema_row rows[] = {
	{"sallyport", SCHEMA_TEXT, true, "the version of the language, 1",
	 "a policy starts with \"sallyport: 1\"", .read = read_version},
	{"name", SCHEMA_TEXT, false, "a name", "what the log calls the policy", .read = read_name},
	{"secrets", SCHEMA_MAPPING, false, "a mapping from names to secrets",
	 "what the sandbox holds placeholders for", .read = read_secrets},
	{"rules", SCHEMA_LIST, false, "a list of rules",
	 "what may be reached; the first rule that matches decides, and nothing matched is denied",
	 .read = read_rules},
	{"network", SCHEMA_MAPPING, false, "a mapping", "addresses and roots of servers",
	 .read = read_network},
	{"mode", SCHEMA_TEXT, false, "enforce or observe",
	 "observe refuses nothing, and marks what would be refused", .choices = modes,
	 .choose = choose_mode},
	{"audit", SCHEMA_MAPPING, false, "a mapping", "how the log is kept", .read = read_audit},
	{"include", SCHEMA_LATER, .help = "a policy is one file"},
	{"limits", SCHEMA_LATER, .help = "requests are not counted yet"},
	{"credentials", SCHEMA_LATER, .help = "secrets are bound under \"secrets\""},
};

const struct schema policy_schema = {"a policy", rows, sizeof(rows) / sizeof(rows[0])};

static void check_whole(struct loader *loader, const struct policy_matcher *matcher,
			bool rules_are_sound)
{
	struct lint lint = {.loader = loader, .policy = loader->policy, .matcher = matcher};

	lint_rules(&lint);
	if (rules_are_sound) {
		lint_secrets(&lint);
		lint_effects(&lint);
		lint_resolve(&lint);
	}
}

/* Reads the tree into the policy, compiles it, and checks it as a whole. */
static int load_tree(struct storage *storage, struct loader *loader, const struct yaml_node *tree)
{
	struct policy *policy = &storage->policy;
	struct root root = {.policy = policy,
			    .rules_are_sound = !schema_gives(&policy_schema, tree, "rules")};
	bool yaml_is_sound = loader->diagnostics->errors == 0;
	int rc;

	schema_read(loader, &policy_schema, tree, tree->place, &root);
	if (!loader->error)
		load_secrets_finish(loader);
	if (loader->error)
		return loader->error;
	rc = matcher_build(policy, &storage->arena, &storage->matcher);
	if (rc < 0)
		return rc;
	policy->matcher = &storage->matcher;
	check_whole(loader, &storage->matcher, yaml_is_sound && root.rules_are_sound);
	if (loader->error)
		return loader->error;
	return loader->diagnostics->errors ? ERROR_CONFIG : 0;
}

static int load_text(struct storage *storage, struct loader *loader)
{
	struct slice source = loader->diagnostics->files[0].text;
	CLEANUP(arena_free) struct arena tree_arena;
	const struct yaml_node *tree;
	int rc;

	arena_init(&tree_arena, TREE_MAX_BYTES);
	if (source.len > POLICY_FILE_MAX_BYTES) {
		loader_report(loader, ((struct diagnostic_place){0}), NULL,
			      "the policy is larger than %d bytes", POLICY_FILE_MAX_BYTES);
		return ERROR_LIMIT;
	}
	rc = source_check(source, loader->diagnostics);
	if (rc == 0)
		rc = yaml_read(source, &tree_arena, loader->diagnostics, &tree);
	return rc < 0 ? rc : load_tree(storage, loader, tree);
}

/* "policy" of "/etc/sallyport/policy.yaml". */
static const char *name_of_file(struct loader *loader, const char *file)
{
	const char *slash = strrchr(file, '/');
	struct slice name = slice_from_text(slash ? slash + 1 : file);
	size_t dot = name.len;

	while (dot && name.ptr[dot - 1] != '.')
		dot--;
	return loader_copy(loader, slice_first(name, dot > 1 ? dot - 1 : name.len)).ptr;
}

/* "" for a file in the current folder. */
static const char *folder_of_file(struct loader *loader, const char *file)
{
	const char *slash = strrchr(file, '/');
	size_t len = slash ? (size_t)(slash - file) : 0;

	return loader_copy(loader, slash == file ? SLICE_LITERAL("/") : slice_of(file, len)).ptr;
}

static int fill(struct storage *storage, struct loader *loader)
{
	const char *file = loader->diagnostics->files[0].name;
	struct slice source = loader->diagnostics->files[0].text;

	storage->policy.file = loader_copy(loader, slice_from_text(file)).ptr;
	storage->policy.name = name_of_file(loader, file);
	loader->folder = folder_of_file(loader, file);
	if (loader->error)
		return loader->error;
	if (!SHA256((const unsigned char *)source.ptr, source.len, storage->policy.sha256))
		return -ENOMEM;
	return load_text(storage, loader);
}

static int load(bool reads_files, struct policy **policy, struct diagnostics *diagnostics)
{
	struct storage *storage = calloc(1, sizeof(*storage));
	struct loader loader = {.diagnostics = diagnostics, .reads_files = reads_files};
	int rc;

	if (!storage)
		return -ENOMEM;
	arena_init(&storage->arena, ARENA_MAX_BYTES);
	loader.arena = &storage->arena;
	loader.policy = &storage->policy;
	map_init(&loader.secret_names);
	rc = fill(storage, &loader);
	map_free(&loader.secret_names);
	if (rc < 0)
		policy_free(&storage->policy);
	else
		*policy = &storage->policy;
	return rc;
}

/* A failure of which the file says nothing is told all the same. */
static int finish(int rc, struct diagnostics *diagnostics)
{
	if (rc < 0 && diagnostics->errors == 0)
		diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, (struct diagnostic_place){0}, NULL,
				"cannot load the policy: %s", error_name(rc));
	return rc;
}

int policy_load_text(const char *name, struct slice text, struct policy **policy,
		     struct diagnostics *diagnostics)
{
	*policy = NULL;
	diagnostics_init(diagnostics, name, text);
	return finish(load(false, policy, diagnostics), diagnostics);
}

int policy_load_file(const char *path, struct policy **policy, struct diagnostics *diagnostics)
{
	struct error err;
	char *bytes = NULL;
	size_t len = 0;
	int rc;

	*policy = NULL;
	diagnostics_init(diagnostics, path, SLICE_EMPTY);
	rc = fd_read_file(path, POLICY_FILE_MAX_BYTES, &bytes, &len, &err);
	if (rc < 0) {
		diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, (struct diagnostic_place){0}, NULL,
				"%s", err.text);
		return rc;
	}
	diagnostics->files[0].text = slice_of(bytes, len);
	diagnostics->files[0].owned_text = bytes;
	return finish(load(true, policy, diagnostics), diagnostics);
}

void policy_free(struct policy *policy)
{
	struct storage *storage;
	struct arena arena;

	if (!policy)
		return;
	storage = container_of(policy, struct storage, policy);
	matcher_free(&storage->matcher);
	arena = storage->arena;
	arena_free(&arena);
	free(storage);
}
