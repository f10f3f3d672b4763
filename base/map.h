/*
 * An intrusive hash map from byte strings to objects. Keys are hashed with SipHash-1-3 under a key
 * drawn at start, as names from a sandbox must not be able to choose their bucket. The object owns
 * its key, which must not change while it is in the map.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct map_node {
	struct map_node *next;
	uint64_t hash;
	struct slice key;
};

struct map {
	struct map_node **buckets;
	size_t bucket_count; /* a power of two, or 0 */
	size_t count;
};

void map_init(struct map *map);

/* Releases the buckets. The objects are their owner's. */
void map_free(struct map *map);

/* The node with KEY, or NULL. */
struct map_node *map_find(const struct map *map, struct slice key);

/* Adds NODE under KEY, which must not be in the map yet. 0 or -ENOMEM. */
int map_insert(struct map *map, struct map_node *node, struct slice key);

/* Takes NODE out; it must be in the map. */
void map_remove(struct map *map, struct map_node *node);

/* Calls VISIT for every node; VISIT may free the node, and must not change the map otherwise. */
void map_visit(struct map *map, void (*visit)(struct map_node *node, void *context), void *context);

/* SipHash-1-3 of BYTES under this process's key. */
uint64_t map_hash(struct slice bytes);

#endif
