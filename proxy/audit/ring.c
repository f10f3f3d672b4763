#include "proxy/audit/ring.h"

#include <assert.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

enum {
	CACHE_LINE_BYTES = 64,
	HEADER_BYTES = 4096,
	LENGTH_BYTES = 8, /* before each body; with it, a length never straddles the ring's end */
	RING_MIN_BYTES = 8192,
};

/*
 * The counters only grow; a position is a counter modulo the ring's size. The producer writes the
 * first two, the consumer the others, each group on a cache line of its own. A producer can write
 * to all of them: the consumer therefore reads the first two only, and keeps what it wrote itself.
 */
struct audit_ring_shared {
	alignas(CACHE_LINE_BYTES) _Atomic uint64_t head;
	_Atomic uint64_t outstanding;
	alignas(CACHE_LINE_BYTES) _Atomic uint64_t tail;
	_Atomic uint32_t blocked;
	_Atomic uint32_t sleeping;
};

_Static_assert(sizeof(struct audit_ring_shared) <= HEADER_BYTES, "the counters fit their page");
_Static_assert((int)RING_MIN_BYTES >= (int)AUDIT_SLOT_BYTES, "the smallest ring holds a record");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics work between processes");

static size_t round_up(size_t bytes)
{
	size_t size = RING_MIN_BYTES;

	while (size < bytes)
		size *= 2;
	return size;
}

/* What a record takes in the ring. */
static size_t slot_bytes(size_t body_bytes)
{
	return LENGTH_BYTES + (body_bytes + 7) / 8 * 8;
}

static int map_memory(struct audit_ring *ring, struct error *err)
{
	void *memory = mmap(NULL, HEADER_BYTES + ring->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    ring->memory_fd, 0);

	if (memory == MAP_FAILED)
		return error_set_code(err, -errno, "cannot map the audit ring");
	ring->shared = memory;
	ring->bytes = (char *)memory + HEADER_BYTES;
	return 0;
}

/* Never to be executed, which some hosts demand (sysctl vm.memfd_noexec) and kernels before 6.3 do
 * not know. */
static int open_memory(void)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("sallyport-audit", flags | MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create("sallyport-audit", flags) : fd;
}

