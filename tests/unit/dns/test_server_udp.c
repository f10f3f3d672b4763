#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/dns/server.h"
#include "tests/unit/allocation.h"
#include "tests/unit/dns/fixture.h"
#include "tests/unit/dns/message.h"

static struct message ask(struct fixture *fixture, int fd, const char *name, uint16_t type,
			  uint16_t udp_bytes)
{
	static char out[DNS_MESSAGE_MAX_BYTES];
	uint8_t query[MESSAGE_MAX_BYTES];
	size_t len = message_query(name, type, udp_bytes, query);
	struct message message;

	len = fixture_ask(fixture, fd, slice_of(query, len), out, sizeof(out));
	assert_true(message_read(slice_of(out, len), &message));
	return message;
}

/* The socket is connected: the kernel drops what does not come from the address that was asked. */
static void answers_come_from_the_address_that_was_asked(void **state)
{
	static const char *const resolvers[] = {"127.0.0.1", "127.0.0.53", "127.8.8.8", "::1"};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(resolvers) / sizeof(resolvers[0]); i++) {
		int fd = fixture_connect(fixture, SOCK_DGRAM, resolvers[i]);
		struct message message = ask(fixture, fd, "a.example", DNS_TYPE_A, 0);

		assert_int_equal(message.rcode, DNS_NOERROR);
		assert_true(slice_equal(message.answer[0].data, SLICE_LITERAL("\306\022\001\0")));
		close(fd);
	}
	assert_int_equal(fixture->queries, 4);
	assert_string_equal(fixture->shown, "a.example");
}

static void a_query_that_cannot_be_recorded_is_a_failure(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_DGRAM, "127.0.0.1");
	struct message message;

	fixture->accept = false;
	message = ask(fixture, fd, "a.example", DNS_TYPE_A, 1232);
	assert_int_equal(fixture->queries, 1);
	assert_int_equal(fixture->rcode, DNS_NOERROR);
	assert_int_equal(message.rcode, DNS_SERVFAIL);
	assert_int_equal(message.answers, 0);
	assert_int_equal(message.extended, DNS_EDE_OTHER);
	close(fd);
}

static void malformed_queries_are_recorded_too(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_DGRAM, "127.0.0.1");
	char out[DNS_UDP_MAX_BYTES];
	size_t len = fixture_ask(fixture, fd,
				 SLICE_LITERAL("\x12\x34\1\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1"), out,
				 sizeof(out));
	struct message message;

	assert_true(message_read(slice_of(out, len), &message));
	assert_int_equal(message.rcode, DNS_FORMERR);
	assert_int_equal(fixture->queries, 1);
	assert_int_equal(fixture->rcode, DNS_FORMERR);
	close(fd);
}

/* Neither a response nor noise gets an answer, or two resolvers could be set on each other. */
static void what_is_not_a_query_gets_no_answer(void **state)
{
	static const struct slice rows[] = {
		SLICE_LITERAL(""),
		SLICE_LITERAL("x"),
		SLICE_LITERAL("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"),
	};
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_DGRAM, "127.0.0.1");
	char out[DNS_UDP_MAX_BYTES];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(send(fd, rows[i].ptr, rows[i].len, 0), rows[i].len);
	fixture_run_for(fixture, 20);
	assert_int_equal(fixture->queries, 0);
	assert_int_equal(recv(fd, out, sizeof(out), MSG_DONTWAIT), -1);
	assert_int_equal(ask(fixture, fd, "a.example", DNS_TYPE_A, 0).rcode, DNS_NOERROR);
	close(fd);
}

static void the_largest_datagram_there_can_be_is_refused(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_DGRAM, "127.0.0.1");
	static uint8_t query[65507];
	char out[DNS_UDP_MAX_BYTES];
	struct message message;
	size_t len;

	message_query("a.example", DNS_TYPE_A, 1232, query);
	len = fixture_ask(fixture, fd, slice_of(query, sizeof(query)), out, sizeof(out));
	assert_true(message_read(slice_of(out, len), &message));
	assert_int_equal(message.rcode, DNS_FORMERR);
	close(fd);
}

