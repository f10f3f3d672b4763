/*
 * A body's way through stages, pushed by what comes in: decoded, rewritten or scrubbed, encoded.
 *
 *     in -> stage 0 -> stage 1 -> ... -> sink
 *
 * What comes out of a stage is pushed through all that follow at once, in memory that all flows
 * share and that is locked and wiped (a secret may be in it), so that nothing that was rewritten
 * waits anywhere. When the sink is congested the flow stops between two steps of stage 0, and keeps
 * what is left of the input; the owner must stop its source then, and call flow_resume() later.
 *
 * Of one step of stage 0 so much comes out as the stages behind it make of 16 KiB: with a coding
 * within a coding that may be more than there should be memory and time for at once. What one step
 * moves between stages is bounded by FLOW_BURST_MAX_BYTES; a body that would move more is refused.
 *
 * States: OPEN, BLOCKED (input waits), DONE (all has come out), FAILED (nothing more may be called
 * but flow_free()).
 */
#ifndef PROXY_HTTP_FLOW_H
#define PROXY_HTTP_FLOW_H

#include "base/buffer.h"
#include "proxy/http/stage.h"

enum {
	FLOW_STAGES_MAX = 8,
	FLOW_SCRATCH_BYTES = FLOW_STAGES_MAX * STAGE_OUT_BYTES,
	FLOW_WAITING_MAX_BYTES = 1 << 20,
	FLOW_BURST_MAX_BYTES = 8 << 20,
};

enum flow_state {
	FLOW_OPEN,
	FLOW_BLOCKED,
	FLOW_DONE,
	FLOW_FAILED,
};

struct flow_sink {
	void (*take)(void *owner, struct slice data);
	bool (*is_congested)(void *owner);
};

struct flow {
	struct stage *stages[FLOW_STAGES_MAX];
	size_t count;
	const struct flow_sink *sink;
	void *owner;
	char *scratch;
	enum flow_state state;
	bool ended;	       /* all input was given */
	size_t burst;	       /* bytes that the step of stage 0 has moved so far */
	struct buffer waiting; /* input for stage 0 */
	const char *why;       /* of FAILED */
};

/* A flow without stages. SCRATCH: FLOW_SCRATCH_BYTES, used during calls only. */
void flow_init(struct flow *flow, const struct flow_sink *sink, void *owner, char *scratch);
void flow_free(struct flow *flow);

/* Adds STAGE, which is the flow's from now on. False, and STAGE is freed, when there are too many.
 */
bool flow_add(struct flow *flow, struct stage *stage);

/* Pushes DATA on; END: it is the last. Returns the state, or a negative code with flow->why. */
int flow_feed(struct flow *flow, struct slice data, bool end);

/* The sink takes more. The same. */
int flow_resume(struct flow *flow);

/* Whether a stage holds back what flow_release() would push on. */
bool flow_holds(const struct flow *flow);

/* Nothing may come for a while: pushes on what may go early (stage.h). Returns as flow_feed(). */
int flow_release(struct flow *flow);

#endif
