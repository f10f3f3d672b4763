#include "proxy/engine/udp_relay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wallclock.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/record_rate.h"
#include "proxy/engine/sandbox.h"
#include "proxy/engine/udp_flow.h"

/* One of the two sockets that the sandbox's datagrams come from. */
struct steered {
	struct udp_relay *relay;
	struct ev_io io;
	int fd; /* -1: none */
	uint32_t dropped;
	uint32_t dropped_told;
};

struct udp_relay {
	struct udp_relay_side side; /* what flows know of it */
	struct steered steered[2];
	struct ev_timer tell; /* of what has no record of its own */
	struct record_rate rate;
};

static void set_host(struct audit_record *record, const struct datagram_verdict *verdict)
{
	if (verdict->has_host)
		record->host = host_slice(&verdict->host);
	if (verdict->policy.rule)
		record->rule = (int)verdict->policy.rule->index;
}

/* A refusal that is the relay's own; most have been refused by the queue's verdict before. */
static void record_refusal(struct udp_relay *relay, const struct datagram_flow *ends,
			   const struct datagram_verdict *verdict, const char *reason)
{
	struct sandbox *sandbox = relay->side.sandbox;
	char text[ADDRESS_TEXT_BYTES];
	struct address remote = udp_flow_remote(ends);
	struct audit_record record;

	if (!record_rate_take(&relay->rate, ev_now(sandbox->engine->loop)))
		return;
	if (!sandbox_reserve_record(sandbox)) {
		record_rate_put_back(&relay->rate);
		return;
	}
	audit_record_init(&record, AUDIT_UDP, sandbox->id);
	record.time_us = wallclock_now_us();
	record.reason = reason;
	address_format(&remote, text);
	record.host = slice_from_text(text);
	record.port = ends->remote_port;
	set_host(&record, verdict);
	if (relay->rate.suppressed) {
		record.has_packet = true;
		record.packet.protocol = "udp";
		record.packet.suppressed = relay->rate.suppressed;
		relay->rate.suppressed = 0;
	}
	sandbox_commit_record(sandbox, &record);
}

static uint64_t untold(const struct udp_relay *relay)
{
	uint64_t count = relay->rate.suppressed + relay->side.lost;

	for (size_t i = 0; i < 2; i++)
		count += relay->steered[i].dropped - relay->steered[i].dropped_told;
	return count;
}

static void record_untold(struct udp_relay *relay)
{
	struct sandbox *sandbox = relay->side.sandbox;
	uint64_t count = untold(relay);
	struct audit_record record;

	if (count == 0 || !sandbox_reserve_record(sandbox))
		return;
	audit_record_init(&record, AUDIT_UDP, sandbox->id);
	record.time_us = wallclock_now_us();
	record.reason = "datagrams were dropped: more than a sandbox may have waiting, or too fast";
	record.has_packet = true;
	record.packet.protocol = "udp";
	record.packet.suppressed = count;
	relay->rate.suppressed = relay->side.lost = 0;
	for (size_t i = 0; i < 2; i++)
		relay->steered[i].dropped_told = relay->steered[i].dropped;
	sandbox_commit_record(sandbox, &record);
}

static void tell_is_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	record_untold(container_of(timer, struct udp_relay, tell));
}

static void refuse(struct udp_relay *relay, const struct datagram_flow *ends, size_t length,
		   const struct datagram_verdict *verdict, const char *reason)
{
	record_refusal(relay, ends, verdict, reason);
	datagram_refuse(relay->side.raw[ends->family == 6], ends, length, DATAGRAM_PROHIBITED);
}

/* The first datagram of a flow, or the next one after a refusal. */
static void begin_flow(struct udp_relay *relay, const struct datagram_flow *ends,
		       struct slice payload)
{
	struct sandbox *sandbox = relay->side.sandbox;
	struct address remote = udp_flow_remote(ends);
	struct datagram_verdict verdict;
	bool reserved;

	datagram_judge(sandbox, &remote, ends->remote_port, &verdict);
	if (!verdict.allow) {
		refuse(relay, ends, payload.len, &verdict, verdict.policy.reason);
		return;
	}
	if (relay->side.flow_count >= LIMIT_FLOWS) {
		refuse(relay, ends, payload.len, &verdict,
		       "the sandbox sends datagrams to as many places as it may at once");
		return;
	}
	reserved = sandbox_reserve_record(sandbox);
	if (!reserved && sandbox->policy->audit_full != POLICY_AUDIT_CONTINUE) {
		relay->rate.suppressed++;
		datagram_refuse(relay->side.raw[ends->family == 6], ends, payload.len,
				DATAGRAM_PROHIBITED);
		return;
	}
	udp_flow_begin(&relay->side, ends, &verdict, payload, reserved);
}

static void take_datagram(struct udp_relay *relay, const struct datagram_flow *ends,
			  struct slice payload)
{
	struct udp_flow *flow = udp_flow_find(&relay->side, ends);

	if (!flow) {
		begin_flow(relay, ends, payload);
		return;
	}
	if (!relay->side.sandbox->killed) {
		udp_flow_send(flow, payload);
		return;
	}
	udp_flow_end(flow, "the sandbox has ended");
	begin_flow(relay, ends, payload);
}

static void on_datagrams(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct steered *steered = container_of(io, struct steered, io);
	struct udp_relay *relay = steered->relay;
	struct engine *engine = relay->side.sandbox->engine;

	(void)events;
	for (int i = 0; i < LIMIT_DATAGRAMS; i++) {
		struct datagram_flow ends;
		ssize_t got = datagram_receive(steered->fd, engine->read, ENGINE_READ_BYTES, &ends,
					       &steered->dropped);

		if (got == -EBADMSG)
			continue;
		if (got < 0)
			break;
		take_datagram(relay, &ends, slice_of(engine->read, (size_t)got));
	}
	if (untold(relay) == 0 || ev_is_active(&relay->tell))
		return;
	ev_timer_set(&relay->tell, 1., 0.);
	ev_timer_start(loop, &relay->tell);
}

int udp_relay_create(struct sandbox *sandbox, struct steer_sockets *sockets,
		     struct udp_relay **relay, struct error *err)
{
	struct udp_relay *made = calloc(1, sizeof(*made));
	struct ev_loop *loop = sandbox->engine->loop;

	if (!made)
		return error_set_code(err, -ENOMEM, "cannot relay datagrams");
	udp_relay_side_init(&made->side, sandbox);
	record_rate_init(&made->rate, ev_now(loop));
	ev_timer_init(&made->tell, tell_is_due, 0., 0.);
	for (size_t i = 0; i < 2; i++) {
		made->side.raw[i] = take_fd(&sockets->raw[i]);
		made->steered[i].relay = made;
		made->steered[i].fd = take_fd(&sockets->udp[i]);
		ev_io_init(&made->steered[i].io, on_datagrams, made->steered[i].fd, EV_READ);
		if (made->steered[i].fd >= 0)
			ev_io_start(loop, &made->steered[i].io);
	}
	*relay = made;
	return 0;
}

void udp_relay_free(struct udp_relay *relay)
{
	struct ev_loop *loop;

	if (!relay)
		return;
	loop = relay->side.sandbox->engine->loop;
	udp_flow_end_all(&relay->side, "the sandbox ended");
	record_untold(relay);
	ev_timer_stop(loop, &relay->tell);
	for (size_t i = 0; i < 2; i++) {
		ev_io_stop(loop, &relay->steered[i].io);
		cleanup_close_fd(&relay->steered[i].fd);
		cleanup_close_fd(&relay->side.raw[i]);
	}
	map_free(&relay->side.flows);
	free(relay);
}