static void the_longest_names_are_answered(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_DGRAM, "127.0.0.1");
	char name[4 * 61], pointer[64];
	struct message message;

	memset(name, 'a', sizeof(name));
	for (size_t i = 60; i < sizeof(name) - 1; i += 61)
		name[i] = '.';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(ask(fixture, fd, name, DNS_TYPE_AAAA, 0).answers, 1);
	snprintf(pointer, sizeof(pointer), "0.1.18.198.in-addr.arpa");
	message = ask(fixture, fd, pointer, DNS_TYPE_PTR, 0);
	assert_int_equal(message.answers, 1);
	assert_int_equal(message.answer[0].data.len, sizeof(name) - 1 + 2);
	close(fd);
}

static void one_wake_up_serves_a_bounded_batch(void **state)
{
	struct fixture *fixture = *state;
	int fd = fixture_connect(fixture, SOCK_DGRAM, "127.0.0.1");
	uint8_t query[MESSAGE_MAX_BYTES];
	size_t len = message_query("a.example", DNS_TYPE_A, 0, query);

	for (int i = 0; i < 100; i++)
		assert_int_equal(send(fd, query, len, 0), len);
	ev_run(fixture->loop, EVRUN_NOWAIT);
	assert_int_equal(fixture->queries, DNS_BATCH);
	fixture_run_for(fixture, 20);
	assert_int_equal(fixture->queries, 100);
	close(fd);
}

static bool never_asked(void *owner, const struct dns_question *question,
			const struct dns_answer *answer)
{
	(void)owner;
	(void)question;
	(void)answer;
	return false;
}

static int create_without_sockets(void *context)
{
	struct fixture *fixture = context;
	struct dns_server_setup setup = {.loop = fixture->loop,
					 .names = fixture->names,
					 .udp_sockets = {-1, -1},
					 .tcp_sockets = {-1, -1},
					 .on_query = never_asked};
	struct dns_server *server;
	int rc = dns_server_create(&setup, &server, NULL);

	if (rc == 0)
		dns_server_free(server);
	return rc;
}

static void sockets_may_be_absent_and_memory_too(void **state)
{
	allocation_try_all(create_without_sockets, *state, false);
}

static void a_socket_that_is_none_is_an_error_and_stays_the_callers(void **state)
{
	struct fixture *fixture = *state;
	int pipes[2];
	struct dns_server_setup setup = {.loop = fixture->loop,
					 .names = fixture->names,
					 .udp_sockets = {-1, -1},
					 .tcp_sockets = {-1, -1},
					 .on_query = never_asked};
	struct dns_server *server = NULL;
	struct error err;

	assert_int_equal(pipe(pipes), 0);
	setup.udp_sockets[0] = pipes[0];
	assert_int_equal(dns_server_create(&setup, &server, &err), -ENOTSOCK);
	assert_non_null(strstr(err.text, "DNS socket"));
	assert_null(server);
	assert_int_equal(close(pipes[0]), 0);
	close(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, fixture_create, fixture_free)
		WITH_SERVER(answers_come_from_the_address_that_was_asked),
		WITH_SERVER(a_query_that_cannot_be_recorded_is_a_failure),
		WITH_SERVER(malformed_queries_are_recorded_too),
		WITH_SERVER(what_is_not_a_query_gets_no_answer),
		WITH_SERVER(the_largest_datagram_there_can_be_is_refused),
		WITH_SERVER(the_longest_names_are_answered),
		WITH_SERVER(one_wake_up_serves_a_bounded_batch),
		WITH_SERVER(sockets_may_be_absent_and_memory_too),
		WITH_SERVER(a_socket_that_is_none_is_an_error_and_stays_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
