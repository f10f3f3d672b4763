/* JSON pointers (RFC 6901), strict: what is not one is refused, and "*" is a name like any other.
 */
#ifndef POLICY_POINTER_H
#define POLICY_POINTER_H

#include "base/arena.h"
#include "policy/policy.h"

enum { POINTER_TOKENS_MAX = 32 };

/* Parses TEXT, which starts with a slash (the pointer to the whole document is refused: what is
 * pointed to is a value of a field), into POINTER, with its tokens decoded in ARENA. 0,
 * ERROR_SYNTAX or ERROR_LIMIT with WHY, or -ENOMEM. */
int pointer_parse(struct slice text, struct arena *arena, struct policy_pointer *pointer,
		  const char **why);

#endif
