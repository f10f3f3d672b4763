#include "proxy/audit/lives.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/list.h"

enum { ID_BYTES = 64 }; /* of a sandbox's id, that are looked at; ours are shorter */

struct life {
	struct map_node node;
	uint64_t line;
	char sandbox[];
};

void lives_init(struct lives *lives)
{
	map_init(&lives->open);
	lives->not_kept = 0;
}

static void free_life(struct map_node *node, void *context)
{
	(void)context;
	free(container_of(node, struct life, node));
}

void lives_free(struct lives *lives)
{
	map_visit(&lives->open, free_life, NULL);
	map_free(&lives->open);
}

int lives_start(struct lives *lives, struct slice sandbox, uint64_t line)
{
	struct life *life;

	sandbox = slice_first(sandbox, ID_BYTES);
	if (map_find(&lives->open, sandbox))
		return 0;
	if (lives->open.count == LIVES_MAX) {
		lives->not_kept++;
		return 0;
	}
	life = malloc(sizeof(*life) + sandbox.len);
	if (!life)
		return -ENOMEM;
	life->line = line;
	memcpy(life->sandbox, sandbox.ptr, sandbox.len);
	if (map_insert(&lives->open, &life->node, slice_of(life->sandbox, sandbox.len)) < 0) {
		free(life);
		return -ENOMEM;
	}
	return 0;
}

void lives_end(struct lives *lives, struct slice sandbox)
{
	struct map_node *node = map_find(&lives->open, slice_first(sandbox, ID_BYTES));

	if (!node)
		return;
	map_remove(&lives->open, node);
	free_life(node, NULL);
}

struct visit {
	void (*function)(struct slice sandbox, uint64_t line, void *context);
	void *context;
};

static void visit_life(struct map_node *node, void *context)
{
	struct visit *visit = context;

	visit->function(node->key, container_of(node, struct life, node)->line, visit->context);
}

void lives_visit(struct lives *lives,
		 void (*visit)(struct slice sandbox, uint64_t line, void *context), void *context)
{
	struct visit both = {visit, context};

	map_visit(&lives->open, visit_life, &both);
}
