/*
 * The engine: what one worker's connections share. One thread, one loop (design section 9).
 *
 * Objects that close during a turn of the loop are buried, and their memory is released when the
 * turn ends, so that no callback finds its object gone under its feet.
 */
#ifndef PROXY_ENGINE_ENGINE_H
#define PROXY_ENGINE_ENGINE_H

#include <ev.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/locked.h"
#include "base/slice.h"

struct stream;

enum {
	ENGINE_READ_BYTES = 64 << 10,
	ENGINE_STAGE_BYTES = 128 << 10,
	ENGINE_SEND_BYTES = 192 << 10,
};

/* An object whose memory is released at the end of the turn. */
struct grave {
	struct list node;
	void (*release)(struct grave *grave);
};

/* Work that is put off to the end of the turn, before what was written is sent. */
struct chore {
	struct list node;
	void (*run)(struct chore *chore);
};

struct engine {
	struct ev_loop *loop;
	struct ev_prepare settle;

	struct locked locked; /* the stage, and scratch memory for secrets */
	char *stage;
	size_t stage_used;
	struct stream *stage_owner;
	char *secret_scratch;
	char *flow_scratch; /* for bodies that are rewritten */

	char *send; /* bytes for the wire, of one stream */
	size_t send_used;
	struct stream *send_owner;

	char *read; /* what was read last, until its callback returns: locked, as a server may echo
		       a secret */

	/* Called when everything of a turn is done, or NULL. */
	void (*settled)(void *owner);
	void *owner;

	struct list chores;
	struct list graves;
	struct list broken; /* streams whose writing failed, to be told */
	struct list again;  /* streams that are read on in the next turn */
	struct ev_timer next_turn;
};

int engine_init(struct engine *engine, struct ev_loop *loop, struct error *err);
void engine_free(struct engine *engine);

void chore_init(struct chore *chore, void (*run)(struct chore *chore));

/* CHORE is run once when the turn ends, however often it is asked for. */
void engine_put_off(struct engine *engine, struct chore *chore);

/* It is not run. */
void chore_cancel(struct chore *chore);

/* Does the chores, sends what is gathered, tells owners of broken streams, and releases the buried.
 * Runs before the loop sleeps. */
void engine_settle(struct engine *engine);

void engine_bury(struct engine *engine, struct grave *grave, void (*release)(struct grave *grave));

#endif
