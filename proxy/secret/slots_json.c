/* Slots in JSON. */
#include <stdlib.h>

#include "base/list.h"
#include "proxy/secret/json_walk.h"
#include "proxy/secret/slots_stage.h"

struct json_stage {
	struct slots_stage base;
	enum policy_slot_kind kind;	 /* of values at a pointer */
	enum policy_slot_kind elsewhere; /* of all else */
	struct json_walk walk;
};

static struct json_stage *json_stage_of(struct rewrite *rewrite)
{
	return container_of(slots_stage_of(rewrite), struct json_stage, base);
}

/* RFC 8259 section 7; values hold no control characters (policy/slot.h), but for what is not to be
 * relied on. */
static size_t encode(unsigned char c, char out[REWRITE_UNIT_MAX_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	if (c < 0x20) {
		memcpy(out, "\\u00", 4);
		out[4] = digits[c >> 4];
		out[5] = digits[c & 15];
		return 6;
	}
	if (c != '"' && c != '\\') {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = (char)c;
	return 2;
}

static int pass(struct rewrite *rewrite, struct slice bytes)
{
	json_walk_feed(&json_stage_of(rewrite)->walk, bytes);
	return 0;
}

static int meet(struct rewrite *rewrite, const struct find_hit *hit, struct slice text, size_t span)
{
	struct json_stage *stage = json_stage_of(rewrite);
	struct slice placeholder = slots_placeholder(&stage->base, hit);
	struct slots_place place = {.kind = stage->elsewhere, .name = SLICE_EMPTY};
	bool in_string = json_walk_in_string(&stage->walk);
	int count = json_walk_pointer(&stage->walk), rc;

	text = slice_first(text, span);
	/* Behind a backslash, what looks like the placeholder is another character's. */
	place.disguised = json_walk_in_escape(&stage->walk) ||
			  !(in_string ? json_reads_as(text, placeholder)
				      : slice_equal(text, placeholder));
	if (count >= 0) {
		place.kind = stage->kind;
		place.pointer = stage->walk.pointer;
		place.pointer_count = (size_t)count;
	}
	rc = slots_decide(&stage->base, hit, &place, encode);
	/* The walk follows what goes out. A value is characters of the string that it is in;
	 * elsewhere nothing is known of what it does there. */
	if (rc == REWRITE_REPLACE && slots_put_in(&stage->base)) {
		json_walk_blur(&stage->walk);
		if (!in_string)
			json_walk_lose(&stage->walk);
	}
	return rc;
}

static void free_stage(struct stage *stage)
{
	struct rewrite *rewrite = container_of(stage, struct rewrite, stage);

	rewrite_clear(rewrite);
	free(json_stage_of(rewrite));
}

struct stage *slots_json_stage(const struct slots_owner *owner, enum policy_slot_kind kind)
{
	static const struct stage_ops ops = {"slots in JSON", rewrite_step, free_stage, NULL};
	static const struct rewrite_ops rewrite_ops = {.pass = pass, .meet = meet};
	struct json_stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		return NULL;
	slots_stage_init(&stage->base, &ops, &rewrite_ops, owner);
	stage->kind = kind;
	stage->elsewhere = kind == POLICY_SLOT_WS ? POLICY_SLOT_WS : POLICY_SLOT_BODY;
	json_walk_init(&stage->walk);
	return &stage->base.rewrite.stage;
}
