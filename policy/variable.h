/* Names of environment variables, as secrets have them and as they are read from. */
#ifndef POLICY_VARIABLE_H
#define POLICY_VARIABLE_H

#include "base/slice.h"

enum { VARIABLE_NAME_MAX = 128 };

#define VARIABLE_PATTERN "[A-Za-z_][A-Za-z0-9_]*"

/* A letter or underscore, then letters, digits and underscores. */
bool variable_is_name(struct slice name);

/* Whether the sandbox needs NAME for itself: a secret of that name would break it, or change how
 * programs are started and what they trust. */
bool variable_is_reserved(struct slice name);

#endif
