/*
 * INIT, pid 1 of the sandbox. It makes the sandbox from within, starts COMMAND's process, gives up
 * its rights, executes its own program anew (init_watch.c), and from then on waits, forwards
 * signals and reaps.
 *
 * COMMAND has the same uid. What keeps INIT from it: signals from inside reach pid 1 only where it
 * has a handler, and it has none; it is not dumpable and in the user namespace above, so that it
 * cannot be traced or looked into. And it holds nothing worth it: executing anew leaves the
 * supervisor's memory behind, with its arguments, its environment and its keys.
 */
#ifndef PROXY_STEER_INIT_H
#define PROXY_STEER_INIT_H

#include "proxy/steer/steer.h"
#include "proxy/steer/surroundings.h"

#define INIT_NAME "sallyport-init"

/* What INIT takes along when it executes anew. */
struct init {
	int control;	/* to the supervisor */
	int command_fd; /* to COMMAND's process; -1 once it has executed COMMAND, or failed to */
	int signals;	/* signalfd, for SIGCHLD */
	pid_t command;	/* 0 when it is gone, or was never executed */
};

/* The child of namespaces_clone(). CONTROL is its end of the socket pair. */
_Noreturn void init_main(const struct steer_plan *plan, const struct surroundings *surroundings,
			 int control);

enum { INIT_ARGUMENTS = 5 };

/* The arguments by which an INIT is told to a new image of the program, and back. */
struct init_arguments {
	char texts[INIT_ARGUMENTS][sizeof(INIT_NAME)];
	char *list[INIT_ARGUMENTS + 1];
};

void init_write_arguments(const struct init *init, struct init_arguments *arguments);

/* False when the arguments are not those of an INIT. */
bool init_read_arguments(int argc, const char *const *argv, struct init *init);

#endif
