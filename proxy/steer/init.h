/*
 * INIT, pid 1 of the sandbox. It makes the sandbox from within, starts COMMAND's process, gives up
 * its rights, and from then on waits, forwards signals and reaps.
 *
 * COMMAND has the same uid. What keeps INIT from it: signals from inside reach pid 1 only where it
 * has a handler, and it has none; it is not dumpable and in the user namespace above, so that it
 * cannot be traced or looked into. It holds nothing worth it: what it inherited of the supervisor's
 * arguments and environment is overwritten.
 */
#ifndef PROXY_STEER_INIT_H
#define PROXY_STEER_INIT_H

#include "proxy/steer/steer.h"
#include "proxy/steer/surroundings.h"

/* The child of namespaces_clone(). CONTROL is its end of the socket pair. */
_Noreturn void init_main(const struct steer_plan *plan, const struct surroundings *surroundings,
			 int control);

#endif
