#include "proxy/engine/message.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

static int pair[2];
static struct message message;
static int fds[FD_PASS_MAX];
static size_t count;

static int set_up(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair);
}

static int tear_down(void **state)
{
	(void)state;
	close(pair[0]);
	return close(pair[1]);
}

static void a_message_arrives_as_it_was_sent(void **state)
{
	const int passed[] = {0, 1};

	(void)state;
	assert_int_equal(
		message_send(pair[0], MESSAGE_SERVE, SLICE_LITERAL("192.0.2.1"), passed, 2), 0);
	assert_int_equal(message_receive(pair[1], &message, fds, &count), 1);
	assert_int_equal(message.type, MESSAGE_SERVE);
	assert_string_equal(message.payload, "192.0.2.1");
	assert_int_equal(count, 2);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(message_receive(pair[1], &message, fds, &count), -EAGAIN);
}

static void what_is_no_message_is_refused(void **state)
{
	const uint32_t lying[] = {MESSAGE_KILL, 1000, 0};

	(void)state;
	assert_int_equal(write(pair[0], "x", 1), 1);
	assert_int_equal(message_receive(pair[1], &message, fds, &count), ERROR_SYNTAX);
	assert_int_equal(write(pair[0], lying, sizeof(lying)), sizeof(lying));
	assert_int_equal(message_receive(pair[1], &message, fds, &count), ERROR_SYNTAX);
	/* Descriptors that come with it are not kept. */
	assert_int_equal(fd_send(pair[0], SLICE_LITERAL("bad"), (const int[]){0}, 1), 0);
	assert_int_equal(message_receive(pair[1], &message, fds, &count), ERROR_SYNTAX);
	assert_int_equal(count, 0);
}

static void a_payload_has_a_bound(void **state)
{
	static char text[MESSAGE_PAYLOAD_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(
		message_send(pair[0], MESSAGE_FAILED, slice_of(text, sizeof(text)), NULL, 0),
		-EMSGSIZE);
	assert_int_equal(
		message_send(pair[0], MESSAGE_FAILED, slice_of(text, MESSAGE_PAYLOAD_MAX), NULL, 0),
		0);
	assert_int_equal(message_receive(pair[1], &message, fds, &count), 1);
	assert_int_equal(message.length, MESSAGE_PAYLOAD_MAX);
	assert_int_equal(message.payload[MESSAGE_PAYLOAD_MAX], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_arrives_as_it_was_sent),
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(a_payload_has_a_bound),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
