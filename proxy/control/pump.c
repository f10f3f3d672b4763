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
	/* A worker may speak for its own sandbox only. */
	pump->ring.sandbox = sandbox;
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
	int rc = journal_add(&pump->journal, slice_of(body, audit_record_format(record, body)));

	return rc < 0 ? rc : journal_flush(&pump->journal);
}

static void say_blocked(struct pump *pump, int code)
{
	struct error err;

	pump->blocked = true;
	journal_explain(&pump->journal, code, &err);
	say("%s; until then, what cannot be logged is refused", err.text);
}

/* A record of what became of the log. */
static struct audit_record record_of(const struct pump *pump, const char *event)
{
	struct audit_record record;

	audit_record_init(&record, AUDIT_SANDBOX, pump->sandbox);
	record.time_us = wallclock_now_us();
	record.allow = true;
	record.has_life = true;
	record.life.event = event;
	record.life.status = -1;
	record.life.lost = -1;
	return record;
}

static void say_resumed(struct pump *pump)
{
	struct audit_record record = record_of(pump, "log-resumed");

	pump->blocked = false;
	add_record(pump, &record);
	say("the audit log %s can be written again", pump->journal.path);
}

/* Once, and again when it failed anew. */
static void say_not_rotated(struct pump *pump)
{
	bool failed = pump->journal.rotation_error < 0;

	if (failed && !pump->rotation_failed)
		say("cannot rotate the audit log %s: %s; it grows on, and this is tried again",
		    pump->journal.path, error_name(pump->journal.rotation_error));
	pump->rotation_failed = failed;
}

int pump_run(struct pump *pump)
{
	int rc = journal_drain(&pump->journal, &pump->ring);

	say_not_rotated(pump);

	if (rc == 0 && audit_ring_is_blocked(&pump->ring))
		rc = ERROR_LIMIT;
	if (rc >= 0 && pump->blocked)
		say_resumed(pump);
	else if (rc < 0 && rc != ERROR_SYNTAX && !pump->blocked)
		say_blocked(pump, rc);
	return rc;
}

int pump_reopen(struct pump *pump)
{
	struct audit_record record = record_of(pump, "log-reopened");
	char body[AUDIT_BODY_MAX];

	return journal_reopen(&pump->journal, slice_of(body, audit_record_format(&record, body)));
}

int pump_record(struct pump *pump, const struct audit_record *record)
{
	return add_record(pump, record);
}
