/*
 * The audit ring: how record bodies get from a worker to the journal, in shared memory.
 *
 * One producer (the worker) and one consumer (the supervisor). Room for a record is RESERVED before
 * the verdict that it will record is acted on, so that no verdict can be acted on and not be logged
 * (design section 3, rule 15). A reservation is worth AUDIT_BODY_MAX bytes and is either committed
 * with a body or released. The consumer sets BLOCKED when the journal cannot take more (disk full);
 * no reservation is given then.
 *
 * The worker handles hostile bytes, so the consumer believes nothing that it reads: indices and
 * lengths are checked against the ring's size, bodies are copied out before they are looked at, and
 * a ring that is inconsistent is an error that ends the worker.
 *
 * If the worker dies, its committed records are still there, and the number of outstanding
 * reservations is the number of exchanges whose records are lost.
 *
 * Waking: the consumer sleeps on an eventfd, and the producer writes to it only when the consumer
 * has said that it sleeps; call audit_ring_notify() once a turn of the event loop.
 */
#ifndef PROXY_AUDIT_RING_H
#define PROXY_AUDIT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"
#include "proxy/audit/record.h"

enum {
	AUDIT_RING_BYTES = 32 << 20, /* of address space; pages are touched as they are used */
	AUDIT_SLOT_BYTES = 8 + (AUDIT_BODY_MAX + 7) / 8 * 8, /* what a reservation is worth */
};

struct audit_ring_shared;

/* One process's end of a ring. All but the first five are the end's own copies, so that neither has
 * to believe what the other could have written to them. */
struct audit_ring {
	struct audit_ring_shared *shared;
	char *bytes;
	size_t size;
	int memory_fd; /* both are passed to the worker */
	int wake_fd;
	uint64_t head;	      /* producer: bytes ever committed */
	uint64_t tail;	      /* consumer: bytes ever read; producer: as last seen */
	uint64_t outstanding; /* producer: reservations not committed or released */
	bool unannounced;     /* producer: something was committed since the last notify */
	const char *sandbox;  /* consumer, to be set: the one sandbox that the producer may speak
				 for; NULL: any */
};

/* Makes the memory (a sealed memfd: it can't be shrunk under the consumer) and the eventfd. BYTES
 * is rounded up to a power of two, and to room for one record at least. */
int audit_ring_create(struct audit_ring *ring, size_t bytes, struct error *err);

/* Maps a ring made by another process from its descriptors, which the ring then owns. */
int audit_ring_attach(struct audit_ring *ring, int memory_fd, int wake_fd, struct error *err);

void audit_ring_close(struct audit_ring *ring);

/* Producer. */

/* True: room for one record is set aside. False: the ring is full, or the journal is blocked. */
bool audit_ring_reserve(struct audit_ring *ring);

/* Turns one reservation into BODY (at most AUDIT_BODY_MAX bytes). */
void audit_ring_commit(struct audit_ring *ring, struct slice body);

/* Gives one reservation back. */
void audit_ring_release(struct audit_ring *ring);

bool audit_ring_is_blocked(const struct audit_ring *ring);

/* Wakes the consumer if it sleeps and something was committed. */
void audit_ring_notify(struct audit_ring *ring);

/* Consumer. */

/* Copies the next body to OUT. Its length, 0 when there is none, or ERROR_SYNTAX when the ring is
 * inconsistent. */
ssize_t audit_ring_read(struct audit_ring *ring, char out[AUDIT_BODY_MAX]);

/* Says that the consumer is about to sleep on wake_fd, and clears that (nobody else needs to read
 * it: a read of one's own could be made to wait by the producer). False when something came
 * meanwhile. A hostile producer may never wake: sleep with a time limit. */
bool audit_ring_prepare_sleep(struct audit_ring *ring);

void audit_ring_set_blocked(struct audit_ring *ring, bool blocked);

/* How many reservations are neither committed nor released. */
uint64_t audit_ring_outstanding(const struct audit_ring *ring);

#endif
