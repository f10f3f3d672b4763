#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "policy/load_address.h"
#include "policy/load_proxy.h"
#include "policy/range.h"
#include "policy/schema.h"

enum {
	ADDRESSES_MAX = 16, /* of one name */
	CA_FILE_MAX_BYTES = 1 << 20,
};

/* The keys, kept until all are known: what "resolve" may hold depends on "private". */
struct network_draft {
	const struct yaml_node *resolve;
	const struct yaml_node *private_ranges;
	const struct yaml_node *ca;
	const struct yaml_node *proxy;
};

static void keep_resolve(struct loader *loader, const struct yaml_node *key, void *into)
{
	(void)loader;
	((struct network_draft *)into)->resolve = key->value;
}

static void keep_private(struct loader *loader, const struct yaml_node *key, void *into)
{
	(void)loader;
	((struct network_draft *)into)->private_ranges = key->value;
}

static void keep_ca(struct loader *loader, const struct yaml_node *key, void *into)
{
	(void)loader;
	((struct network_draft *)into)->ca = key->value;
}

static void keep_proxy(struct loader *loader, const struct yaml_node *key, void *into)
{
	(void)loader;
	((struct network_draft *)into)->proxy = key;
}

static const struct schema_row rows[] = {
	{"resolve", SCHEMA_MAPPING, false, "a mapping from names to addresses",
	 "fixed addresses, as in {db.internal: 10.0.0.5}", .read = keep_resolve, .named = true,
	 .values = SCHEMA_TEXT | SCHEMA_LIST},
	{"private", SCHEMA_LIST, false, "a list of address ranges",
	 "private ranges that may be dialled, as in [10.0.0.0/24]", .read = keep_private,
	 .values = SCHEMA_TEXT},
	{"ca", SCHEMA_LIST, false, "a list of files",
	 "PEM files with extra roots to verify servers by; relative paths start at the policy's "
	 "folder",
	 .read = keep_ca, .values = SCHEMA_TEXT},
	{"proxy", SCHEMA_TEXT | SCHEMA_MAPPING, false, "HOST:PORT or a mapping with \"at\"",
	 "an HTTP proxy that origins are reached through, by CONNECT", .read = keep_proxy,
	 .of = &proxy_schema, .pattern = PROXY_PATTERN},
};

const struct schema network_schema = {"\"network\"", rows, sizeof(rows) / sizeof(rows[0]), NULL};

/* Whether NODE is a text; says so if it is something else. */
static bool is_text(struct loader *loader, const struct yaml_node *node, const char *what)
{
	if (node->kind != YAML_KIND_TEXT && node->kind != YAML_KIND_FAULTY)
		loader_report(loader, node->place, NULL, "%s is text, not %s", what,
			      yaml_kind_name(node->kind));
	return node->kind == YAML_KIND_TEXT;
}

/* A range that holds a metadata service cannot be listed, but for the one that Alibaba put into the
 * middle of the address space which others use for overlay networks: it stays denied. */
static bool check_metadata(struct loader *loader, const struct yaml_node *node,
			   const struct policy_cidr *cidr)
{
	const struct special_range *metadata = range_find_metadata(cidr);
	struct host address;

	if (!metadata)
		return true;
	host_from_address(metadata->prefix, cidr->address_bytes, &address);
	if (cidr->address_bytes == 4 && metadata->prefix[0] == 100 && cidr->prefix_bits < 32) {
		loader_warn(loader, node->place, NULL,
			    "%s, a %s, is in this range, and stays denied", address.text,
			    metadata->class);
		return true;
	}
	loader_report(loader, node->place, "metadata services can never be reached; list less",
		      "%s, a %s, is in this range", address.text, metadata->class);
	return false;
}

static bool read_private(struct loader *loader, const struct yaml_node *node,
			 struct policy_cidr *cidr)
{
	const char *why, *what;
	enum special_standing standing;

	if (!is_text(loader, node, "a range"))
		return false;
	if (range_parse_cidr(node->text, cidr, &why) < 0) {
		loader_report(loader, node->place, "as in 10.0.0.0/24 or fd00:1234::/48", "%s",
			      why);
		return false;
	}
	standing = range_of_cidr(cidr, &what);
	if (!check_metadata(loader, node, cidr))
		return false;
	if (standing >= SPECIAL_NEVER)
		loader_report(loader, node->place, NULL, "this range (%s) can never be reached",
			      what);
	else if (standing == SPECIAL_PUBLIC)
		loader_report(loader, node->place,
			      "a range lies wholly within 10.0.0.0/8, 172.16.0.0/12, "
			      "192.168.0.0/16, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16 or "
			      "fc00::/7; public addresses need not be listed",
			      "this is not a private range");
	if (strcmp(what, "loopback") == 0)
		loader_warn(loader, node->place, "list it only if a rule needs it",
			    "this is the host itself, with every service that listens on it");
	return standing == SPECIAL_LISTED;
}

