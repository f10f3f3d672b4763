#include "proxy/engine/passthrough.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/wallclock.h"
#include "proxy/engine/deadline.h"
#include "proxy/engine/dial.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

enum { SPLICE_BYTES = 256 << 10, SPLICES_A_TURN = 4, WHY_BYTES = 128 };

/* One direction: from one socket through a pipe to the other. */
struct direction {
	int from;
	int to;
	int pipe_read;
	int pipe_write;
	size_t in_pipe;
	bool ended; /* the source is at its end */
	bool done;  /* and all of it was passed on */
	uint64_t bytes;
};

struct passthrough {
	struct grave grave;
	struct list node;
	struct sandbox *sandbox;
	enum audit_kind kind;
	struct client_facts facts;
	struct dial *dial;
	struct deadline deadline;
	struct ev_io client_io;
	struct ev_io origin_io;
	int client_fd;
	int origin_fd;
	struct direction up;
	struct direction down;
	struct buffer hello; /* read from the client before it was decided to pass it on; of tcp
				nothing */
	struct address address;
	int64_t started_us;
	int64_t time_us;
	int64_t connect_us;
	bool reserved; /* a record has its room */
};

static void release(struct grave *grave)
{
	free(container_of(grave, struct passthrough, grave));
}

static void write_record(struct passthrough *pass, bool allow, const char *text)
{
	struct sandbox *sandbox = pass->sandbox;
	char address[ADDRESS_TEXT_BYTES];
	struct audit_record record;

	/* There may be room by now. */
	if (!pass->reserved && !sandbox_reserve_record(sandbox))
		return;
	audit_record_init(&record, pass->kind, sandbox->id);
	record.time_us = pass->time_us;
	record.allow = allow;
	record.reason = allow ? NULL : text;
	record.error = allow ? text : NULL;
	record.host = host_slice(&pass->facts.host);
	record.port = pass->facts.port;
	record.has_tls = pass->kind == AUDIT_TLS;
	record.tls.sni = host_slice(&pass->facts.sni);
	if (pass->facts.refusal.rule)
		record.rule = (int)pass->facts.refusal.rule->index;
	if (pass->connect_us >= 0) {
		address_format(&pass->address, address);
		record.ip = slice_from_text(address);
	}
	record.has_bytes = true;
	record.bytes_up = pass->up.bytes;
	record.bytes_down = pass->down.bytes;
	record.connect_us = pass->connect_us;
	record.total_us = monotonic_now_us() - pass->started_us;
	sandbox_commit_record(sandbox, &record);
}

static void close_direction(struct direction *direction)
{
	cleanup_close_fd(&direction->pipe_read);
	cleanup_close_fd(&direction->pipe_write);
}

