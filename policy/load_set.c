#include <stdio.h>

#include "policy/field.h"
#include "policy/load_effects.h"
#include "policy/load_secrets.h"
#include "policy/variable.h"

enum { SET_TEXT_MAX_BYTES = 1024 };

/* A value while it is read: "Bearer {NAME}". */
struct template
{
	struct loader *loader;
	const struct yaml_node *node;
	size_t at;
	struct policy_set_part *parts; /* with room for all */
	size_t count;		       /* of whole ones */
	char *next;		       /* where literal text goes */
};

static bool fail(struct template *t, size_t len, const char *hint, const char *why)
{
	loader_report(t->loader, yaml_place_within(t->node, t->at, len), hint, "%s", why);
	return false;
}

static void put(struct template *t, char c)
{
	struct slice *literal = &t->parts[t->count].literal;

	if (literal->len == 0)
		literal->ptr = t->next;
	*t->next++ = c;
	literal->len++;
}

/* "{NAME}", which ends the part before it. */
static bool take_name(struct template *t)
{
	struct slice rest = slice_from(t->node->text, t->at + 1);
	struct slice name = slice_first(rest, slice_find_char(rest, '}'));

	if (name.len == rest.len)
		return fail(t, 1, "a brace that is meant as one is doubled: {{",
			    "this brace is not closed");
	if (!variable_is_name(name))
		return fail(t, name.len + 2,
			    "as in \"Bearer {OPENAI_API_KEY}\"; a brace that is meant as one is "
			    "doubled: {{",
			    "braces hold the name of a secret");
	if (!load_secret_reference(t->loader, name, yaml_place_within(t->node, t->at + 1, name.len),
				   &t->parts[t->count].secret))
		return false;
	t->count++;
	t->at += name.len + 2;
	return true;
}

static bool take_character(struct template *t)
{
	struct slice rest = slice_from(t->node->text, t->at);
	char c = rest.ptr[0];

	if (c < ' ' || c > '~')
		return fail(t, 1, NULL, "the value of a field is ASCII");
	if (slice_starts_with(rest, SLICE_LITERAL("{{")) ||
	    slice_starts_with(rest, SLICE_LITERAL("}}")))
		t->at++;
	else if (c == '{')
		return take_name(t);
	else if (c == '}')
		return fail(t, 1, "a brace that is meant as one is doubled: }}",
			    "this brace closes nothing");
	put(t, c);
	t->at++;
	return true;
}

static bool start(struct template *t)
{
	struct slice text = t->node->text;
	size_t names = 0;

	for (size_t i = 0; i < text.len; i++)
		names += text.ptr[i] == '{';
	if (text.len > SET_TEXT_MAX_BYTES)
		return fail(t, 0, NULL, "the value is too long");
	if (slice_trim(text).len < text.len)
		return fail(t, text.len, NULL,
			    "the value of a field cannot start or end with a space");
	t->parts = loader_alloc(t->loader, names + 1, sizeof(*t->parts));
	t->next = loader_alloc(t->loader, text.len, 1);
	return t->parts && t->next;
}

static void read_value(struct loader *loader, const struct yaml_node *node, struct policy_set *set)
{
	struct template t = {.loader = loader, .node = node};

	if (!start(&t))
		return;
	while (t.at < node->text.len) {
		if (!take_character(&t))
			return;
	}
	if (t.count == 0) {
		t.at = 0;
		fail(&t, node->text.len, "name one in braces, as in \"Bearer {OPENAI_API_KEY}\"",
		     "there is no secret in this");
	}
	set->parts = t.parts;
	set->part_count = t.count + (t.parts[t.count].literal.len > 0);
}

static bool is_repeated(const struct policy_rule *rule, struct slice field)
{
	for (size_t i = 0; i < rule->set_count; i++) {
		if (slice_equal_nocase(rule->sets[i].field, field))
			return true;
	}
	return false;
}

static void read_field(struct loader *loader, const struct yaml_node *key,
		       const struct policy_rule *rule, struct policy_set *set)
{
	struct field_fault fault;

	if (!field_may_be_named(key->text, FIELD_OF_SET, &fault))
		loader_report(loader, key->place, fault.hint, "%s", fault.why);
	else if (is_repeated(rule, key->text))
		loader_report(loader, key->place, "names of fields have no case",
			      "%.*s is set twice", SLICE_ARGS(loader_shown(key->text)));
	set->field = loader_copy(loader, key->text);
	if (!key->value || key->value->kind == YAML_KIND_FAULTY)
		return;
	if (key->value->kind == YAML_KIND_TEXT)
		read_value(loader, key->value, set);
	else
		loader_report(loader, key->value->place,
			      "as in \"Bearer {OPENAI_API_KEY}\", with the quotes",
			      "the value of a field is text, not %s",
			      yaml_kind_name(key->value->kind));
}

void load_set(struct loader *loader, const struct yaml_node *key, struct policy_rule *rule)
{
	const struct yaml_node *mapping = key->value;
	struct policy_set *sets;

	if (mapping->count == 0 || mapping->count > POLICY_SETS_MAX) {
		loader_report(loader, key->place, "as in {Authorization: \"Bearer {NAME}\"}",
			      "a rule sets 1 to %d fields, not %zu", POLICY_SETS_MAX,
			      mapping->count);
		return;
	}
	sets = loader_alloc(loader, mapping->count, sizeof(*sets));
	rule->sets = sets;
	for (const struct yaml_node *node = mapping->first; sets && node; node = node->next) {
		read_field(loader, node, rule, &sets[rule->set_count]);
		rule->set_count++;
	}
}
