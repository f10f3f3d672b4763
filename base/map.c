#include "base/map.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/random.h"

enum { FIRST_BUCKETS = 16 };

static uint64_t process_key[2];
static bool process_key_drawn;

static uint64_t rotate_left(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[3];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[2] = rotate_left(v[2], 32);
}

static uint64_t load_word(const char *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len);
	return word;
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; 1 round a word, 3 at the end. */
uint64_t map_hash(struct slice bytes)
{
	uint64_t v[4], last;
	size_t i;

	if (!process_key_drawn) {
		random_bytes(process_key, sizeof(process_key));
		process_key_drawn = true;
	}
	v[0] = process_key[0] ^ 0x736f6d6570736575;
	v[1] = process_key[1] ^ 0x646f72616e646f6d;
	v[2] = process_key[0] ^ 0x6c7967656e657261;
	v[3] = process_key[1] ^ 0x7465646279746573;
	for (i = 0; i + 8 <= bytes.len; i += 8) {
		uint64_t word = load_word(bytes.ptr + i, 8);

		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	last = (uint64_t)bytes.len << 56;
	if (i < bytes.len)
		last |= load_word(bytes.ptr + i, bytes.len - i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *map)
{
	*map = (struct map){0};
}

void map_free(struct map *map)
{
	free(map->buckets);
	map_init(map);
}

static struct map_node **bucket_of(const struct map *map, uint64_t hash)
{
	return &map->buckets[hash & (map->bucket_count - 1)];
}

struct map_node *map_find(const struct map *map, struct slice key)
{
	uint64_t hash;

	if (map->count == 0)
		return NULL;
	hash = map_hash(key);
	for (struct map_node *node = *bucket_of(map, hash); node; node = node->next) {
		if (node->hash == hash && slice_equal(node->key, key))
			return node;
	}
	return NULL;
}

static void link_node(struct map *map, struct map_node *node)
{
	struct map_node **bucket = bucket_of(map, node->hash);

	node->next = *bucket;
	*bucket = node;
}

static int grow(struct map *map)
{
	struct map old = *map;

	map->bucket_count = old.bucket_count ? old.bucket_count * 2 : FIRST_BUCKETS;
	map->buckets = calloc(map->bucket_count, sizeof(struct map_node *));
	if (!map->buckets) {
		*map = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.bucket_count; i++) {
		struct map_node *node = old.buckets[i];

		while (node) {
			struct map_node *next = node->next;

			link_node(map, node);
			node = next;
		}
	}
	free(old.buckets);
	return 0;
}

int map_insert(struct map *map, struct map_node *node, struct slice key)
{
	if (map->count >= map->bucket_count && grow(map) < 0)
		return -ENOMEM;
	node->key = key;
	node->hash = map_hash(key);
	link_node(map, node);
	map->count++;
	return 0;
}

void map_remove(struct map *map, struct map_node *node)
{
	struct map_node **link = bucket_of(map, node->hash);

	while (*link && *link != node)
		link = &(*link)->next;
	assert(*link);
	*link = node->next;
	map->count--;
}

void map_visit(struct map *map, void (*visit)(struct map_node *node, void *context), void *context)
{
	for (size_t i = 0; i < map->bucket_count; i++) {
		struct map_node *node = map->buckets[i];

		while (node) {
			struct map_node *next = node->next;

			visit(node, context);
			node = next;
		}
	}
}
