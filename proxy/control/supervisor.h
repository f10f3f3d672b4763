/* What the files of the supervisor share: making a sandbox with its worker (launch.c), and living
 * with it (supervise.c). */
#ifndef PROXY_CONTROL_SUPERVISOR_H
#define PROXY_CONTROL_SUPERVISOR_H

#include <sys/types.h>

#include "base/buffer.h"
#include "proxy/control/environment.h"
#include "proxy/control/pump.h"
#include "proxy/control/run.h"
#include "proxy/secret/handover.h"
#include "proxy/steer/steer.h"

enum { SUPERVISOR_FILES_MAX = 3, SUPERVISOR_PATHS_MAX = 512 };

struct supervisor {
	const struct run_setup *setup;
	char id[AUDIT_ID_BYTES + 1];
	char audit_path[4096];
	char log_place[4096];	/* what of it is hidden from the sandbox */
	char other_place[4096]; /* the same of the default log, which is another one; "": none */
	struct pump pump;
	struct secret_handover *secrets;
	struct environment environment;
	pid_t worker;
	int worker_socket;
	bool worker_alive;
	struct steer_sandbox sandbox;
	bool sandbox_alive;
	int queue_fd; /* of the sandbox's datagrams, to tell the worker's verdicts; -1: none */
	struct buffer ca_pem;
	struct buffer ca_bundle;
	struct buffer ca_java;
	char system_bundle[4096]; /* of trusted roots; empty: none */
	char servers[1024];	  /* name servers that the worker was told */
	int64_t servers_read_us;
	int64_t log_looked_at_us;
	int signals;	  /* signalfd */
	bool stopped;	  /* the command is stopped, and so were we */
	bool log_is_busy; /* records came when they were last looked for */
	int log_state;	  /* what pump_run() said last */
	int status;	  /* of the command, as from waitpid(2); -1: not known yet */
	bool ending;	  /* the worker was told to end */
};

/* Makes everything but the command. On failure all of it is gone. */
int supervisor_launch(struct supervisor *supervisor, struct error *err);

/* Starts the command and stays with it until it has ended and everything is recorded. The exit
 * status. */
int supervisor_stay(struct supervisor *supervisor);

void supervisor_release(struct supervisor *supervisor);

/* Reads the host's name servers into OUT. */
void supervisor_read_servers(char *out, size_t size);

/* Waits for the next message of the worker, for at most TIMEOUT_MS; a FAILED becomes ERR. */
int supervisor_await(struct supervisor *supervisor, uint32_t type, int timeout_ms,
		     struct buffer *payload, struct error *err);

/* Writes a record of kind sandbox with EVENT. */
int supervisor_record(struct supervisor *supervisor, const char *event, int status, int64_t lost);

#endif
