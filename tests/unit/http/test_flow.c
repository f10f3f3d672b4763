#include "proxy/http/flow.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/list.h"
#include "tests/unit/allocation.h"

/* A stage that writes each byte TIMES times, and "." at the end; fails at a "!". */
struct copier {
	struct stage stage;
	size_t times;
	size_t written; /* of the byte at the front */
	bool ended;
	size_t *freed;
};

static int step(struct stage *stage, struct slice *in, bool end, struct writer *out)
{
	struct copier *copier = container_of(stage, struct copier, stage);

	while (in->len) {
		if (in->ptr[0] == '!') {
			stage->why = "it has a mark";
			return ERROR_SYNTAX;
		}
		for (; copier->written < copier->times; copier->written++) {
			if (writer_room(out) == 0)
				return STAGE_FULL;
			writer_bytes(out, slice_first(*in, 1));
		}
		copier->written = 0;
		*in = slice_from(*in, 1);
	}
	if (!end)
		return STAGE_MORE;
	if (writer_room(out) == 0)
		return STAGE_FULL;
	/* Nothing may be called behind its end. */
	assert_false(copier->ended);
	copier->ended = true;
	writer_text(out, ".");
	return STAGE_END;
}

static void free_copier(struct stage *stage)
{
	struct copier *copier = container_of(stage, struct copier, stage);

	++*copier->freed;
	free(copier);
}

static size_t freed;

static struct stage *copier_of(size_t times)
{
	static const struct stage_ops ops = {"copier", step, free_copier, NULL};
	struct copier *copier = calloc(1, sizeof(*copier));

	assert_non_null(copier);
	copier->stage.ops = &ops;
	copier->times = times;
	copier->freed = &freed;
	return &copier->stage;
}

struct sink {
	struct buffer got;
	size_t room; /* congested when so many bytes have come; 0: never */
};

static void take(void *owner, struct slice data)
{
	assert_int_equal(buffer_append(&((struct sink *)owner)->got, data), 0);
}

static bool is_congested(void *owner)
{
	struct sink *sink = owner;

	return sink->room && buffer_length(&sink->got) >= sink->room;
}

static const struct flow_sink sink_ops = {take, is_congested};
static char scratch[FLOW_SCRATCH_BYTES];

static void begin(struct flow *flow, struct sink *sink, const size_t times[], size_t count)
{
	*sink = (struct sink){0};
	buffer_init(&sink->got, 64 << 20);
	flow_init(flow, &sink_ops, sink, scratch);
	for (size_t i = 0; i < count; i++)
		assert_true(flow_add(flow, copier_of(times[i])));
}

static void finish(struct flow *flow, struct sink *sink)
{
	size_t count = flow->count;

	freed = 0;
	flow_free(flow);
	assert_int_equal(freed, count);
	buffer_free(&sink->got);
	for (size_t i = 0; i < sizeof(scratch); i++)
		assert_int_equal(scratch[i], 0);
}

static bool got(const struct sink *sink, const char *text)
{
	return slice_equal(buffer_slice(&sink->got), slice_from_text(text));
}

static void without_stages_all_passes(void **state)
{
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, NULL, 0);
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("abc"), false), FLOW_OPEN);
	assert_int_equal(flow_feed(&flow, SLICE_EMPTY, true), FLOW_DONE);
	assert_true(got(&sink, "abc"));
	finish(&flow, &sink);
}

static void each_stage_is_given_what_came_out_of_the_one_before_and_its_end(void **state)
{
	static const size_t times[] = {2, 1, 3};
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, times, 3);
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("ab"), false), FLOW_OPEN);
	assert_true(got(&sink, "aaaaaabbbbbb"));
	assert_int_equal(flow_feed(&flow, SLICE_EMPTY, true), FLOW_DONE);
	assert_true(got(&sink, "aaaaaabbbbbb......."));
	assert_int_equal(flow_resume(&flow), FLOW_DONE);
	finish(&flow, &sink);
}

