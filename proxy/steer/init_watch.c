/* INIT as it is for the rest of its life: the program, executed anew. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/steer/control.h"
#include "proxy/steer/init.h"
#include "proxy/steer/steer.h"

enum { NUMBER_MAX = 1 << 30 };

static void report(const struct init *init, enum steer_event_kind kind, int value)
{
	/* A failure is the supervisor's end, which the loop sees. */
	control_send_plain(init->control, CONTROL_EVENT, (int)kind, value);
}

/* COMMAND's process says that it could not execute, or its end of the socket is gone: closed by
 * execve(2). */
static void read_outcome(struct init *init)
{
	struct control_message message;
	int rc = control_receive_plain(init->command_fd, &message);

	cleanup_close_fd(&init->command_fd);
	if (rc <= 0) {
		report(init, STEER_EVENT_STARTED, 0);
		return;
	}
	report(init, STEER_EVENT_EXEC_FAILED, message.detail);
	init->command = 0;
}

static void report_command(struct init *init, int status)
{
	if (WIFSTOPPED(status)) {
		report(init, STEER_EVENT_STOPPED, WSTOPSIG(status));
		return;
	}
	if (WIFCONTINUED(status)) {
		report(init, STEER_EVENT_CONTINUED, 0);
		return;
	}
	if (init->command_fd >= 0)
		read_outcome(init);
	if (init->command)
		report(init, STEER_EVENT_EXITED, status);
	init->command = 0;
}

static void reap(struct init *init)
{
	struct signalfd_siginfo ignored[16];
	pid_t pid;
	int status;

	while (read(init->signals, ignored, sizeof(ignored)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
		if (pid == init->command)
			report_command(init, status);
	}
}

static void forward_signal(const struct init *init, int number, bool only_other_group)
{
	if (!init->command || number <= 0 || number >= NSIG)
		return;
	/* We are in the supervisor's process group ourselves. */
	if (only_other_group && getpgid(init->command) == getpgrp())
		return;
	kill(init->command, number);
}

static void obey(struct init *init)
{
	struct control_message message;

	/* The supervisor is gone, or out of its mind. The kernel ends everything with us. */
	if (control_receive_plain(init->control, &message) <= 0)
		_exit(0);
	if (message.kind == CONTROL_START && init->command_fd >= 0)
		control_send_plain(init->command_fd, CONTROL_START, 0, 0);
	else if (message.kind == CONTROL_SIGNAL)
		forward_signal(init, message.value, message.detail != 0);
}

static _Noreturn void watch(struct init *init)
{
	for (;;) {
		struct pollfd watched[] = {
			{.fd = init->command_fd, .events = POLLIN},
			{.fd = init->signals, .events = POLLIN},
			{.fd = init->control, .events = POLLIN},
		};

		if (poll(watched, 3, -1) < 0)
			continue;
		/* In this order, so that STARTED comes before EXITED. */
		if (watched[0].revents)
			read_outcome(init);
		if (watched[1].revents)
			reap(init);
		if (watched[2].revents)
			obey(init);
	}
}

static bool read_number(const char *text, int *number)
{
	uint64_t value;

	if (slice_to_u64(slice_from_text(text), NUMBER_MAX, &value) < 0)
		return false;
	*number = (int)value;
	return true;
}

bool init_read_arguments(int argc, const char *const *argv, struct init *init)
{
	return argc == INIT_ARGUMENTS && strcmp(argv[0], INIT_NAME) == 0 &&
	       read_number(argv[1], &init->control) && read_number(argv[2], &init->command_fd) &&
	       read_number(argv[3], &init->signals) && read_number(argv[4], &init->command);
}

void steer_become_init(int argc, char **argv)
{
	struct init init;

	if (getpid() != 1 || !init_read_arguments(argc, (const char *const *)argv, &init))
		return;
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, INIT_NAME);
	control_send_plain(init.control, CONTROL_READY, 0, 0);
	watch(&init);
}
