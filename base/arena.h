/*
 * An arena hands out memory that is released all at once: one for each exchange, connection or
 * load. It grows by blocks up to a bound. Nothing in it is ever freed singly; pointers stay valid
 * until arena_reset() or arena_free().
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	char *next;		    /* free space of the newest block */
	char *end;
	size_t used_bytes; /* handed out so far */
	size_t max_bytes;
};

/* An empty arena that will hand out at most MAX_BYTES. Allocates nothing yet. */
void arena_init(struct arena *arena, size_t max_bytes);

/* SIZE bytes, aligned for any object, not cleared; NULL when the bound or the memory is exhausted.
 */
void *arena_alloc(struct arena *arena, size_t size);

/* The same for text: no alignment. */
char *arena_alloc_bytes(struct arena *arena, size_t size);

/* As arena_alloc(), cleared, with COUNT * SIZE checked for overflow. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

/* A copy of S, NUL-terminated behind its length. ptr is NULL on failure. */
struct slice arena_copy(struct arena *arena, struct slice s);

/* Releases everything but one block, kept for the next use. */
void arena_reset(struct arena *arena);

/* Releases everything. The arena may be used again. */
void arena_free(struct arena *arena);

/* The same, after overwriting what it held. */
void arena_wipe(struct arena *arena);

#endif
