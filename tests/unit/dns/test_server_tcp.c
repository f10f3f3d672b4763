/* Connections to the resolver. Their code is included, with a shorter patience. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/dns/server.h"

#define DNS_TCP_IDLE_S 0.2
#include "proxy/dns/tcp.c"

#include "base/wallclock.h"
#include "tests/unit/allocation.h"
#include "tests/unit/dns/fixture.h"
#include "tests/unit/dns/message.h"

/* A query in its frame, with ID. */
static size_t frame(const char *name, uint16_t id, uint8_t out[LENGTH_BYTES + MESSAGE_MAX_BYTES])
{
	size_t len = message_query(name, DNS_TYPE_A, 0, out + LENGTH_BYTES);

	out[0] = (uint8_t)(len >> 8);
	out[1] = (uint8_t)len;
	out[2] = (uint8_t)(id >> 8);
	out[3] = (uint8_t)id;
	return LENGTH_BYTES + len;
}

struct inbox {
	int fd;
	size_t wanted;
	size_t have;
	bool ended;
	char bytes[1 << 20];
};

static bool collect(void *context)
{
	struct inbox *inbox = context;
	ssize_t got = recv(inbox->fd, inbox->bytes + inbox->have,
			   sizeof(inbox->bytes) - inbox->have, MSG_DONTWAIT);

	if (got > 0)
		inbox->have += (size_t)got;
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		inbox->ended = true;
	return inbox->ended || inbox->have >= inbox->wanted;
}

static struct inbox inbox;

/* Waits for WANTED bytes from FD, or its end; returns what came. */
static struct slice receive_all(struct fixture *fixture, int fd, size_t wanted)
{
	inbox = (struct inbox){.fd = fd, .wanted = wanted};
	fixture_run_until(fixture, collect, &inbox);
	return slice_of(inbox.bytes, inbox.have);
}

/* Takes one answer off BYTES and checks that it is the one to ID. */
static void expect_answer(struct slice *bytes, uint16_t id)
{
	struct message message;
	size_t len;

	assert_true(bytes->len > LENGTH_BYTES);
	len = (size_t)((uint8_t)bytes->ptr[0] << 8 | (uint8_t)bytes->ptr[1]);
	assert_true(message_read(slice_first(slice_from(*bytes, LENGTH_BYTES), len), &message));
	assert_int_equal(message.id, id);
	assert_int_equal(message.answers, 1);
	*bytes = slice_from(*bytes, LENGTH_BYTES + len);
}

enum { ANSWER_BYTES = LENGTH_BYTES + 12 + 11 + 4 + 16 }; /* to "a.example" */

static void queries_in_a_row_are_answered_in_order(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
	uint8_t bytes[MESSAGE_MAX_BYTES * 2];
	struct slice answers;
	size_t len = 0;

	for (uint16_t id = 1; id <= 20; id++)
		len += frame("a.example", id, bytes + len);
	assert_int_equal(send(fd, bytes, len, 0), len);
	answers = receive_all(fixture, fd, 20 * ANSWER_BYTES);
	for (uint16_t id = 1; id <= 20; id++)
		expect_answer(&answers, id);
	assert_int_equal(answers.len, 0);
	close(fd);
}

static void queries_in_single_bytes_are_answered(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_STREAM, "::1");
	uint8_t bytes[LENGTH_BYTES + MESSAGE_MAX_BYTES];
	size_t len = frame("a.example", 7, bytes);
	struct slice answers;

	for (size_t i = 0; i < len; i++) {
		assert_int_equal(send(fd, bytes + i, 1, 0), 1);
		ev_run(fixture->loop, EVRUN_NOWAIT);
	}
	answers = receive_all(fixture, fd, ANSWER_BYTES);
	expect_answer(&answers, 7);
	close(fd);
}

static void a_peer_that_sent_its_end_still_gets_its_answers(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
	uint8_t bytes[MESSAGE_MAX_BYTES * 2];
	size_t len = frame("a.example", 1, bytes);
	struct slice answers;

	len += frame("a.example", 2, bytes + len);
	/* Half of a third one. */
	len += frame("a.example", 3, bytes + len) / 2;
	assert_int_equal(send(fd, bytes, len, 0), len);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	answers = receive_all(fixture, fd, sizeof(inbox.bytes));
	assert_true(inbox.ended);
	expect_answer(&answers, 1);
	expect_answer(&answers, 2);
	assert_int_equal(answers.len, 0);
	close(fd);
}

static void what_is_not_a_query_ends_the_connection(void **state)
{
	static const struct slice rows[] = {
		SLICE_LITERAL("\0\0"),
		SLICE_LITERAL("\0\1x"),
		SLICE_LITERAL("\0\x13\x12\x34\x81\x80\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"),
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");

		assert_int_equal(send(fd, rows[i].ptr, rows[i].len, 0), rows[i].len);
		assert_int_equal(receive_all(fixture, fd, 1).len, 0);
		assert_true(inbox.ended);
		close(fd);
	}
	assert_int_equal(fixture->queries, 0);
	assert_int_equal(fixture->server->connection_count, 0);
}

