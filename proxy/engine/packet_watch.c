#include "proxy/engine/packet_watch.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "proxy/engine/datagram_verdict.h"
#include "proxy/engine/packet_name.h"
#include "proxy/engine/record_rate.h"
#include "proxy/engine/sandbox.h"
#include "proxy/tls/quic.h"

struct packet_watch {
	struct sandbox *sandbox;
	struct ev_io io;
	struct ev_timer rest; /* tells of what was suppressed when no packet comes after it */
	int fd;
	struct record_rate rate;
	struct steer_log_state log;
	uint64_t lost_told; /* of log.lost */
	/* Of the last connection attempt by QUIC, whose ClientHello may go on in the next packet;
	 * NULL until there is one. */
	struct quic_initial *quic;
};

enum { WHY_BYTES = 160 };

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

/* Packets without a record of their own: over the rate, or lost by the kernel for want of room. */
static uint64_t untold(const struct packet_watch *watch)
{
	return watch->rate.suppressed + watch->log.lost - watch->lost_told;
}

static void record_suppressed(struct packet_watch *watch, struct audit_record *record)
{
	record->packet.suppressed = untold(watch);
	watch->rate.suppressed = 0;
	watch->lost_told = watch->log.lost;
}

/* By the rules, as far as there are rules for it: a datagram may be refused by one. */
static void describe_refusal(const struct packet_watch *watch, const struct steer_packet *packet,
			     const struct address *to, const struct packet_name *name,
			     struct datagram_verdict *verdict, struct audit_record *record)
{
	record->reason = name->reason;
	if (packet->protocol != IPPROTO_UDP)
		return;
	datagram_judge(watch->sandbox, to, packet->destination_port, verdict);
	if (verdict->allow)
		return;
	/* What it is tells more than that no rule allows it. */
	if (verdict->policy.rule || !name->service)
		record->reason = verdict->policy.reason;
	if (verdict->policy.rule)
		record->rule = (int)verdict->policy.rule->index;
}

/* Reads PACKET's payload if it is QUIC's. True when there is something to tell of it. What is known
 * to be another service's is not read: NTP may look like a version that nobody knows. */
static bool read_quic(struct packet_watch *watch, const struct steer_packet *packet,
		      const char *service)
{
	static const char *const over_quic[] = {"quic", "doq"};
	struct quic_header header;

	if (!service || !slice_is_one_of(slice_from_text(service), over_quic, 2) ||
	    !quic_read_header(packet->payload, &header))
		return false;
	if (!watch->quic) {
		watch->quic = malloc(sizeof(*watch->quic));
		if (!watch->quic)
			return false;
		quic_initial_init(watch->quic);
	}
	if (!quic_initial_continues(watch->quic, packet->payload))
		quic_initial_init(watch->quic);
	return quic_initial_read(watch->quic, packet->payload) != QUIC_MORE;
}

/* The name that a connection by QUIC asks for, or why it cannot be read. */
static void describe_quic(const struct quic_initial *quic, struct audit_record *record,
			  char why[WHY_BYTES])
{
	if (quic->status == QUIC_UNREADABLE) {
		snprintf(why, WHY_BYTES, "the name that it asks for cannot be read (%s): %s",
			 quic_version_name(quic->header.version), quic_initial_problem_text(quic));
		record->error = why;
		return;
	}
	record->has_tls = true;
	if (!quic->hello.has_sni)
		return;
	record->tls.sni = host_slice(&quic->hello.sni);
	if (!record->host.ptr)
		record->host = record->tls.sni;
}

static void describe_destination(const struct packet_watch *watch, const struct address *to,
				 struct audit_record *record)
{
	const struct host *name = names_find(watch->sandbox->names, to->bytes, to->length);

	if (name)
		record->host = host_slice(name);
}

static void record_packet(void *context, const struct steer_packet *packet)
{
	struct packet_watch *watch = context;
	struct sandbox *sandbox = watch->sandbox;
	const struct packet_name *name = packet_name_of(packet);
	char source[ADDRESS_TEXT_BYTES], destination[ADDRESS_TEXT_BYTES], protocol[16];
	char why[WHY_BYTES];
	uint8_t length = packet->family == 4 ? 4 : 16;
	struct address from = {.length = length}, to = {.length = length};
	struct datagram_verdict verdict;
	struct audit_record record;

	if (!record_rate_take(&watch->rate, ev_now(sandbox->engine->loop)))
		return;
	if (!sandbox_reserve_record(sandbox)) {
		record_rate_put_back(&watch->rate);
		return;
	}
	memcpy(from.bytes, packet->source, length);
	memcpy(to.bytes, packet->destination, length);
	address_format(&from, source);
	address_format(&to, destination);
	describe_protocol(packet->protocol, protocol);
	audit_record_init(&record, AUDIT_PACKET, sandbox->id);
	record.time_us = wallclock_now_us();
	describe_refusal(watch, packet, &to, name, &verdict, &record);
	record.has_packet = true;
	record.packet.protocol = protocol;
	record.packet.source = slice_from_text(source);
	record.packet.destination = slice_from_text(destination);
	record.packet.source_port = packet->source_port;
	record.packet.destination_port = packet->destination_port;
	record.packet.service = name->service;
	describe_destination(watch, &to, &record);
	if (read_quic(watch, packet, name->service))
		describe_quic(watch->quic, &record, why);
	if (record.host.ptr)
		record.port = packet->destination_port;
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
	record_rate_init(&made->rate, ev_now(sandbox->engine->loop));
	ev_io_init(&made->io, on_packets, log_fd, EV_READ);
	ev_timer_init(&made->rest, rest_is_due, 0., 0.);
	ev_io_start(sandbox->engine->loop, &made->io);
	*watch = made;
	return 0;
}

void packet_watch_free(struct packet_watch *watch)
{
	if (!watch)
		return;
	steer_read_log(watch->fd, record_packet, watch, &watch->log);
	record_rest(watch);
	ev_io_stop(watch->sandbox->engine->loop, &watch->io);
	ev_timer_stop(watch->sandbox->engine->loop, &watch->rest);
	close(watch->fd);
	free(watch->quic);
	free(watch);
}
