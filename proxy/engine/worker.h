/*
 * The worker process: one loop, one sandbox (a daemon's worker will have many), jailed before it
 * reads a byte from either side.
 *
 * It is forked by the supervisor, not executed, so that it has the compiled policy without reading
 * it again; it overwrites what it inherited and does not need. Messages are those of
 * control/message.h.
 */
#ifndef PROXY_ENGINE_WORKER_H
#define PROXY_ENGINE_WORKER_H

#include <sys/types.h>

#include "policy/policy.h"
#include "proxy/audit/ring.h"
#include "proxy/secret/handover.h"

struct worker_setup {
	pid_t supervisor;
	int control; /* the worker's end of the socket pair */
	const char *sandbox;
	const struct policy *policy;
	struct audit_ring *ring;
	struct secret_handover *secrets;
	const char *system_bundle; /* may be NULL */
};

/* The worker's main function. Does not return. */
void worker_main(const struct worker_setup *setup) __attribute__((noreturn));

#endif
