#include "proxy/steer/control.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

static int pair[2];

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void a_message_arrives_as_it_was_sent(void **state)
{
	struct control_message message;

	(void)state;
	assert_int_equal(control_send_plain(pair[0], CONTROL_SIGNAL, 15, 1), 0);
	assert_int_equal(control_receive_plain(pair[1], &message), 1);
	assert_int_equal(message.kind, CONTROL_SIGNAL);
	assert_int_equal(message.value, 15);
	assert_int_equal(message.detail, 1);
	assert_string_equal(message.text, "");
}

static void a_failure_keeps_its_code_and_text(void **state)
{
	struct control_message message;
	struct error err;

	(void)state;
	error_set(&err, -EPERM, "it is forbidden, and here is why");
	assert_int_equal(control_send_failure(pair[0], &err), 0);
	assert_int_equal(control_receive_plain(pair[1], &message), 1);
	assert_int_equal(message.kind, CONTROL_FAILED);
	assert_int_equal(message.value, -EPERM);
	assert_string_equal(message.text, err.text);
}

static void the_longest_text_fits(void **state)
{
	struct control_message message;
	struct error err = {.code = -1};

	(void)state;
	memset(err.text, 'x', sizeof(err.text) - 1);
	assert_int_equal(control_send_failure(pair[0], &err), 0);
	assert_int_equal(control_receive_plain(pair[1], &message), 1);
	assert_int_equal(strlen(message.text), sizeof(err.text) - 1);
}

static void descriptors_come_along(void **state)
{
	struct control_message message = {.kind = CONTROL_SOCKETS, .value = 3};
	int fds[FD_PASS_MAX];
	size_t count;

	(void)state;
	assert_int_equal(control_send(pair[0], &message, pair, 2), 0);
	assert_int_equal(control_receive(pair[1], &message, fds, &count), 1);
	assert_int_equal(count, 2);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
}

/* The lowest number that is free tells whether descriptors were left open. */
static int lowest_free(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static void descriptors_that_nobody_wants_are_closed(void **state)
{
	struct control_message message = {.kind = CONTROL_READY};
	int before = lowest_free();

	(void)state;
	assert_int_equal(control_send(pair[0], &message, pair, 2), 0);
	assert_int_equal(control_receive_plain(pair[1], &message), 1);
	assert_int_equal(lowest_free(), before);
}

static void refuse(const void *bytes, size_t len)
{
	struct control_message message;
	int before = lowest_free();

	assert_int_equal(fd_send(pair[0], slice_of(bytes, len), pair, 1), 0);
	assert_int_equal(control_receive_plain(pair[1], &message), ERROR_SYNTAX);
	assert_int_equal(lowest_free(), before);
}

static void what_is_not_a_message_is_refused(void **state)
{
	struct control_message message = {.kind = CONTROL_READY};

	(void)state;
	refuse("x", 1);
	/* A head without a text. */
	refuse(&message, offsetof(struct control_message, text));
	/* A text without its end. */
	message.text[0] = 'x';
	refuse(&message, offsetof(struct control_message, text) + 1);
	/* A kind that does not exist. */
	message = (struct control_message){.kind = CONTROL_COUNT};
	refuse(&message, offsetof(struct control_message, text) + 1);
	message.kind = -1;
	refuse(&message, offsetof(struct control_message, text) + 1);
}

static void the_end_is_told(void **state)
{
	struct control_message message;

	(void)state;
	shutdown(pair[0], SHUT_WR);
	assert_int_equal(control_receive_plain(pair[1], &message), 0);
	close(pair[1]);
	pair[1] = -1;
	assert_int_equal(control_send_plain(pair[0], CONTROL_START, 0, 0), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_arrives_as_it_was_sent),
		TEST(a_failure_keeps_its_code_and_text),
		TEST(the_longest_text_fits),
		TEST(descriptors_come_along),
		TEST(descriptors_that_nobody_wants_are_closed),
		TEST(what_is_not_a_message_is_refused),
		TEST(the_end_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
