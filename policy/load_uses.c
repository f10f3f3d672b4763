#include "base/error.h"
#include "policy/load_methods.h"
#include "policy/load_secrets.h"
#include "policy/load_target.h"
#include "policy/methods.h"
#include "policy/slot.h"

static void read_at(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct policy_use *use = into;

	if (load_target(loader, key->value, TARGET_USE, &use->at))
		load_refuse_width(loader, &use->at);
}

static void read_methods(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct policy_use *use = into;

	load_methods(loader, key, &use->methods);
	load_refuse_trace(loader, &use->methods, key->place);
}

/* In other languages of pointers it stands for all. */
static void warn_of_star(struct loader *loader, const struct yaml_node *node,
			 const struct policy_pointer *pointer)
{
	for (size_t i = 0; i < pointer->count; i++) {
		if (slice_equal(pointer->tokens[i], SLICE_LITERAL("*")))
			loader_warn(loader, node->place,
				    "name each value that is meant, in a use of its own",
				    "a pointer has no wildcards: this is a member named \"*\"");
	}
}

static void read_slot(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct slice text = loader_copy(loader, key->value->text);
	struct policy_use *use = into;
	struct slot_fault fault;
	int rc;

	if (!text.ptr)
		return;
	rc = slot_parse(text, loader->arena, &use->slot, &fault);
	if (rc == -ENOMEM)
		loader->error = rc;
	else if (rc < 0)
		loader_report(loader, key->value->place, fault.hint, "%s", fault.why);
	else
		warn_of_star(loader, key->value, &use->slot.pointer);
}

/* Whoever can choose the text around the secret can have it stored where it is read back (threat
 * S11). */
static void warn_of_open_body(struct loader *loader, const struct policy_use *use)
{
	const struct policy_slot *slot = &use->slot;
	bool anywhere = slot->kind == POLICY_SLOT_BODY ||
			(slot->kind == POLICY_SLOT_WS && !slot->has_pointer);

	if (anywhere && (use->at.path.matches_all || use->at.wildcard))
		loader_warn(loader, use->at.place,
			    "name one host and the path, or a field: form FIELD, json POINTER, "
			    "ws POINTER",
			    "the secret can be put into anything that is sent here, and be stored "
			    "where it is read back");
}

static void check_slot(struct loader *loader, const struct policy_use *use)
{
	if (use->slot.kind == POLICY_SLOT_WS &&
	    !methods_have(&use->methods, false, SLICE_LITERAL("GET")))
		loader_report(loader, use->at.place, "leave \"methods\" out, or add GET to it",
			      "a WebSocket is opened by GET, which is not among the methods");
	warn_of_open_body(loader, use);
}

static const struct schema_row rows[] = {
	{"at", SCHEMA_TEXT, true, "an https target",
	 "where the secret may be put in, as in https://api.example.com/v1/**", .read = read_at,
	 .pattern = TARGET_USE_PATTERN},
	{"methods", SCHEMA_TEXT | SCHEMA_LIST, false, "a method or a list of methods",
	 "the methods of the requests that it may be put into", .read = read_methods,
	 .choices = methods_known, .values = SCHEMA_TEXT, .least = 1, .most = POLICY_METHODS_MAX},
	{"slot", SCHEMA_TEXT, true, SLOT_FORMS,
	 "the place in the request where the placeholder stands", .read = read_slot,
	 .pattern = SLOT_PATTERN},
	{"set", SCHEMA_LATER, .help = "a rule can set a field from a secret"},
	{"sign", SCHEMA_LATER, .help = "requests cannot be signed yet"},
};

const struct schema use_schema = {"a use", rows, sizeof(rows) / sizeof(rows[0]), NULL};

void load_uses(struct loader *loader, const struct yaml_node *key, struct policy_secret *secret)
{
	const struct yaml_node *list = key->value;
	struct policy_use *uses;
	size_t index = 0;

	if (list->count == 0 || list->count > POLICY_USES_MAX) {
		loader_report(loader, key->place,
			      "a secret that may be put in nowhere is of no use",
			      "a secret has 1 to %d uses, not %zu", POLICY_USES_MAX, list->count);
		return;
	}
	uses = loader_alloc(loader, list->count, sizeof(*uses));
	if (!uses)
		return;
	for (const struct yaml_node *node = list->first; node; node = node->next) {
		uses[index].secret = secret;
		if (!schema_read(loader, &use_schema, node, node->place, &uses[index]))
			continue;
		check_slot(loader, &uses[index]);
		index++;
	}
	secret->uses = uses;
	secret->use_count = index;
}
