#include "proxy/engine/resolver_entry.h"

#include <stdlib.h>

#include "base/wallclock.h"

enum {
	STALE_BATCH = 2,
	US_PER_S = 1000000,
	/* Families stay open when their look-ups are cancelled: counting look-ups alone, the bound
	 * could be passed by cancelling. */
	OPEN_FAMILIES_MAX = NAMESERVER_FAMILY_COUNT * RESOLVER_LOOKUPS_MAX,
};

_Static_assert((int)OPEN_FAMILIES_MAX < (int)RESOLVER_CACHE_MAX, "an entry that may go is there");

/*
 * A name that was asked for.
 *
 *   asking     look-ups wait for it; its timer is the deadline, or, when one family has answered,
 *              the moment that the other one is given
 *   settled    answered, good until expires_us; a family may still be open, and its answer is taken
 *              in when it comes
 *
 * A look-up that finds an entry expired makes it ask again, but for families that are open still.
 * While a family is open the entry must stay.
 */
struct entry {
	struct map_node node;
	struct list age; /* in the resolver's entries */
	struct list waiting;
	struct resolver *resolver;
	struct host name;
	ev_timer timer;
	int64_t expires_us;
	struct family {
		struct entry *entry;
		bool open; /* asked and not answered */
		int64_t expires_us;
		struct nameserver_answer answer; /* while open: NAMESERVER_TIMEOUT */
	} families[NAMESERVER_FAMILY_COUNT];
};

/* Gives LOOKUP what the families have said so far. */
static void entry_tell(const struct entry *entry, struct resolver_lookup *lookup)
{
	enum nameserver_outcome outcome = NAMESERVER_NO_ADDRESS;
	bool found = false;

	for (size_t i = 0; i < NAMESERVER_FAMILY_COUNT; i++) {
		const struct nameserver_answer *answer = &entry->families[i].answer;

		for (size_t j = 0; j < answer->count; j++)
			choice_add(&lookup->choice, &answer->addresses[j]);
		found |= answer->count > 0;
		if (answer->outcome > outcome)
			outcome = answer->outcome;
	}
	resolver_lookup_ready(lookup, found ? NAMESERVER_ADDRESSES : outcome);
}

static int64_t entry_expiry(const struct entry *entry)
{
	int64_t expires_us = INT64_MAX;

	for (size_t i = 0; i < NAMESERVER_FAMILY_COUNT; i++) {
		const struct family *family = &entry->families[i];

		if (family->answer.count > 0 && family->expires_us < expires_us)
			expires_us = family->expires_us;
	}
	return expires_us < INT64_MAX
		       ? expires_us
		       : monotonic_now_us() + RESOLVER_TTL_FAILURE_S * (int64_t)US_PER_S;
}

static void entry_settle(struct entry *entry)
{
	ev_timer_stop(entry->resolver->loop, &entry->timer);
	entry->expires_us = entry_expiry(entry);
	while (!list_is_empty(&entry->waiting)) {
		struct resolver_lookup *lookup = container_of(entry->waiting.next,
							      struct resolver_lookup, node);

		list_remove(&lookup->node);
		entry_tell(entry, lookup);
	}
}

static void entry_timed_out(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	entry_settle(container_of(timer, struct entry, timer));
}

static void entry_set_timer(struct entry *entry, int ms)
{
	struct ev_loop *loop = entry->resolver->loop;

	ev_timer_stop(loop, &entry->timer);
	ev_timer_set(&entry->timer, ms / 1000., 0.);
	ev_timer_start(loop, &entry->timer);
}

/* How many families would be asked; ENTRY may be NULL. */
static size_t closed_families(const struct entry *entry)
{
	size_t count = NAMESERVER_FAMILY_COUNT;

	for (size_t i = 0; entry && i < NAMESERVER_FAMILY_COUNT; i++)
		count -= entry->families[i].open;
	return count;
}

static bool entry_is_open(const struct entry *entry)
{
	return closed_families(entry) < NAMESERVER_FAMILY_COUNT;
}

static int64_t clamp_ttl_us(uint32_t ttl_s)
{
	if (ttl_s < RESOLVER_TTL_MIN_S)
		ttl_s = RESOLVER_TTL_MIN_S;
	if (ttl_s > RESOLVER_TTL_MAX_S)
		ttl_s = RESOLVER_TTL_MAX_S;
	return ttl_s * (int64_t)US_PER_S;
}

static void family_answered(void *context, const struct nameserver_answer *answer)
{
	struct family *family = context;
	struct entry *entry = family->entry;
	bool is_a = family == &entry->families[NAMESERVER_A];

	family->open = false;
	entry->resolver->open_families--;
	family->answer = *answer;
	family->expires_us = monotonic_now_us() + clamp_ttl_us(answer->ttl_s);
	if (entry_is_open(entry) && answer->count == 0)
		return;
	if (entry_is_open(entry) && !list_is_empty(&entry->waiting))
		entry_set_timer(entry, is_a ? RESOLVER_DELAY_AAAA_MS : RESOLVER_DELAY_A_MS);
	else
		entry_settle(entry);
}