static void the_largest_message_is_taken_and_refused(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
	static uint8_t bytes[LENGTH_BYTES + DNS_MESSAGE_MAX_BYTES];
	struct slice answers;
	struct message message;

	frame("a.example", 9, bytes);
	bytes[0] = bytes[1] = 0xff;
	for (size_t sent = 0; sent < sizeof(bytes);) {
		ssize_t n = send(fd, bytes + sent, sizeof(bytes) - sent, MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		ev_run(fixture->loop, EVRUN_NOWAIT);
	}
	answers = receive_all(fixture, fd, LENGTH_BYTES + 12);
	assert_true(message_read(slice_from(answers, LENGTH_BYTES), &message));
	assert_int_equal(message.rcode, DNS_FORMERR);
	close(fd);
}

static void an_idle_connection_is_closed(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");

	fixture_run_for(fixture, 100);
	assert_int_equal(fixture->server->connection_count, 1);
	receive_all(fixture, fd, 1);
	assert_true(inbox.ended);
	assert_int_equal(fixture->server->connection_count, 0);
	close(fd);
}

static void bytes_that_trickle_in_do_not_keep_it_open(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
	int64_t start = monotonic_now_us();

	inbox = (struct inbox){.fd = fd, .wanted = 1};
	while (!collect(&inbox) && monotonic_now_us() < start + 2000000) {
		send(fd, "", 1, MSG_NOSIGNAL);
		send(fd, "\x40", 1, MSG_NOSIGNAL);
		fixture_run_for(fixture, 20);
	}
	assert_true(inbox.ended);
	assert_true(monotonic_now_us() < start + 1000000);
	close(fd);
}

static void queries_keep_it_open(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
	uint8_t bytes[LENGTH_BYTES + MESSAGE_MAX_BYTES];
	size_t len = frame("a.example", 1, bytes);

	for (int i = 0; i < 4; i++) {
		struct slice answers;

		fixture_run_for(fixture, 100);
		assert_int_equal(send(fd, bytes, len, 0), len);
		answers = receive_all(fixture, fd, ANSWER_BYTES);
		expect_answer(&answers, 1);
	}
	close(fd);
}

/* A connection through which little fits, so that its backlog is what the test makes it: TCP would
 * have its own ideas about buffers. Returns the peer's end. */
static int open_narrow(struct fixture *fixture, struct connection **connection)
{
	int ends[2], small = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
			 0);
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	connection_open(fixture->server, ends[1]);
	*connection = container_of(fixture->server->connections.previous, struct connection, node);
	(*connection)->idle.repeat = 10;
	ev_timer_again(fixture->loop, &(*connection)->idle);
	return ends[0];
}

static void answers_that_wait_outlast_the_peers_end(void **state)
{
	struct fixture *fixture = *state;
	struct connection *connection;
	int fd = open_narrow(fixture, &connection);
	uint8_t bytes[LENGTH_BYTES + MESSAGE_MAX_BYTES];
	size_t len = frame("a.example", 1, bytes), sent = 0;
	struct slice answers;

	while (buffer_length(&connection->out) < DNS_TCP_BACKLOG_BYTES / 2) {
		assert_int_equal(send(fd, bytes, len, 0), len);
		sent++;
		ev_run(fixture->loop, EVRUN_NOWAIT);
	}
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	fixture_run_for(fixture, 5);
	assert_true(connection->ended);
	answers = receive_all(fixture, fd, sizeof(inbox.bytes));
	assert_true(inbox.ended);
	while (sent-- > 0)
		expect_answer(&answers, 1);
	assert_int_equal(answers.len, 0);
	close(fd);
}

/* A peer that asks and does not read: we stop reading, and go on when it does. */
static void a_peer_that_does_not_read_is_not_remembered_without_bound(void **state)
{
	enum { QUERIES = 10000 };
	struct fixture *fixture = *state;
	struct connection *connection;
	int fd = open_narrow(fixture, &connection);
	uint8_t bytes[LENGTH_BYTES + MESSAGE_MAX_BYTES];
	size_t len = frame("a.example", 1, bytes), sent = 0, before = 0, stuck = 0;
	struct slice answers;

	inbox = (struct inbox){.fd = fd, .wanted = QUERIES * ANSWER_BYTES};
	while (sent < QUERIES * len) {
		size_t at = sent % len;
		ssize_t n = send(fd, bytes + at, len - at, 0);

		sent += n > 0 ? (size_t)n : 0;
		ev_run(fixture->loop, EVRUN_NOWAIT);
		assert_true(buffer_length(&connection->out) <
			    DNS_TCP_BACKLOG_BYTES + 2 * ANSWER_BYTES);
		assert_true(buffer_length(&connection->in) <= READ_BYTES + len);
		/* Only when both sides are stuck does the peer begin to read. */
		if (n < 0 && fixture->queries == before) {
			stuck++;
			collect(&inbox);
		}
		before = fixture->queries;
	}
	assert_true(stuck > 0);
	fixture_run_until(fixture, collect, &inbox);
	answers = slice_of(inbox.bytes, inbox.have);
	for (int i = 0; i < QUERIES; i++)
		expect_answer(&answers, 1);
	assert_int_equal(fixture->queries, QUERIES);
	close(fd);
}

