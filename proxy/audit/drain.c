#include <assert.h>

#include "proxy/audit/journal.h"

enum { BATCHES_A_TURN = 16 };

/* Reads until the ring is empty, inconsistent, or the batch full. The last answer of the ring. */
static ssize_t fill_batch(struct journal *journal, struct audit_ring *ring)
{
	char body[AUDIT_BODY_MAX];
	ssize_t len = 1;

	while (!journal_is_full(journal)) {
		int rc;

		len = audit_ring_read(ring, body);
		if (len <= 0)
			break;
		rc = journal_add_from(journal, slice_of(body, (size_t)len), ring->sandbox);
		assert(rc == 0);
	}
	return len;
}

int journal_drain(struct journal *journal, struct audit_ring *ring)
{
	ssize_t len = 1;
	int rc = 0;

	for (int i = 0; i < BATCHES_A_TURN && len > 0 && rc == 0; i++) {
		len = fill_batch(journal, ring);
		rc = journal_flush(journal);
	}
	audit_ring_set_blocked(ring, rc < 0 || !journal_has_room(journal));
	if (rc < 0)
		return rc;
	return len < 0 ? (int)len : len > 0;
}
