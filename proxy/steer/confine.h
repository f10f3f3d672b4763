/* What takes rights away from COMMAND's process. Each acts on the calling process, for good. */
#ifndef PROXY_STEER_CONFINE_H
#define PROXY_STEER_CONFINE_H

#include "base/error.h"

/* No capability in any set, none to be had by executing a file, not even for uid 0. */
int confine_drop_capabilities(struct error *err);

int confine_no_new_privileges(struct error *err);

/* A session keyring of its own instead of the caller's login session's. */
int confine_keyring(struct error *err);

/* Signals, and abstract unix sockets, reach only what is confined likewise; else kill(0, SIGKILL)
 * would end the supervisor and everybody in its process group. Kernels before 6.12 cannot, and it
 * is left at that. Needs no_new_privs. */
int confine_reach(struct error *err);

/* Crashes are not handed to a program of the host's, which would run outside and read what hostile
 * code wrote. */
int confine_core_dumps(struct error *err);

/* The filter of system calls (syscall_filter.c). Needs no_new_privs. */
int confine_system_calls(struct error *err);

#endif
