#include "proxy/steer/command.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "proxy/steer/confine.h"
#include "proxy/steer/control.h"

enum { EXIT_NOT_EXECUTED = 127 };

/* A user namespace that owns none of the others: there is nothing in it to have rights over. */
static int leave_user_namespace(const struct command *command, struct error *err)
{
	if (unshare(CLONE_NEWUSER) < 0) {
		int code = -errno;
		struct namespace_limits limits;

		namespaces_read_limits(&limits);
		return namespaces_explain(code, &limits, err);
	}
	return namespaces_map(command->surroundings->caller, command->inner, err);
}

/* By its path, for the directory that we are in may be covered by now. */
static int enter_workdir(const char *path, struct error *err)
{
	if (chdir(path) == 0)
		return 0;
	return error_set_code(err, -errno,
			      "cannot enter the working directory %s inside the sandbox (runtime "
			      "directories such as /run, and masked ones, are not there)",
			      path);
}

/* The stages, each with its reason for being where it is. */
static int confine(const struct command *command, struct error *err)
{
	int rc;

	/* 1. Nothing of INIT's is left open. */
	if (fd_close_except(STDERR_FILENO + 1, &command->socket, 1) < 0)
		return error_set_code(err, -errno, "cannot close descriptors");
	/* 2. While we may still write our own maps. */
	rc = leave_user_namespace(command, err);
	/* 3. With the rights that COMMAND will have. */
	if (rc == 0)
		rc = enter_workdir(command->surroundings->workdir, err);
	/* 4. The filter will forbid this call. */
	if (rc == 0)
		rc = confine_keyring(err);
	if (rc == 0 && command->surroundings->core_dumps_are_piped)
		rc = confine_core_dumps(err);
	/* 5. Capabilities of the new namespace, which only make room for mistakes. They are what
	 * allows to drop the bounding set. */
	if (rc == 0)
		rc = confine_drop_capabilities(err);
	/* 6. Asked for by what follows. */
	if (rc == 0)
		rc = confine_no_new_privileges(err);
	if (rc == 0)
		rc = confine_reach(err);
	/* 7. Last, as it forbids things that were done above. */
	if (rc == 0)
		rc = confine_system_calls(err);
	return rc;
}

/* A handler of the supervisor's would be reset by execve(2) anyway; a signal that it ignores would
 * stay ignored. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void execute(const struct steer_plan *plan)
{
	/* execvp(3) looks in the PATH of the environment that it passes on, and runs a script
	 * without "#!" by the shell, as every shell does. */
	environ = (char **)(uintptr_t)plan->envp;
	execvp(plan->argv[0], (char **)(uintptr_t)plan->argv);
}

_Noreturn void command_main(const struct command *command)
{
	struct control_message message;
	struct error err = {0};

	if (confine(command, &err) < 0) {
		control_send_failure(command->socket, &err);
		_exit(EXIT_NOT_EXECUTED);
	}
	if (control_send_plain(command->socket, CONTROL_READY, 0, 0) < 0 ||
	    control_receive_plain(command->socket, &message) <= 0 || message.kind != CONTROL_START)
		_exit(EXIT_NOT_EXECUTED);
	reset_signals();
	execute(command->plan);
	control_send_plain(command->socket, CONTROL_EVENT, STEER_EVENT_EXEC_FAILED, errno);
	_exit(EXIT_NOT_EXECUTED);
}
