#include "proxy/engine/deadline.h"

#include "base/list.h"

static void fired(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct deadline *deadline = container_of(timer, struct deadline, timer);
	ev_tstamp now = ev_now(loop);

	(void)events;
	if (deadline->at == 0)
		return;
	if (now < deadline->at) {
		ev_timer_set(timer, deadline->at - now, 0.);
		ev_timer_start(loop, timer);
		return;
	}
	deadline->at = 0;
	deadline->passed(deadline);
}

void deadline_init(struct deadline *deadline, struct ev_loop *loop,
		   void (*passed)(struct deadline *deadline))
{
	deadline->loop = loop;
	deadline->at = 0;
	deadline->passed = passed;
	ev_timer_init(&deadline->timer, fired, 0., 0.);
}

void deadline_set(struct deadline *deadline, double seconds)
{
	ev_tstamp now = ev_now(deadline->loop);

	deadline->at = now + seconds;
	if (ev_is_active(&deadline->timer)) {
		if (ev_timer_remaining(deadline->loop, &deadline->timer) <= seconds)
			return;
		ev_timer_stop(deadline->loop, &deadline->timer);
	}
	ev_timer_set(&deadline->timer, seconds, 0.);
	ev_timer_start(deadline->loop, &deadline->timer);
}

void deadline_clear(struct deadline *deadline)
{
	deadline->at = 0;
}

void deadline_stop(struct deadline *deadline)
{
	deadline->at = 0;
	ev_timer_stop(deadline->loop, &deadline->timer);
}