static void what_one_step_makes_may_be_more_than_its_room(void **state)
{
	static const size_t times[] = {100000, 10};
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, times, 2);
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("xy"), true), FLOW_DONE);
	assert_int_equal(buffer_length(&sink.got), 2 * 1000000 + 10 + 1);
	finish(&flow, &sink);
}

/* Threat P14: a coding within a coding. */
static void what_one_step_makes_is_bounded(void **state)
{
	static const size_t times[] = {STAGE_OUT_BYTES, 300, 2};
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, times, 3);
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("x"), true), ERROR_LIMIT);
	assert_int_equal(flow.state, FLOW_FAILED);
	assert_non_null(strstr(flow.why, "at once"));
	assert_true(buffer_length(&sink.got) <= FLOW_BURST_MAX_BYTES);
	finish(&flow, &sink);
}

static void a_congested_sink_stops_it_between_two_steps(void **state)
{
	static const size_t times[] = {STAGE_OUT_BYTES};
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, times, 1);
	sink.room = 1;
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("abc"), false), FLOW_BLOCKED);
	assert_int_equal(buffer_length(&sink.got), STAGE_OUT_BYTES);
	/* What comes meanwhile waits, the end too. */
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("d"), true), FLOW_BLOCKED);
	assert_int_equal(flow_resume(&flow), FLOW_BLOCKED);
	assert_int_equal(buffer_length(&sink.got), STAGE_OUT_BYTES);
	for (size_t i = 2; i <= 4; i++) {
		sink.room += STAGE_OUT_BYTES;
		assert_int_equal(flow_resume(&flow), FLOW_BLOCKED);
		assert_int_equal(buffer_length(&sink.got), i * STAGE_OUT_BYTES);
	}
	sink.room = 0;
	assert_int_equal(flow_resume(&flow), FLOW_DONE);
	assert_int_equal(buffer_length(&sink.got), 4 * STAGE_OUT_BYTES + 1);
	assert_memory_equal(buffer_slice(&sink.got).ptr + 3 * STAGE_OUT_BYTES, "dddd", 4);
	finish(&flow, &sink);
}

static void an_empty_end_waits_as_well(void **state)
{
	static const size_t times[] = {1};
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, times, 1);
	sink.room = 1;
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("a"), false), FLOW_OPEN);
	assert_int_equal(flow_feed(&flow, SLICE_EMPTY, true), FLOW_BLOCKED);
	sink.room = 0;
	assert_int_equal(flow_resume(&flow), FLOW_DONE);
	assert_true(got(&sink, "a."));
	finish(&flow, &sink);
}

static void a_stage_that_fails_ends_it_with_its_reason(void **state)
{
	static const size_t times[] = {1, 1};
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, times, 2);
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("ab!c"), false), ERROR_SYNTAX);
	assert_int_equal(flow.state, FLOW_FAILED);
	assert_string_equal(flow.why, "it has a mark");
	/* What the failed step had written is not used. */
	assert_true(got(&sink, ""));
	finish(&flow, &sink);
}

static void what_waits_is_bounded(void **state)
{
	static char piece[64 << 10];
	static const size_t times[] = {1};
	struct flow flow;
	struct sink sink;
	int rc = FLOW_OPEN;

	(void)state;
	begin(&flow, &sink, times, 1);
	sink.room = 1;
	take(&sink, SLICE_LITERAL("a"));
	for (size_t i = 0; i <= FLOW_WAITING_MAX_BYTES / sizeof(piece) && rc >= 0; i++)
		rc = flow_feed(&flow, slice_of(piece, sizeof(piece)), false);
	assert_int_equal(rc, -ENOMEM);
	assert_int_equal(flow.state, FLOW_FAILED);
	assert_non_null(flow.why);
	finish(&flow, &sink);
}

