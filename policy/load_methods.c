#include "policy/load_methods.h"

#include <stdio.h>

#include "policy/methods.h"

static bool is_token_of_capitals(struct slice method)
{
	for (size_t i = 0; i < method.len; i++) {
		char c = method.ptr[i];

		if (!(c >= 'A' && c <= 'Z') && c != '-')
			return false;
	}
	return method.len > 0;
}

static void refuse_unknown(struct loader *loader, const struct yaml_node *node)
{
	const char *nearest = method_nearest(node->text);
	struct slice shown = loader_shown(node->text);
	char hint[64];

	snprintf(hint, sizeof(hint), "did you mean %s?", nearest ? nearest : "");
	if (!is_token_of_capitals(node->text))
		loader_report(loader, node->place, nearest ? hint : NULL,
			      "a method is written in capital letters, not \"%.*s\"",
			      SLICE_ARGS(shown));
	else
		loader_report(loader, node->place, nearest ? hint : NULL, "unknown method \"%.*s\"",
			      SLICE_ARGS(shown));
}

static void add_method(struct loader *loader, const struct yaml_node *node,
		       struct policy_methods *methods)
{
	enum method_standing standing = method_standing(node->text);

	for (size_t i = 0; i < methods->count; i++) {
		if (slice_equal(methods->names[i], node->text)) {
			loader_report(loader, node->place, NULL, "%.*s is listed twice",
				      SLICE_ARGS(loader_shown(node->text)));
			return;
		}
	}
	if (standing == METHOD_UNKNOWN)
		refuse_unknown(loader, node);
	else if (standing == METHOD_TUNNEL)
		loader_report(loader, node->place, NULL,
			      "CONNECT is always denied: what goes through a tunnel cannot be "
			      "judged");
	else if (methods->count == POLICY_METHODS_MAX)
		loader_report(loader, node->place, NULL, "at most %d methods can be listed",
			      POLICY_METHODS_MAX);
	else
		methods->names[methods->count++] = loader_copy(loader, node->text);
}

void load_methods(struct loader *loader, const struct yaml_node *key,
		  struct policy_methods *methods)
{
	const struct yaml_node *value = key->value;

	methods->count = 0;
	if (value->kind == YAML_KIND_TEXT) {
		add_method(loader, value, methods);
		return;
	}
	if (value->count == 0)
		loader_report(loader, key->place, "leave the key out for every common method",
			      "\"methods\" is an empty list");
	for (const struct yaml_node *entry = value->first; entry; entry = entry->next) {
		if (entry->kind == YAML_KIND_TEXT)
			add_method(loader, entry, methods);
		else if (entry->kind != YAML_KIND_FAULTY)
			loader_report(loader, entry->place, NULL, "a method is text, not %s",
				      yaml_kind_name(entry->kind));
	}
}

void load_refuse_trace(struct loader *loader, const struct policy_methods *methods,
		       struct diagnostic_place place)
{
	for (size_t i = 0; i < methods->count; i++) {
		if (slice_equal(methods->names[i], SLICE_LITERAL("TRACE")))
			loader_report(loader, place, NULL,
				      "TRACE would send the secret back in the response");
	}
}
