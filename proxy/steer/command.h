/* COMMAND's process, from its fork to execve(2). */
#ifndef PROXY_STEER_COMMAND_H
#define PROXY_STEER_COMMAND_H

#include "base/error.h"
#include "proxy/steer/namespaces.h"
#include "proxy/steer/steer.h"
#include "proxy/steer/surroundings.h"

struct command {
	const struct steer_plan *plan;
	const struct surroundings *surroundings;
	struct identity inner; /* of INIT */
	int socket;	       /* to INIT, close-on-exec */
};

/* Confines the calling process, tells INIT, waits to be told to start, and executes COMMAND. */
_Noreturn void command_main(const struct command *command);

#endif
