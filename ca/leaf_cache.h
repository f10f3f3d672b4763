/*
 * A sandbox's leaves, by name. Bounded (threat C13): the leaf that was not asked for the longest
 * goes out. A leaf is not given out any more when half its life is over, or when the clock was set
 * back to before it.
 */
#ifndef CA_LEAF_CACHE_H
#define CA_LEAF_CACHE_H

#include <openssl/x509.h>

#include "base/list.h"
#include "base/map.h"
#include "ca/profile.h"

struct leaf_cache {
	struct map by_name;
	struct list by_use; /* last used first */
	size_t max_leaves;
};

void leaf_cache_init(struct leaf_cache *cache, size_t max_leaves);
void leaf_cache_free(struct leaf_cache *cache);

/* The leaf for NAME that is good at NOW, the cache's own, or NULL. */
X509 *leaf_cache_find(struct leaf_cache *cache, struct slice name, int64_t now);

/* Keeps a reference of its own to LEAF, for NAME (at most HOST_TEXT_MAX bytes), in place of one
 * that is there. 0 or -ENOMEM. */
int leaf_cache_keep(struct leaf_cache *cache, struct slice name, X509 *leaf,
		    const struct validity *validity);

#endif
