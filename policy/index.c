#include "policy/index.h"

#include "base/error.h"
#include "base/list.h"
#include "policy/range.h"

static void list_start(struct index_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

void host_index_init(struct host_index *index)
{
	*index = (struct host_index){0};
	map_init(&index->exact);
	map_init(&index->below);
	list_start(&index->any);
	list_start(&index->ranges);
}

void host_index_free(struct host_index *index)
{
	map_free(&index->exact);
	map_free(&index->below);
}

static struct index_list *find_list(const struct map *map, struct slice name)
{
	struct map_node *node = map_find(map, name);

	return node ? container_of(node, struct index_list, node) : NULL;
}

static struct index_list *make_list(struct map *map, struct arena *arena, struct slice name)
{
	struct index_list *list = find_list(map, name);

	if (list)
		return list;
	list = arena_calloc(arena, 1, sizeof(*list));
	if (!list || map_insert(map, &list->node, name) < 0)
		return NULL;
	list_start(list);
	return list;
}

static size_t count_labels(struct slice name)
{
	size_t labels = 1;

	for (size_t i = 0; i < name.len; i++)
		labels += name.ptr[i] == '.';
	return labels;
}

static struct index_list *list_of(struct host_index *index, struct arena *arena,
				  const struct policy_target *target)
{
	struct slice name = host_slice(&target->host);
	size_t labels = count_labels(name);

	if (target->any_host)
		return &index->any;
	if (target->is_range)
		return &index->ranges;
	if (!target->wildcard)
		return make_list(&index->exact, arena, name);
	index->depths[labels / 64] |= UINT64_C(1) << labels % 64;
	return make_list(&index->below, arena, name);
}

int host_index_add(struct host_index *index, struct arena *arena,
		   const struct policy_target *target, const void *owner)
{
	struct index_list *list = list_of(index, arena, target);
	struct index_entry *entry = arena_calloc(arena, 1, sizeof(*entry));

	if (!list || !entry)
		return -ENOMEM;
	*entry = (struct index_entry){.order = index->count++, .target = target, .owner = owner};
	*list->end = entry;
	list->end = &entry->next;
	return 0;
}

static void add_list(struct index_cursor *cursor, const struct index_list *list)
{
	if (list && list->first)
		cursor->lists[cursor->count++] = list->first;
}

static bool has_depth(const struct host_index *index, size_t labels)
{
	return index->depths[labels / 64] >> labels % 64 & 1;
}

/* Wildcards that start at NAME, when it has LABELS labels, or at one of its parents. */
static void add_wildcards(struct index_cursor *cursor, const struct host_index *index,
			  struct slice name, size_t labels)
{
	for (; labels > 0; labels--) {
		if (has_depth(index, labels))
			add_list(cursor, find_list(&index->below, name));
		name = slice_from(name, slice_find_char(name, '.') + 1);
	}
}

/* Moves on to the next range from ENTRY on that takes the cursor's in. */
static void seek_range(struct index_cursor *cursor, const struct index_entry *entry)
{
	while (entry && !range_is_within(&cursor->within, &entry->target->range))
		entry = entry->next;
	cursor->range = entry;
}

static void add_ranges(struct index_cursor *cursor, const struct host_index *index,
		       const struct policy_cidr *within)
{
	cursor->within = *within;
	seek_range(cursor, index->ranges.first);
}

void index_find(const struct host_index *index, const struct host *host,
		struct index_cursor *cursor)
{
	struct slice name = host_slice(host);
	struct slice parent = slice_from(name, slice_find_char(name, '.') + 1);

	cursor->count = 0;
	cursor->range = NULL;
	add_list(cursor, &index->any);
	add_list(cursor, find_list(&index->exact, name));
	if (host->kind != HOST_NAME && index->ranges.first) {
		struct policy_cidr address = range_of_host(host);

		add_ranges(cursor, index, &address);
	}
	if (host->kind == HOST_NAME && index->below.count > 0)
		add_wildcards(cursor, index, parent, count_labels(name) - 1);
}

void index_find_covering(const struct host_index *index, const struct policy_target *target,
			 struct index_cursor *cursor)
{
	struct slice name = host_slice(&target->host);

	if (!target->any_host && !target->wildcard && !target->is_range) {
		index_find(index, &target->host, cursor);
		return;
	}
	cursor->count = 0;
	cursor->range = NULL;
	add_list(cursor, &index->any);
	if (target->is_range)
		add_ranges(cursor, index, &target->range);
	if (target->wildcard)
		add_wildcards(cursor, index, name, count_labels(name));
}

const struct index_entry *index_next(struct index_cursor *cursor)
{
	const struct index_entry *entry = cursor->range;
	size_t nearest = 0;

	if (cursor->count == 0) {
		if (entry)
			seek_range(cursor, entry->next);
		return entry;
	}
	for (size_t i = 1; i < cursor->count; i++) {
		if (cursor->lists[i]->order < cursor->lists[nearest]->order)
			nearest = i;
	}
	if (entry && entry->order < cursor->lists[nearest]->order) {
		seek_range(cursor, entry->next);
		return entry;
	}
	entry = cursor->lists[nearest];
	cursor->lists[nearest] = entry->next;
	if (!entry->next)
		cursor->lists[nearest] = cursor->lists[--cursor->count];
	return entry;
}