static int make_memory(struct audit_ring *ring, struct error *err)
{
	ring->memory_fd = open_memory();
	if (ring->memory_fd < 0)
		return error_set_code(err, -errno, "cannot make memory for the audit ring");
	if (ftruncate(ring->memory_fd, (off_t)(HEADER_BYTES + ring->size)) < 0 ||
	    fcntl(ring->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return error_set_code(err, -errno, "cannot size the audit ring");
	return map_memory(ring, err);
}

int audit_ring_create(struct audit_ring *ring, size_t bytes, struct error *err)
{
	int rc;

	*ring = (struct audit_ring){.size = round_up(bytes), .memory_fd = -1};
	ring->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->wake_fd < 0)
		rc = error_set_code(err, -errno, "cannot make the audit ring's eventfd");
	else
		rc = make_memory(ring, err);
	if (rc < 0)
		audit_ring_close(ring);
	return rc;
}

int audit_ring_attach(struct audit_ring *ring, int memory_fd, int wake_fd, struct error *err)
{
	struct stat status;
	int rc = 0;

	*ring = (struct audit_ring){.memory_fd = memory_fd, .wake_fd = wake_fd};
	if (fstat(memory_fd, &status) < 0)
		rc = error_set_code(err, -errno, "cannot look at the audit ring");
	else if (status.st_size < HEADER_BYTES + RING_MIN_BYTES ||
		 ((status.st_size - HEADER_BYTES) & (status.st_size - HEADER_BYTES - 1)))
		rc = error_set(err, ERROR_SYNTAX, "the audit ring has a size of %lld bytes",
			       (long long)status.st_size);
	else
		ring->size = (size_t)status.st_size - HEADER_BYTES;
	if (rc == 0)
		rc = map_memory(ring, err);
	if (rc < 0)
		audit_ring_close(ring);
	return rc;
}

void audit_ring_close(struct audit_ring *ring)
{
	if (ring->shared)
		munmap(ring->shared, HEADER_BYTES + ring->size);
	cleanup_close_fd(&ring->memory_fd);
	cleanup_close_fd(&ring->wake_fd);
	*ring = (struct audit_ring){.memory_fd = -1, .wake_fd = -1};
}

/* Copies to or from the ring, around its end. */
static void copy_in(struct audit_ring *ring, uint64_t counter, struct slice bytes)
{
	size_t at = counter & (ring->size - 1), first = ring->size - at;

	if (first > bytes.len)
		first = bytes.len;
	memcpy(ring->bytes + at, bytes.ptr, first);
	memcpy(ring->bytes, bytes.ptr + first, bytes.len - first);
}

static void copy_out(const struct audit_ring *ring, uint64_t counter, char *out, size_t len)
{
	size_t at = counter & (ring->size - 1), first = ring->size - at;

	if (first > len)
		first = len;
	memcpy(out, ring->bytes + at, first);
	memcpy(out + first, ring->bytes, len - first);
}

static _Atomic uint64_t *length_at(const struct audit_ring *ring, uint64_t counter)
{
	return (_Atomic uint64_t *)(void *)(ring->bytes + (counter & (ring->size - 1)));
}

static bool has_room(const struct audit_ring *ring)
{
	uint64_t used = ring->head - ring->tail;

	return ring->size - used >= (ring->outstanding + 1) * AUDIT_SLOT_BYTES;
}

bool audit_ring_reserve(struct audit_ring *ring)
{
	if (audit_ring_is_blocked(ring))
		return false;
	if (!has_room(ring)) {
		/* Acquire: what the consumer has read, it has read before we write over it. */
		ring->tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
		if (!has_room(ring))
			return false;
	}
	ring->outstanding++;
	atomic_store_explicit(&ring->shared->outstanding, ring->outstanding, memory_order_relaxed);
	return true;
}

void audit_ring_commit(struct audit_ring *ring, struct slice body)
{
	assert(ring->outstanding > 0 && body.len > 0 && body.len <= AUDIT_BODY_MAX);
	atomic_store_explicit(length_at(ring, ring->head), body.len, memory_order_relaxed);
	copy_in(ring, ring->head + LENGTH_BYTES, body);
	ring->head += slot_bytes(body.len);
	/* Release: the consumer sees the body no later than the counter. */
	atomic_store_explicit(&ring->shared->head, ring->head, memory_order_release);
	ring->unannounced = true;
	audit_ring_release(ring);
}

/* After the head has moved: a worker that dies in between has one record too many counted as lost,
 * never one too few. */
void audit_ring_release(struct audit_ring *ring)
{
	assert(ring->outstanding > 0);
	ring->outstanding--;
	atomic_store_explicit(&ring->shared->outstanding, ring->outstanding, memory_order_release);
}

bool audit_ring_is_blocked(const struct audit_ring *ring)
{
	return atomic_load_explicit(&ring->shared->blocked, memory_order_relaxed) != 0;
}

void audit_ring_notify(struct audit_ring *ring)
{
	uint64_t one = 1;
	ssize_t ignored;

	if (!ring->unannounced)
		return;
	ring->unannounced = false;
	/* Either we see that the consumer sleeps, or it sees our head before it goes to sleep; the
	 * fence here and the one in audit_ring_prepare_sleep() rule out that neither does. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&ring->shared->sleeping, memory_order_relaxed))
		return;
	atomic_store_explicit(&ring->shared->sleeping, 0, memory_order_relaxed);
	ignored = write(ring->wake_fd, &one, sizeof(one));
	(void)ignored;
}

/* How much there is to read, or ERROR_SYNTAX when no honest producer can have got there. */
static ssize_t unread_bytes(const struct audit_ring *ring)
{
	uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
	uint64_t unread = head - ring->tail;

	return unread > ring->size || unread % 8 ? ERROR_SYNTAX : (ssize_t)unread;
}

ssize_t audit_ring_read(struct audit_ring *ring, char out[AUDIT_BODY_MAX])
{
	ssize_t unread = unread_bytes(ring);
	uint64_t len;

	if (unread <= 0)
		return unread;
	/* Read once: the producer could change it after the check. */
	len = atomic_load_explicit(length_at(ring, ring->tail), memory_order_relaxed);
	if (len == 0 || len > AUDIT_BODY_MAX || slot_bytes(len) > (size_t)unread)
		return ERROR_SYNTAX;
	copy_out(ring, ring->tail + LENGTH_BYTES, out, len);
	ring->tail += slot_bytes(len);
	/* Release: the producer writes over the body only after we have copied it. */
	atomic_store_explicit(&ring->shared->tail, ring->tail, memory_order_release);
	return (ssize_t)len;
}

/* RWF_NOWAIT, as the producer could have made the shared description a blocking one. */
static void clear_wake(const struct audit_ring *ring)
{
	uint64_t count;
	struct iovec part = {&count, sizeof(count)};
	ssize_t ignored = preadv2(ring->wake_fd, &part, 1, -1, RWF_NOWAIT);

	(void)ignored;
}

bool audit_ring_prepare_sleep(struct audit_ring *ring)
{
	clear_wake(ring);
	atomic_store_explicit(&ring->shared->sleeping, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (unread_bytes(ring) == 0)
		return true;
	atomic_store_explicit(&ring->shared->sleeping, 0, memory_order_relaxed);
	return false;
}

void audit_ring_set_blocked(struct audit_ring *ring, bool blocked)
{
	atomic_store_explicit(&ring->shared->blocked, blocked, memory_order_relaxed);
}

uint64_t audit_ring_outstanding(const struct audit_ring *ring)
{
	uint64_t outstanding = atomic_load_explicit(&ring->shared->outstanding,
						    memory_order_acquire);
	uint64_t most = ring->size / AUDIT_SLOT_BYTES;

	return outstanding < most ? outstanding : most;
}