static void the_longest_idle_connection_makes_room(void **state)
{
	struct fixture *fixture = *state;
	int fds[DNS_TCP_CONNECTIONS_MAX + 1];
	uint8_t bytes[LENGTH_BYTES + MESSAGE_MAX_BYTES];
	size_t len = frame("a.example", 1, bytes);
	struct slice answers;

	for (int i = 0; i < DNS_TCP_CONNECTIONS_MAX; i++) {
		fds[i] = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
		ev_run(fixture->loop, EVRUN_NOWAIT);
	}
	assert_int_equal(fixture->server->connection_count, DNS_TCP_CONNECTIONS_MAX);
	/* The first has just been heard of, so the second is the longest idle. */
	assert_int_equal(send(fds[0], bytes, len, 0), len);
	answers = receive_all(fixture, fds[0], ANSWER_BYTES);
	expect_answer(&answers, 1);
	fds[DNS_TCP_CONNECTIONS_MAX] = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
	receive_all(fixture, fds[1], 1);
	assert_true(inbox.ended);
	assert_int_equal(fixture->server->connection_count, DNS_TCP_CONNECTIONS_MAX);
	assert_int_equal(send(fds[0], bytes, len, 0), len);
	answers = receive_all(fixture, fds[0], ANSWER_BYTES);
	expect_answer(&answers, 1);
	for (int i = 0; i <= DNS_TCP_CONNECTIONS_MAX; i++)
		close(fds[i]);
}

/* Without a descriptor to spare the listening socket stays ready; the loop must not spin on it. */
static void running_out_of_descriptors_is_waited_out(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
	uint8_t bytes[LENGTH_BYTES + MESSAGE_MAX_BYTES];
	size_t len = frame("a.example", 1, bytes);
	struct rlimit before, none;
	struct slice answers;
	unsigned int rounds = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)fd, .rlim_max = before.rlim_max};
	ev_run(fixture->loop, EVRUN_NOWAIT);
	connection_close(container_of(fixture->server->connections.next, struct connection, node));
	close(fd);
	fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (; rounds < 5; rounds++)
		ev_run(fixture->loop, EVRUN_NOWAIT);
	assert_false(ev_is_active(&fixture->server->tcp[0].watcher));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(send(fd, bytes, len, 0), len);
	answers = receive_all(fixture, fd, ANSWER_BYTES);
	expect_answer(&answers, 1);
	close(fd);
}

static int answer_one(void *context)
{
	struct fixture *fixture = context;
	uint8_t bytes[LENGTH_BYTES + MESSAGE_MAX_BYTES];
	size_t len = frame("a.example", 1, bytes);
	int fd = fixture_connect(fixture, SOCK_STREAM, "127.0.0.1");
	bool answered;

	assert_int_equal(send(fd, bytes, len, 0), len);
	answered = receive_all(fixture, fd, ANSWER_BYTES).len == ANSWER_BYTES &&
		   inbox.bytes[LENGTH_BYTES + 3] == (char)0x80;
	close(fd);
	fixture_run_for(fixture, 5);
	return answered ? 0 : -1;
}

static void running_out_of_memory_costs_one_connection(void **state)
{
	struct fixture *fixture = *state;

	allocation_try_all(answer_one, *state, true);
	assert_int_equal(answer_one(*state), 0);
	assert_int_equal(fixture->server->connection_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, fixture_create, fixture_free)
		WITH_SERVER(queries_in_a_row_are_answered_in_order),
		WITH_SERVER(queries_in_single_bytes_are_answered),
		WITH_SERVER(a_peer_that_sent_its_end_still_gets_its_answers),
		WITH_SERVER(what_is_not_a_query_ends_the_connection),
		WITH_SERVER(the_largest_message_is_taken_and_refused),
		WITH_SERVER(an_idle_connection_is_closed),
		WITH_SERVER(bytes_that_trickle_in_do_not_keep_it_open),
		WITH_SERVER(queries_keep_it_open),
		WITH_SERVER(answers_that_wait_outlast_the_peers_end),
		WITH_SERVER(a_peer_that_does_not_read_is_not_remembered_without_bound),
		WITH_SERVER(the_longest_idle_connection_makes_room),
		WITH_SERVER(running_out_of_descriptors_is_waited_out),
		WITH_SERVER(running_out_of_memory_costs_one_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
