/* Slots in multipart/form-data. */
#include <stdlib.h>

#include "base/list.h"
#include "proxy/secret/multipart_walk.h"
#include "proxy/secret/slots_stage.h"

struct multipart_stage {
	struct slots_stage base;
	struct multipart_walk walk;
};

static struct multipart_stage *multipart_stage_of(struct rewrite *rewrite)
{
	return container_of(slots_stage_of(rewrite), struct multipart_stage, base);
}

static int pass(struct rewrite *rewrite, struct slice bytes)
{
	multipart_walk_feed(&multipart_stage_of(rewrite)->walk, bytes);
	return 0;
}

static int meet(struct rewrite *rewrite, const struct find_hit *hit, struct slice text, size_t span)
{
	struct multipart_stage *stage = multipart_stage_of(rewrite);
	struct multipart_walk *walk = &stage->walk;
	struct slots_place place = {.kind = POLICY_SLOT_BODY, .name = SLICE_EMPTY};
	int rc;

	place.disguised = !slice_equal(slice_first(text, span),
				       slots_placeholder(&stage->base, hit));
	if (walk->state == MULTIPART_PART && walk->known && !walk->is_file) {
		place.kind = POLICY_SLOT_FORM;
		place.name = slice_of(walk->name, walk->name_bytes);
	}
	rc = slots_decide(&stage->base, hit, &place, NULL);
	/* The walk follows what goes out, but for the value, which it need not know. */
	if (rc == REWRITE_REPLACE && slots_put_in(&stage->base))
		multipart_walk_blur(walk);
	return rc;
}

static void free_stage(struct stage *stage)
{
	struct rewrite *rewrite = container_of(stage, struct rewrite, stage);

	rewrite_clear(rewrite);
	free(multipart_stage_of(rewrite));
}

struct stage *slots_multipart_stage(const struct slots_owner *owner, struct slice boundary)
{
	static const struct stage_ops ops = {"slots in a multipart form", rewrite_step, free_stage,
					     NULL};
	static const struct rewrite_ops rewrite_ops = {.pass = pass, .meet = meet};
	struct multipart_stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		return NULL;
	slots_stage_init(&stage->base, &ops, &rewrite_ops, owner);
	multipart_walk_init(&stage->walk, boundary);
	return &stage->base.rewrite.stage;
}
