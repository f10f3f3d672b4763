#include "proxy/http/flow.h"

#include "base/error.h"

void flow_init(struct flow *flow, const struct flow_sink *sink, void *owner, char *scratch)
{
	*flow = (struct flow){.sink = sink, .owner = owner, .scratch = scratch};
	buffer_init_wiped(&flow->waiting, FLOW_WAITING_MAX_BYTES);
}

void flow_free(struct flow *flow)
{
	for (size_t i = 0; i < flow->count; i++)
		flow->stages[i]->ops->free(flow->stages[i]);
	flow->count = 0;
	buffer_free(&flow->waiting);
}

bool flow_add(struct flow *flow, struct stage *stage)
{
	if (flow->count == FLOW_STAGES_MAX) {
		stage->ops->free(stage);
		return false;
	}
	flow->stages[flow->count++] = stage;
	return true;
}

static int fail(struct flow *flow, int code, const char *why)
{
	flow->state = FLOW_FAILED;
	flow->why = why ? why : "it cannot be read";
	return code;
}

static int push(struct flow *flow, size_t level, struct slice in, bool end);

/* One step of a stage, and of all that follow it with what came out. */
static int step(struct flow *flow, size_t level, struct slice *in, bool end)
{
	struct stage *stage = flow->stages[level];
	char *room = flow->scratch + level * STAGE_OUT_BYTES;
	struct writer out = writer_of(room, STAGE_OUT_BYTES);
	int result = stage->ops->step(stage, in, end, &out), rc = 0;

	if (result < 0)
		rc = fail(flow, result, stage->why);
	if (rc == 0 && (writer_length(&out) || result == STAGE_END))
		rc = push(flow, level + 1, slice_of(room, writer_length(&out)),
			  result == STAGE_END);
	explicit_bzero(room, writer_length(&out));
	return rc < 0 ? rc : result;
}

/* No deeper than there are stages. */
static int push(struct flow *flow, size_t level, struct slice in, bool end)
{
	int rc;

	flow->burst += in.len;
	if (level > 0 && flow->burst > FLOW_BURST_MAX_BYTES)
		return fail(flow, ERROR_LIMIT, "it grows by too much at once when it is decoded");
	if (level == flow->count) {
		if (in.len)
			flow->sink->take(flow->owner, in);
		return 0;
	}
	do {
		rc = step(flow, level, &in, end);
	} while (rc == STAGE_FULL);
	return rc < 0 ? rc : 0;
}

static int keep(struct flow *flow, struct slice rest)
{
	flow->state = FLOW_BLOCKED;
	if (rest.len && buffer_append(&flow->waiting, rest) < 0)
		return fail(flow, -ENOMEM, "more of it came than there is memory for");
	return FLOW_BLOCKED;
}

static bool is_congested(const struct flow *flow)
{
	return flow->sink->is_congested && flow->sink->is_congested(flow->owner);
}

/* Pushes IN as far as the sink takes it, and sets it to what is left. */
static int run(struct flow *flow, struct slice *in)
{
	int rc;

	flow->state = FLOW_OPEN;
	if (flow->count == 0) {
		push(flow, 0, *in, flow->ended);
		*in = SLICE_EMPTY;
		flow->state = flow->ended ? FLOW_DONE : FLOW_OPEN;
		return (int)flow->state;
	}
	do {
		if (is_congested(flow)) {
			flow->state = FLOW_BLOCKED;
			return FLOW_BLOCKED;
		}
		flow->burst = 0;
		rc = step(flow, 0, in, flow->ended);
	} while (rc == STAGE_FULL);
	if (rc < 0)
		return rc;
	/* Each of the others was given the end of the one before, and has come to its own. */
	flow->state = rc == STAGE_END ? FLOW_DONE : FLOW_OPEN;
	return (int)flow->state;
}

int flow_feed(struct flow *flow, struct slice data, bool end)
{
	int rc;

	flow->ended |= end;
	if (flow->state == FLOW_BLOCKED)
		return keep(flow, data);
	rc = run(flow, &data);
	return rc == FLOW_BLOCKED ? keep(flow, data) : rc;
}

int flow_resume(struct flow *flow)
{
	struct slice waiting = buffer_slice(&flow->waiting);
	size_t before = waiting.len;
	int rc;

	if (flow->state != FLOW_BLOCKED)
		return (int)flow->state;
	rc = run(flow, &waiting);
	buffer_consume(&flow->waiting, before - waiting.len);
	return rc;
}

static size_t held_by(struct stage *stage)
{
	return stage->ops->release ? stage->ops->release(stage, NULL) : 0;
}

bool flow_holds(const struct flow *flow)
{
	for (size_t i = 0; i < flow->count; i++) {
		if (held_by(flow->stages[i]))
			return true;
	}
	return false;
}

int flow_release(struct flow *flow)
{
	int rc = 0;

	if (flow->state != FLOW_OPEN)
		return (int)flow->state;
	for (size_t i = 0; i < flow->count && rc >= 0; i++) {
		char *room = flow->scratch + i * STAGE_OUT_BYTES;
		struct writer out = writer_of(room, STAGE_OUT_BYTES);

		if (!held_by(flow->stages[i]))
			continue;
		flow->stages[i]->ops->release(flow->stages[i], &out);
		rc = push(flow, i + 1, slice_of(room, writer_length(&out)), false);
		explicit_bzero(room, writer_length(&out));
	}
	return rc < 0 ? rc : (int)flow->state;
}
