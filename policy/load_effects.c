#include "policy/load_effects.h"

#include "policy/methods.h"

static bool has_scheme(const struct policy_rule *rule, enum policy_scheme scheme)
{
	for (size_t i = 0; i < rule->target_count; i++) {
		if (rule->targets[i].scheme == scheme)
			return true;
	}
	return false;
}

/* A denial does nothing but deny, and what is not opened cannot be told apart or changed. Whether
 * KEY has a place in the rule. */
static bool belongs(struct loader *loader, const struct yaml_node *key,
		    const struct policy_rule *rule, const char *on_denial)
{
	if (!rule->allow) {
		loader_report(loader, key->place, "remove the key", "%s", on_denial);
		return false;
	}
	if (has_scheme(rule, POLICY_TLS)) {
		loader_report(loader, key->place, "the connection must be opened: use https://",
			      "\"%s\" has no effect on a tls:// target, as it is not looked into",
			      key->text.ptr);
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

void load_effects(struct loader *loader, const struct yaml_node *node, struct policy_rule *rule)
{
	const struct yaml_node *websocket = yaml_find_key(node, "websocket");
	const struct yaml_node *credentials = yaml_find_key(node, "credentials");

	if (websocket)
		check_websocket(loader, websocket, rule);
	if (credentials)
		belongs(loader, credentials, rule, "no credential passes a denial");
}
