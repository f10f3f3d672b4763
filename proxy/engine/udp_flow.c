#include "proxy/engine/udp_flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wallclock.h"
#include "proxy/engine/deadline.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

struct waiting {
	struct list node;
	size_t length;
	char bytes[];
};

struct udp_flow {
	struct grave grave;
	struct map_node node;
	struct list in_all;
	struct udp_relay_side *side;
	struct datagram_flow ends;
	struct host host;
	int rule; /* its index, or -1 */
	bool would_deny;
	struct resolver_lookup *lookup;
	struct list waiting;
	size_t waiting_count;
	struct deadline deadline;
	struct ev_io io;
	int fd; /* -1: RESOLVING */
	struct address address;
	uint64_t sent;
	uint64_t received;
	uint64_t bytes_up;
	uint64_t bytes_down;
	int64_t started_us;
	int64_t time_us;
	bool reserved;
};

struct address udp_flow_remote(const struct datagram_flow *ends)
{
	struct address remote = {.length = ends->family == 4 ? 4 : 16};

	memcpy(remote.bytes, ends->remote, remote.length);
	return remote;
}

void udp_relay_side_init(struct udp_relay_side *side, struct sandbox *sandbox)
{
	side->sandbox = sandbox;
	side->raw[0] = side->raw[1] = -1;
	map_init(&side->flows);
	list_init(&side->all);
}

struct udp_flow *udp_flow_find(const struct udp_relay_side *side, const struct datagram_flow *ends)
{
	struct map_node *node = map_find(&side->flows, slice_of(ends, sizeof(*ends)));

	return node ? container_of(node, struct udp_flow, node) : NULL;
}

static void release(struct grave *grave)
{
	free(container_of(grave, struct udp_flow, grave));
}

static int raw_of(const struct udp_flow *flow)
{
	return flow->side->raw[flow->ends.family == 6];
}

static void write_record(struct udp_flow *flow, bool allow, const char *text)
{
	struct sandbox *sandbox = flow->side->sandbox;
	char address[ADDRESS_TEXT_BYTES];
	struct audit_record record;

	/* There may be room by now. */
	if (!flow->reserved && !sandbox_reserve_record(sandbox))
		return;
	audit_record_init(&record, AUDIT_UDP, sandbox->id);
	record.time_us = flow->time_us;
	record.allow = allow;
	record.would_deny = allow && flow->would_deny;
	record.reason = allow ? NULL : text;
	record.error = allow ? text : NULL;
	record.rule = flow->rule;
	record.host = host_slice(&flow->host);
	record.port = flow->ends.remote_port;
	if (flow->fd >= 0) {
		address_format(&flow->address, address);
		record.ip = slice_from_text(address);
	}
	record.has_bytes = true;
	record.bytes_up = flow->bytes_up;
	record.bytes_down = flow->bytes_down;
	record.total_us = monotonic_now_us() - flow->started_us;
	sandbox_commit_record(sandbox, &record);
}

static void forget_waiting(struct udp_flow *flow)
{
	list_for_each_safe(node, &flow->waiting) {
		struct waiting *waiting = container_of(node, struct waiting, node);

		flow->side->waiting_bytes -= waiting->length;
		list_remove(node);
		free(waiting);
	}
	flow->waiting_count = 0;
}

static void end(struct udp_flow *flow, bool allow, const char *text)
{
	struct udp_relay_side *side = flow->side;

	write_record(flow, allow, text);
	if (flow->lookup)
		resolver_cancel(flow->lookup);
	forget_waiting(flow);
	deadline_stop(&flow->deadline);
	ev_io_stop(side->sandbox->engine->loop, &flow->io);
	cleanup_close_fd(&flow->fd);
	map_remove(&side->flows, &flow->node);
	list_remove(&flow->in_all);
	side->flow_count--;
	engine_bury(side->sandbox->engine, &flow->grave, release);
}

void udp_flow_end(struct udp_flow *flow, const char *error)
{
	end(flow, true, error);
}

void udp_flow_end_all(struct udp_relay_side *side, const char *error)
{
	list_for_each_safe(node, &side->all)
		end(container_of(node, struct udp_flow, in_all), true, error);
}

static void too_late(struct deadline *deadline)
{
	struct udp_flow *flow = container_of(deadline, struct udp_flow, deadline);

	udp_flow_end(flow, NULL);
}

/* One question with its answer needs to be remembered for less long than a conversation. */
static void set_deadline(struct udp_flow *flow)
{
	bool lasts = flow->sent > 1 && flow->received > 0;

	deadline_set(&flow->deadline, lasts ? TIMEOUT_FLOW : TIMEOUT_FLOW_SHORT);
}

/* What the network told of an earlier datagram: the program is told the same. */
static void pass_error_on(struct udp_flow *flow, int error)
{
	enum datagram_error kind = DATAGRAM_NO_HOST;

	if (error == -EAGAIN || error == -ENOBUFS || error == -EMSGSIZE)
		return;
	if (error == -ECONNREFUSED)
		kind = DATAGRAM_NO_PORT;
	datagram_refuse(raw_of(flow), &flow->ends, 0, kind);
}

