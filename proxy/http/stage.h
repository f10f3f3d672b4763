/*
 * A stage of a body's way through the engine: decoding, rewriting, scrubbing, encoding. Stages are
 * put one behind the other (flow.h); each takes slices of any size and gives bytes, and holds no
 * more than its own bound.
 *
 * A stage is made by its own function, which returns it with its operations set, and freed by
 * ops->free().
 *
 * There is no flush: a stage that returns STAGE_MORE has given out all that can be known of the
 * input so far. An event of a stream that is followed by silence comes through whole, compressed or
 * not.
 */
#ifndef PROXY_HTTP_STAGE_H
#define PROXY_HTTP_STAGE_H

#include <stdbool.h>

#include "base/cursor.h"
#include "base/slice.h"

struct stage;

enum stage_result {
	STAGE_MORE = 0, /* all input is used; more may come */
	STAGE_FULL = 1, /* OUT is full: call again, with what is left of the input, if only none */
	STAGE_END = 2,	/* END was given, and everything has come out */
};

struct stage_ops {
	const char *name;
	/* Takes from the front of *IN, which may be empty, and writes what comes out of it to OUT,
	 * which is empty at first and has room for at least STAGE_OUT_BYTES. END: no input follows
	 * *IN. Returns a stage_result, or a negative code with stage->why set; then what is in OUT
	 * must not be used. Behind STAGE_END and a negative code nothing more may be called but
	 * free. */
	int (*step)(struct stage *stage, struct slice *in, bool end, struct writer *out);
	void (*free)(struct stage *stage);
	/* Nothing may come for a while: writes to OUT what is held back and may go on all the same.
	 * OUT may be NULL: how many bytes that would be. May be NULL: none. */
	size_t (*release)(struct stage *stage, struct writer *out);
};

enum { STAGE_OUT_BYTES = 16 << 10 };

struct stage {
	const struct stage_ops *ops;
	const char *why; /* of a failure, for people; static text */
};

#endif
