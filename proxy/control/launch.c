#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "base/wallclock.h"
#include "ca/bundle.h"
#include "policy/placeholder.h"
#include "policy/udp_ports.h"
#include "proxy/control/log_place.h"
#include "proxy/control/secret_source.h"
#include "proxy/control/supervisor.h"
#include "proxy/engine/message.h"
#include "proxy/engine/resolver.h"
#include "proxy/engine/worker.h"

enum {
	WORKER_START_TIMEOUT_MS = 20000,
	RESOLV_CONF_MAX_BYTES = 64 << 10,
};

static void make_id(char id[AUDIT_ID_BYTES + 1])
{
	uint32_t bits;

	random_bytes(&bits, sizeof(bits));
	snprintf(id, AUDIT_ID_BYTES + 1, "%08x", bits);
}

void supervisor_read_servers(char *out, size_t size)
{
	cleanup_free char *text = NULL;
	size_t len = 0;

	if (fd_read_file("/etc/resolv.conf", RESOLV_CONF_MAX_BYTES, &text, &len, NULL) < 0)
		len = 0;
	resolver_servers_from_conf(slice_of(len ? text : "", len), out, size);
}

/* The worker is forked before any secret is read, so that it has none but those that it is handed.
 */
static int fork_worker(struct supervisor *supervisor, struct error *err)
{
	const struct run_setup *setup = supervisor->setup;
	struct worker_setup worker = {
		.supervisor = getpid(),
		.sandbox = supervisor->id,
		.policy = setup->policy,
		.ring = &supervisor->pump.ring,
		.secrets = supervisor->secrets,
		.system_bundle = supervisor->system_bundle[0] ? supervisor->system_bundle : NULL,
	};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set_code(err, -errno, "cannot make a socket pair");
	supervisor->worker = fork();
	if (supervisor->worker < 0) {
		int rc = error_set_code(err, -errno, "cannot start the worker");

		close(pair[0]);
		close(pair[1]);
		return rc;
	}
	if (supervisor->worker == 0) {
		worker.control = pair[1];
		worker_main(&worker);
	}
	close(pair[1]);
	supervisor->worker_socket = pair[0];
	supervisor->worker_alive = true;
	return 0;
}

int supervisor_await(struct supervisor *supervisor, uint32_t type, int timeout_ms,
		     struct buffer *payload, struct error *err)
{
	struct pollfd waiting = {supervisor->worker_socket, POLLIN, 0};
	struct message message;
	int fds[FD_PASS_MAX], rc;
	size_t count = 0;

	do {
		rc = poll(&waiting, 1, timeout_ms);
	} while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return error_set(err, ERROR_TIMEOUT, "the worker did not get ready in time");
	rc = message_receive(supervisor->worker_socket, &message, fds, &count);
	/* It ended without reading what it was sent; what it said before that comes next. */
	if (rc == -ECONNRESET)
		rc = message_receive(supervisor->worker_socket, &message, fds, &count);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	if (rc <= 0)
		return error_set(
			err, ERROR_EOF,
			"the worker ended before it was ready (a sandbox within a sandbox may "
			"forbid it a namespace or a system call; `sallyport doctor` says more)");
	if (message.type == MESSAGE_FAILED)
		return error_set(err, ERROR_CONFIG, "%s", message.payload);
	if (message.type != type)
		return error_set(err, ERROR_SYNTAX, "the worker said something unexpected");
	if (payload)
		return buffer_append(payload, slice_of(message.payload, message.length));
	return 0;
}

/* Sends a message to the worker. If it is gone, what it said last is why. */
static int tell_worker(struct supervisor *supervisor, enum message_type type, struct slice payload,
		       const int *fds, size_t count, struct error *err)
{
	int rc = message_send(supervisor->worker_socket, type, payload, fds, count);

	if (rc == 0)
		return 0;
	error_set_code(err, rc, "cannot reach the worker");
	return supervisor_await(supervisor, MESSAGE_SERVING, WORKER_START_TIMEOUT_MS, NULL, err) < 0
		       ? err->code
		       : rc;
}

