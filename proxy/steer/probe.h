/* What the probes do in namespaces of their own (probe_trials.c). */
#ifndef PROXY_STEER_PROBE_H
#define PROXY_STEER_PROBE_H

#include <stddef.h>

#include "base/error.h"
#include "proxy/steer/steer.h"

enum { PROBE_FOUND_BYTES = sizeof(((struct steer_probe_result *)0)->found) };

/* Tries something in the namespaces that the calling process is in, which are new and in which
 * nothing has been done yet but the maps. Fills FOUND, or ERR. */
typedef int probe_trial(char found[PROBE_FOUND_BYTES], struct error *err);

/* By enum steer_probe. */
extern probe_trial *const probe_trials[STEER_PROBE_COUNT];

#endif
