/*
 * From the ring to the journal: what the worker committed is chained and written, in batches. When
 * the disk is full the ring is blocked, so that the worker refuses what it cannot log, and the
 * journal is tried again until there is room.
 */
#ifndef PROXY_CONTROL_PUMP_H
#define PROXY_CONTROL_PUMP_H

#include "proxy/audit/journal.h"
#include "proxy/audit/record.h"
#include "proxy/audit/ring.h"

enum {
	PUMP_BATCH_BYTES = 1 << 20,
	PUMP_RETRY_MS = 500,
};

struct pump {
	struct journal journal;
	struct audit_ring ring;
	const char *sandbox;
	bool blocked;
	bool broken; /* the ring is inconsistent: the worker must end */
};

/* Opens the journal at PATH and makes the ring. */
int pump_open(struct pump *pump, const char *path, const char *sandbox, struct error *err);
void pump_close(struct pump *pump);

/* Moves what there is. ERROR_SYNTAX when the ring is inconsistent; ERROR_LIMIT while the disk is
 * full. */
int pump_run(struct pump *pump);

/* Adds a record of the supervisor's own, and writes it. */
int pump_record(struct pump *pump, const struct audit_record *record);

#endif