static int read_secret(const struct policy_secret *secret, struct secret_handover *handover,
		       struct error *err)
{
	size_t size;
	char *out = secret_handover_room(handover, &size);
	ssize_t len = secret_source_read(secret, out, size, err);
	int rc;

	if (len < 0)
		return (int)len;
	rc = secret_check_value(secret, slice_of(out, (size_t)len), err);
	if (rc < 0)
		return rc;
	secret_handover_put_value(handover, secret->index, (size_t)len);
	out = secret_handover_room(handover, &size);
	if (secret->placeholder.len)
		len = placeholder_from_template(secret->placeholder, out, size);
	else
		len = placeholder_from_secret(secret_handover_value(handover, secret->index), out,
					      size);
	if (len < 0)
		return error_set_code(err, (int)len, "secret %s: cannot make a placeholder",
				      secret->name);
	secret_handover_put_placeholder(handover, secret->index, (size_t)len);
	return 0;
}

/* Reads all secrets, hands them to the worker, and puts their placeholders into the command's
 * environment. */
static int hand_over_secrets(struct supervisor *supervisor, struct error *err)
{
	const struct policy *policy = supervisor->setup->policy;
	int rc = 0;

	for (size_t i = 0; i < policy->secret_count && rc == 0; i++) {
		const struct policy_secret *secret = &policy->secrets[i];

		rc = read_secret(secret, supervisor->secrets, err);
		if (rc == 0 && !secret->is_hidden &&
		    environment_set(&supervisor->environment, secret->name,
				    secret_handover_placeholder(supervisor->secrets, i)) < 0)
			rc = error_set_code(err, -ENOMEM, "cannot make the environment");
	}
	/* Two secrets may come from one variable, so that they are forgotten when all are read. */
	for (size_t i = 0; i < policy->secret_count; i++)
		secret_source_forget(&policy->secrets[i]);
	if (rc < 0) {
		secret_handover_wipe(supervisor->secrets);
		return rc;
	}
	return tell_worker(supervisor, MESSAGE_SECRETS, SLICE_EMPTY, NULL, 0, err);
}

/* Whether a Java is to be found, so that making a trust store for it is worth the while. */
static bool has_java(void)
{
	const char *path = getenv("PATH");
	struct slice rest = slice_from_text(path ? path : ""), folder;
	char name[4096];

	if (getenv("JAVA_HOME"))
		return true;
	while (slice_next_part(&rest, ':', &folder)) {
		snprintf(name, sizeof(name), "%.*s/java", SLICE_ARGS(folder));
		if (access(name, X_OK) == 0)
			return true;
	}
	return false;
}

static int make_bundles(struct supervisor *supervisor, struct error *err)
{
	int rc = bundle_make(supervisor->system_bundle[0] ? supervisor->system_bundle : NULL,
			     buffer_slice(&supervisor->ca_pem), &supervisor->ca_bundle, err);

	if (rc == 0 && has_java())
		rc = bundle_make_java(buffer_slice(&supervisor->ca_bundle), &supervisor->ca_java,
				      err);
	return rc;
}

/* A variable that a secret is read from is not for the sandbox, whatever it is asked for by. */
static int check_option(const struct policy *policy, const char *option, struct error *err)
{
	struct slice name = slice_first(slice_from_text(option), strcspn(option, "="));

	for (size_t i = 0; i < policy->secret_count; i++) {
		const struct policy_secret *secret = &policy->secrets[i];

		if (slice_equal(name, slice_from_text(secret->name)) ||
		    (secret->from.kind == POLICY_FROM_ENV &&
		     slice_equal(name, slice_from_text(secret->from.name))))
			return error_set(
				err, -EINVAL,
				"-e %.*s: the policy's secret %s is read from this variable or "
				"stands in it; the sandbox gets a placeholder in %s",
				SLICE_ARGS(name), secret->name, secret->name);
	}
	return 0;
}

