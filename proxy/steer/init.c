#include "proxy/steer/init.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/steer/command.h"
#include "proxy/steer/confine.h"
#include "proxy/steer/control.h"
#include "proxy/steer/interior.h"

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
	prctl(PR_SET_NAME, INIT_NAME);
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

/* Else a reader of the caller's pipe would wait for our end too. */
static int leave_streams(struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++) {
		if (dup2(null, fd) < 0)
			return error_set_code(err, -errno, "cannot close the standard streams");
	}
	if (null < 0)
		return error_set_code(err, -errno, "cannot open /dev/null inside the sandbox");
	close(null);
	return 0;
}

static int give_up_rights(struct error *err)
{
	int rc = leave_streams(err);

	if (rc == 0)
		rc = confine_drop_capabilities(err);
	if (rc == 0)
		rc = confine_no_new_privileges(err);
	return rc;
}

void init_write_arguments(const struct init *init, struct init_arguments *arguments)
{
	const int numbers[] = {init->control, init->command_fd, init->signals, init->command};

	*arguments = (struct init_arguments){.texts = {INIT_NAME}};
	for (int i = 0; i < INIT_ARGUMENTS; i++)
		arguments->list[i] = arguments->texts[i];
	for (int i = 1; i < INIT_ARGUMENTS; i++)
		snprintf(arguments->texts[i], sizeof(arguments->texts[i]), "%d", numbers[i - 1]);
}

static char *find_libraries(void)
{
	for (char **variable = environ; *variable; variable++) {
		if (strncmp(*variable, "LD_LIBRARY_PATH=", strlen("LD_LIBRARY_PATH=")) == 0)
			return *variable;
	}
	return NULL;
}

/* Only returns when it fails. Of the environment nothing is kept but where the program's libraries
 * are, without which it might not start. */
static int execute_anew(const struct init *init, struct error *err)
{
	char *const kept[] = {find_libraries(), NULL};
	int program = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	struct init_arguments arguments;

	init_write_arguments(init, &arguments);
	fcntl(init->control, F_SETFD, 0);
	fcntl(init->command_fd, F_SETFD, 0);
	fcntl(init->signals, F_SETFD, 0);
	if (program >= 0)
		fexecve(program, arguments.list, kept);
	return error_set_code(err, -errno, "the sandbox's first process cannot start anew");
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
		rc = give_up_rights(&err);
	if (rc == 0)
		execute_anew(&init, &err);
	control_send_failure(control, &err);
	_exit(1);
}
