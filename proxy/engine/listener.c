#include "proxy/engine/listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "proxy/engine/client.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

enum { REFUSALS_NOTED_US = 1000000 };

struct listener {
	struct sandbox *sandbox;
	struct ev_io io;
	struct ev_timer pause;
	int fd;
	int64_t noted_us;     /* when a bound was last recorded */
	uint64_t since_noted; /* connections refused since */
};

/* A bound that bites has a record, one a second, with the number of those that have none. */
static void note_refusal(struct listener *listener, const char *reason)
{
	struct sandbox *sandbox = listener->sandbox;
	int64_t now = monotonic_now_us();
	struct audit_record record;

	listener->since_noted++;
	if (listener->noted_us && now - listener->noted_us < REFUSALS_NOTED_US)
		return;
	if (!sandbox_reserve_record(sandbox))
		return;
	listener->noted_us = now;
	audit_record_init(&record, AUDIT_TCP, sandbox->id);
	record.time_us = wallclock_now_us();
	record.reason = reason;
	record.has_packet = true;
	record.packet.protocol = "tcp";
	record.packet.suppressed = listener->since_noted - 1;
	listener->since_noted = 0;
	sandbox_commit_record(sandbox, &record);
}

static void refuse_connection(struct listener *listener, int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	note_refusal(listener, "the sandbox has as many connections as it may have");
}

static void take_connection(struct listener *listener, int fd)
{
	struct sockaddr_storage local;
	socklen_t size = sizeof(local);
	struct address destination;
	uint16_t port;

	if (listener->sandbox->client_count >= LIMIT_CONNECTIONS) {
		refuse_connection(listener, fd);
		return;
	}
	/* TPROXY leaves the address that the client dialled as the socket's own. */
	if (getsockname(fd, (struct sockaddr *)&local, &size) < 0) {
		close(fd);
		return;
	}
	destination = address_from_sockaddr((const struct sockaddr *)&local, &port);
	client_accept(listener->sandbox, fd, &destination, port);
}

static void pause_is_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)events;
	ev_io_start(loop, &container_of(timer, struct listener, pause)->io);
}

static bool is_exhausted(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void on_connection(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct listener *listener = container_of(io, struct listener, io);

	(void)events;
	for (int i = 0; i < LIMIT_ACCEPTS; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take_connection(listener, fd);
			continue;
		}
		if (is_exhausted(errno)) {
			/* The connection waits in the kernel until something is free again. */
			note_refusal(listener,
				     "no descriptor or memory is left for a new connection");
			ev_io_stop(loop, io);
			ev_timer_set(&listener->pause, PAUSE_ACCEPT, 0.);
			ev_timer_start(loop, &listener->pause);
			return;
		}
		if (errno == EAGAIN)
			return;
	}
}

int listener_create(struct sandbox *sandbox, int fd, struct listener **listener, struct error *err)
{
	struct listener *made = calloc(1, sizeof(*made));

	if (!made) {
		close(fd);
		return error_set_code(err, -ENOMEM, "cannot listen for the sandbox");
	}
	made->sandbox = sandbox;
	made->fd = fd;
	ev_io_init(&made->io, on_connection, fd, EV_READ);
	ev_timer_init(&made->pause, pause_is_over, 0., 0.);
	ev_io_start(sandbox->engine->loop, &made->io);
	*listener = made;
	return 0;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	ev_io_stop(listener->sandbox->engine->loop, &listener->io);
	ev_timer_stop(listener->sandbox->engine->loop, &listener->pause);
	close(listener->fd);
	free(listener);
}
