/* The caller's terminal, which COMMAND uses as its own. */
#ifndef PROXY_STEER_TERMINAL_H
#define PROXY_STEER_TERMINAL_H

#include <stdbool.h>

/* Whether the calling process's group is in the foreground of its terminal. */
bool terminal_is_ours(void);

/* Puts the calling process's group into the foreground, if no process is left of the one that is
 * there. A shell inside the sandbox makes its own group the foreground one, and cannot give the
 * terminal back: the caller's group has no number in its pid namespace. */
void terminal_take_back(void);

#endif