static void family_ask(struct family *family)
{
	static const struct nameserver_answer no_memory = {.outcome = NAMESERVER_NO_MEMORY};
	struct entry *entry = family->entry;
	size_t which = (size_t)(family - entry->families);

	if (nameserver_ask(entry->resolver->nameserver, &entry->name, (enum nameserver_family)which,
			   family_answered, family) < 0)
		family_answered(family, &no_memory);
}

/* Both are marked before either is asked, as an answer may come at once. */
static void entry_ask(struct entry *entry)
{
	bool ask[NAMESERVER_FAMILY_COUNT];

	entry->expires_us = 0;
	entry_set_timer(entry, RESOLVER_DEADLINE_MS);
	for (size_t i = 0; i < NAMESERVER_FAMILY_COUNT; i++) {
		struct family *family = &entry->families[i];

		ask[i] = !family->open;
		entry->resolver->open_families += ask[i];
		family->open = true;
		family->answer = (struct nameserver_answer){.outcome = NAMESERVER_TIMEOUT};
	}
	for (size_t i = 0; i < NAMESERVER_FAMILY_COUNT; i++) {
		if (ask[i])
			family_ask(&entry->families[i]);
	}
}

static void entry_free(struct entry *entry)
{
	struct resolver *resolver = entry->resolver;

	ev_timer_stop(resolver->loop, &entry->timer);
	map_remove(&resolver->by_name, &entry->node);
	list_remove(&entry->age);
	free(entry);
}

static bool entry_may_go(const struct entry *entry)
{
	return !entry_is_open(entry) && list_is_empty(&entry->waiting);
}

/* Keeps the cache small: the longest unused go, a few at a time when they have expired, and one
 * that has not when there is no room otherwise. Open entries are fewer than the cache holds. */
static void make_room(struct resolver *resolver)
{
	int64_t now = monotonic_now_us();
	struct list *node = resolver->entries.next;

	for (int i = 0; i < STALE_BATCH && node != &resolver->entries; i++) {
		struct entry *entry = container_of(node, struct entry, age);

		node = node->next;
		if (entry_may_go(entry) && entry->expires_us <= now)
			entry_free(entry);
	}
	if (resolver->by_name.count < RESOLVER_CACHE_MAX)
		return;
	node = resolver->entries.next;
	while (!entry_may_go(container_of(node, struct entry, age)))
		node = node->next;
	entry_free(container_of(node, struct entry, age));
}

static struct entry *entry_create(struct resolver *resolver, const struct host *name)
{
	struct entry *entry;

	make_room(resolver);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->resolver = resolver;
	entry->name = *name;
	for (size_t i = 0; i < NAMESERVER_FAMILY_COUNT; i++)
		entry->families[i].entry = entry;
	if (map_insert(&resolver->by_name, &entry->node, host_slice(&entry->name)) < 0) {
		free(entry);
		return NULL;
	}
	list_init(&entry->waiting);
	list_init(&entry->age);
	list_append(&resolver->entries, &entry->age);
	ev_init(&entry->timer, entry_timed_out);
	return entry;
}

int resolver_entry_join(struct resolver_lookup *lookup, const struct host *name)
{
	struct resolver *resolver = lookup->resolver;
	struct map_node *node = map_find(&resolver->by_name, host_slice(name));
	struct entry *entry = node ? container_of(node, struct entry, node) : NULL;

	if (entry && entry->expires_us > monotonic_now_us()) {
		list_remove(&entry->age);
		list_append(&resolver->entries, &entry->age);
		entry_tell(entry, lookup);
		return 0;
	}
	if (entry && !list_is_empty(&entry->waiting)) {
		list_append(&entry->waiting, &lookup->node);
		return 0;
	}
	if (resolver->open_families + closed_families(entry) > OPEN_FAMILIES_MAX)
		return ERROR_LIMIT;
	if (!entry)
		entry = entry_create(resolver, name);
	if (!entry)
		return -ENOMEM;
	list_remove(&entry->age);
	list_append(&resolver->entries, &entry->age);
	list_append(&entry->waiting, &lookup->node);
	entry_ask(entry);
	return 0;
}

void resolver_entries_free(struct resolver *resolver)
{
	while (!list_is_empty(&resolver->entries)) {
		struct entry *entry = container_of(resolver->entries.next, struct entry, age);

		resolver_drop_lookups(&entry->waiting);
		entry_free(entry);
	}
}
