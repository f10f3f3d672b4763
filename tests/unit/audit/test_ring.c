#include "proxy/audit/ring.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/unit/allocation.h"

enum {
	SMALL_RING_BYTES = 16384,
	LOAD_RECORDS = 200000,
	SCRIBBLED_RINGS = 60,
	SCRIBBLE_ROUNDS = 4000,
};

static char out[AUDIT_BODY_MAX];

static void make(struct audit_ring *ring, size_t bytes)
{
	struct error err;

	assert_int_equal(audit_ring_create(ring, bytes, &err), 0);
}

static void records_come_out_as_they_went_in(void **state)
{
	struct audit_ring ring;

	(void)state;
	make(&ring, SMALL_RING_BYTES);
	assert_int_equal(audit_ring_read(&ring, out), 0);
	/* Many times around, at every length, so that each kind of border is crossed. */
	for (size_t len = 1; len <= AUDIT_BODY_MAX; len++) {
		char body[AUDIT_BODY_MAX];

		memset(body, (int)(len % 251), len);
		assert_true(audit_ring_reserve(&ring));
		audit_ring_commit(&ring, slice_of(body, len));
		assert_int_equal(audit_ring_read(&ring, out), len);
		assert_memory_equal(out, body, len);
		assert_int_equal(audit_ring_read(&ring, out), 0);
	}
	audit_ring_close(&ring);
}

/* Rule 15: a reservation that was given can always be committed, at its largest. */
static void reservations_stand_for_room(void **state)
{
	static char body[AUDIT_BODY_MAX];
	struct audit_ring ring;
	uint64_t given = 0;

	(void)state;
	make(&ring, SMALL_RING_BYTES);
	memset(body, 'x', sizeof(body));
	while (audit_ring_reserve(&ring))
		given++;
	assert_int_equal(given, SMALL_RING_BYTES / AUDIT_SLOT_BYTES);
	assert_int_equal(audit_ring_outstanding(&ring), given);
	audit_ring_release(&ring);
	assert_true(audit_ring_reserve(&ring));
	for (uint64_t i = 0; i < given; i++)
		audit_ring_commit(&ring, slice_of(body, sizeof(body)));
	assert_int_equal(audit_ring_outstanding(&ring), 0);
	assert_false(audit_ring_reserve(&ring));
	for (uint64_t i = 0; i < given; i++)
		assert_int_equal(audit_ring_read(&ring, out), sizeof(body));
	assert_int_equal(audit_ring_read(&ring, out), 0);
	assert_true(audit_ring_reserve(&ring));
	audit_ring_close(&ring);
}

static void a_blocked_ring_gives_no_reservation(void **state)
{
	struct audit_ring ring;

	(void)state;
	make(&ring, SMALL_RING_BYTES);
	assert_true(audit_ring_reserve(&ring));
	audit_ring_set_blocked(&ring, true);
	assert_true(audit_ring_is_blocked(&ring));
	assert_false(audit_ring_reserve(&ring));
	audit_ring_commit(&ring, SLICE_LITERAL("given before"));
	assert_int_equal(audit_ring_read(&ring, out), 12);
	audit_ring_set_blocked(&ring, false);
	assert_true(audit_ring_reserve(&ring));
	audit_ring_close(&ring);
}

