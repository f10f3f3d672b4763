/*
 * Memory for bytes that may hold a secret for a while: the windows of compressors, messages being
 * put together. It is wiped when it is released; blocks of WIPED_MAPPED_BYTES and more are left out
 * of core dumps as well. It is not locked: base/locked.h is for the secrets themselves.
 *
 * A budget bounds what one owner (a sandbox) holds of it, over all of the owner's blocks.
 */
#ifndef BASE_WIPED_H
#define BASE_WIPED_H

#include <stddef.h>
#include <stdint.h>

enum { WIPED_MAPPED_BYTES = 32 << 10 };

struct wiped_budget {
	size_t used_bytes;
	size_t max_bytes;
	uint64_t refused; /* allocations that would have passed max_bytes */
};

/* SIZE bytes, aligned for any object, not cleared; NULL when the budget or the memory is exhausted.
 * BUDGET may be NULL: then nothing is counted. */
void *wiped_alloc(struct wiped_budget *budget, size_t size);

/* Wipes and releases MEMORY, which may be NULL. BUDGET is the one that it was taken from. */
void wiped_free(struct wiped_budget *budget, void *memory);

#endif
