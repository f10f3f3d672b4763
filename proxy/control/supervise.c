#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/say.h"
#include "base/wallclock.h"
#include "proxy/control/supervisor.h"
#include "proxy/engine/message.h"

enum {
	SERVERS_CHECK_MS = 5000,
	LOG_CHECK_MS = 5000,
	LOG_BUSY_MS = 2,
	WORKER_END_TIMEOUT_MS = 5000,
	LOG_END_TIMEOUT_MS = 10000,
};

/* Signals that are passed on to the command. Those of the terminal reach it by themselves, as it is
 * in our process group. */
static const int passed_on[] = {SIGHUP,	 SIGINT,  SIGQUIT, SIGTERM,
				SIGTSTP, SIGCONT, SIGUSR1, SIGUSR2};

static int catch_signals(struct supervisor *supervisor)
{
	sigset_t set, stops;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&set, passed_on[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* The terminal stops whole process groups; we stop when the command has. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGTTIN);
	sigaddset(&stops, SIGTTOU);
	sigprocmask(SIG_BLOCK, &stops, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A limit on the size of files is told by an error, as a full disk is. */
	signal(SIGXFSZ, SIG_IGN);
	supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return supervisor->signals < 0 ? -errno : 0;
}

static void pass_signals_on(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signals, &info, sizeof(info)) == sizeof(info)) {
		bool from_kernel = info.ssi_code > 0;

		if (supervisor->sandbox_alive)
			steer_signal(&supervisor->sandbox, (int)info.ssi_signo, from_kernel);
	}
}

/* The command was stopped: we stop too, so that the shell sees its job stopped. When the shell lets
 * us go on, so does the command. */
static void stop_along(struct supervisor *supervisor)
{
	raise(SIGSTOP);
	steer_signal(&supervisor->sandbox, SIGCONT, false);
}

static void handle_event(struct supervisor *supervisor, const struct steer_event *event)
{
	switch (event->kind) {
	case STEER_EVENT_EXEC_FAILED:
		say("cannot run %s: %s", supervisor->setup->argv[0],
		    event->value == ENOENT ? "it was not found" : error_name(-event->value));
		supervisor->status = W_EXITCODE(
			event->value == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN, 0);
		break;
	case STEER_EVENT_EXITED:
		supervisor->status = event->value;
		break;
	case STEER_EVENT_LOST:
		say("the sandbox was ended from outside");
		supervisor->status = W_EXITCODE(EXIT_SALLYPORT_FAILED, 0);
		break;
	case STEER_EVENT_STOPPED:
		supervisor->stopped = true;
		break;
	default:
		supervisor->stopped = false;
		break;
	}
}

static void handle_events(struct supervisor *supervisor)
{
	struct steer_event event;

	/* All that is there is read first: the command may have gone on since it stopped. */
	while (supervisor->status < 0 && steer_next_event(&supervisor->sandbox, &event) > 0)
		handle_event(supervisor, &event);
	if (supervisor->stopped && supervisor->status < 0)
		stop_along(supervisor);
	supervisor->stopped = false;
}

/* Without its worker the sandbox has no way out: its connections are broken, and new ones are
 * refused by the kernel. The command is left to see that for itself. */
