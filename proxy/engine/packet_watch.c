#include "proxy/engine/packet_watch.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "proxy/engine/datagram_verdict.h"
#include "proxy/engine/sandbox.h"

struct packet_watch {
	struct sandbox *sandbox;
	struct ev_io io;
	struct ev_timer rest; /* tells of what was suppressed when no packet comes after it */
	int fd;
	double allowance; /* records that may be written now */
	ev_tstamp counted_at;
	uint64_t suppressed;
	struct steer_log_state log;
	uint64_t lost_told; /* of log.lost */
};

static void describe_protocol(uint8_t protocol, char text[16])
{
	switch (protocol) {
	case IPPROTO_ICMP:
		snprintf(text, 16, "icmp");
		break;
	case IPPROTO_ICMPV6:
		snprintf(text, 16, "icmpv6");
		break;
	case IPPROTO_TCP:
		snprintf(text, 16, "tcp");
		break;
	case IPPROTO_UDP:
		snprintf(text, 16, "udp");
		break;
	case IPPROTO_SCTP:
		snprintf(text, 16, "sctp");
		break;
	default:
		snprintf(text, 16, "%u", protocol);
	}
}

static bool may_record(struct packet_watch *watch)
{
	ev_tstamp now = ev_now(watch->sandbox->engine->loop);

	watch->allowance += (now - watch->counted_at) * PACKET_RECORDS_A_SECOND;
	watch->counted_at = now;
	if (watch->allowance > PACKET_RECORDS_BURST)
		watch->allowance = PACKET_RECORDS_BURST;
	if (watch->allowance < 1)
		return false;
	return true;
}

/* Packets without a record of their own: over the rate, or lost by the kernel for want of room. */
static uint64_t untold(const struct packet_watch *watch)
{
	return watch->suppressed + watch->log.lost - watch->lost_told;
}

static void record_suppressed(struct packet_watch *watch, struct audit_record *record)
{
	record->packet.suppressed = untold(watch);
	watch->suppressed = 0;
	watch->lost_told = watch->log.lost;
}

/* By the rules, as far as there are rules for it: a datagram may be refused by one. */
static void describe_refusal(const struct packet_watch *watch, const struct steer_packet *packet,
			     const struct address *to, struct datagram_verdict *verdict,
			     struct audit_record *record)
{
	if (packet->protocol != IPPROTO_UDP)
		return;
	datagram_judge(watch->sandbox, to, packet->destination_port, verdict);
	if (verdict->allow)
		return;
	record->reason = verdict->policy.reason;
	if (verdict->policy.rule)
		record->rule = (int)verdict->policy.rule->index;
}

static void record_packet(void *context, const struct steer_packet *packet)
{
	struct packet_watch *watch = context;
	struct sandbox *sandbox = watch->sandbox;
	char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES], protocol[16];
	uint8_t length = packet->family == 4 ? 4 : 16;
	struct address from = {.length = length}, to = {.length = length};
	struct datagram_verdict verdict;
	struct audit_record record;
	const struct host *name;

	if (!may_record(watch) || !sandbox_reserve_record(sandbox)) {
		watch->suppressed++;
		return;
	}
	watch->allowance--;
	memcpy(from.bytes, packet->source, length);
	memcpy(to.bytes, packet->destination, length);
	address_format(&from, source);
	address_format(&to, destination);
	describe_protocol(packet->protocol, protocol);
	audit_record_init(&record, AUDIT_PACKET, sandbox->id);
	record.time_us = wallclock_now_us();
	record.reason = "neither TCP nor DNS: there is no way out for it";
	describe_refusal(watch, packet, &to, &verdict, &record);
	name = names_find(sandbox->names, to.bytes, length);
	if (name) {
		record.host = host_slice(name);
		record.port = packet->destination_port;
	}
	record.has_packet = true;
	record.packet.protocol = protocol;
	record.packet.source = slice_from_text(source);
	record.packet.destination = slice_from_text(destination);
	record.packet.source_port = packet->source_port;
	record.packet.destination_port = packet->destination_port;
	record_suppressed(watch, &record);
	sandbox_commit_record(sandbox, &record);
}

static void record_rest(struct packet_watch *watch)
{
	struct sandbox *sandbox = watch->sandbox;
	struct audit_record record;

	if (untold(watch) == 0 || !sandbox_reserve_record(sandbox))
		return;
	audit_record_init(&record, AUDIT_PACKET, sandbox->id);
	record.time_us = wallclock_now_us();
	record.reason = "more packets were refused than have records of their own";
	record.has_packet = true;
	record_suppressed(watch, &record);
	sandbox_commit_record(sandbox, &record);
}

static void rest_is_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	record_rest(container_of(timer, struct packet_watch, rest));
}

static void on_packets(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct packet_watch *watch = container_of(io, struct packet_watch, io);

	(void)events;
	steer_read_log(watch->fd, record_packet, watch, &watch->log);
	if (untold(watch) == 0 || ev_is_active(&watch->rest))
		return;
	ev_timer_set(&watch->rest, 1., 0.);
	ev_timer_start(loop, &watch->rest);
}

int packet_watch_create(struct sandbox *sandbox, int log_fd, struct packet_watch **watch,
			struct error *err)
{
	struct packet_watch *made = calloc(1, sizeof(*made));

	if (!made) {
		close(log_fd);
		return error_set_code(err, -ENOMEM, "cannot watch for refused packets");
	}
	made->sandbox = sandbox;
	made->fd = log_fd;
	made->allowance = PACKET_RECORDS_BURST;
	made->counted_at = ev_now(sandbox->engine->loop);
	ev_io_init(&made->io, on_packets, log_fd, EV_READ);
	ev_timer_init(&made->rest, rest_is_due, 0., 0.);
	ev_io_start(sandbox->engine->loop, &made->io);
	*watch = made;
	return 0;
}

void packet_watch_free(struct packet_watch *watch)
{
	struct pollfd last;

	if (!watch)
		return;
	/* The kernel may hold the last ones back for a moment. */
	last = (struct pollfd){watch->fd, POLLIN, 0};
	poll(&last, 1, 2 * STEER_LOG_DELAY_MS);
	steer_read_log(watch->fd, record_packet, watch, &watch->log);
	record_rest(watch);
	ev_io_stop(watch->sandbox->engine->loop, &watch->io);
	ev_timer_stop(watch->sandbox->engine->loop, &watch->rest);
	close(watch->fd);
	free(watch);
}
