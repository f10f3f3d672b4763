#include "policy/load_files.h"

#include <stdlib.h>

#include "base/error.h"
#include "policy/source.h"

enum { INCLUDE_DEPTH_MAX = 8 };

_Static_assert((int)POLICY_FILES_MAX == (int)DIAGNOSTIC_FILES_MAX, "every file has its faults");

static void include_all(struct loader *loader, size_t parent, unsigned int depth);

static const char *folder_of(struct loader *loader, const char *file)
{
	const char *slash = strrchr(file, '/');
	size_t len = slash ? (size_t)(slash - file) : 0;

	return loader_copy(loader, slash == file ? SLICE_LITERAL("/") : slice_of(file, len)).ptr;
}

/* Makes the tree of the newest file of the diagnostics. */
static int read_tree(struct loader *loader, const char *name)
{
	struct diagnostics *diagnostics = loader->diagnostics;
	size_t index = loader->file_count++;
	struct load_file *file = &loader->files[index];
	struct slice text = diagnostics->files[index].text;
	const struct yaml_node *tree;
	int rc;

	*file = (struct load_file){
		.name = loader_copy(loader, slice_from_text(name)).ptr,
		.folder = folder_of(loader, name),
	};
	if (loader->error)
		return loader->error;
	diagnostics->reading = (uint32_t)index;
	rc = source_check(text, diagnostics);
	if (rc == 0)
		rc = yaml_read(text, loader->trees, diagnostics, &loader->nodes, &tree);
	if (rc == 0)
		file->tree = tree;
	return rc;
}

/* By its bytes, so that neither links nor other spellings of its path hide it. */
static const char *find_same(const struct loader *loader, struct slice text)
{
	for (size_t i = 0; i < loader->file_count; i++) {
		if (slice_equal(loader->diagnostics->files[i].text, text))
			return loader->files[i].name;
	}
	return NULL;
}

/* Whether one more file of that text may be part of the policy. */
static bool may_add(struct loader *loader, const struct yaml_node *node, struct slice text)
{
	const char *same = find_same(loader, text);

	loader->bytes += text.len;
	if (same)
		loader_report(loader, node->place, "each file is included once",
			      "this file is part of the policy already, as %.*s",
			      SLICE_ARGS(loader_shown(slice_from_text(same))));
	else if (loader->file_count == POLICY_FILES_MAX)
		loader_report(loader, node->place, NULL, "a policy has at most %d files",
			      POLICY_FILES_MAX);
	else if (loader->bytes > POLICY_FILE_MAX_BYTES)
		loader_report(loader, node->place, NULL,
			      "the files of the policy have more than %d bytes together",
			      POLICY_FILE_MAX_BYTES);
	else
		return true;
	return false;
}

/* Reads the file at PATH into the diagnostics, which show its lines. False if it was refused. */
static bool read_text(struct loader *loader, const struct yaml_node *node, const char *path)
{
	struct diagnostics *diagnostics = loader->diagnostics;
	const struct policy_reader *reader = loader->reader;
	struct error err;
	char *bytes = NULL, *name;
	size_t len = 0;

	if (reader->read(reader->context, path, POLICY_FILE_MAX_BYTES, &bytes, &len, &err) < 0) {
		loader_report(loader, node->place, NULL, "%s", err.text);
		return false;
	}
	name = slice_copy_text(slice_from_text(path));
	if (!name)
		loader->error = -ENOMEM;
	if (!name || !may_add(loader, node, slice_of(bytes, len))) {
		free(name);
		free(bytes);
		return false;
	}
	diagnostics->files[diagnostics->file_count++] = (struct diagnostic_file){
		.name = name,
		.text = slice_of(bytes, len),
		.owned_name = name,
		.owned_text = bytes,
	};
	return true;
}

static void include(struct loader *loader, const struct yaml_node *node, unsigned int depth)
{
	size_t index = loader->file_count;
	const char *path;
	int rc;

	if (depth > INCLUDE_DEPTH_MAX) {
		loader_report(loader, node->place, NULL, "files include each other too deeply");
		return;
	}
	path = loader_path(loader, node->text);
	if (!path || !read_text(loader, node, path))
		return;
	rc = read_tree(loader, path);
	if (rc == -ENOMEM)
		loader->error = rc;
	else if (rc == 0)
		include_all(loader, index, depth);
}

static bool is_path(struct loader *loader, const struct yaml_node *node)
{
	if (node->kind == YAML_KIND_FAULTY)
		return false;
	if (node->kind != YAML_KIND_TEXT)
		loader_report(loader, node->place, "as in [policies/openai.yaml]",
			      "a file is text, not %s", yaml_kind_name(node->kind));
	else if (node->text.ptr[0] == '~')
		loader_report(loader, node->place, "write the whole path", "\"~\" is not expanded");
	else
		return true;
	return false;
}

/* A value that is no list is for the schema to refuse. */
static void include_all(struct loader *loader, size_t parent, unsigned int depth)
{
	const struct load_file *file = &loader->files[parent];
	const struct yaml_node *key = yaml_find_key(file->tree, "include");

	if (!key || !key->value || key->value->kind != YAML_KIND_LIST)
		return;
	if (!loader->reader) {
		loader_report(loader, key->place, "save the policy to a file",
			      "a policy that is not read from a file cannot include others");
		return;
	}
	if (key->value->count == 0)
		loader_report(loader, key->place, "remove the key", "\"include\" is an empty list");
	for (const struct yaml_node *node = key->value->first; node && !loader->error;
	     node = node->next) {
		loader->folder = file->folder;
		if (is_path(loader, node))
			include(loader, node, depth + 1);
	}
}

int load_files(struct loader *loader)
{
	const struct diagnostic_file *first = &loader->diagnostics->files[0];
	int rc;

	loader->bytes = first->text.len;
	if (loader->bytes > POLICY_FILE_MAX_BYTES) {
		loader_report(loader, ((struct diagnostic_place){0}), NULL,
			      "the policy is larger than %d bytes", POLICY_FILE_MAX_BYTES);
		return ERROR_LIMIT;
	}
	loader->files = loader_alloc(loader, POLICY_FILES_MAX, sizeof(*loader->files));
	if (!loader->files)
		return loader->error;
	rc = read_tree(loader, first->name);
	if (rc == 0)
		include_all(loader, 0, 0);
	return rc < 0 ? rc : loader->error;
}
