#include "policy/load_secrets.h"
#include "policy/variable.h"

enum { EXEC_WORDS_MAX = 64 };

static void set_variable(struct loader *loader, const struct yaml_node *node, struct slice name,
			 struct policy_source *source)
{
	source->kind = POLICY_FROM_ENV;
	source->place = node->place;
	source->name = loader_copy(loader, name).ptr;
}

static void read_env(struct loader *loader, const struct yaml_node *key, void *into)
{
	if (!variable_is_name(key->value->text))
		loader_report(loader, key->value->place, "letters, digits and underscores",
			      "\"%.*s\" is not the name of an environment variable",
			      SLICE_ARGS(loader_shown(key->value->text)));
	else
		set_variable(loader, key->value, key->value->text, into);
}

static void read_file(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct policy_source *source = into;
	struct slice path = key->value->text;

	if (path.ptr[0] == '~')
		loader_report(loader, key->value->place, "write the whole path",
			      "\"~\" is not expanded");
	source->kind = POLICY_FROM_FILE;
	source->place = key->value->place;
	source->name = loader_path(loader, path);
}

/* The command is looked up in PATH, unless it has a slash. */
static const char *read_word(struct loader *loader, const struct yaml_node *node, bool is_command)
{
	if (node->kind == YAML_KIND_FAULTY)
		return NULL;
	if (node->kind != YAML_KIND_TEXT) {
		loader_report(loader, node->place, NULL, "a word of a command is text, not %s",
			      yaml_kind_name(node->kind));
		return NULL;
	}
	if (is_command && slice_find_char(node->text, '/') < node->text.len)
		return loader_path(loader, node->text);
	return loader_copy(loader, node->text).ptr;
}

static void read_exec(struct loader *loader, const struct yaml_node *key, void *into)
{
	const struct yaml_node *list = key->value;
	struct policy_source *source = into;
	const char **argv;
	size_t count = 0;

	if (list->count == 0 || list->count > EXEC_WORDS_MAX) {
		loader_report(loader, key->place, "as in [pass, show, openai]",
			      "\"exec\" is a command of 1 to %d words", EXEC_WORDS_MAX);
		return;
	}
	argv = loader_alloc(loader, list->count + 1, sizeof(*argv));
	if (!argv)
		return;
	for (const struct yaml_node *node = list->first; node; node = node->next, count++)
		argv[count] = read_word(loader, node, count == 0);
	source->kind = POLICY_FROM_EXEC;
	source->place = key->place;
	source->name = argv[0];
	source->argv = argv;
}

static const struct schema_row rows[] = {
	{"env", SCHEMA_TEXT, false, "the name of an environment variable",
	 "a variable of the environment that Sallyport is started in", .read = read_env,
	 .pattern = "^" VARIABLE_PATTERN "$"},
	{"file", SCHEMA_TEXT, false, "the path of a file",
	 "a file; a relative path starts at the policy's folder", .read = read_file},
	{"exec", SCHEMA_LIST, false, "a command as a list of words",
	 "a command whose output is the secret, as in [pass, show, openai]", .read = read_exec,
	 .values = SCHEMA_TEXT, .least = 1, .most = EXEC_WORDS_MAX},
	{"vault", SCHEMA_LATER, .help = "sources are env, file and exec"},
	{"keyring", SCHEMA_LATER, .help = "sources are env, file and exec"},
	{"systemd", SCHEMA_LATER, .help = "sources are env, file and exec"},
};

static const char *const kinds[] = {"env", "file", "exec", NULL};

const struct schema source_schema = {"a source", rows, sizeof(rows) / sizeof(rows[0]), kinds};

static bool is_later(struct slice word)
{
	for (size_t i = 0; i < source_schema.row_count; i++) {
		if (rows[i].shapes == SCHEMA_LATER &&
		    slice_equal(word, slice_from_text(rows[i].key)))
			return true;
	}
	return false;
}

static void load_short_source(struct loader *loader, const struct yaml_node *node,
			      struct slice name, struct policy_source *source)
{
	if (slice_equal(node->text, SLICE_LITERAL("env")))
		set_variable(loader, node, name, source);
	else if (is_later(node->text))
		loader_report(loader, node->place, "sources are env, file and exec",
			      "from \"%s\" is not yet supported", node->text.ptr);
	else
		loader_report(loader, node->place,
			      "write env, {env: NAME}, {file: PATH} or {exec: [COMMAND, ...]}",
			      "unknown source \"%.*s\"", SLICE_ARGS(loader_shown(node->text)));
}

void load_source(struct loader *loader, const struct yaml_node *key, struct slice name,
		 struct policy_source *source)
{
	const struct yaml_node *value = key->value;

	source->place = value->place;
	if (value->kind == YAML_KIND_TEXT) {
		load_short_source(loader, value, name, source);
		return;
	}
	if (!schema_read(loader, &source_schema, value, value->place, source))
		return;
	if (value->count != 1)
		loader_report(loader, value->place, NULL,
			      "a secret is from one source, not from %zu", value->count);
}
