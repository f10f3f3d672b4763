#include "policy/load_secrets.h"

#include <stdio.h>

#include "base/error.h"
#include "base/list.h"
#include "policy/load_effects.h"
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
	 "where the real value is read from", .read = read_from, .of = &source_schema,
	 .pattern = "^env$"},
	{"placeholder", SCHEMA_TEXT, false, "a quoted text with {random:N} in it",
	 "what the sandbox sees, as in \"sk-proj-{random:48}\", with the quotes",
	 .read = read_placeholder, .pattern = "\\{random:[0-9]+\\}"},
	{"use", SCHEMA_LIST, false, "a list of uses",
	 "where the secret may be put in: a list of mappings with \"at\" and \"slot\"",
	 .read = read_use, .of = &use_schema, .least = 1, .most = POLICY_USES_MAX},
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

const struct schema secret_schema = {"a secret", rows, sizeof(rows) / sizeof(rows[0]), NULL};

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

/* Within one file YAML knows of it. */
static void add_name(struct loader *loader, struct secret_draft *draft)
{
	struct slice name = draft->key->text;
	struct map_node *known = map_find(&loader->secret_names, name);
	const struct diagnostic_place *first;

	if (!known) {
		if (map_insert(&loader->secret_names, &draft->by_name, name) < 0)
			loader->error = -ENOMEM;
		return;
	}
	first = &container_of(known, struct secret_draft, by_name)->key->place;
	loader_report(loader, draft->key->place, NULL,
		      "the secret %.*s is given twice; the first is on line %u of %s",
		      SLICE_ARGS(loader_shown(name)), first->line,
		      loader->diagnostics->files[first->file].name);
}

static void read_secret(struct loader *loader, const struct yaml_node *key, size_t index)
{
	struct secret_draft *draft = &loader->secret_drafts[index];
	struct policy_secret *secret = &loader->secrets[index];

	check_name(loader, key);
	*draft = (struct secret_draft){.secret = secret, .key = key};
	secret->index = index;
	secret->place = key->place;
	secret->name = loader_copy(loader, key->text).ptr;
	add_name(loader, draft);
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

	if (policy->secret_count + mapping->count > POLICY_SECRETS_MAX) {
		loader_report(loader, key->place, NULL,
			      "there are %zu secrets; at most %d are possible",
			      policy->secret_count + mapping->count, POLICY_SECRETS_MAX);
		return;
	}
	for (const struct yaml_node *node = mapping->first; node && !loader->error;
	     node = node->next)
		read_secret(loader, node, policy->secret_count++);
}

/* All names, to find a near miss among. */
static const char *nearest_name(struct loader *loader, struct slice name)
{
	size_t count = loader->policy->secret_count;
	const char **names = loader_alloc(loader, count + 1, sizeof(*names));

	for (size_t i = 0; names && i < count; i++)
		names[i] = loader->secrets[i].name;
	return names ? diagnostic_nearest(name, names, count) : NULL;
}

struct secret_reference *load_secret_reference(struct loader *loader, struct slice name,
					       struct diagnostic_place place,
					       const struct policy_secret **secret)
{
	struct secret_reference *reference = loader_alloc(loader, 1, sizeof(*reference));

	if (!reference)
		return NULL;
	*reference = (struct secret_reference){
		.next = loader->references,
		.name = loader_copy(loader, name),
		.place = place,
		.secret = secret,
	};
	if (!reference->name.ptr)
		return NULL;
	loader->references = reference;
	return reference;
}

static void look_up(struct loader *loader, const struct secret_reference *reference)
{
	struct map_node *found = map_find(&loader->secret_names, reference->name);
	struct secret_draft *draft;
	const char *nearest;
	char hint[2 * VARIABLE_NAME_MAX];

	if (found) {
		draft = container_of(found, struct secret_draft, by_name);
		if (reference->is_login)
			draft->secret->is_login = true;
		else
			draft->secret->is_set = true;
		*reference->secret = draft->secret;
		return;
	}
	nearest = nearest_name(loader, reference->name);
	snprintf(hint, sizeof(hint), "did you mean %s?", nearest ? nearest : "");
	loader_report(loader, reference->place,
		      nearest ? hint : "secrets are defined under \"secrets\"",
		      "there is no secret %s", reference->name.ptr);
}

void load_secrets_finish(struct loader *loader)
{
	for (const struct secret_reference *r = loader->references; r; r = r->next)
		look_up(loader, r);
	for (size_t i = 0; i < loader->policy->secret_count; i++) {
		const struct yaml_node *key = loader->secret_drafts[i].key;
		struct policy_secret *secret = &loader->secrets[i];

		bool is_named = secret->is_set || secret->is_login;

		secret->is_hidden = is_named && secret->use_count == 0;
		if (!is_named && key->value && key->value->kind == YAML_KIND_MAPPING &&
		    !schema_gives(&secret_schema, key->value, "use"))
			loader_report(loader, key->place,
				      "where the secret may be put in: a list of mappings with "
				      "\"at\" and \"slot\"; or set a field from it in a rule",
				      "a secret needs \"use\": a list of uses");
	}
}
