#include "policy/load_policy.h"

#include "policy/variable.h"

enum { NAME_MAX_BYTES = 64 };

static const char *const versions[] = {"1", NULL};

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
	else if (loader->file == 0)
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
				    sizeof(audit_rows) / sizeof(audit_rows[0]), NULL};

static void read_audit(struct loader *loader, const struct yaml_node *key, void *into)
{
	schema_read(loader, &audit_schema, key->value, key->place, into);
}

/* The files were read before any of their keys. */
static void skip_include(struct loader *loader, const struct yaml_node *key, void *into)
{
	(void)loader;
	(void)key;
	(void)into;
}

static const struct schema_row rows[] = {
	{"sallyport", SCHEMA_TEXT, true, "the version of the language, 1",
	 "a policy starts with \"sallyport: 1\"", .read = read_version, .choices = versions},
	{"name", SCHEMA_TEXT, false, "a name", "what the log calls the policy", .read = read_name,
	 .pattern = "^[A-Za-z0-9._-]{1,64}$"},
	{"secrets", SCHEMA_MAPPING, false, "a mapping from names to secrets",
	 "what the sandbox holds placeholders for", .read = read_secrets, .of = &secret_schema,
	 .named = true, .name_pattern = "^" VARIABLE_PATTERN "$", .most = POLICY_SECRETS_MAX},
	{"rules", SCHEMA_LIST, false, "a list of rules",
	 "what may be reached; the first rule that matches decides, and nothing matched is denied",
	 .read = read_rules, .of = &rule_schema, .most = POLICY_RULES_MAX},
	{"include", SCHEMA_LIST, false, "a list of files",
	 "files whose secrets and rules are added; relative paths start at this file's folder",
	 .read = skip_include, .values = SCHEMA_TEXT, .least = 1},
	{"network", SCHEMA_MAPPING, false, "a mapping", "addresses and roots of servers",
	 .read = read_network, .whole = true, .of = &network_schema},
	{"mode", SCHEMA_TEXT, false, "enforce or observe",
	 "observe refuses nothing, and marks what would be refused", .choices = modes,
	 .choose = choose_mode, .whole = true},
	{"audit", SCHEMA_MAPPING, false, "a mapping", "how the log is kept", .read = read_audit,
	 .whole = true, .of = &audit_schema},
	{"limits", SCHEMA_LATER, .help = "requests are not counted yet"},
	{"credentials", SCHEMA_LATER, .help = "secrets are bound under \"secrets\""},
};

const struct schema policy_schema = {"a policy", rows, sizeof(rows) / sizeof(rows[0]), NULL};
