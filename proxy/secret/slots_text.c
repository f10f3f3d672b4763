/* Slots in text of which nothing is known: everywhere. */
#include <stdlib.h>

#include "base/list.h"
#include "proxy/secret/slots_stage.h"

struct text_stage {
	struct slots_stage base;
	enum policy_slot_kind kind;
};

static int meet(struct rewrite *rewrite, const struct find_hit *hit, struct slice text, size_t span)
{
	struct text_stage *stage = container_of(slots_stage_of(rewrite), struct text_stage, base);
	struct slots_place place = {.kind = stage->kind, .name = SLICE_EMPTY};

	place.disguised = !slice_equal(slice_first(text, span),
				       slots_placeholder(&stage->base, hit));
	return slots_decide(&stage->base, hit, &place, NULL);
}

static void free_stage(struct stage *stage)
{
	struct rewrite *rewrite = container_of(stage, struct rewrite, stage);

	rewrite_clear(rewrite);
	free(container_of(slots_stage_of(rewrite), struct text_stage, base));
}

struct stage *slots_text_stage(const struct slots_owner *owner, enum policy_slot_kind kind)
{
	static const struct stage_ops ops = {"slots in text", rewrite_step, free_stage, NULL};
	static const struct rewrite_ops rewrite_ops = {.meet = meet};
	struct text_stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		return NULL;
	slots_stage_init(&stage->base, &ops, &rewrite_ops, owner);
	stage->kind = kind;
	return &stage->base.rewrite.stage;
}
