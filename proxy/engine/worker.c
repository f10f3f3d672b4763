#include "proxy/engine/worker.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/say.h"
#include "proxy/engine/message.h"
#include "proxy/engine/jail.h"
#include "proxy/engine/sandbox.h"

enum { KEYS_HEAP_BYTES = 64 << 10 };

struct worker {
	const struct worker_setup *setup;
	struct ev_loop *loop;
	struct ev_io control;
	struct engine engine;
	struct sandbox sandbox;
};

static void send_message(struct worker *worker, enum message_type type, const char *text)
{
	message_send(worker->setup->control, type,
		     slice_first(slice_from_text(text), MESSAGE_PAYLOAD_MAX), NULL, 0);
}

static void fail(struct worker *worker, const struct error *err) __attribute__((noreturn));

static void fail(struct worker *worker, const struct error *err)
{
	send_message(worker, MESSAGE_FAILED, err->text);
	_exit(1);
}

static void on_kill(struct sandbox *sandbox, const struct secret_entry *entry)
{
	send_message(sandbox->owner, MESSAGE_KILL, entry->policy->name);
}

static int on_verdicts(struct sandbox *sandbox, const struct steer_verdict *verdicts, size_t count)
{
	const struct worker *worker = sandbox->owner;

	return message_send(worker->setup->control, MESSAGE_VERDICTS,
			    slice_of(verdicts, count * sizeof(verdicts[0])), NULL, 0);
}

/* As many connections as the sandbox may have need two descriptors each. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	/* The buffers of TLS come and go with every read: the heap must not go back to the kernel
	 * each time. */
	mallopt(M_TRIM_THRESHOLD, 4 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

static void start(struct worker *worker, const struct worker_setup *setup)
{
	const int keep[] = {
		setup->control < setup->ring->wake_fd ? setup->control : setup->ring->wake_fd,
		setup->control < setup->ring->wake_fd ? setup->ring->wake_fd : setup->control};
	struct sandbox *sandbox = &worker->sandbox;
	struct error err = {0};

	worker->setup = setup;
	if (jail_begin(setup->supervisor, keep, 2, &err) < 0)
		fail(worker, &err);
	say_set_fd(-1);
	raise_limits();
	/* The private keys of the authority go there. */
	CRYPTO_secure_malloc_init(KEYS_HEAP_BYTES, 32);
	worker->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOTIMERFD);
	if (!worker->loop) {
		error_set(&err, -ENOMEM, "cannot make an event loop");
		fail(worker, &err);
	}
	*sandbox = (struct sandbox){
		.engine = &worker->engine,
		.policy = setup->policy,
		.ring = setup->ring,
		.on_kill = on_kill,
		.on_verdicts = on_verdicts,
		.owner = worker,
	};
	snprintf(sandbox->id, sizeof(sandbox->id), "%s", setup->sandbox);
	if (engine_init(&worker->engine, worker->loop, &err) < 0 ||
	    sandbox_prepare(sandbox, &err) < 0)
		fail(worker, &err);
	message_send(setup->control, MESSAGE_PREPARED, authority_pem(sandbox->authority), NULL, 0);
}

static void serve(struct worker *worker, const struct message *message, const int *fds,
		  size_t count)
{
	struct steer_sockets sockets;
	struct error err = {0};
	uint32_t which = 0;

	if (message->length >= sizeof(which))
		memcpy(&which, message->payload, sizeof(which));
	if (!steer_sockets_take(&sockets, which, fds, count)) {
		error_set(&err, ERROR_SYNTAX, "the supervisor sent other sockets than it said");
		fail(worker, &err);
	}
	if (sandbox_serve(&worker->sandbox, &sockets, message->payload + sizeof(which), &err) < 0 ||
	    jail_enter(&err) < 0)
		fail(worker, &err);
	send_message(worker, MESSAGE_SERVING, "");
}

static void end(struct worker *worker)
{
	sandbox_free(&worker->sandbox);
	engine_free(&worker->engine);
	audit_ring_notify(worker->setup->ring);
	_exit(0);
}

static void take_secrets(struct worker *worker)
{
	struct error err = {0};

	if (secret_handover_take(worker->setup->policy, worker->setup->secrets,
				 &worker->sandbox.secrets, &err) < 0)
		fail(worker, &err);
}

static void handle_message(struct worker *worker, const struct message *message, const int *fds,
			   size_t fd_count)
{
	switch (message->type) {
	case MESSAGE_SECRETS:
		take_secrets(worker);
		break;
	case MESSAGE_SERVE:
		serve(worker, message, fds, fd_count);
		break;
	case MESSAGE_SERVERS:
		resolver_set_servers(worker->sandbox.resolver, message->payload);
		break;
	case MESSAGE_END:
		end(worker);
		break;
	default:
		break;
	}
}

static void on_control(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct worker *worker = container_of(io, struct worker, control);
	struct message message;
	int fds[FD_PASS_MAX], rc;
	size_t count;

	(void)loop;
	(void)events;
	rc = message_receive(worker->setup->control, &message, fds, &count);
	if (rc == -EAGAIN)
		return;
	/* Without its supervisor the worker has nobody to log to. */
	if (rc <= 0)
		_exit(1);
	handle_message(worker, &message, fds, count);
}

static void on_settled(void *owner)
{
	const struct worker *worker = owner;

	audit_ring_notify(worker->setup->ring);
}

void worker_main(const struct worker_setup *setup)
{
	static struct worker worker;
	struct error err = {0};

	start(&worker, setup);
	if (sandbox_load_roots(&worker.sandbox, setup->system_bundle, &err) < 0)
		fail(&worker, &err);
	fd_set_nonblocking(setup->control);
	ev_io_init(&worker.control, on_control, setup->control, EV_READ);
	ev_io_start(worker.loop, &worker.control);
	worker.engine.settled = on_settled;
	worker.engine.owner = &worker;
	ev_run(worker.loop, 0);
	_exit(1);
}
