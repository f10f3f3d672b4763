#include "proxy/engine/queue_watch.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "proxy/engine/datagram_verdict.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"

enum { PACKETS_AT_ONCE = 32 };

struct queue_watch {
	struct sandbox *sandbox;
	struct ev_io io;
	struct ev_timer retry; /* verdicts that could not be told */
	struct ev_timer tell;  /* of what was dropped, once a second */
	int fd;
	struct steer_queue_state queue;
	uint64_t dropped_told;
	struct steer_verdict verdicts[PACKETS_AT_ONCE];
	size_t count;
};

static bool is_allowed(const struct sandbox *sandbox, const struct steer_packet *packet)
{
	struct address remote = {.length = packet->family == 4 ? 4 : 16};
	struct datagram_verdict verdict;

	if (packet->protocol != IPPROTO_UDP)
		return false;
	memcpy(remote.bytes, packet->destination, remote.length);
	datagram_judge(sandbox, &remote, packet->destination_port, &verdict);
	return verdict.allow;
}

/* False if they must be told later. */
static bool tell_verdicts(struct queue_watch *watch)
{
	struct sandbox *sandbox = watch->sandbox;

	if (watch->count == 0)
		return true;
	if (sandbox->on_verdicts(sandbox, watch->verdicts, watch->count) < 0) {
		ev_io_stop(sandbox->engine->loop, &watch->io);
		ev_timer_set(&watch->retry, PAUSE_VERDICTS, 0.);
		ev_timer_start(sandbox->engine->loop, &watch->retry);
		return false;
	}
	watch->count = 0;
	return true;
}

static void record_dropped(struct queue_watch *watch)
{
	struct sandbox *sandbox = watch->sandbox;
	struct audit_record record;

	if (watch->queue.dropped == watch->dropped_told || !sandbox_reserve_record(sandbox))
		return;
	audit_record_init(&record, AUDIT_PACKET, sandbox->id);
	record.time_us = wallclock_now_us();
	record.reason = "datagrams came faster than they could be judged";
	record.has_packet = true;
	record.packet.protocol = "udp";
	record.packet.suppressed = watch->queue.dropped - watch->dropped_told;
	watch->dropped_told = watch->queue.dropped;
	sandbox_commit_record(sandbox, &record);
}

static void tell_is_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	record_dropped(container_of(timer, struct queue_watch, tell));
}

static void on_packets(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct queue_watch *watch = container_of(io, struct queue_watch, io);
	struct steer_queued queued[PACKETS_AT_ONCE];
	int count = steer_read_queue(watch->fd, queued, PACKETS_AT_ONCE, &watch->queue);

	(void)events;
	for (int i = 0; i < count; i++) {
		bool allowed = is_allowed(watch->sandbox, &queued[i].packet);

		watch->verdicts[i].id = queued[i].id;
		watch->verdicts[i].mark = allowed ? STEER_MARK_ALLOWED : STEER_MARK_REFUSED;
	}
	watch->count = count > 0 ? (size_t)count : 0;
	tell_verdicts(watch);
	if (watch->queue.dropped == watch->dropped_told || ev_is_active(&watch->tell))
		return;
	ev_timer_set(&watch->tell, 1., 0.);
	ev_timer_start(loop, &watch->tell);
}

static void retry_is_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct queue_watch *watch = container_of(timer, struct queue_watch, retry);

	(void)events;
	if (tell_verdicts(watch))
		ev_io_start(loop, &watch->io);
}

int queue_watch_create(struct sandbox *sandbox, int queue_fd, struct queue_watch **watch,
		       struct error *err)
{
	struct queue_watch *made = calloc(1, sizeof(*made));

	if (!made) {
		close(queue_fd);
		return error_set_code(err, -ENOMEM, "cannot watch the packet queue");
	}
	made->sandbox = sandbox;
	made->fd = queue_fd;
	ev_io_init(&made->io, on_packets, queue_fd, EV_READ);
	ev_timer_init(&made->retry, retry_is_due, 0., 0.);
	ev_timer_init(&made->tell, tell_is_due, 0., 0.);
	ev_io_start(sandbox->engine->loop, &made->io);
	*watch = made;
	return 0;
}

void queue_watch_free(struct queue_watch *watch)
{
	if (!watch)
		return;
	record_dropped(watch);
	ev_io_stop(watch->sandbox->engine->loop, &watch->io);
	ev_timer_stop(watch->sandbox->engine->loop, &watch->retry);
	ev_timer_stop(watch->sandbox->engine->loop, &watch->tell);
	close(watch->fd);
	free(watch);
}
