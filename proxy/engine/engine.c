#include "proxy/engine/engine.h"

#include <stdlib.h>

#include "proxy/engine/stream.h"
#include "proxy/engine/stream_output.h"
#include "proxy/http/flow.h"
#include "proxy/secret/inject.h"

static void before_sleep(struct ev_loop *loop, struct ev_prepare *watcher, int events)
{
	struct engine *engine = container_of(watcher, struct engine, settle);

	(void)events;
	engine_settle(engine);
	/* Settling may lead to more to do in this turn, which the loop would do before it sleeps,
	 * but after us. */
	if (ev_pending_count(loop)) {
		ev_feed_event(loop, watcher, EV_PREPARE);
		return;
	}
	if (!list_is_empty(&engine->again))
		ev_timer_start(loop, &engine->next_turn);
	if (engine->settled)
		engine->settled(engine->owner);
}

static void begin_turn(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	stream_read_again(container_of(timer, struct engine, next_turn));
}

int engine_init(struct engine *engine, struct ev_loop *loop, struct error *err)
{
	int rc;

	*engine = (struct engine){.loop = loop};
	list_init(&engine->chores);
	list_init(&engine->graves);
	list_init(&engine->broken);
	list_init(&engine->again);
	ev_timer_init(&engine->next_turn, begin_turn, 0., 0.);
	rc = locked_init(&engine->locked,
			 ENGINE_STAGE_BYTES + SECRET_SCRATCH_BYTES + FLOW_SCRATCH_BYTES +
				 ENGINE_READ_BYTES,
			 err);
	if (rc < 0)
		return rc;
	engine->stage = locked_alloc(&engine->locked, ENGINE_STAGE_BYTES);
	engine->secret_scratch = locked_alloc(&engine->locked, SECRET_SCRATCH_BYTES);
	engine->flow_scratch = locked_alloc(&engine->locked, FLOW_SCRATCH_BYTES);
	engine->send = malloc(ENGINE_SEND_BYTES);
	engine->read = locked_alloc(&engine->locked, ENGINE_READ_BYTES);
	if (!engine->send) {
		engine_free(engine);
		return error_set_code(err, -ENOMEM, "cannot start the engine");
	}
	ev_prepare_init(&engine->settle, before_sleep);
	/* Behind all other events. */
	ev_set_priority(&engine->settle, EV_MINPRI);
	ev_prepare_start(loop, &engine->settle);
	/* It must not keep the loop alive by itself. */
	ev_unref(loop);
	return 0;
}

void engine_free(struct engine *engine)
{
	if (ev_is_active(&engine->settle)) {
		engine_settle(engine);
		ev_ref(engine->loop);
		ev_prepare_stop(engine->loop, &engine->settle);
		ev_timer_stop(engine->loop, &engine->next_turn);
	}
	locked_free(&engine->locked);
	free(engine->send);
	engine->send = NULL;
	engine->read = NULL;
}

void engine_bury(struct engine *engine, struct grave *grave, void (*release)(struct grave *grave))
{
	grave->release = release;
	list_append(&engine->graves, &grave->node);
}

void chore_init(struct chore *chore, void (*run)(struct chore *chore))
{
	list_init(&chore->node);
	chore->run = run;
}

void engine_put_off(struct engine *engine, struct chore *chore)
{
	if (list_is_empty(&chore->node))
		list_append(&engine->chores, &chore->node);
}

void chore_cancel(struct chore *chore)
{
	list_remove(&chore->node);
}

static void do_chores(struct engine *engine)
{
	while (!list_is_empty(&engine->chores)) {
		struct chore *chore = container_of(engine->chores.next, struct chore, node);

		list_remove(&chore->node);
		chore->run(chore);
	}
}

static void release_graves(struct engine *engine)
{
	while (!list_is_empty(&engine->graves)) {
		struct grave *grave = container_of(engine->graves.next, struct grave, node);

		list_remove(&grave->node);
		grave->release(grave);
	}
}

void engine_settle(struct engine *engine)
{
	/* Telling of broken streams can lead to more being written and more being closed. */
	do {
		do_chores(engine);
		stream_output_flush(engine);
	} while (stream_output_tell_broken(engine));
	release_graves(engine);
}
