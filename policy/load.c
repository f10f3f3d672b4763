#include <openssl/sha.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/list.h"
#include "policy/lint.h"
#include "policy/load_files.h"
#include "policy/load_policy.h"
#include "policy/load_secrets.h"

enum {
	ARENA_MAX_BYTES = 512 << 20,
	TREE_MAX_BYTES = 256 << 20,
};

/* A policy with what it is released by. */
struct storage {
	struct policy policy;
	struct policy_matcher matcher;
	struct arena arena;
};

static void check_whole(struct loader *loader, const struct policy_matcher *matcher,
			bool rules_are_sound)
{
	struct lint lint = {.loader = loader, .policy = loader->policy, .matcher = matcher};

	lint_rules(&lint);
	if (rules_are_sound) {
		lint_secrets(&lint);
		lint_effects(&lint);
		lint_resolve(&lint);
		lint_datagrams(&lint);
	}
}

static size_t count_entries(const struct loader *loader, const char *name, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < loader->file_count; i++) {
		const struct yaml_node *tree = loader->files[i].tree;
		const struct yaml_node *key = tree ? yaml_find_key(tree, name) : NULL;

		count += key && key->value ? key->value->count : 0;
	}
	return count < max ? count : max;
}

/* Rules and secrets are pointed to, so that they stay where they are once the first is read. */
static bool make_room(struct loader *loader)
{
	size_t rules = count_entries(loader, "rules", POLICY_RULES_MAX);
	size_t secrets = count_entries(loader, "secrets", POLICY_SECRETS_MAX);

	loader->rules = loader_alloc(loader, rules + 1, sizeof(*loader->rules));
	loader->secrets = loader_alloc(loader, secrets + 1, sizeof(*loader->secrets));
	loader->secret_drafts = loader_alloc(loader, secrets + 1, sizeof(*loader->secret_drafts));
	loader->policy->rules = loader->rules;
	loader->policy->secrets = loader->secrets;
	return loader->error == 0;
}

/* The rules of a file stand before those of the files that it includes. Whether all of them could
 * be read. */
static bool read_trees(struct loader *loader)
{
	bool all_sound = true;

	for (size_t i = 0; i < loader->file_count && !loader->error; i++) {
		const struct load_file *file = &loader->files[i];
		struct root root = {.policy = loader->policy};

		if (!file->tree)
			continue;
		loader->file = i;
		loader->folder = file->folder;
		root.rules_are_sound = !schema_gives(&policy_schema, file->tree, "rules");
		schema_read(loader, &policy_schema, file->tree, file->tree->place, &root);
		all_sound = all_sound && root.rules_are_sound;
	}
	return all_sound;
}

/* Reads the trees into the policy, compiles it, and checks it as a whole. */
static int load_trees(struct storage *storage, struct loader *loader)
{
	struct policy *policy = &storage->policy;
	bool rules_are_sound = loader->diagnostics->errors == 0;
	int rc;

	if (make_room(loader))
		rules_are_sound &= read_trees(loader);
	if (!loader->error)
		load_secrets_finish(loader);
	if (loader->error)
		return loader->error;
	rc = matcher_build(policy, &storage->arena, &storage->matcher);
	if (rc < 0)
		return rc;
	policy->matcher = &storage->matcher;
	check_whole(loader, &storage->matcher, rules_are_sound);
	if (loader->error)
		return loader->error;
	return loader->diagnostics->errors ? ERROR_CONFIG : 0;
}

/* Of one file, of its bytes; of several, of the digests of each, in the order in which they are
 * read: which bytes are in which file counts. */
static int make_digest(struct loader *loader)
{
	uint8_t digests[POLICY_FILES_MAX][SHA256_DIGEST_LENGTH];
	const struct diagnostic_file *files = loader->diagnostics->files;
	uint8_t *out = loader->policy->sha256;

	for (size_t i = 0; i < loader->file_count; i++) {
		if (!SHA256((const unsigned char *)files[i].text.ptr, files[i].text.len,
			    digests[i]))
			return -ENOMEM;
	}
	memcpy(out, digests[0], SHA256_DIGEST_LENGTH);
	if (loader->file_count > 1 &&
	    !SHA256(digests[0], loader->file_count * SHA256_DIGEST_LENGTH, out))
		return -ENOMEM;
	return 0;
}

static int name_files(struct loader *loader)
{
	const char **names = loader_alloc(loader, loader->file_count, sizeof(*names));

	for (size_t i = 0; names && i < loader->file_count; i++)
		names[i] = loader->files[i].name;
	loader->policy->files = names;
	loader->policy->file_count = loader->file_count;
	return loader->error;
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

static int fill(struct storage *storage, struct loader *loader)
{
	CLEANUP(arena_free) struct arena trees;
	int rc;

	arena_init(&trees, TREE_MAX_BYTES);
	loader->trees = &trees;
	rc = load_files(loader);
	if (rc == 0)
		rc = make_digest(loader);
	if (rc == 0)
		rc = name_files(loader);
	if (rc < 0)
		return rc;
	storage->policy.file = loader->files[0].name;
	storage->policy.name = name_of_file(loader, loader->files[0].name);
	return loader->error ? loader->error : load_trees(storage, loader);
}

static int load(const struct policy_reader *reader, struct policy **policy,
		struct diagnostics *diagnostics)
{
	struct storage *storage = calloc(1, sizeof(*storage));
	struct loader loader = {.diagnostics = diagnostics, .reader = reader};
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
	return finish(load(NULL, policy, diagnostics), diagnostics);
}

int policy_load_from(const struct policy_reader *reader, const char *path, struct policy **policy,
		     struct diagnostics *diagnostics)
{
	struct error err;
	char *bytes = NULL;
	size_t len = 0;
	int rc;

	*policy = NULL;
	diagnostics_init(diagnostics, path, SLICE_EMPTY);
	rc = reader->read(reader->context, path, POLICY_FILE_MAX_BYTES, &bytes, &len, &err);
	if (rc < 0) {
		diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, (struct diagnostic_place){0}, NULL,
				"%s", err.text);
		return rc;
	}
	diagnostics->files[0].text = slice_of(bytes, len);
	diagnostics->files[0].owned_text = bytes;
	return finish(load(reader, policy, diagnostics), diagnostics);
}

static int read_from_disk(void *context, const char *path, size_t max_bytes, char **bytes,
			  size_t *len, struct error *err)
{
	(void)context;
	return fd_read_file(path, max_bytes, bytes, len, err);
}

int policy_load_file(const char *path, struct policy **policy, struct diagnostics *diagnostics)
{
	static const struct policy_reader disk = {.read = read_from_disk};

	return policy_load_from(&disk, path, policy, diagnostics);
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