static void worker_is_lost(struct supervisor *supervisor)
{
	int status = 0;

	supervisor->worker_alive = false;
	/* One that was taken over may speak nonsense, or close its end, and live on. */
	kill(supervisor->worker, SIGKILL);
	waitpid(supervisor->worker, &status, 0);
	/* What waits for a verdict is dropped by that, and what comes after it. */
	cleanup_close_fd(&supervisor->queue_fd);
	if (supervisor->ending)
		return;
	pump_run(&supervisor->pump);
	say("the engine has ended unexpectedly (%s %d); the sandbox has no way out any more",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	supervisor_record(supervisor, "worker-lost", -1,
			  (int64_t)audit_ring_outstanding(&supervisor->pump.ring));
}

/* A secret's name as the policy has it: what the worker says is not for a terminal. */
static const char *name_of_secret(const struct supervisor *supervisor, const char *name)
{
	const struct policy *policy = supervisor->setup->policy;

	for (size_t i = 0; i < policy->secret_count; i++) {
		if (strcmp(policy->secrets[i].name, name) == 0)
			return policy->secrets[i].name;
	}
	return "a secret";
}

/* The worker's verdicts on queued packets, which are told on. What else it may say of packets that
 * it does not have is refused by the kernel. */
static void tell_verdicts(struct supervisor *supervisor, const struct message *message)
{
	struct steer_verdict verdicts[MESSAGE_PAYLOAD_MAX / sizeof(struct steer_verdict)];
	size_t count = message->length / sizeof(verdicts[0]);

	if (supervisor->queue_fd < 0)
		return;
	memcpy(verdicts, message->payload, count * sizeof(verdicts[0]));
	steer_judge(supervisor->queue_fd, verdicts, count);
}

static void handle_worker(struct supervisor *supervisor)
{
	struct message message;
	int fds[FD_PASS_MAX], rc;
	size_t count = 0;

	rc = message_receive(supervisor->worker_socket, &message, fds, &count);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (rc <= 0) {
		worker_is_lost(supervisor);
		return;
	}
	if (message.type == MESSAGE_VERDICTS)
		tell_verdicts(supervisor, &message);
	if (message.type != MESSAGE_KILL)
		return;
	say("the placeholder of %s was misused; its policy says that the sandbox is ended for this",
	    name_of_secret(supervisor, message.payload));
	supervisor_record(supervisor, "killed", -1, -1);
	supervisor->status = W_EXITCODE(EXIT_SALLYPORT_FAILED, 0);
}

/* By the clock, not when nothing else happens: a program that tries again and again keeps us busy.
 */
static void tell_new_servers(struct supervisor *supervisor)
{
	char servers[sizeof(supervisor->servers)];
	int64_t now_us = monotonic_now_us();

	if (now_us - supervisor->servers_read_us < SERVERS_CHECK_MS * 1000LL)
		return;
	supervisor->servers_read_us = now_us;
	supervisor_read_servers(servers, sizeof(servers));
	if (strcmp(servers, supervisor->servers) == 0 || !supervisor->worker_alive)
		return;
	snprintf(supervisor->servers, sizeof(supervisor->servers), "%s", servers);
	message_send(supervisor->worker_socket, MESSAGE_SERVERS, slice_from_text(servers), NULL, 0);
}

/* What outputs have not taken yet, and whether the log was moved away (logrotate), of which SIGHUP
 * cannot tell us: that is COMMAND's. What is written next goes to the new file in any case; this is
 * for when there is nothing to write. */
static void look_after_log(struct supervisor *supervisor)
{
	int64_t now_us = monotonic_now_us();

	if (now_us - supervisor->log_looked_at_us < LOG_CHECK_MS * 1000LL)
		return;
	supervisor->log_looked_at_us = now_us;
	pump_reopen(&supervisor->pump);
	outputs_deliver(&supervisor->pump.journal.outputs);
}

static void drain_log(struct supervisor *supervisor)
{
	uint64_t before = supervisor->pump.ring.tail;

	supervisor->log_state = pump_run(&supervisor->pump);
	supervisor->log_is_busy = supervisor->pump.ring.tail != before;
	if (supervisor->log_state != ERROR_SYNTAX || !supervisor->worker_alive)
		return;
	say("the engine's record of verdicts is damaged; the engine is ended");
	kill(supervisor->worker, SIGKILL);
}

/* How long may be slept: not at all when records have come since they were last looked for. While
 * they come, they are looked for now and then, so that the worker need not wake us for each. */
static int sleep_ms(struct supervisor *supervisor)
{
	if (supervisor->pump.blocked)
		return PUMP_RETRY_MS;
	if (supervisor->log_is_busy)
		return LOG_BUSY_MS;
	if (supervisor->log_state > 0 || !audit_ring_prepare_sleep(&supervisor->pump.ring))
		return 0;
	return SERVERS_CHECK_MS;
}

static void turn(struct supervisor *supervisor)
{
	struct pollfd waiting[] = {
		{supervisor->signals, POLLIN, 0},
		{supervisor->sandbox_alive ? supervisor->sandbox.control : -1, POLLIN, 0},
		{supervisor->worker_alive ? supervisor->worker_socket : -1, POLLIN, 0},
		{supervisor->pump.blocked || supervisor->log_is_busy
			 ? -1
			 : supervisor->pump.ring.wake_fd,
		 POLLIN, 0},
	};
	int ready = poll(waiting, 4, sleep_ms(supervisor));

	if (ready < 0)
		return;
	drain_log(supervisor);
	tell_new_servers(supervisor);
	look_after_log(supervisor);
	if (waiting[0].revents)
		pass_signals_on(supervisor);
	if (waiting[1].revents)
		handle_events(supervisor);
	if (waiting[2].revents)
		handle_worker(supervisor);
}

/* Lets the worker close what is open and record it. */
static void end_worker(struct supervisor *supervisor)
{
	int64_t deadline_us = monotonic_now_us() + WORKER_END_TIMEOUT_MS * 1000LL;

	if (!supervisor->worker_alive)
		return;
	supervisor->ending = true;
	message_send(supervisor->worker_socket, MESSAGE_END, SLICE_EMPTY, NULL, 0);
	while (supervisor->worker_alive) {
		if (monotonic_now_us() > deadline_us)
			kill(supervisor->worker, SIGKILL);
		turn(supervisor);
	}
}

static int exit_status(int status)
{
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* The last records are waited for, within reason: a full disk may get room yet. */
static void end_log(struct supervisor *supervisor, int status)
{
	int64_t deadline_us = monotonic_now_us() + LOG_END_TIMEOUT_MS * 1000LL;
	int rc = pump_run(&supervisor->pump);

	if (rc == 0)
		rc = supervisor_record(supervisor, "end", status, -1);
	while (rc < 0 && rc != ERROR_SYNTAX && monotonic_now_us() < deadline_us) {
		poll(NULL, 0, PUMP_RETRY_MS);
		rc = pump_run(&supervisor->pump);
	}
	if (rc < 0)
		say("the last records of sandbox %s could not be written to %s: %s", supervisor->id,
		    supervisor->audit_path, error_name(rc));
}

int supervisor_stay(struct supervisor *supervisor)
{
	int status;

	supervisor->status = -1;
	if (catch_signals(supervisor) < 0 || steer_start(&supervisor->sandbox) < 0) {
		say("cannot start the command");
		return EXIT_SALLYPORT_FAILED;
	}
	while (supervisor->status < 0)
		turn(supervisor);
	status = exit_status(supervisor->status);
	steer_end(&supervisor->sandbox);
	supervisor->sandbox_alive = false;
	end_worker(supervisor);
	end_log(supervisor, status);
	return status;
}

/* Some step of making a sandbox fails in another one, each with a reason of its own. */
static void explain_nesting(void)
{
	const char *outer = getenv("SALLYPORT_SANDBOX");

	if (outer)
		say("this is inside the sandbox %s: a sandbox within a sandbox cannot be made",
		    outer);
}

int run_command(const struct run_setup *setup)
{
	static struct supervisor supervisor;
	struct error err = {0};
	int status = EXIT_SALLYPORT_FAILED;

	supervisor = (struct supervisor){
		.setup = setup,
		.worker_socket = -1,
		.queue_fd = -1,
		.signals = -1,
	};
	buffer_init(&supervisor.ca_pem, 64 << 10);
	buffer_init(&supervisor.ca_bundle, 32 << 20);
	buffer_init(&supervisor.ca_java, 32 << 20);
	environment_init(&supervisor.environment);
	if (supervisor_launch(&supervisor, &err) < 0) {
		say("%s", err.text);
		explain_nesting();
	} else {
		status = supervisor_stay(&supervisor);
	}
	supervisor_release(&supervisor);
	return status;
}