static int make_environment(struct supervisor *supervisor, struct error *err)
{
	const struct run_setup *setup = supervisor->setup;
	struct environment *environment = &supervisor->environment;
	int rc = environment_inherit(environment);

	for (size_t i = 0; i < setup->variable_count && rc == 0; i++) {
		rc = check_option(setup->policy, setup->variables[i], err);
		if (rc == 0)
			rc = environment_add_option(environment, setup->variables[i], err);
		if (rc < 0)
			return rc;
	}
	if (rc == 0)
		rc = environment_add_trust(environment, STEER_RUNTIME_DIR, has_java());
	if (rc == 0)
		rc = environment_set(environment, "SALLYPORT_SANDBOX",
				     slice_from_text(supervisor->id));
	return rc < 0 ? error_set_code(err, rc, "cannot make the environment") : 0;
}

/* What the plan of the sandbox points to. */
struct paths {
	const char *masked[SUPERVISOR_PATHS_MAX];
	size_t masked_count;
	const char *read_only[SUPERVISOR_PATHS_MAX];
	size_t read_only_count;
	struct steer_file files[SUPERVISOR_FILES_MAX];
	size_t file_count;
	struct steer_overlay overlays[16];
	size_t overlay_count;
};

/* The sandbox is told of places by names that do not depend on where it looks from. A place that
 * does not exist needs no protection. */
static int add_place(struct arena *arena, const char *path, const char **list, size_t *count)
{
	cleanup_free char *real = realpath(path, NULL);
	struct slice copy;

	if (!real)
		return errno == ENOMEM ? -ENOMEM : 0;
	copy = arena_copy(arena, slice_from_text(real));
	if (!copy.ptr || *count == SUPERVISOR_PATHS_MAX)
		return -ENOMEM;
	list[(*count)++] = copy.ptr;
	return 0;
}

static void add_file(struct paths *paths, const char *name, const struct buffer *content)
{
	if (buffer_length(content))
		paths->files[paths->file_count++] = (struct steer_file){name,
									buffer_slice(content)};
}

static int collect_paths(struct supervisor *supervisor, struct paths *paths)
{
	const struct policy *policy = supervisor->setup->policy;
	struct arena *arena = &supervisor->environment.arena;
	const char *const *known = bundle_known_paths();
	int rc = 0;

	*paths = (struct paths){0};
	add_file(paths, "ca.pem", &supervisor->ca_pem);
	add_file(paths, "ca-bundle.pem", &supervisor->ca_bundle);
	add_file(paths, "ca.p12", &supervisor->ca_java);
	for (size_t i = 0; known[i] && i < 16; i++)
		paths->overlays[paths->overlay_count++] = (struct steer_overlay){known[i],
										 "ca-bundle.pem"};
	for (size_t i = 0; i < policy->secret_count && rc == 0; i++) {
		if (policy->secrets[i].from.kind == POLICY_FROM_FILE)
			rc = add_place(arena, policy->secrets[i].from.name, paths->masked,
				       &paths->masked_count);
	}
	if (rc == 0)
		rc = add_place(arena, supervisor->log_place, paths->masked, &paths->masked_count);
	if (rc == 0)
		rc = add_place(arena, supervisor->other_place, paths->masked, &paths->masked_count);
	for (size_t i = 0; i < policy->file_count && rc == 0; i++)
		rc = add_place(arena, policy->files[i], paths->read_only, &paths->read_only_count);
	for (size_t i = 0; i < policy->ca_count && rc == 0; i++)
		rc = add_place(arena, policy->ca_files[i], paths->read_only,
			       &paths->read_only_count);
	return rc;
}

_Static_assert((int)POLICY_UDP_PORTS_MAX == (int)STEER_PORTS_MAX,
	       "what a policy may say can be run");

static int launch_sandbox(struct supervisor *supervisor, struct steer_sockets *sockets,
			  struct error *err)
{
	uint16_t ports[STEER_PORTS_MAX];
	size_t port_count = policy_udp_ports(supervisor->setup->policy, ports, STEER_PORTS_MAX);
	struct paths paths;
	struct steer_plan plan;
	int rc;

