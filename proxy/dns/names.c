#include "proxy/dns/names.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/list.h"
#include "base/map.h"

enum {
	FIRST_CAPACITY = 64,
	IPV6_PREFIX_BYTES = 12,
};

static const uint32_t ipv4_range = 0xc6120000; /* 198.18.0.0 */
static const uint32_t ipv4_range_size = 1u << 17;
static const uint8_t ipv6_prefix[IPV6_PREFIX_BYTES] = {0xfd, 0x73, 0x61, 0x6c, 0x6c, 0x79};

_Static_assert(NAMES_FIRST_INDEX + NAMES_MAX <= 1u << 17, "every name has an address in the range");

/* A name's index is its place in the range, counted from NAMES_FIRST_INDEX. */
struct entry {
	struct map_node node;
	uint32_t index;
	struct host name;
};

struct names {
	struct map by_name;
	struct entry **by_index;
	size_t count;
	size_t capacity;
	size_t max;
};

struct names *names_create(size_t max)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->max = max < NAMES_MAX ? max : NAMES_MAX;
	map_init(&names->by_name);
	return names;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < names->count; i++)
		free(names->by_index[i]);
	free(names->by_index);
	map_free(&names->by_name);
	free(names);
}

static void write_addresses(uint32_t index, uint8_t ipv4[4], uint8_t ipv6[16])
{
	uint32_t address = ipv4_range + NAMES_FIRST_INDEX + index;

	for (int i = 0; i < 4; i++)
		ipv4[i] = (uint8_t)(address >> (24 - 8 * i));
	memcpy(ipv6, ipv6_prefix, sizeof(ipv6_prefix));
	memcpy(ipv6 + IPV6_PREFIX_BYTES, ipv4, 4);
}

static int make_room(struct names *names)
{
	size_t capacity = names->capacity ? names->capacity * 2 : FIRST_CAPACITY;
	struct entry **grown;

	if (names->count >= names->max)
		return ERROR_LIMIT;
	if (names->count < names->capacity)
		return 0;
	grown = realloc(names->by_index, capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	names->by_index = grown;
	names->capacity = capacity;
	return 0;
}

static int add(struct names *names, const struct host *name)
{
	int rc = make_room(names);
	struct entry *entry;

	if (rc < 0)
		return rc;
	entry = malloc(sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->index = (uint32_t)names->count;
	entry->name = *name;
	rc = map_insert(&names->by_name, &entry->node, host_slice(&entry->name));
	if (rc < 0) {
		free(entry);
		return rc;
	}
	names->by_index[names->count++] = entry;
	return 0;
}

int names_assign(struct names *names, const struct host *name, uint8_t ipv4[4], uint8_t ipv6[16])
{
	struct map_node *node = map_find(&names->by_name, host_slice(name));
	int rc;

	assert(name->kind == HOST_NAME);
	if (node) {
		write_addresses(container_of(node, struct entry, node)->index, ipv4, ipv6);
		return 0;
	}
	rc = add(names, name);
	if (rc < 0)
		return rc;
	write_addresses((uint32_t)(names->count - 1), ipv4, ipv6);
	return 0;
}

static uint32_t read_ipv4(const uint8_t bytes[4])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* The place of ADDRESS in the range, or the range's size when it is not in it. */
static uint32_t place_of(const uint8_t *address, size_t len)
{
	uint32_t ipv4;

	if (len == 16 && memcmp(address, ipv6_prefix, sizeof(ipv6_prefix)) == 0)
		ipv4 = read_ipv4(address + IPV6_PREFIX_BYTES);
	else if (len == 4)
		ipv4 = read_ipv4(address);
	else
		return ipv4_range_size;
	/* Below the range, the difference wraps to more than its size. */
	return ipv4 - ipv4_range < ipv4_range_size ? ipv4 - ipv4_range : ipv4_range_size;
}

const struct host *names_find(const struct names *names, const uint8_t *address, size_t len)
{
	uint32_t place = place_of(address, len);

	if (place < NAMES_FIRST_INDEX || place - NAMES_FIRST_INDEX >= names->count)
		return NULL;
	return &names->by_index[place - NAMES_FIRST_INDEX]->name;
}

bool names_is_synthetic(const uint8_t *address, size_t len)
{
	if (len == 16)
		return memcmp(address, ipv6_prefix, sizeof(ipv6_prefix)) == 0;
	return place_of(address, len) < ipv4_range_size;
}

size_t names_count(const struct names *names)
{
	return names->count;
}

bool names_is_localhost(const struct host *name)
{
	struct slice text = host_slice(name);

	return name->kind == HOST_NAME && (slice_equal(text, SLICE_LITERAL("localhost")) ||
					   slice_ends_with(text, SLICE_LITERAL(".localhost")));
}
