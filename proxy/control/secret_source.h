/* Reading one secret from where it is kept. */
#ifndef PROXY_CONTROL_SECRET_SOURCE_H
#define PROXY_CONTROL_SECRET_SOURCE_H

#include "base/error.h"
#include "policy/policy.h"

enum { SECRET_SOURCE_TIMEOUT_MS = 30000 }; /* of a command, and of a file that is a pipe */

/* Reads the value of SECRET to OUT, at most SIZE bytes; a line end at the very end is taken off for
 * files and commands. The length, or a negative code with a text that names the secret and says how
 * to mend it. */
ssize_t secret_source_read(const struct policy_secret *secret, char *out, size_t size,
			   struct error *err);

/* Overwrites the variable that SECRET came from, if it came from one. */
void secret_source_forget(const struct policy_secret *secret);

#endif
