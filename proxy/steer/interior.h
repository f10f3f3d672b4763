/* The making of a sandbox from within, by INIT. */
#ifndef PROXY_STEER_INTERIOR_H
#define PROXY_STEER_INTERIOR_H

#include "base/error.h"
#include "proxy/steer/steer.h"
#include "proxy/steer/surroundings.h"

/* Furnishes the new namespaces that the calling process is in, and hands the sockets out through
 * CONTROL. Keeps no copy of them. */
int interior_make(const struct steer_plan *plan, const struct surroundings *surroundings,
		  int control, struct error *err);

#endif
