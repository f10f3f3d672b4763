#include "proxy/control/pump.h"

#include "base/say.h"
#include "base/wallclock.h"

int pump_open(struct pump *pump, const char *path, const char *sandbox, struct error *err)
{
	int rc;

	*pump = (struct pump){.sandbox = sandbox};
	rc = journal_open(&pump->journal, path, err);
	if (rc < 0)
		return rc;
	rc = audit_ring_create(&pump->ring, AUDIT_RING_BYTES, err);
	if (rc < 0)
		journal_close(&pump->journal);
	return rc;
}

void pump_close(struct pump *pump)
{
	audit_ring_close(&pump->ring);
	journal_close(&pump->journal);
}

static int add_record(struct pump *pump, const struct audit_record *record)
{
	char body[AUDIT_BODY_MAX];

	return journal_add(&pump->journal, slice_of(body, audit_record_format(record, body)));
}

static void note_blocking(struct pump *pump, const char *event)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_SANDBOX, pump->sandbox);
	record.time_us = wallclock_now_us();
	record.allow = true;
	record.has_life = true;
	record.life.event = event;
	record.life.status = -1;
	record.life.lost = -1;
	add_record(pump, &record);
}

static void block(struct pump *pump, int error)
{
	if (pump->blocked)
		return;
	pump->blocked = true;
	audit_ring_set_blocked(&pump->ring, true);
	say("the audit log %s cannot be written: %s. Requests are refused until it can; make room, "
	    "and they "
	    "go on",
	    pump->journal.path,
	    error == ERROR_LIMIT ? "no space is left on its disk" : error_name(error));
}

static void unblock(struct pump *pump)
{
	pump->blocked = false;
	note_blocking(pump, "log-resumed");
	audit_ring_set_blocked(&pump->ring, false);
	say("the audit log %s can be written again", pump->journal.path);
}

static int flush(struct pump *pump)
{
	int rc = journal_flush(&pump->journal);

	if (rc == 0 && !journal_has_room(&pump->journal))
		rc = ERROR_LIMIT;
	if (rc < 0) {
		block(pump, rc);
		return rc;
	}
	if (pump->blocked) {
		unblock(pump);
		rc = journal_flush(&pump->journal);
	}
	return rc;
}

int pump_run(struct pump *pump)
{
	char body[AUDIT_BODY_MAX];
	ssize_t len = 1;

	while (len > 0) {
		int rc;

		while (buffer_length(&pump->journal.batch) < PUMP_BATCH_BYTES) {
			len = audit_ring_read(&pump->ring, body);
			if (len <= 0)
				break;
			rc = journal_add(&pump->journal, slice_of(body, (size_t)len));
			if (rc < 0)
				return rc;
		}
		rc = flush(pump);
		if (rc < 0)
			return rc;
	}
	pump->broken = len < 0;
	return (int)len;
}

int pump_record(struct pump *pump, const struct audit_record *record)
{
	int rc = add_record(pump, record);

	return rc < 0 ? rc : flush(pump);
}