static void load_private(struct loader *loader, const struct yaml_node *list)
{
	struct policy_cidr *ranges = loader_alloc(loader, list->count + 1, sizeof(*ranges));
	size_t count = 0;

	if (!ranges)
		return;
	for (const struct yaml_node *node = list->first; node; node = node->next)
		count += read_private(loader, node, &ranges[count]);
	loader->policy->private_ranges = ranges;
	loader->policy->private_count = count;
}

static bool read_address(struct loader *loader, const struct yaml_node *node, struct host *address)
{
	if (!is_text(loader, node, "an address"))
		return false;
	if (range_parse_address(node->text, address) < 0) {
		loader_report(loader, node->place, "as in 10.0.0.5 or 2001:db8::1",
			      "this is not an address");
		return false;
	}
	load_check_address(loader, node->place, address);
	return true;
}

static void read_addresses(struct loader *loader, const struct yaml_node *key,
			   struct policy_resolve *resolve)
{
	const struct yaml_node *value = key->value;
	const struct yaml_node *node = value->kind == YAML_KIND_LIST ? value->first : value;
	size_t count = value->kind == YAML_KIND_LIST ? value->count : 1;
	struct host *addresses;

	if (count == 0 || count > ADDRESSES_MAX) {
		loader_report(loader, key->place, NULL, "a name has 1 to %d addresses",
			      ADDRESSES_MAX);
		return;
	}
	addresses = loader_alloc(loader, count, sizeof(*addresses));
	if (!addresses)
		return;
	resolve->addresses = addresses;
	for (; node; node = value->kind == YAML_KIND_LIST ? node->next : NULL)
		resolve->address_count += read_address(loader, node,
						       &addresses[resolve->address_count]);
}

static int compare_names(const void *a, const void *b)
{
	const struct policy_resolve *x = a, *y = b;

	return strcmp(x->name.text, y->name.text);
}

/* Sorted by name, for policy_find_resolve(). */
static void load_resolve(struct loader *loader, const struct yaml_node *mapping)
{
	struct policy_resolve *entries = loader_alloc(loader, mapping->count + 1, sizeof(*entries));
	size_t count = 0;

	if (!entries)
		return;
	for (const struct yaml_node *key = mapping->first; key; key = key->next) {
		struct policy_resolve *entry = &entries[count];

		if (!key->value || key->value->kind == YAML_KIND_FAULTY)
			continue;
		if (host_parse_name(key->text, &entry->name) < 0) {
			loader_report(loader, key->place, "as in db.internal: 10.0.0.5",
				      "this is not a host name");
			continue;
		}
		entry->place = key->place;
		read_addresses(loader, key, entry);
		count++;
	}
	qsort(entries, count, sizeof(*entries), compare_names);
	for (size_t i = 1; i < count; i++) {
		if (compare_names(&entries[i - 1], &entries[i]) == 0)
			loader_report(loader, entries[i].place, "names have no case",
				      "%s is given twice", entries[i].name.text);
	}
	loader->policy->resolve = entries;
	loader->policy->resolve_count = count;
}

static void check_ca_file(struct loader *loader, const struct yaml_node *node, const char *path)
{
	cleanup_free char *bytes = NULL;
	struct error err;
	size_t len;

	if (loader->reader->read(loader->reader->context, path, CA_FILE_MAX_BYTES, &bytes, &len,
				 &err) < 0)
		loader_report(loader, node->place, NULL, "%s", err.text);
	else if (slice_find(slice_of(bytes, len), SLICE_LITERAL("-----BEGIN CERTIFICATE-----")) ==
		 len)
		loader_report(loader, node->place, NULL, "%s holds no certificate in PEM form",
			      path);
}

static void load_ca(struct loader *loader, const struct yaml_node *list)
{
	const char **files = loader_alloc(loader, list->count + 1, sizeof(*files));
	size_t count = 0;

	for (const struct yaml_node *node = list->first; files && node; node = node->next) {
		if (!is_text(loader, node, "a file"))
			continue;
		files[count] = loader_path(loader, node->text);
		if (files[count] && loader->reader)
			check_ca_file(loader, node, files[count]);
		count++;
	}
	loader->policy->ca_files = files;
	loader->policy->ca_count = count;
}

void load_network(struct loader *loader, const struct yaml_node *key, void *into)
{
	struct network_draft draft = {0};

	(void)into;
	schema_read(loader, &network_schema, key->value, key->place, &draft);
	if (draft.private_ranges)
		load_private(loader, draft.private_ranges);
	if (draft.resolve)
		load_resolve(loader, draft.resolve);
	if (draft.ca)
		load_ca(loader, draft.ca);
	if (draft.proxy)
		load_proxy(loader, draft.proxy);
}
