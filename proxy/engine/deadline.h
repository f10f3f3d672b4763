/*
 * Deadlines that are moved far more often than they pass: moving one later only stores a number;
 * the timer is set anew when it fires too early.
 */
#ifndef PROXY_ENGINE_DEADLINE_H
#define PROXY_ENGINE_DEADLINE_H

#include <ev.h>

struct deadline {
	struct ev_timer timer;
	struct ev_loop *loop;
	ev_tstamp at; /* 0: none */
	void (*passed)(struct deadline *deadline);
};

void deadline_init(struct deadline *deadline, struct ev_loop *loop,
		   void (*passed)(struct deadline *deadline));

/* Sets the deadline to SECONDS from now. */
void deadline_set(struct deadline *deadline, double seconds);

/* There is no deadline any more. */
void deadline_clear(struct deadline *deadline);

/* The same, and the timer is stopped: to be called before the memory is released. */
void deadline_stop(struct deadline *deadline);

#endif
