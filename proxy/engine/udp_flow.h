/* One flow of datagrams (udp_relay.h). Private to the relay. */
#ifndef PROXY_ENGINE_UDP_FLOW_H
#define PROXY_ENGINE_UDP_FLOW_H

#include "base/list.h"
#include "base/map.h"
#include "proxy/engine/address.h"
#include "proxy/engine/datagram_verdict.h"
#include "proxy/steer/datagram.h"

struct sandbox;
struct udp_flow;

/* What all flows of a relay share. */
struct udp_relay_side {
	struct sandbox *sandbox;
	int raw[2]; /* to the sandbox; IPv4, IPv6 */
	struct map flows;
	struct list all;
	size_t flow_count;
	size_t waiting_bytes; /* of all that are RESOLVING */
	uint64_t lost;	      /* datagrams that there was no room for, and no record yet */
};

void udp_relay_side_init(struct udp_relay_side *side, struct sandbox *sandbox);

struct udp_flow *udp_flow_find(const struct udp_relay_side *side, const struct datagram_flow *ends);

/* Begins a flow with its first datagram. Takes over the reservation, if there is one. */
void udp_flow_begin(struct udp_relay_side *side, const struct datagram_flow *ends,
		    const struct datagram_verdict *verdict, struct slice payload, bool reserved);

/* Passes a datagram of the sandbox's on, or lets it wait. */
void udp_flow_send(struct udp_flow *flow, struct slice payload);

/* ERROR says why, if that is not the usual end; NULL. */
void udp_flow_end(struct udp_flow *flow, const char *error);
void udp_flow_end_all(struct udp_relay_side *side, const char *error);

/* The address that the sandbox sends to. */
struct address udp_flow_remote(const struct datagram_flow *ends);

#endif
