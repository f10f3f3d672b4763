#include "ca/leaf_cache.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"

struct leaf {
	struct map_node node;
	struct list use;
	X509 *certificate;
	struct validity good; /* when it is given out */
	char name[HOST_TEXT_MAX];
};

void leaf_cache_init(struct leaf_cache *cache, size_t max_leaves)
{
	map_init(&cache->by_name);
	list_init(&cache->by_use);
	cache->max_leaves = max_leaves;
}

static void drop(struct leaf_cache *cache, struct leaf *leaf)
{
	map_remove(&cache->by_name, &leaf->node);
	list_remove(&leaf->use);
	X509_free(leaf->certificate);
	free(leaf);
}

void leaf_cache_free(struct leaf_cache *cache)
{
	list_for_each_safe(use, &cache->by_use)
		drop(cache, container_of(use, struct leaf, use));
	map_free(&cache->by_name);
}

static struct leaf *find(struct leaf_cache *cache, struct slice name)
{
	struct map_node *node = map_find(&cache->by_name, name);

	return node ? container_of(node, struct leaf, node) : NULL;
}

X509 *leaf_cache_find(struct leaf_cache *cache, struct slice name, int64_t now)
{
	struct leaf *leaf = find(cache, name);

	if (!leaf)
		return NULL;
	if (now < leaf->good.from || now >= leaf->good.until) {
		drop(cache, leaf);
		return NULL;
	}
	list_remove(&leaf->use);
	list_prepend(&cache->by_use, &leaf->use);
	return leaf->certificate;
}

int leaf_cache_keep(struct leaf_cache *cache, struct slice name, X509 *certificate,
		    const struct validity *validity)
{
	struct leaf *leaf = find(cache, name);

	assert(name.len <= HOST_TEXT_MAX);
	if (leaf)
		drop(cache, leaf);
	if (cache->by_name.count == cache->max_leaves)
		drop(cache, container_of(cache->by_use.previous, struct leaf, use));
	leaf = malloc(sizeof(*leaf));
	if (!leaf)
		return -ENOMEM;
	memcpy(leaf->name, name.ptr, name.len);
	if (map_insert(&cache->by_name, &leaf->node, slice_of(leaf->name, name.len)) < 0) {
		free(leaf);
		return -ENOMEM;
	}
	X509_up_ref(certificate);
	leaf->certificate = certificate;
	leaf->good = (struct validity){validity->from, (validity->from + validity->until) / 2};
	list_prepend(&cache->by_use, &leaf->use);
	return 0;
}
