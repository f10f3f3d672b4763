/*
 * The audit log as the supervisor keeps it: the ring that its worker fills, the journal that it
 * writes, and what the user is told when the journal cannot be written.
 */
#ifndef PROXY_CONTROL_PUMP_H
#define PROXY_CONTROL_PUMP_H

#include "proxy/audit/journal.h"
#include "proxy/audit/record.h"
#include "proxy/audit/ring.h"

enum { PUMP_RETRY_MS = 500 };

struct pump {
	struct journal journal;
	struct audit_ring ring;
	const char *sandbox;
	bool blocked;	      /* the journal cannot be written, and the user was told */
	bool rotation_failed; /* and the user was told */
};

/* Opens the journal at PATH and makes the ring. */
int pump_open(struct pump *pump, const char *path, const char *sandbox, struct error *err);
void pump_close(struct pump *pump);

/* Moves what there is from the ring to the file. 0; 1 when there is more; ERROR_SYNTAX when the
 * ring is inconsistent and the worker must be ended; or what keeps the journal from being written,
 * and then nothing is lost: call again later. */
int pump_run(struct pump *pump);

/* Goes over to the file that is at the journal's path, if the one that is open was moved away, with
 * a record that says so. 1 if it was done, 0 if there was no need, or a negative code. */
int pump_reopen(struct pump *pump);

/* Writes a record of the supervisor's own. 0, or a negative code; the record is kept, and written
 * when the journal can be. */
int pump_record(struct pump *pump, const struct audit_record *record);

#endif
