/* What the stages for bodies have in common. Private to slots*.c. */
#ifndef PROXY_SECRET_SLOTS_STAGE_H
#define PROXY_SECRET_SLOTS_STAGE_H

#include "proxy/secret/rewrite.h"
#include "proxy/secret/slots.h"

struct slots_stage {
	struct rewrite rewrite;
	const struct slots_owner *owner;
};

void slots_stage_init(struct slots_stage *stage, const struct stage_ops *stage_ops,
		      const struct rewrite_ops *ops, const struct slots_owner *owner);

/* The stage that STAGE is a part of. */
struct slots_stage *slots_stage_of(struct rewrite *rewrite);

/* Of HIT: the placeholder that was found. */
struct slice slots_placeholder(const struct slots_stage *stage, const struct find_hit *hit);

/* Asks the judge about HIT, found at PLACE, and does what it says; a value is written as ENCODE
 * does. For the meet of rewrite_ops, which returns the same. */
int slots_decide(struct slots_stage *stage, const struct find_hit *hit,
		 const struct slots_place *place, rewrite_encode *encode);

/* Whether the last decision put a value in. */
bool slots_put_in(const struct slots_stage *stage);

#endif