static void send_on(struct udp_flow *flow, struct slice payload)
{
	ssize_t sent = send(flow->fd, payload.ptr, payload.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	/* The error may be that of an earlier datagram, and this one is not sent then. */
	if (sent < 0) {
		pass_error_on(flow, -errno);
		sent = send(flow->fd, payload.ptr, payload.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (sent < 0) {
		flow->side->lost++;
		return;
	}
	flow->sent++;
	flow->bytes_up += payload.len;
}

static void let_wait(struct udp_flow *flow, struct slice payload)
{
	struct udp_relay_side *side = flow->side;
	struct waiting *waiting;

	if (flow->waiting_count >= LIMIT_FLOW_WAITING ||
	    side->waiting_bytes + payload.len > LIMIT_FLOW_WAITING_BYTES) {
		side->lost++;
		return;
	}
	waiting = malloc(sizeof(*waiting) + payload.len);
	if (!waiting) {
		side->lost++;
		return;
	}
	waiting->length = payload.len;
	if (payload.len)
		memcpy(waiting->bytes, payload.ptr, payload.len);
	list_append(&flow->waiting, &waiting->node);
	flow->waiting_count++;
	side->waiting_bytes += payload.len;
}

void udp_flow_send(struct udp_flow *flow, struct slice payload)
{
	if (flow->fd < 0) {
		let_wait(flow, payload);
		return;
	}
	send_on(flow, payload);
	set_deadline(flow);
}

static void on_answers(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct udp_flow *flow = container_of(io, struct udp_flow, io);
	struct engine *engine = flow->side->sandbox->engine;

	(void)loop;
	(void)events;
	for (int i = 0; i < LIMIT_DATAGRAMS; i++) {
		ssize_t got = recv(flow->fd, engine->read, ENGINE_READ_BYTES, MSG_DONTWAIT);
		struct slice payload = slice_of(engine->read, got > 0 ? (size_t)got : 0);

		if (got < 0 && errno == EAGAIN)
			break;
		if (got < 0) {
			pass_error_on(flow, -errno);
			continue;
		}
		if (datagram_answer(raw_of(flow), &flow->ends, payload) < 0) {
			flow->side->lost++;
			continue;
		}
		flow->received++;
		flow->bytes_down += payload.len;
	}
	set_deadline(flow);
}

static int connect_to(const struct address *address, uint16_t port)
{
	struct sockaddr_storage peer;
	socklen_t size = address_to_sockaddr(address, port, &peer);
	cleanup_close int fd = socket(peer.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&peer, size) < 0)
		return -errno;
	return take_fd(&fd);
}

/* The first that there is a way to, of the program's own family if there is one. */
static int open_socket(struct udp_flow *flow, const struct resolver_result *result)
{
	uint8_t preferred = flow->ends.family == 4 ? 4 : 16;
	int rc = -EHOSTUNREACH;

	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < result->count; i++) {
			const struct address *address = &result->addresses[i];

			if ((address->length == preferred) != (turn == 0))
				continue;
			rc = connect_to(address, flow->ends.remote_port);
			if (rc < 0)
				continue;
			flow->fd = rc;
			flow->address = *address;
			return 0;
		}
	}
	return rc;
}

static void fail(struct udp_flow *flow, int error, const char *why)
{
	bool denied = error == ERROR_DENIED;

	datagram_refuse(raw_of(flow), &flow->ends, 0,
			denied ? DATAGRAM_PROHIBITED : DATAGRAM_NO_HOST);
	end(flow, !denied, why);
}

static void resolved(void *context, const struct resolver_result *result)
{
	struct udp_flow *flow = context;
	struct ev_loop *loop = flow->side->sandbox->engine->loop;
	int rc = result->error;

	flow->lookup = NULL;
	if (rc < 0) {
		fail(flow, rc, result->why);
		return;
	}
	rc = open_socket(flow, result);
	if (rc < 0) {
		fail(flow, rc, error_name(rc));
		return;
	}
	ev_io_init(&flow->io, on_answers, flow->fd, EV_READ);
	ev_io_start(loop, &flow->io);
	list_for_each(node, &flow->waiting) {
		struct waiting *waiting = container_of(node, struct waiting, node);

		send_on(flow, slice_of(waiting->bytes, waiting->length));
	}
	forget_waiting(flow);
	set_deadline(flow);
}

void udp_flow_begin(struct udp_relay_side *side, const struct datagram_flow *ends,
		    const struct datagram_verdict *verdict, struct slice payload, bool reserved)
{
	struct sandbox *sandbox = side->sandbox;
	struct udp_flow *flow = calloc(1, sizeof(*flow));

	if (flow)
		flow->ends = *ends;
	if (!flow ||
	    map_insert(&side->flows, &flow->node, slice_of(&flow->ends, sizeof(flow->ends))) < 0) {
		free(flow);
		side->lost++;
		if (reserved)
			sandbox_release_record(sandbox);
		return;
	}
	flow->side = side;
	flow->host = verdict->host;
	flow->rule = verdict->policy.rule ? (int)verdict->policy.rule->index : -1;
	flow->would_deny = verdict->would_deny;
	flow->reserved = reserved;
	flow->fd = -1;
	flow->started_us = monotonic_now_us();
	flow->time_us = wallclock_now_us();
	list_init(&flow->waiting);
	list_append(&side->all, &flow->in_all);
	side->flow_count++;
	deadline_init(&flow->deadline, sandbox->engine->loop, too_late);
	ev_io_init(&flow->io, on_answers, -1, EV_READ);
	let_wait(flow, payload);
	flow->lookup = resolver_lookup(sandbox->resolver, &flow->host, resolved, flow);
	if (!flow->lookup)
		fail(flow, -ENOMEM, "too many names are being resolved at once");
}
