/* The worker of steer_driver. */
#ifndef TESTS_NET_STEER_WORKER_H
#define TESTS_NET_STEER_WORKER_H

#include "proxy/steer/steer.h"

/* What the worker says of refused packets. */
struct worker_listener {
	void (*packet)(void *context, const struct steer_packet *packet);
	void (*queued)(const struct steer_packet *packet);
	void (*lost)(uint64_t total);	 /* whenever there are more */
	void (*dropped)(uint64_t total); /* likewise, from the queue */
};

/* Serves the sockets until it is killed. */
_Noreturn void worker_run(struct steer_sockets *sockets, const struct worker_listener *listener);

#endif
