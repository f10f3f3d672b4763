#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "proxy/steer/control.h"
#include "proxy/steer/init.h"
#include "proxy/steer/namespaces.h"
#include "proxy/steer/plan.h"
#include "proxy/steer/sockets.h"
#include "proxy/steer/steer.h"
#include "proxy/steer/surroundings.h"
#include "proxy/steer/terminal.h"

void steer_sandbox_init(struct steer_sandbox *sandbox)
{
	*sandbox = (struct steer_sandbox){.pidfd = -1, .control = -1};
}

static int fork_init(const struct steer_plan *plan, const struct surroundings *surroundings,
		     struct steer_sandbox *sandbox, struct error *err)
{
	int pair[2], pidfd = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set_code(err, -errno, "cannot launch");
	pid = namespaces_clone(&pidfd);
	if (pid == 0)
		init_main(plan, surroundings, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		struct namespace_limits limits;

		close(pair[0]);
		namespaces_read_limits(&limits);
		return namespaces_explain(pid, &limits, err);
	}
	sandbox->init = pid;
	sandbox->pidfd = pidfd;
	sandbox->control = pair[0];
	return 0;
}

/* INIT ended without a word. */
static int explain_death(const struct steer_sandbox *sandbox, struct error *err)
{
	siginfo_t info = {0};

	waitid(P_PID, (id_t)sandbox->init, &info, WEXITED | WNOWAIT);
	if (info.si_code == CLD_EXITED)
		return error_set(err, ERROR_EOF,
				 "the sandbox's first process ended with status %d before it was "
				 "ready",
				 info.si_status);
	return error_set(err, ERROR_EOF,
			 "the sandbox's first process was ended by signal %d before it was ready",
			 info.si_status);
}

struct arrival {
	struct control_message message;
	int fds[FD_PASS_MAX];
	size_t count;
};

static int receive(const struct steer_sandbox *sandbox, enum control_kind wanted,
		   struct arrival *arrival, struct error *err)
{
	int rc = control_receive(sandbox->control, &arrival->message, arrival->fds,
				 &arrival->count);

	if (rc == 0 || rc == -ECONNRESET)
		return explain_death(sandbox, err);
	if (rc < 0)
		return error_set_code(err, rc, "cannot hear from the sandbox's first process");
	if (arrival->message.kind == CONTROL_FAILED)
		return error_set(err, arrival->message.value, "%s", arrival->message.text);
	if (arrival->message.kind != (int)wanted)
		return error_set_code(err, ERROR_SYNTAX, "from the sandbox's first process");
	return 0;
}

static int receive_sockets(const struct steer_sandbox *sandbox, struct steer_sockets *sockets,
			   struct error *err)
{
	struct arrival arrival = {.count = 0};
	int rc = receive(sandbox, CONTROL_SOCKETS, &arrival, err);

	if (rc < 0)
		return rc;
	if (steer_sockets_take(sockets, (uint32_t)arrival.message.value, arrival.fds,
			       arrival.count)) {
		arrival.count = 0;
		if (sockets->tcp[0] >= 0)
			return 0;
	}
	while (arrival.count > 0)
		close(arrival.fds[--arrival.count]);
	return error_set_code(err, ERROR_SYNTAX, "the sandbox's sockets");
}

static int receive_all(struct steer_sandbox *sandbox, struct steer_sockets *sockets,
		       struct error *err)
{
	struct arrival arrival = {.count = 0};
	int rc = receive_sockets(sandbox, sockets, err);

	if (rc == 0)
		rc = receive(sandbox, CONTROL_READY, &arrival, err);
	while (rc == 0 && arrival.count > 0)
		close(arrival.fds[--arrival.count]);
	if (rc == 0)
		rc = fd_set_nonblocking(sandbox->control);
	return rc;
}

int steer_launch(const struct steer_plan *plan, struct steer_sandbox *sandbox,
		 struct steer_sockets *sockets, struct error *err)
{
	struct surroundings surroundings;
	int rc;

	steer_sandbox_init(sandbox);
	steer_sockets_init(sockets);
	rc = steer_check_caller(err);
	if (rc == 0)
		rc = steer_check_streams(err);
	if (rc == 0)
		rc = plan_check(plan, err);
	if (rc == 0)
		rc = surroundings_gather(plan, &surroundings, err);
	if (rc < 0)
		return rc;
	sandbox->had_terminal = terminal_is_ours();
	rc = fork_init(plan, &surroundings, sandbox, err);
	if (rc == 0)
		rc = receive_all(sandbox, sockets, err);
	surroundings_free(&surroundings);
	if (rc < 0) {
		steer_sockets_close(sockets);
		steer_end(sandbox);
	}
	return rc;
}

int steer_start(struct steer_sandbox *sandbox)
{
	return control_send_plain(sandbox->control, CONTROL_START, 0, 0);
}

int steer_signal(struct steer_sandbox *sandbox, int signal, bool only_other_group)
{
	return control_send_plain(sandbox->control, CONTROL_SIGNAL, signal, only_other_group);
}

int steer_next_event(struct steer_sandbox *sandbox, struct steer_event *event)
{
	struct control_message message;
	int rc = control_receive_plain(sandbox->control, &message);

	if (rc == -EAGAIN)
		return 0;
	if (rc <= 0 || message.kind != CONTROL_EVENT || message.value < 0 ||
	    message.value >= STEER_EVENT_LOST) {
		*event = (struct steer_event){.kind = STEER_EVENT_LOST};
		return 1;
	}
	event->kind = (enum steer_event_kind)message.value;
	event->value = message.detail;
	return 1;
}

/* The kernel ends the sandbox's other processes first. */
static void await_end(const struct steer_sandbox *sandbox)
{
	struct pollfd gone = {.fd = sandbox->pidfd, .events = POLLIN};

	while (poll(&gone, 1, -1) < 0 && errno == EINTR)
		;
	/* Fails where the caller's own SIGCHLD handler was first. */
	waitpid(sandbox->init, NULL, WNOHANG);
}

void steer_end(struct steer_sandbox *sandbox)
{
	if (sandbox->init > 0) {
		syscall(SYS_pidfd_send_signal, sandbox->pidfd, SIGKILL, NULL, 0);
		await_end(sandbox);
		if (sandbox->had_terminal)
			terminal_take_back();
	}
	cleanup_close_fd(&sandbox->pidfd);
	cleanup_close_fd(&sandbox->control);
	steer_sandbox_init(sandbox);
}
