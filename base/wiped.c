#include "base/wiped.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct block {
	size_t size; /* with this head */
	alignas(max_align_t) char bytes[];
};

static bool budget_take(struct wiped_budget *budget, size_t size)
{
	if (!budget)
		return true;
	if (size > budget->max_bytes || budget->used_bytes > budget->max_bytes - size) {
		budget->refused++;
		return false;
	}
	budget->used_bytes += size;
	return true;
}

static void budget_give_back(struct wiped_budget *budget, size_t size)
{
	if (!budget)
		return;
	assert(budget->used_bytes >= size);
	budget->used_bytes -= size;
}

static struct block *map_block(size_t size)
{
	void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);

	if (mapping == MAP_FAILED)
		return NULL;
	if (madvise(mapping, size, MADV_DONTDUMP) < 0) {
		munmap(mapping, size);
		return NULL;
	}
	return mapping;
}

void *wiped_alloc(struct wiped_budget *budget, size_t size)
{
	struct block *block;
	size_t total;

	if (__builtin_add_overflow(size, sizeof(*block), &total) || !budget_take(budget, total))
		return NULL;
	block = total >= WIPED_MAPPED_BYTES ? map_block(total) : malloc(total);
	if (!block) {
		budget_give_back(budget, total);
		return NULL;
	}
	block->size = total;
	return block->bytes;
}

void wiped_free(struct wiped_budget *budget, void *memory)
{
	struct block *block;
	size_t size;

	if (!memory)
		return;
	block = (struct block *)(void *)((char *)memory - offsetof(struct block, bytes));
	size = block->size;
	budget_give_back(budget, size);
	if (size >= WIPED_MAPPED_BYTES) {
		/* The kernel clears a page before anyone sees it again. Clearing it here as well
		 * would first bring in every page that was never used: milliseconds for a window of
		 * 8 MiB of which a small body has used one page. */
		munmap(block, size);
		return;
	}
	explicit_bzero(block, size);
	free(block);
}
