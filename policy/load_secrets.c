#include "policy/load_secrets.h"

#include "policy/placeholder.h"
#include "policy/variable.h"

static void read_from(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct policy_secret *secret = into;

	load_source(loader, key, slice_from_text(secret->name), &secret->from);
}

static void read_placeholder(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct policy_secret *secret = into;
	const char *why;

	if (placeholder_check_template(key->value->text, &why) < 0)
		loader_report(loader, key->value->place, "as in \"sk-proj-{random:48}\"", "%s",
			      why);
	else
		secret->placeholder = loader_copy(loader, key->value->text);
}

static void read_use(struct loader *loader, const struct yaml_node *key, void *into)
{
	load_uses(loader, key, into);
}

static const char *const misuses[] = {
	[POLICY_MISUSE_BLOCK] = "block", [POLICY_MISUSE_STRICT] = "strict",
	[POLICY_MISUSE_STRIP] = "strip", [POLICY_MISUSE_PASS] = "pass",
	[POLICY_MISUSE_KILL] = "kill",	 [POLICY_MISUSE_COUNT] = NULL,
};

static void choose_misuse(unsigned int choice, void *into)
{
	((struct policy_secret *)into)->misuse = choice;
}

static const char *const scrubs[] = {
	[POLICY_SCRUB_ALL] = "true",
	[POLICY_SCRUB_FIELDS] = "fields",
	[POLICY_SCRUB_NONE] = "false",
	[POLICY_SCRUB_COUNT] = NULL,
};

static void choose_scrub(unsigned int choice, void *into)
{
	((struct policy_secret *)into)->scrub = choice;
}

static void choose_capture(unsigned int choice, void *into)
{
	((struct policy_secret *)into)->capture = choice;
}

static const struct schema_row rows[] = {
	{"from", SCHEMA_TEXT | SCHEMA_MAPPING, true,
	 "env, {env: NAME}, {file: PATH} or {exec: [COMMAND, ...]}",
	 "where the real value is read from", .read = read_from},
	{"placeholder", SCHEMA_TEXT, false, "a quoted text with {random:N} in it",
	 "what the sandbox sees, as in \"sk-proj-{random:48}\", with the quotes",
	 .read = read_placeholder},
	{"use", SCHEMA_LIST, true, "a list of uses",
	 "where the secret may be put in: a list of mappings with \"at\" and \"slot\"",
	 .read = read_use},
	{"misuse", SCHEMA_TEXT, false, "block, strict, strip, pass or kill",
	 "what happens to a placeholder found anywhere else", .choices = misuses,
	 .choose = choose_misuse},
	{"scrub", SCHEMA_TEXT, false, "true, fields or false",
	 "what is looked through for the secret when it comes back: fields and body (true), fields "
	 "only, or nothing",
	 .choices = scrubs, .choose = choose_scrub},
	{"capture", SCHEMA_TEXT, false, "true or false",
	 "true puts placeholders in the place of new tokens in answers to the secret's requests",
	 .choices = schema_booleans, .choose = choose_capture},
};

const struct schema secret_schema = {"a secret", rows, sizeof(rows) / sizeof(rows[0])};

static void check_name(struct loader *loader, const struct yaml_node *key)
{
	if (!variable_is_name(key->text))
		loader_report(loader, key->place,
			      "a letter or underscore, then letters, digits and underscores",
			      "a secret's name must be one that an environment variable can have");
	else if (variable_is_reserved(key->text))
		loader_report(loader, key->place, "give the secret another name",
			      "the sandbox needs the variable %s for itself", key->text.ptr);
}

static void read_secret(struct loader *loader, const struct yaml_node *key,
			struct policy_secret *secret)
{
	check_name(loader, key);
	secret->place = key->place;
	secret->name = loader_copy(loader, key->text).ptr;
	if (secret->name && key->value)
		schema_read(loader, &secret_schema, key->value, key->place, secret);
	if (secret->capture && secret->scrub != POLICY_SCRUB_ALL)
		loader_report(loader, key->place, "leave \"scrub\" out, or \"capture\"",
			      "new tokens can only be captured where all of a response is looked "
			      "through");
}

void load_secrets(struct loader *loader, const struct yaml_node *key, void *into)
{
	const struct yaml_node *mapping = key->value;
	struct policy *policy = into;
	struct policy_secret *secrets;
	size_t index = 0;

	if (mapping->count > POLICY_SECRETS_MAX) {
		loader_report(loader, key->place, NULL,
			      "there are %zu secrets; at most %d are possible", mapping->count,
			      POLICY_SECRETS_MAX);
		return;
	}
	secrets = loader_alloc(loader, mapping->count + 1, sizeof(*secrets));
	if (!secrets)
		return;
	for (const struct yaml_node *node = mapping->first; node; node = node->next, index++) {
		secrets[index].index = index;
		read_secret(loader, node, &secrets[index]);
	}
	policy->secrets = secrets;
	policy->secret_count = mapping->count;
}
