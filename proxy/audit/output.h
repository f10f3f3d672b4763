/*
 * Where lines of the journal go beside its file: to syslog, or to an open descriptor.
 *
 * The file is the journal: a line is in it before it goes to an output, so that the chain goes on
 * from it, and what an output got can be held against it. A file that several supervisors write to
 * is sent on by each for its own lines.
 *
 * Nothing here waits. What cannot be delivered is kept, up to OUTPUT_KEPT_BYTES, and tried again.
 * When half of that is in use, the output is said to have no room: where the policy says "block",
 * nothing is done any more that cannot be logged. Where it says "continue" (drops), lines are left
 * out instead, and counted; the gap shows in the chain.
 */
#ifndef PROXY_AUDIT_OUTPUT_H
#define PROXY_AUDIT_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
	OUTPUTS_MAX = 4,
	OUTPUT_KEPT_BYTES = 2 << 20,
};

struct output {
	const char *spec; /* as it was given; the caller's */
	const char *path; /* of the daemon's socket; NULL: a descriptor of somebody's */
	int facility;
	int fd;
	struct buffer kept; /* lines not delivered yet */
	int error;	    /* why not; 0: all is well */
	uint64_t dropped;
};

struct outputs {
	struct output list[OUTPUTS_MAX];
	size_t count;
	bool drops;
};

/* Whether SPEC names an output, and not a file: "-", "fd:N", "syslog" or "syslog:FACILITY". */
bool output_is_one(const char *spec);

/* Refuses a descriptor that is not open for writing. To be asked before anything is opened: one
 * that the caller did not open may be the log's own file later, or a socket to a worker. */
int output_check(const char *spec, struct error *err);

/* Opens the output that SPEC names, and adds it. Refuses "-", which is COMMAND's standard output, a
 * descriptor that cannot be written to, and syslog when no daemon listens, saying which. */
int outputs_add(struct outputs *outputs, const char *spec, struct error *err);

/* Takes LINES, which end in newlines, and delivers what can be. */
void outputs_take(struct outputs *outputs, struct slice lines);

/* Tries again what was not delivered. */
void outputs_deliver(struct outputs *outputs);

/* Whether BYTES more can be kept by all, or may be dropped. */
bool outputs_can_take(const struct outputs *outputs, size_t bytes);

/* Whether there is room ahead. */
bool outputs_have_room(const struct outputs *outputs);

/* Fills ERR with why an output has no room, for a person. False when all have. */
bool outputs_explain(const struct outputs *outputs, struct error *err);

/* Waits for what is still to be delivered, TIMEOUT_MS at most. Says what could not be. */
void outputs_close(struct outputs *outputs, int timeout_ms);

#endif