	rc = collect_paths(supervisor, &paths);
	if (rc < 0)
		return error_set_code(err, rc,
				      "cannot collect what is to be hidden from the sandbox");
	plan = (struct steer_plan){
		.argv = supervisor->setup->argv,
		.envp = supervisor->environment.list,
		.sandbox = supervisor->id,
		.files = paths.files,
		.file_count = paths.file_count,
		.overlays = paths.overlays,
		.overlay_count = paths.overlay_count,
		.masked = paths.masked,
		.masked_count = paths.masked_count,
		.read_only = paths.read_only,
		.read_only_count = paths.read_only_count,
		.datagram_ports = ports,
		.datagram_port_count = port_count,
	};
	rc = steer_launch(&plan, &supervisor->sandbox, sockets, err);
	supervisor->sandbox_alive = rc == 0;
	return rc;
}

/* The worker gets the sockets, and nobody else keeps a copy: with the worker they are gone. */
static int hand_over_sockets(struct supervisor *supervisor, struct steer_sockets *sockets,
			     struct error *err)
{
	char payload[sizeof(uint32_t) + sizeof(supervisor->servers)];
	int fds[STEER_SOCKETS], rc;
	size_t count, length;
	uint32_t which;

	supervisor_read_servers(supervisor->servers, sizeof(supervisor->servers));
	which = steer_sockets_list(sockets, fds, &count);
	memcpy(payload, &which, sizeof(which));
	length = strlen(supervisor->servers);
	memcpy(payload + sizeof(which), supervisor->servers, length);
	rc = tell_worker(supervisor, MESSAGE_SERVE, slice_of(payload, sizeof(which) + length), fds,
			 count, err);
	/* But for the queue's: only we may tell the kernel of verdicts. */
	if (rc == 0)
		supervisor->queue_fd = take_fd(&sockets->queue_fd);
	steer_sockets_close(sockets);
	if (rc < 0)
		return rc;
	return supervisor_await(supervisor, MESSAGE_SERVING, WORKER_START_TIMEOUT_MS, NULL, err);
}

int supervisor_record(struct supervisor *supervisor, const char *event, int status, int64_t lost)
{
	const struct policy *policy = supervisor->setup->policy;
	char digest[2 * sizeof(policy->sha256) + 1];
	struct audit_record record;

	for (size_t i = 0; i < sizeof(policy->sha256); i++)
		snprintf(digest + 2 * i, 3, "%02x", policy->sha256[i]);
	audit_record_init(&record, AUDIT_SANDBOX, supervisor->id);
	record.time_us = wallclock_now_us();
	record.allow = true;
	record.has_life = true;
	record.life.event = event;
	record.life.version = SALLYPORT_VERSION;
	record.life.policy = policy->name;
	record.life.policy_sha256 = digest;
	record.life.mode = policy->mode == POLICY_OBSERVE ? "observe" : "enforce";
	record.life.command = slice_from_text(supervisor->setup->argv[0]);
	record.life.status = status;
	record.life.lost = lost;
	return pump_record(&supervisor->pump, &record);
}

static int add_outputs(struct supervisor *supervisor, struct error *err)
{
	const struct run_setup *setup = supervisor->setup;
	bool drops = setup->policy->audit_full == POLICY_AUDIT_CONTINUE;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < setup->output_count; i++)
		rc = journal_add_output(&supervisor->pump.journal, setup->outputs[i], drops, err);
	return rc;
}

/* Other runs write to the default log, whatever this one does. Where there is none, nothing is. */
static void find_default_log(struct supervisor *supervisor)
{
	char path[sizeof(supervisor->other_place)];
	struct error ignored;
	cleanup_free char *real = journal_name_default_path(path, sizeof(path), &ignored) == 0
					  ? realpath(path, NULL)
					  : NULL;

	if (!real || log_place_to_hide(real, false, true, supervisor->other_place,
				       sizeof(supervisor->other_place), &ignored) < 0)
		supervisor->other_place[0] = '\0';
}

