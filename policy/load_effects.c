#include "policy/load_effects.h"

#include "policy/load_methods.h"
#include "policy/load_target.h"
#include "policy/methods.h"

static const struct policy_target *find_unopened(const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->target_count; i++) {
		if (target_is_unopened(&rule->targets[i]))
			return &rule->targets[i];
	}
	return NULL;
}

/* A denial does nothing but deny, and what is not opened cannot be told apart or changed. Whether
 * KEY has a place in the rule. */
static bool belongs(struct loader *loader, const struct yaml_node *key,
		    const struct policy_rule *rule, const char *on_denial)
{
	const struct policy_target *unopened = find_unopened(rule);

	if (!rule->allow) {
		loader_report(loader, key->place, "remove the key", "%s", on_denial);
		return false;
	}
	if (unopened) {
		loader_report(loader, key->place, "the connection must be opened: use https://",
			      "\"%s\" has no effect on a %s:// target, as it is not looked into",
			      key->text.ptr, policy_scheme_name(unopened->scheme));
		return false;
	}
	return true;
}

static void check_websocket(struct loader *loader, const struct yaml_node *key,
			    const struct policy_rule *rule)
{
	if (!belongs(loader, key, rule, "a denial is for WebSockets too"))
		return;
	if (rule->websocket && !methods_have(&rule->methods, false, SLICE_LITERAL("GET")))
		loader_report(loader, key->place, "add GET to the methods",
			      "a WebSocket is opened by GET, which is not among the methods");
}

/* What a field is set from is a secret, so that what holds for uses holds here. */
static void check_set(struct loader *loader, const struct yaml_node *key,
		      const struct policy_rule *rule)
{
	if (!belongs(loader, key, rule, "a denial sets nothing, as nothing is sent"))
		return;
	for (size_t i = 0; i < rule->target_count; i++) {
		const struct policy_target *target = &rule->targets[i];

		if (target->scheme != POLICY_HTTPS)
			loader_report(loader, target->place,
				      "plain HTTP would show the secret to everyone on the way",
				      "a field can only be set from a secret on https");
		load_refuse_width(loader, target);
	}
	load_refuse_trace(loader, &rule->methods, key->place);
}

void load_effects(struct loader *loader, const struct yaml_node *node, struct policy_rule *rule)
{
	const struct yaml_node *websocket = yaml_find_key(node, "websocket");
	const struct yaml_node *credentials = yaml_find_key(node, "credentials");
	const struct yaml_node *set = yaml_find_key(node, "set");

	if (websocket)
		check_websocket(loader, websocket, rule);
	if (credentials)
		belongs(loader, credentials, rule, "no credential passes a denial");
	if (set)
		check_set(loader, set, rule);
}
