#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 4096 - 16 };

struct arena_block {
	struct arena_block *older;
	size_t size;
	size_t stale_bytes; /* at its start that may hold what was there before a reset */
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, size_t max_bytes)
{
	*arena = (struct arena){.max_bytes = max_bytes};
}

static int add_block(struct arena *arena, size_t size)
{
	size_t usable = BLOCK_BYTES - sizeof(struct arena_block);
	struct arena_block *block;

	if (size > usable)
		usable = size;
	block = malloc(sizeof(*block) + usable);
	if (!block)
		return -1;
	block->older = arena->blocks;
	block->size = usable;
	block->stale_bytes = 0;
	arena->blocks = block;
	arena->next = block->bytes;
	arena->end = block->bytes + usable;
	return 0;
}

static void *alloc_aligned(struct arena *arena, size_t size, size_t alignment)
{
	size_t padding = -(uintptr_t)arena->next & (alignment - 1);
	char *start;

	if (size > arena->max_bytes || arena->used_bytes > arena->max_bytes - size)
		return NULL;
	if (!arena->next || (size_t)(arena->end - arena->next) < padding ||
	    (size_t)(arena->end - arena->next) - padding < size) {
		if (add_block(arena, size) < 0)
			return NULL;
		padding = 0;
	}
	start = arena->next + padding;
	arena->next = start + size;
	arena->used_bytes += size;
	return start;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	return alloc_aligned(arena, size, alignof(max_align_t));
}

char *arena_alloc_bytes(struct arena *arena, size_t size)
{
	return alloc_aligned(arena, size, 1);
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	void *memory;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	memory = arena_alloc(arena, total);
	if (memory)
		memset(memory, 0, total);
	return memory;
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
	char *copy = arena_alloc_bytes(arena, s.len + 1);

	if (!copy)
		return (struct slice){NULL, 0};
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return slice_of(copy, s.len);
}

static void free_older(struct arena_block *block)
{
	while (block) {
		struct arena_block *older = block->older;

		free(block);
		block = older;
	}
}

/* How much of BLOCK, from its start on, was ever handed out. */
static size_t touched_bytes(const struct arena *arena, const struct arena_block *block)
{
	size_t used = block->size;

	if (block == arena->blocks)
		used = (size_t)(arena->next - block->bytes);
	return used > block->stale_bytes ? used : block->stale_bytes;
}

void arena_reset(struct arena *arena)
{
	struct arena_block *kept = arena->blocks;

	arena->used_bytes = 0;
	if (!kept)
		return;
	kept->stale_bytes = touched_bytes(arena, kept);
	free_older(kept->older);
	kept->older = NULL;
	arena->next = kept->bytes;
	arena->end = kept->bytes + kept->size;
}

void arena_wipe(struct arena *arena)
{
	for (struct arena_block *block = arena->blocks; block; block = block->older)
		explicit_bzero(block->bytes, touched_bytes(arena, block));
	arena_free(arena);
}

void arena_free(struct arena *arena)
{
	free_older(arena->blocks);
	arena_init(arena, arena->max_bytes);
}
