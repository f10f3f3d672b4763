/* Which sandboxes a journal has a start of, and no end. */
#ifndef PROXY_AUDIT_LIVES_H
#define PROXY_AUDIT_LIVES_H

#include <stdint.h>

#include "base/map.h"

enum { LIVES_MAX = 65536 }; /* kept at once; a journal with more is not an honest one */

struct lives {
	struct map open;
	uint64_t not_kept;
};

void lives_init(struct lives *lives);
void lives_free(struct lives *lives);

/* SANDBOX was started in line LINE. 0 or -ENOMEM. */
int lives_start(struct lives *lives, struct slice sandbox, uint64_t line);

/* SANDBOX ended; one that was not started is let pass, as its start may be in an earlier file. */
void lives_end(struct lives *lives, struct slice sandbox);

/* Calls VISIT for each sandbox without an end. */
void lives_visit(struct lives *lives,
		 void (*visit)(struct slice sandbox, uint64_t line, void *context), void *context);

#endif
