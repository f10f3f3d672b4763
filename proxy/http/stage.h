/*
 * A stage of a body's way through the engine: decoding, rewriting, scrubbing, encoding. Stages are
 * put one behind the other (flow.h); each takes slices of any size and gives bytes, and holds no
 * more than its own bound.
 *
 * A stage is made by its own function, which returns it with its operations set, and freed by
 * ops->free().
 */
#ifndef PROXY_HTTP_STAGE_H
#define PROXY_HTTP_STAGE_H

#include <stdbool.h>

#include "base/cursor.h"
#include "base/slice.h"

struct stage;

enum stage_result {
	STAGE_MORE = 0, /* all input is used; more may come */
	STAGE_FULL = 1, /* OUT is full: call again, with what is left of the input */
	STAGE_END = 2,	/* END was given, and everything has come out */
};

struct stage_ops {
	const char *name;
	/* Takes from the front of *IN and writes what comes out of it to OUT, which is empty at
	 * first and has room for at least STAGE_OUT_BYTES. END: no input follows *IN. Returns a
	 * stage_result, or a negative code with stage->why set; nothing more may be called then but
	 * free. */
	int (*step)(struct stage *stage, struct slice *in, bool end, struct writer *out);
	void (*free)(struct stage *stage);
};

enum { STAGE_OUT_BYTES = 16 << 10 };

struct stage {
	const struct stage_ops *ops;
	const char *why; /* of a failure, for people; static text */
};

#endif
