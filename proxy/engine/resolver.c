#include "proxy/engine/resolver.h"

#include <stdlib.h>

#include "proxy/dns/names.h"
#include "proxy/engine/resolver_entry.h"

static void resolver_release(struct resolver *resolver);

void resolver_lookup_ready(struct resolver_lookup *lookup, enum nameserver_outcome outcome)
{
	struct resolver *resolver = lookup->resolver;

	lookup->outcome = outcome;
	list_append(&resolver->ready, &lookup->node);
	ev_feed_event(resolver->loop, &resolver->delivery, EV_CUSTOM);
}

/* The addresses are judged here and not before: the policy may have changed since they came. */
static void lookup_deliver(struct resolver_lookup *lookup)
{
	struct resolver_result result = {.error = nameserver_outcome_error(lookup->outcome)};
	char why[CHOICE_WHY_BYTES];

	result.why = nameserver_outcome_text(lookup->outcome);
	if (lookup->outcome == NAMESERVER_ADDRESSES) {
		choice_make(&lookup->choice, lookup->resolver->policy, &result, why);
		result.why = why;
	}
	lookup->callback(lookup->context, &result);
	free(lookup);
}

/* A callback may start, cancel, and free the resolver; so each turn looks at the list anew. */
static void deliver(struct ev_loop *loop, ev_timer *event, int revents)
{
	struct resolver *resolver = container_of(event, struct resolver, delivery);

	(void)loop;
	(void)revents;
	resolver->delivering = true;
	while (!resolver->freed && !list_is_empty(&resolver->ready)) {
		struct list *node = resolver->ready.next;

		list_remove(node);
		resolver->lookup_count--;
		lookup_deliver(container_of(node, struct resolver_lookup, node));
	}
	resolver->delivering = false;
	if (resolver->freed)
		resolver_release(resolver);
}

static void lookup_fixed(struct resolver_lookup *lookup, const struct host *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct address address;

		address.length = (uint8_t)host_address(&addresses[i], address.bytes);
		choice_add(&lookup->choice, &address);
	}
	lookup->choice.is_named = true;
	resolver_lookup_ready(lookup, NAMESERVER_ADDRESSES);
}

static void lookup_localhost(struct resolver_lookup *lookup)
{
	const struct address ipv6 = {.bytes = {[15] = 1}, .length = 16};
	const struct address ipv4 = {.bytes = {127, 0, 0, 1}, .length = 4};

	choice_add(&lookup->choice, &ipv6);
	choice_add(&lookup->choice, &ipv4);
	resolver_lookup_ready(lookup, NAMESERVER_ADDRESSES);
}

static int lookup_start(struct resolver_lookup *lookup, const struct host *host)
{
	const struct policy_resolve *fixed;

	if (host->kind != HOST_NAME) {
		lookup_fixed(lookup, host, 1);
		return 0;
	}
	fixed = policy_find_resolve(lookup->resolver->policy, host);
	if (fixed) {
		lookup_fixed(lookup, fixed->addresses, fixed->address_count);
		return 0;
	}
	if (names_is_localhost(host)) {
		lookup_localhost(lookup);
		return 0;
	}
	return resolver_entry_join(lookup, host);
}

struct resolver_lookup *resolver_lookup(struct resolver *resolver, const struct host *host,
					resolver_callback *callback, void *context)
{
	struct resolver_lookup *lookup;

	if (resolver->lookup_count >= RESOLVER_LOOKUPS_MAX)
		return NULL;
	lookup = calloc(1, sizeof(*lookup));
	if (!lookup)
		return NULL;
	list_init(&lookup->node);
	lookup->resolver = resolver;
	lookup->callback = callback;
	lookup->context = context;
	if (lookup_start(lookup, host) < 0) {
		free(lookup);
		return NULL;
	}
	resolver->lookup_count++;
	return lookup;
}

void resolver_cancel(struct resolver_lookup *lookup)
{
	/* In no list: it is being delivered, and ends by itself. */
	if (list_is_empty(&lookup->node))
		return;
	list_remove(&lookup->node);
	lookup->resolver->lookup_count--;
	free(lookup);
}

int resolver_create(struct ev_loop *loop, const struct policy *policy, const char *servers,
		    struct resolver **resolver, struct error *err)
{
	struct resolver *made;
	struct server_list list;
	int rc = server_list_parse(slice_from_text(servers), &list);

	if (rc < 0)
		return error_set(err, rc,
				 "name servers \"%s\": expected at most %d addresses separated by "
				 "commas, as in 192.0.2.1,[2001:db8::1]:53",
				 servers, RESOLVER_SERVERS_MAX);
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_set(err, -ENOMEM, "no memory for name resolution");
	rc = nameserver_create(loop, &list, RESOLVER_TIMEOUT_MS, RESOLVER_TRIES, &made->nameserver,
			       err);
	if (rc < 0) {
		free(made);
		return rc;
	}
	made->loop = loop;
	made->policy = policy;
	map_init(&made->by_name);
	list_init(&made->entries);
	list_init(&made->ready);
	ev_init(&made->delivery, deliver);
	*resolver = made;
	return 0;
}

int resolver_set_servers(struct resolver *resolver, const char *servers)
{
	struct server_list list;
	int rc = server_list_parse(slice_from_text(servers), &list);

	return rc < 0 ? rc : nameserver_set_servers(resolver->nameserver, &list);
}

void resolver_set_policy(struct resolver *resolver, const struct policy *policy)
{
	resolver->policy = policy;
}

void resolver_drop_lookups(struct list *list)
{
	while (!list_is_empty(list)) {
		struct list *node = list->next;

		list_remove(node);
		free(container_of(node, struct resolver_lookup, node));
	}
}

static void resolver_release(struct resolver *resolver)
{
	nameserver_free(resolver->nameserver);
	resolver_drop_lookups(&resolver->ready);
	resolver_entries_free(resolver);
	map_free(&resolver->by_name);
	ev_clear_pending(resolver->loop, &resolver->delivery);
	free(resolver);
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	if (resolver->delivering)
		resolver->freed = true;
	else
		resolver_release(resolver);
}
