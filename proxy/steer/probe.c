#include "proxy/steer/probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/steer/control.h"
#include "proxy/steer/namespaces.h"

static void copy_text(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

static void note_failure(struct steer_probe_result *result, const char *text)
{
	result->works = false;
	copy_text(result->mend, sizeof(result->mend), text);
}

/* The child. What it found goes back in a message's text. */
static _Noreturn void try_inside(enum steer_probe probe, struct identity caller, int socket)
{
	struct control_message message = {.kind = CONTROL_READY};
	struct error err = {0};
	int rc = namespaces_map(namespaces_inner(caller), caller, &err);

	if (rc == 0)
		rc = probe_trials[probe](message.text, &err);
	if (rc < 0)
		control_send_failure(socket, &err);
	else
		control_send(socket, &message, NULL, 0);
	_exit(0);
}

static void take_answer(int socket, struct steer_probe_result *result)
{
	struct control_message message;
	struct namespace_limits limits;
	struct error err;

	if (control_receive_plain(socket, &message) <= 0) {
		note_failure(result, "the process that tried it ended without a word");
		return;
	}
	if (message.kind == CONTROL_READY) {
		result->works = true;
		copy_text(result->found, sizeof(result->found), message.text);
		return;
	}
	namespaces_read_limits(&limits);
	if (limits.apparmor_restricts && (message.value == -EPERM || message.value == -EACCES)) {
		namespaces_explain(message.value, &limits, &err);
		note_failure(result, err.text);
		return;
	}
	note_failure(result, message.text);
}

void steer_probe(enum steer_probe probe, struct steer_probe_result *result)
{
	const struct identity caller = {geteuid(), getegid()};
	cleanup_close int pidfd = -1;
	int pair[2];
	pid_t pid;

	*result = (struct steer_probe_result){0};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		note_failure(result, error_name(-errno));
		return;
	}
	pid = namespaces_clone(&pidfd);
	if (pid == 0)
		try_inside(probe, caller, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		struct namespace_limits limits;
		struct error err;

		namespaces_read_limits(&limits);
		namespaces_explain(pid, &limits, &err);
		note_failure(result, err.text);
	} else {
		take_answer(pair[0], result);
		waitpid(pid, NULL, 0);
	}
	close(pair[0]);
}
