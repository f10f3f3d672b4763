#include "policy/load_proxy.h"

#include "base/error.h"
#include "policy/load_address.h"
#include "policy/load_secrets.h"
#include "policy/load_target.h"
#include "policy/variable.h"

enum { EXCEPTIONS_MAX = 256 };

#define AS_IN "as in proxy.corp.example:3128"

static void read_place(struct loader *loader, const struct yaml_node *node,
		       struct policy_proxy *proxy)
{
	struct slice text = node->text;

	if (slice_starts_with(text, SLICE_LITERAL("https://"))) {
		loader_report(loader, node->place, AS_IN,
			      "a proxy that is spoken to over TLS is not yet supported");
		return;
	}
	if (slice_starts_with(text, SLICE_LITERAL("http://")))
		text = slice_from(text, 7);
	if (text.len && text.ptr[text.len - 1] == '/')
		text.len--;
	if (slice_find_char(text, '@') < text.len)
		loader_report(loader, node->place,
			      "put user:password into a secret, and its name behind \"login\"",
			      "a policy holds no password");
	else if (host_parse_authority(text, 0, &proxy->host, &proxy->port) < 0 || proxy->port == 0)
		loader_report(loader, node->place, AS_IN,
			      "a proxy is given by its host and its port");
	else if (proxy->host.kind != HOST_NAME) /* A name is judged when it is resolved. */
		load_check_address(loader, node->place, &proxy->host);
}

static void read_at(struct loader *loader, const struct yaml_node *key, void *into)
{
	read_place(loader, key->value, into);
}

static void read_login(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct policy_proxy *proxy = into;
	struct slice name = key->value->text;
	struct secret_reference *reference;

	if (!variable_is_name(name)) {
		loader_report(loader, key->value->place, "secrets are defined under \"secrets\"",
			      "this is not the name of a secret");
		return;
	}
	reference = load_secret_reference(loader, name, key->value->place, &proxy->login);
	if (reference)
		reference->is_login = true;
}

static void read_exception(struct loader *loader, const struct yaml_node *node,
			   struct policy_proxy *proxy, struct policy_target *target)
{
	if (node->kind != YAML_KIND_TEXT) {
		if (node->kind != YAML_KIND_FAULTY)
			loader_report(loader, node->place, NULL, "a host is text, not %s",
				      yaml_kind_name(node->kind));
		return;
	}
	if (!load_target(loader, node, TARGET_DENY, target))
		return;
	if (!target->any_scheme || !target->any_port || !target->path.matches_all ||
	    target->any_host) {
		loader_report(loader, node->place, "as in [db.internal, \"*.corp.example\"]",
			      "an exception is a host alone");
		return;
	}
	proxy->except_count++;
}

static void read_except(struct loader *loader, const struct yaml_node *key, void *into)
{
	const struct yaml_node *list = key->value;
	struct policy_proxy *proxy = into;
	struct policy_target *targets;

	if (list->count > EXCEPTIONS_MAX) {
		loader_report(loader, key->place, NULL, "a proxy has at most %d exceptions",
			      EXCEPTIONS_MAX);
		return;
	}
	targets = loader_alloc(loader, list->count + 1, sizeof(*targets));
	proxy->except = targets;
	for (const struct yaml_node *node = list->first; targets && node; node = node->next)
		read_exception(loader, node, proxy, &targets[proxy->except_count]);
}

static const struct schema_row rows[] = {
	{"at", SCHEMA_TEXT, true, "HOST:PORT", "where the proxy is, " AS_IN, .read = read_at,
	 .pattern = PROXY_PATTERN},
	{"login", SCHEMA_TEXT, false, "the name of a secret",
	 "a secret with user:password for the proxy (RFC 7617); it goes there over plain TCP",
	 .read = read_login, .pattern = "^" VARIABLE_PATTERN "$"},
	{"except", SCHEMA_LIST, false, "a list of hosts",
	 "hosts that are reached without the proxy, as in [db.internal, \"*.corp.example\"]",
	 .read = read_except, .values = SCHEMA_TEXT},
};

const struct schema proxy_schema = {"\"proxy\"", rows, sizeof(rows) / sizeof(rows[0]), NULL};

void load_proxy(struct loader *loader, const struct yaml_node *key)
{
	struct policy_proxy *proxy = loader_alloc(loader, 1, sizeof(*proxy));

	if (!proxy)
		return;
	proxy->place = key->place;
	if (key->value->kind == YAML_KIND_TEXT)
		read_place(loader, key->value, proxy);
	else
		schema_read(loader, &proxy_schema, key->value, key->place, proxy);
	loader->policy->proxy = proxy;
}
