/*
 * Memory for secrets: locked (never swapped), left out of core dumps, wiped in a forked child, with
 * an unreadable page before and behind, and wiped when released. A region is mapped once and handed
 * out by bumping a pointer; it is for few, long-lived values and for scratch space.
 */
#ifndef BASE_LOCKED_H
#define BASE_LOCKED_H

#include <stddef.h>

#include "base/error.h"

struct locked {
	char *bytes;
	size_t size;
	size_t used;
	void *mapping;
	size_t mapping_size;
};

/* Maps a region of at least SIZE bytes. Fails with a text that says how to raise the limit on
 * locked memory when that is the cause. */
int locked_init(struct locked *region, size_t size, struct error *err);

/* LEN bytes of the region, or NULL when it is full. */
char *locked_alloc(struct locked *region, size_t len);

/* Wipes and unmaps the region. */
void locked_free(struct locked *region);

#endif
