#include "policy/load_effects.h"
#include "policy/load_methods.h"
#include "policy/load_target.h"
#include "policy/field.h"
#include "policy/methods.h"
#include "policy/variable.h"

enum { REASON_MAX_BYTES = 300 };

/* A rule as it is written, until it is known whether it allows or denies. */
struct rule_draft {
	const struct yaml_node *allow; /* the keys */
	const struct yaml_node *deny;
	const struct yaml_node *methods_key;
	struct policy_methods methods;
	struct slice reason;
	bool wide;
	struct policy_target *targets;
	struct policy_rule *rule;
};

static void read_allow(struct loader *loader, const struct yaml_node *key, void *into)
{
	(void)loader;
	((struct rule_draft *)into)->allow = key;
}

static void read_deny(struct loader *loader, const struct yaml_node *key, void *into)
{
	(void)loader;
	((struct rule_draft *)into)->deny = key;
}

static void read_methods(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct rule_draft *draft = into;

	draft->methods_key = key;
	load_methods(loader, key, &draft->methods);
}

static void read_reason(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct rule_draft *draft = into;

	if (key->value->text.len > REASON_MAX_BYTES)
		loader_report(loader, key->place, NULL, "\"reason\" has at most %d bytes",
			      REASON_MAX_BYTES);
	else
		draft->reason = loader_copy(loader, key->value->text);
}

static void choose_wide(unsigned int choice, void *into)
{
	((struct rule_draft *)into)->wide = choice;
}

static void read_set(struct loader *loader, const struct yaml_node *key, void *into)
{
	load_set(loader, key, ((struct rule_draft *)into)->rule);
}

static void choose_websocket(unsigned int choice, void *into)
{
	((struct rule_draft *)into)->rule->websocket = choice;
}

enum { DNS_PORT = 53 };

static const char *const credentials[] = {
	[POLICY_CREDENTIALS_ANY] = "any",
	[POLICY_CREDENTIALS_OURS] = "ours",
	[POLICY_CREDENTIALS_NONE] = "none",
	[POLICY_CREDENTIALS_COUNT] = NULL,
};

static void choose_credentials(unsigned int choice, void *into)
{
	((struct rule_draft *)into)->rule->credentials = choice;
}

static const struct schema_row rows[] = {
	{"allow", SCHEMA_TEXT | SCHEMA_LIST, false, "a target or a list of targets",
	 "what may be reached: [SCHEME://]HOST[:PORT][/PATH], or tcp://HOST:PORT, udp://HOST:PORT",
	 .read = read_allow, .values = SCHEMA_TEXT, .least = 1, .pattern = TARGET_PATTERN},
	{"deny", SCHEMA_TEXT | SCHEMA_LIST, false, "a target or a list of targets",
	 "what may not be reached, in every scheme and at every port unless it says one",
	 .read = read_deny, .values = SCHEMA_TEXT, .least = 1, .pattern = TARGET_PATTERN},
	{"methods", SCHEMA_TEXT | SCHEMA_LIST, false, "a method or a list of methods",
	 "the methods that the rule is for, as in [GET, POST]", .read = read_methods,
	 .choices = methods_known, .values = SCHEMA_TEXT, .least = 1, .most = POLICY_METHODS_MAX},
	{"reason", SCHEMA_TEXT, false, "one line of text", "what a denial says",
	 .read = read_reason},
	{"wide", SCHEMA_TEXT, false, "true or false",
	 "true lets a target be as wide as \"*\" or \"*.com\"", .choices = schema_booleans,
	 .choose = choose_wide},
	{"websocket", SCHEMA_TEXT, false, "true or false", "true lets WebSockets be opened as well",
	 .choices = schema_booleans, .choose = choose_websocket},
	{"set", SCHEMA_MAPPING, false, "a mapping from names of fields to their values",
	 "fields that are set from secrets, as in {Authorization: \"Bearer {NAME}\"}",
	 .read = read_set, .named = true, .values = SCHEMA_TEXT, .least = 1,
	 .most = POLICY_SETS_MAX, .pattern = "\\{" VARIABLE_PATTERN "\\}",
	 .name_pattern = "^" FIELD_PATTERN "$"},
	{"credentials", SCHEMA_TEXT, false, "any, ours or none",
	 "whether requests may carry credentials that are no placeholders (any); ours refuses "
	 "them, "
	 "none takes all credentials out",
	 .choices = credentials, .choose = choose_credentials},
	{"json", SCHEMA_LATER, .help = "rules cannot look into bodies yet"},
	{"limits", SCHEMA_LATER, .help = "rules cannot count yet"},
};

static const char *const verdicts[] = {"allow", "deny", NULL};

const struct schema rule_schema = {"a rule", rows, sizeof(rows) / sizeof(rows[0]), verdicts};

static bool is_too_wide(enum target_width width)
{
	return width == TARGET_SUFFIX || width == TARGET_RANGE || width == TARGET_EVERYTHING;
}