static void without_memory_for_what_waits_it_fails(void **state)
{
	static const size_t times[] = {1};
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, times, 1);
	take(&sink, SLICE_LITERAL("a"));
	sink.room = 1;
	allocation_fail_nth(1);
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("b"), true), -ENOMEM);
	assert_true(allocation_failed());
	allocation_fail_nth(0);
	assert_int_equal(flow.state, FLOW_FAILED);
	finish(&flow, &sink);
}

static void one_stage_too_many_is_freed(void **state)
{
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, NULL, 0);
	for (size_t i = 0; i < FLOW_STAGES_MAX; i++)
		assert_true(flow_add(&flow, copier_of(1)));
	freed = 0;
	assert_false(flow_add(&flow, copier_of(1)));
	assert_int_equal(freed, 1);
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("z"), true), FLOW_DONE);
	assert_true(got(&sink, "z........"));
	finish(&flow, &sink);
}

/* A stage that keeps the last byte back. */
struct keeper {
	struct stage stage;
	char kept; /* 0: none */
	bool early;
};

static int keep_last(struct stage *stage, struct slice *in, bool end, struct writer *out)
{
	struct keeper *keeper = container_of(stage, struct keeper, stage);

	for (; in->len; *in = slice_from(*in, 1)) {
		if (keeper->kept && !keeper->early)
			writer_bytes(out, slice_of(&keeper->kept, 1));
		keeper->kept = in->ptr[0];
		keeper->early = false;
	}
	if (end && keeper->kept && !keeper->early)
		writer_bytes(out, slice_of(&keeper->kept, 1));
	return end ? STAGE_END : STAGE_MORE;
}

static size_t release_last(struct stage *stage, struct writer *out)
{
	struct keeper *keeper = container_of(stage, struct keeper, stage);

	if (!keeper->kept || keeper->early)
		return 0;
	if (out) {
		writer_bytes(out, slice_of(&keeper->kept, 1));
		keeper->early = true;
	}
	return 1;
}

static void free_keeper(struct stage *stage)
{
	++freed;
	free(container_of(stage, struct keeper, stage));
}

static struct stage *keeper_of(void)
{
	static const struct stage_ops ops = {"keeper", keep_last, free_keeper, release_last};
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	assert_non_null(keeper);
	keeper->stage.ops = &ops;
	return &keeper->stage;
}

static void what_is_held_back_can_be_let_go_on_through_all_that_follows(void **state)
{
	struct flow flow;
	struct sink sink;

	(void)state;
	begin(&flow, &sink, NULL, 0);
	assert_true(flow_add(&flow, copier_of(1)) && flow_add(&flow, keeper_of()) &&
		    flow_add(&flow, copier_of(2)));
	assert_false(flow_holds(&flow));
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("ab"), false), FLOW_OPEN);
	assert_true(got(&sink, "aa") && flow_holds(&flow));
	assert_int_equal(flow_release(&flow), FLOW_OPEN);
	assert_true(got(&sink, "aabb") && !flow_holds(&flow));
	assert_int_equal(flow_release(&flow), FLOW_OPEN);
	assert_int_equal(flow_feed(&flow, SLICE_LITERAL("c"), true), FLOW_DONE);
	assert_true(got(&sink, "aabbcc..."));
	assert_int_equal(flow_release(&flow), FLOW_DONE);
	finish(&flow, &sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_stages_all_passes),
		cmocka_unit_test(each_stage_is_given_what_came_out_of_the_one_before_and_its_end),
		cmocka_unit_test(what_one_step_makes_may_be_more_than_its_room),
		cmocka_unit_test(what_one_step_makes_is_bounded),
		cmocka_unit_test(a_congested_sink_stops_it_between_two_steps),
		cmocka_unit_test(an_empty_end_waits_as_well),
		cmocka_unit_test(a_stage_that_fails_ends_it_with_its_reason),
		cmocka_unit_test(what_waits_is_bounded),
		cmocka_unit_test(without_memory_for_what_waits_it_fails),
		cmocka_unit_test(one_stage_too_many_is_freed),
		cmocka_unit_test(what_is_held_back_can_be_let_go_on_through_all_that_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