static bool is_awake(const struct audit_ring *ring)
{
	struct pollfd poll_fd = {.fd = ring->wake_fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

static void only_a_sleeper_is_woken(void **state)
{
	struct audit_ring ring;

	(void)state;
	make(&ring, SMALL_RING_BYTES);
	assert_true(audit_ring_reserve(&ring));
	audit_ring_commit(&ring, SLICE_LITERAL("a"));
	audit_ring_notify(&ring);
	assert_false(is_awake(&ring));
	assert_false(audit_ring_prepare_sleep(&ring));
	assert_int_equal(audit_ring_read(&ring, out), 1);
	assert_true(audit_ring_prepare_sleep(&ring));
	audit_ring_notify(&ring);
	assert_false(is_awake(&ring));
	assert_true(audit_ring_reserve(&ring));
	audit_ring_commit(&ring, SLICE_LITERAL("b"));
	audit_ring_notify(&ring);
	assert_true(is_awake(&ring));
	assert_int_equal(audit_ring_read(&ring, out), 1);
	assert_true(audit_ring_prepare_sleep(&ring));
	assert_false(is_awake(&ring));
	audit_ring_close(&ring);
}

/* A worker could take O_NONBLOCK off the shared description and empty it, to stop the supervisor.
 */
static void the_consumer_never_waits_for_the_eventfd(void **state)
{
	struct audit_ring ring;

	(void)state;
	make(&ring, SMALL_RING_BYTES);
	assert_int_equal(fcntl(ring.wake_fd, F_SETFL, 0), 0);
	alarm(5);
	assert_true(audit_ring_prepare_sleep(&ring));
	alarm(0);
	audit_ring_close(&ring);
}

static void the_memory_cannot_be_taken_away(void **state)
{
	struct audit_ring ring;

	(void)state;
	make(&ring, SMALL_RING_BYTES);
	assert_int_equal(ftruncate(ring.memory_fd, 0), -1);
	assert_int_equal(ftruncate(ring.memory_fd, 1 << 30), -1);
	assert_int_equal(fcntl(ring.memory_fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	audit_ring_close(&ring);
}

static void what_is_no_ring_is_not_attached(void **state)
{
	static const off_t sizes[] = {0, 4096, 4096 + 8192 + 8, 4096 + 8192 + 4096};
	struct audit_ring ring;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = memfd_create("test", MFD_CLOEXEC);

		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		assert_int_equal(audit_ring_attach(&ring, fd, -1, &err), ERROR_SYNTAX);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	}
	assert_true(audit_ring_attach(&ring, -1, -1, &err) < 0);
}

/* Each record holds its number and a length drawn from it, all of its bytes the same. */
static size_t load_body(uint32_t i, char body[AUDIT_BODY_MAX])
{
	size_t len = 4 + i * 2654435761u % (i % 16 == 0 ? AUDIT_BODY_MAX - 4 : 600);

	memset(body, (int)(i & 0xff), len);
	memcpy(body, &i, sizeof(i));
	return len;
}

static void produce_load(int memory_fd, int wake_fd)
{
	static char body[AUDIT_BODY_MAX];
	struct audit_ring ring;

	if (audit_ring_attach(&ring, memory_fd, wake_fd, NULL) < 0)
		_exit(1);
	for (uint32_t i = 0; i < LOAD_RECORDS; i++) {
		size_t len = load_body(i, body);

		while (!audit_ring_reserve(&ring))
			audit_ring_notify(&ring);
		audit_ring_commit(&ring, slice_of(body, len));
		if (i % 7 == 0)
			audit_ring_notify(&ring);
	}
	audit_ring_notify(&ring);
	_exit(0);
}

static void two_processes_agree_under_load(void **state)
{
	static char expected[AUDIT_BODY_MAX];
	struct audit_ring ring;
	uint32_t next = 0;
	pid_t child;
	int status;

	(void)state;
	make(&ring, 1 << 20);
	child = fork();
	if (child == 0)
		produce_load(dup(ring.memory_fd), dup(ring.wake_fd));
	alarm(100);
	while (next < LOAD_RECORDS) {
		ssize_t len = audit_ring_read(&ring, out);
		struct pollfd poll_fd = {.fd = ring.wake_fd, .events = POLLIN};

		assert_true(len >= 0);
		if (len == 0) {
			/* Without a time limit: a lost wake-up would end in the alarm. */
			if (audit_ring_prepare_sleep(&ring))
				poll(&poll_fd, 1, -1);
			continue;
		}
		assert_int_equal(len, load_body(next++, expected));
		assert_memory_equal(out, expected, (size_t)len);
	}
	alarm(0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(audit_ring_read(&ring, out), 0);
	assert_int_equal(audit_ring_outstanding(&ring), 0);
	audit_ring_close(&ring);
}

static void a_dead_worker_leaves_its_records_and_a_count(void **state)
{
	struct audit_ring ring;
	pid_t child;
	int status;

	(void)state;
	make(&ring, SMALL_RING_BYTES);
	child = fork();
	if (child == 0) {
		struct audit_ring worker;

		if (audit_ring_attach(&worker, dup(ring.memory_fd), dup(ring.wake_fd), NULL) < 0 ||
		    !audit_ring_reserve(&worker) || !audit_ring_reserve(&worker) ||
		    !audit_ring_reserve(&worker))
			_exit(1);
		audit_ring_commit(&worker, SLICE_LITERAL("kept"));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(audit_ring_read(&ring, out), 4);
	assert_int_equal(audit_ring_read(&ring, out), 0);
	assert_int_equal(audit_ring_outstanding(&ring), 2);
	audit_ring_close(&ring);
}

/* Writes over counters, lengths and bodies, mostly with values that are nearly right. */
static void scribble(const struct audit_ring *ring)
{
	volatile char *memory = (volatile char *)ring->shared;
	volatile uint64_t *words = (volatile uint64_t *)(void *)ring->shared;

	for (;;) {
		uint32_t at = random_below(24);
		uint64_t value = random_below(4) ? random_below(5000) : (uint64_t)-8;

		if (at < 8)
			words[at] = value & ~(uint64_t)(random_below(2) ? 7 : 0);
		else if (at < 16)
			words[4096 / 8 + random_below(64)] = value;
		else
			memory[random_below(4096 + SMALL_RING_BYTES)] = (char)value;
	}
}

/* Threat: a worker that was taken over against the supervisor that reads its ring. */
static void a_hostile_producer_cannot_mislead_the_consumer(void **state)
{
	struct audit_ring rings[1];
	unsigned int refused = 0;

	(void)state;
	for (int round = 0; round < SCRIBBLED_RINGS; round++) {
		pid_t child;

		make(&rings[0], SMALL_RING_BYTES);
		child = fork();
		if (child == 0)
			scribble(&rings[0]);
		for (int i = 0; i < SCRIBBLE_ROUNDS; i++) {
			ssize_t len = audit_ring_read(&rings[0], out);

			assert_true(len == ERROR_SYNTAX || (len >= 0 && len <= AUDIT_BODY_MAX));
			assert_true(audit_ring_outstanding(&rings[0]) <=
				    SMALL_RING_BYTES / AUDIT_SLOT_BYTES);
			audit_ring_prepare_sleep(&rings[0]);
			refused += len == ERROR_SYNTAX;
		}
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		audit_ring_close(&rings[0]);
	}
	assert_true(refused > 0);
}

static void inconsistent_counters_are_told(void **state)
{
	static const uint64_t heads[] = {SMALL_RING_BYTES + 8, 4, (uint64_t)-8, 1};
	struct audit_ring ring;

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		make(&ring, SMALL_RING_BYTES);
		*(uint64_t *)(void *)ring.shared = heads[i];
		assert_int_equal(audit_ring_read(&ring, out), ERROR_SYNTAX);
		audit_ring_close(&ring);
	}
}

static void impossible_lengths_are_told(void **state)
{
	static const uint64_t lengths[] = {0, AUDIT_BODY_MAX + 1, 9, (uint64_t)-1, 1ull << 32};
	struct audit_ring ring;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		make(&ring, SMALL_RING_BYTES);
		assert_true(audit_ring_reserve(&ring));
		audit_ring_commit(&ring, SLICE_LITERAL("12345678"));
		*(uint64_t *)(void *)ring.bytes = lengths[i];
		assert_int_equal(audit_ring_read(&ring, out), ERROR_SYNTAX);
		audit_ring_close(&ring);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_as_they_went_in),
		cmocka_unit_test(reservations_stand_for_room),
		cmocka_unit_test(a_blocked_ring_gives_no_reservation),
		cmocka_unit_test(only_a_sleeper_is_woken),
		cmocka_unit_test(the_consumer_never_waits_for_the_eventfd),
		cmocka_unit_test(the_memory_cannot_be_taken_away),
		cmocka_unit_test(what_is_no_ring_is_not_attached),
		cmocka_unit_test(two_processes_agree_under_load),
		cmocka_unit_test(a_dead_worker_leaves_its_records_and_a_count),
		cmocka_unit_test(a_hostile_producer_cannot_mislead_the_consumer),
		cmocka_unit_test(inconsistent_counters_are_told),
		cmocka_unit_test(impossible_lengths_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
