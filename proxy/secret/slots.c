#include "proxy/secret/slots.h"

#include "base/list.h"
#include "proxy/secret/slots_stage.h"

void slots_stage_init(struct slots_stage *stage, const struct stage_ops *stage_ops,
		      const struct rewrite_ops *ops, const struct slots_owner *owner)
{
	rewrite_init(&stage->rewrite, stage_ops, ops, owner->store->finder);
	stage->owner = owner;
}

struct slots_stage *slots_stage_of(struct rewrite *rewrite)
{
	return container_of(rewrite, struct slots_stage, rewrite);
}

static const struct secret_entry *entry_of(const struct slots_stage *stage,
					   const struct find_hit *hit)
{
	return &stage->owner->store->entries[hit->form->owner];
}

struct slice slots_placeholder(const struct slots_stage *stage, const struct find_hit *hit)
{
	return entry_of(stage, hit)->placeholder;
}

int slots_decide(struct slots_stage *stage, const struct find_hit *hit,
		 const struct slots_place *place, rewrite_encode *encode)
{
	const struct secret_entry *entry = entry_of(stage, hit);

	switch (stage->owner->judge(stage->owner->owner, entry, place)) {
	case SLOTS_KEEP:
		return REWRITE_KEEP;
	case SLOTS_TAKE_OUT:
		rewrite_put(&stage->rewrite, SLICE_EMPTY, NULL);
		return REWRITE_REPLACE;
	case SLOTS_PUT_IN:
		/* What its place does not read as the placeholder is no slot's, whoever asks. */
		if (place->disguised)
			break;
		rewrite_put(&stage->rewrite, entry->value, encode);
		return REWRITE_REPLACE;
	default:
		break;
	}
	return rewrite_fail(&stage->rewrite, ERROR_DENIED,
			    "a placeholder stands where it must not");
}

bool slots_put_in(const struct slots_stage *stage)
{
	return stage->rewrite.instead.len > 0;
}