static void end(struct passthrough *pass, bool allow, const char *text, bool reset)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	struct ev_loop *loop = pass->sandbox->engine->loop;

	write_record(pass, allow, text);
	if (pass->dial)
		dial_cancel(pass->dial);
	deadline_stop(&pass->deadline);
	ev_io_stop(loop, &pass->client_io);
	ev_io_stop(loop, &pass->origin_io);
	/* Neither side must take a connection that broke for one that ended. */
	if (reset) {
		setsockopt(pass->client_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		setsockopt(pass->origin_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	}
	cleanup_close_fd(&pass->client_fd);
	cleanup_close_fd(&pass->origin_fd);
	close_direction(&pass->up);
	close_direction(&pass->down);
	buffer_free(&pass->hello);
	list_remove(&pass->node);
	pass->sandbox->client_count--;
	engine_bury(pass->sandbox->engine, &pass->grave, release);
}

static void too_late(struct deadline *deadline)
{
	end(container_of(deadline, struct passthrough, deadline), true,
	    "no byte was passed in either direction for too long", true);
}

/* Moves what can be moved. 0, or a negated errno when the connection is broken, with BROKEN set to
 * its socket. */
static int move(struct direction *direction, int *broken)
{
	for (int i = 0; i < SPLICES_A_TURN && !direction->done; i++) {
		ssize_t got;

		if (!direction->ended && direction->in_pipe < SPLICE_BYTES) {
			got = splice(direction->from, NULL, direction->pipe_write, NULL,
				     SPLICE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			*broken = direction->from;
			if (got < 0 && errno != EAGAIN)
				return -errno;
			direction->ended = got == 0;
			if (got > 0)
				direction->in_pipe += (size_t)got;
		}
		if (direction->in_pipe == 0) {
			direction->done = direction->ended;
			break;
		}
		got = splice(direction->pipe_read, NULL, direction->to, NULL, direction->in_pipe,
			     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		*broken = direction->to;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		direction->in_pipe -= (size_t)got;
		direction->bytes += (uint64_t)got;
	}
	if (direction->done)
		shutdown(direction->to, SHUT_WR);
	return 0;
}

static void set_events(struct ev_loop *loop, struct ev_io *io, const struct direction *reads,
		       const struct direction *writes)
{
	/* What waits in a pipe is for the other side's room; until it is gone, no more is read. */
	int wanted = (!reads->ended && reads->in_pipe == 0 ? EV_READ : 0) |
		     (writes->in_pipe ? EV_WRITE : 0);

	if (ev_is_active(io) && (io->events & (EV_READ | EV_WRITE)) == wanted)
		return;
	ev_io_stop(loop, io);
	if (!wanted)
		return;
	ev_io_modify(io, wanted);
	ev_io_start(loop, io);
}

static void end_broken(struct passthrough *pass, int broken, int error)
{
	char text[WHY_BYTES];

	snprintf(text, sizeof(text), "the connection with the %s broke: %s",
		 broken == pass->client_fd ? "client" : "origin", strerror(-error));
	end(pass, true, text, true);
}

static void pump(struct passthrough *pass)
{
	struct ev_loop *loop = pass->sandbox->engine->loop;
	int broken, error = move(&pass->up, &broken);

	if (error == 0)
		error = move(&pass->down, &broken);
	if (error < 0) {
		end_broken(pass, broken, error);
		return;
	}
	if (pass->up.done && pass->down.done) {
		end(pass, true, NULL, false);
		return;
	}
	deadline_set(&pass->deadline, TIMEOUT_PASSTHROUGH);
	set_events(loop, &pass->client_io, &pass->up, &pass->down);
	set_events(loop, &pass->origin_io, &pass->down, &pass->up);
}

static void on_client(struct ev_loop *loop, struct ev_io *io, int events)
{
	(void)loop;
	(void)events;
	pump(container_of(io, struct passthrough, client_io));
}

static void on_origin(struct ev_loop *loop, struct ev_io *io, int events)
{
	(void)loop;
	(void)events;
	pump(container_of(io, struct passthrough, origin_io));
}

static int open_direction(struct direction *direction, int from, int to)
{
	int ends[2];

	direction->from = from;
	direction->to = to;
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	direction->pipe_read = ends[0];
	direction->pipe_write = ends[1];
	/* More than the limit for unprivileged users is refused; the default does as well. */
	fcntl(ends[1], F_SETPIPE_SZ, SPLICE_BYTES);
	return 0;
}

/* The ClientHello goes first, through the pipe like all that follows it. */
static int start_directions(struct passthrough *pass)
{
	struct slice hello = buffer_slice(&pass->hello);
	int rc = open_direction(&pass->up, pass->client_fd, pass->origin_fd);
	ssize_t sent;

	if (rc == 0)
		rc = open_direction(&pass->down, pass->origin_fd, pass->client_fd);
	if (rc < 0)
		return rc;
	if (hello.len == 0)
		return 0;
	/* A new connection has room for this much. */
	sent = send(pass->origin_fd, hello.ptr, hello.len, MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	if ((size_t)sent < hello.len)
		return -ENOBUFS;
	pass->up.bytes = hello.len;
	buffer_free(&pass->hello);
	return 0;
}

static void on_dialled(void *context, const struct dial_result *result)
{
	struct passthrough *pass = context;
	struct ev_loop *loop = pass->sandbox->engine->loop;
	int on = 1;

	pass->dial = NULL;
	if (result->error) {
		end(pass, result->error != ERROR_DENIED, result->why, true);
		return;
	}
	pass->origin_fd = result->fd;
	pass->address = result->address;
	pass->connect_us = monotonic_now_us() - pass->started_us;
	setsockopt(pass->origin_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (start_directions(pass) < 0) {
		end(pass, true, "no pipe could be opened, or the origin took nothing", true);
		return;
	}
	ev_io_init(&pass->client_io, on_client, pass->client_fd, EV_READ);
	ev_io_init(&pass->origin_io, on_origin, pass->origin_fd, EV_READ);
	ev_io_start(loop, &pass->client_io);
	ev_io_start(loop, &pass->origin_io);
	deadline_set(&pass->deadline, TIMEOUT_PASSTHROUGH);
}

static void init(struct passthrough *pass, struct sandbox *sandbox, int fd, enum audit_kind kind,
		 const struct client_facts *facts)
{
	pass->sandbox = sandbox;
	pass->kind = kind;
	pass->facts = *facts;
	pass->client_fd = fd;
	pass->origin_fd = -1;
	pass->up.pipe_read = pass->up.pipe_write = -1;
	pass->down.pipe_read = pass->down.pipe_write = -1;
	pass->started_us = monotonic_now_us();
	pass->time_us = wallclock_now_us();
	pass->connect_us = -1;
	buffer_init(&pass->hello, 256 << 10);
	deadline_init(&pass->deadline, sandbox->engine->loop, too_late);
	ev_io_init(&pass->client_io, on_client, fd, EV_READ);
	ev_io_init(&pass->origin_io, on_origin, fd, EV_READ);
	list_append(&sandbox->passthroughs, &pass->node);
	sandbox->client_count++;
}

void passthrough_start(struct sandbox *sandbox, int fd, enum audit_kind kind,
		       const struct client_facts *facts, struct slice received, bool reserved)
{
	struct passthrough *pass = calloc(1, sizeof(*pass));

	if (!pass) {
		if (reserved)
			sandbox_release_record(sandbox);
		close(fd);
		return;
	}
	init(pass, sandbox, fd, kind, facts);
	pass->reserved = reserved;
	if (buffer_append(&pass->hello, received) < 0) {
		end(pass, true, "out of memory", true);
		return;
	}
	pass->dial = dial_start(sandbox->engine, sandbox->resolver, &pass->facts.host,
				pass->facts.port, on_dialled, pass);
	if (!pass->dial)
		end(pass, true, "too many connections to origins are being made at once", true);
}

void passthrough_end_all(struct sandbox *sandbox)
{
	list_for_each_safe(node, &sandbox->passthroughs)
		end(container_of(node, struct passthrough, node), true, "the sandbox ended", true);
}