static int open_log(struct supervisor *supervisor, struct error *err)
{
	const struct run_setup *setup = supervisor->setup;
	const char *path = setup->audit_path;
	int rc;

	if (path)
		find_default_log(supervisor);
	if (path)
		rc = snprintf(supervisor->audit_path, sizeof(supervisor->audit_path), "%s", path) <
				     (int)sizeof(supervisor->audit_path)
			     ? 0
			     : error_set_code(err, -ENAMETOOLONG, "--audit %s", path);
	else
		rc = journal_default_path(supervisor->audit_path, sizeof(supervisor->audit_path),
					  err);
	if (rc < 0)
		return rc;
	rc = pump_open(&supervisor->pump, supervisor->audit_path, supervisor->id, err);
	if (rc < 0)
		return rc;
	journal_set_rotation(&supervisor->pump.journal, setup->audit_size, setup->audit_keep);
	rc = add_outputs(supervisor, err);
	if (rc < 0)
		return rc;
	return log_place_to_hide(supervisor->pump.journal.path, setup->audit_size != 0, !path,
				 supervisor->log_place, sizeof(supervisor->log_place), err);
}

/* Noted now, as the worker overwrites the environment that the path may be in. */
static void find_roots(struct supervisor *supervisor)
{
	const char *path = bundle_system_path();

	snprintf(supervisor->system_bundle, sizeof(supervisor->system_bundle), "%s",
		 path ? path : "");
}

int supervisor_launch(struct supervisor *supervisor, struct error *err)
{
	struct steer_sockets sockets;
	int rc;

	steer_sockets_init(&sockets);
	make_id(supervisor->id);
	/* Neither a core dump nor a debugger of the same user may see what passes through here. */
	prctl(PR_SET_DUMPABLE, 0);
	find_roots(supervisor);
	rc = open_log(supervisor, err);
	if (rc == 0)
		rc = secret_handover_create(supervisor->setup->policy, &supervisor->secrets, err);
	if (rc == 0)
		rc = fork_worker(supervisor, err);
	if (rc == 0)
		rc = make_environment(supervisor, err);
	if (rc == 0)
		rc = hand_over_secrets(supervisor, err);
	if (rc == 0)
		rc = supervisor_await(supervisor, MESSAGE_PREPARED, WORKER_START_TIMEOUT_MS,
				      &supervisor->ca_pem, err);
	if (rc == 0)
		rc = make_bundles(supervisor, err);
	if (rc == 0)
		rc = launch_sandbox(supervisor, &sockets, err);
	if (rc == 0)
		rc = hand_over_sockets(supervisor, &sockets, err);
	if (rc == 0 && supervisor_record(supervisor, "start", -1, -1) < 0)
		rc = error_set(
			err, ERROR_LIMIT,
			"the audit log %s cannot take the first record; make room on its disk, or "
			"name another file by --audit",
			supervisor->audit_path);
	steer_sockets_close(&sockets);
	return rc;
}

void supervisor_release(struct supervisor *supervisor)
{
	if (supervisor->sandbox_alive)
		steer_end(&supervisor->sandbox);
	supervisor->sandbox_alive = false;
	if (supervisor->worker > 0 && supervisor->worker_alive) {
		kill(supervisor->worker, SIGKILL);
		waitpid(supervisor->worker, NULL, 0);
	}
	cleanup_close_fd(&supervisor->queue_fd);
	if (supervisor->worker_socket >= 0)
		close(supervisor->worker_socket);
	if (supervisor->signals >= 0)
		close(supervisor->signals);
	pump_close(&supervisor->pump);
	environment_free(&supervisor->environment);
	buffer_free(&supervisor->ca_pem);
	buffer_free(&supervisor->ca_bundle);
	buffer_free(&supervisor->ca_java);
}
