#include "proxy/steer/init.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/steer/command.h"
#include "proxy/steer/control.h"
#include "proxy/steer/forget.h"
#include "proxy/steer/interior.h"

struct init {
	int control;	/* to the supervisor */
	int command_fd; /* to COMMAND's process; -1 once it has executed COMMAND, or failed to */
	int signals;	/* signalfd, for SIGCHLD */
	pid_t command;	/* 0 when it is gone, or was never executed */
};

/* The supervisor's signal handlers would make us killable from inside: a signal that pid 1 has no
 * handler for is dropped by the kernel. SIGCHLD is only ever read from its descriptor. */
static void reset_signals(void)
{
	sigset_t child;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_SETMASK, &child, NULL);
}

static int become_init(struct init *init, struct error *err)
{
	sigset_t child;

	reset_signals();
	if (fd_close_except(STDERR_FILENO + 1, &init->control, 1) < 0)
		return error_set_code(err, -errno, "cannot close descriptors");
	/* Should the supervisor be gone already, then its end of the socket is too, and we shall
	 * see that. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "sallyport-init");
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	init->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (init->signals < 0)
		return error_set_code(err, -errno, "cannot watch for children");
	return 0;
}

static int await_command(const struct init *init, struct error *err)
{
	struct control_message message;
	int rc = control_receive_plain(init->command_fd, &message);

	if (rc > 0 && message.kind == CONTROL_READY)
		return 0;
	if (rc > 0 && message.kind == CONTROL_FAILED)
		return error_set(err, message.value, "%s", message.text);
	return error_set(err, ERROR_EOF, "the command's process ended before it was ready");
}

/* It waits to be told to execute COMMAND; what can go wrong before that has gone wrong by then. */
static int fork_command(struct init *init, const struct steer_plan *plan,
			const struct surroundings *surroundings, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set_code(err, -errno, "cannot start the command's process");
	init->command = fork();
	if (init->command == 0) {
		const struct command command = {
			.plan = plan,
			.surroundings = surroundings,
			.inner = namespaces_inner(surroundings->caller),
			.socket = pair[1],
		};

		command_main(&command);
	}
	close(pair[1]);
	init->command_fd = pair[0];
	if (init->command < 0)
		return error_set_code(err, -errno, "cannot start the command's process");
	return await_command(init, err);
}

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

_Noreturn void init_main(const struct steer_plan *plan, const struct surroundings *surroundings,
			 int control)
{
	struct init init = {.control = control, .command_fd = -1, .signals = -1};
	struct error err = {0};
	int rc;

	rc = become_init(&init, &err);
	if (rc == 0)
		rc = interior_make(plan, surroundings, control, &err);
	if (rc == 0)
		rc = fork_command(&init, plan, surroundings, &err);
	if (rc == 0)
		rc = forget_everything(&err);
	if (rc < 0) {
		control_send_failure(control, &err);
		_exit(1);
	}
	control_send_plain(control, CONTROL_READY, 0, 0);
	watch(&init);
}