static void check_width(struct loader *loader, const struct rule_draft *draft,
			const struct policy_target *target)
{
	enum target_width width = target_width(target);

	if (is_too_wide(width) && !draft->wide)
		loader_report(loader, target->place,
			      "name the hosts, or write \"wide: true\" beside it", "this allows %s",
			      width == TARGET_SUFFIX  ? "every name below a public suffix"
			      : width == TARGET_RANGE ? "a great part of all addresses"
						      : "every name there is");
	if (width == TARGET_SHARED)
		loader_warn(loader, target->place, "name the hosts that are meant",
			    "anybody can get a name below this one, and what is sent there can be "
			    "theirs");
}

static void read_target(struct loader *loader, const struct rule_draft *draft,
			const struct yaml_node *node, struct policy_rule *rule)
{
	struct policy_target *target = &draft->targets[rule->target_count];
	enum target_role role = rule->allow ? TARGET_ALLOW : TARGET_DENY;

	if (node->kind == YAML_KIND_FAULTY)
		return;
	if (node->kind != YAML_KIND_TEXT) {
		loader_report(loader, node->place, "as in https://example.com/**",
			      "a target is text, not %s", yaml_kind_name(node->kind));
		return;
	}
	if (!load_target(loader, node, role, target))
		return;
	rule->target_count++;
	if (rule->allow)
		check_width(loader, draft, target);
	if (rule->allow && target_is_flow(target) && target->port == DNS_PORT)
		loader_report(loader, target->place, "names are resolved without a rule",
			      "this never decides: port 53 is the sandbox's own resolver, whatever "
			      "it is sent to");
	if (target_is_unopened(target) && draft->methods_key)
		loader_report(loader, draft->methods_key->place,
			      "to tell methods apart the connection must be opened: use https://",
			      "a %s:// target has no methods, as it is not looked into",
			      policy_scheme_name(target->scheme));
	if (target->is_range && ++loader->range_count == POLICY_RANGES_MAX + 1)
		loader_report(loader, target->place, "a wider range can hold several",
			      "there are more than %d ranges of addresses", POLICY_RANGES_MAX);
}

static void read_targets(struct loader *loader, struct rule_draft *draft,
			 const struct yaml_node *key, struct policy_rule *rule)
{
	const struct yaml_node *value = key->value;
	size_t count = value->kind == YAML_KIND_LIST ? value->count : 1;

	if (count == 0) {
		loader_report(loader, key->place, "remove the rule if it is for nothing",
			      "\"%s\" is an empty list", key->text.ptr);
		return;
	}
	draft->targets = loader_alloc(loader, count, sizeof(*draft->targets));
	if (!draft->targets)
		return;
	rule->targets = draft->targets;
	if (value->kind == YAML_KIND_TEXT) {
		read_target(loader, draft, value, rule);
		return;
	}
	for (const struct yaml_node *node = value->first; node; node = node->next)
		read_target(loader, draft, node, rule);
}

static bool needs_wide(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->target_count; i++) {
		if (is_too_wide(target_width(&rule->targets[i])))
			return true;
	}
	return false;
}

static void check_wide_key(struct loader *loader, const struct yaml_node *node,
			   const struct rule_draft *draft, const struct policy_rule *rule)
{
	const struct yaml_node *key = yaml_find_key(node, "wide");

	if (!key)
		return;
	if (!rule->allow)
		loader_report(loader, key->place, "remove the key",
			      "a denial may be as wide as it likes");
	else if (draft->wide && rule->target_count && !needs_wide(rule))
		loader_warn(loader, key->place, "remove the key",
			    "no target of this rule needs \"wide\"");
}

static void read_rule(struct loader *loader, const struct yaml_node *node, struct policy_rule *rule)
{
	struct rule_draft draft = {.rule = rule};

	rule->place = node->place;
	schema_read(loader, &rule_schema, node, node->place, &draft);
	if (node->kind != YAML_KIND_MAPPING)
		return;
	if (!schema_gives(&rule_schema, node, "allow") && !schema_gives(&rule_schema, node, "deny"))
		loader_report(loader, node->place, "as in - allow: https://example.com/**",
			      "a rule needs \"allow\" or \"deny\"");
	if (draft.allow && draft.deny) {
		loader_report(loader, draft.deny->place, "make it two rules",
			      "a rule either allows or denies");
		return;
	}
	rule->allow = draft.allow;
	rule->methods = draft.methods;
	rule->reason = draft.reason;
	if (draft.allow || draft.deny)
		read_targets(loader, &draft, draft.allow ? draft.allow : draft.deny, rule);
	check_wide_key(loader, node, &draft, rule);
	load_effects(loader, node, rule);
}

void load_rules(struct loader *loader, const struct yaml_node *key, void *into)
{
	const struct yaml_node *list = key->value;
	struct policy *policy = into;

	if (policy->rule_count + list->count > POLICY_RULES_MAX) {
		loader_report(loader, key->place, "one rule can list many targets",
			      "there are %zu rules; at most %d are possible",
			      policy->rule_count + list->count, POLICY_RULES_MAX);
		return;
	}
	for (const struct yaml_node *node = list->first; node; node = node->next) {
		struct policy_rule *rule = &loader->rules[policy->rule_count];

		rule->index = policy->rule_count++;
		read_rule(loader, node, rule);
	}
}
