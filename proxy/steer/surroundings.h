/*
 * What a sandbox has to know of the host and of its caller, gathered before it leaves: afterwards
 * it could not find it out.
 */
#ifndef PROXY_STEER_SURROUNDINGS_H
#define PROXY_STEER_SURROUNDINGS_H

#include <stdbool.h>

#include "base/error.h"
#include "proxy/steer/namespaces.h"
#include "proxy/steer/path_list.h"
#include "proxy/steer/steer.h"

enum { TERMINAL_NAME_BYTES = 64 };

struct surroundings {
	struct identity caller;
	char *workdir;			    /* absolute */
	char terminal[TERMINAL_NAME_BYTES]; /* of the standard streams; "" without one */
	char *runtime_dir;		    /* what XDG_RUNTIME_DIR is, or NULL */
	struct path_list unix_sockets;	    /* of the host, with a path outside /run */
	struct path_list automounts;	    /* where a path is looked up on the network */
	bool core_dumps_are_piped;	    /* to a program of the host's */
};

/* On failure there is nothing to free. */
int surroundings_gather(const struct steer_plan *plan, struct surroundings *surroundings,
			struct error *err);
void surroundings_free(struct surroundings *surroundings);

/* Refuses, as a standard stream, what leads past the sandbox: a directory (from which ".." goes to
 * the host's root), a socket that could be connected to elsewhere. 0 or -EPERM. */
int surroundings_check_stream(int fd, const char *name, struct error *err);

#endif
