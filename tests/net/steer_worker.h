/* The worker of steer_driver. */
#ifndef TESTS_NET_STEER_WORKER_H
#define TESTS_NET_STEER_WORKER_H

#include "proxy/steer/steer.h"

/* Serves the sockets until it is killed. */
void worker_run(struct steer_sockets *sockets,
		void (*visit)(void *context, const struct steer_packet *packet));

#endif
