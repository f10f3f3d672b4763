/*
 * Datagrams that a udp:// rule allows, relayed both ways unchanged.
 *
 * A flow is one address and port of the sandbox's and one that it sends to. Each has a verdict, its
 * own connected socket to an address that the engine resolved, and one record when it ends:
 *
 *   (none) --datagram--> judged: refused (record, ICMP administratively prohibited), or
 *   RESOLVING   datagrams wait, few of them --resolved--> OPEN, or ended (record, ICMP)
 *   OPEN        datagrams are passed on as they come --idle, or the sandbox ends--> ended (record)
 *
 * The guest has no part in the address: the name that its synthetic address stands for is resolved
 * here, as for connections; of the name's addresses one of the family that the program uses is
 * preferred, as that family seems to work. Errors that the network reports (a closed port) are
 * passed on by ICMP, and the flow goes on.
 *
 * Bounds (limits.h): flows of a sandbox, datagrams and bytes that wait; each has a record when it
 * bites, at most so many a second, with the number of those that have none. Room for the record of
 * a flow is reserved before anything of it is sent.
 */
#ifndef PROXY_ENGINE_UDP_RELAY_H
#define PROXY_ENGINE_UDP_RELAY_H

#include "base/error.h"
#include "proxy/steer/steer.h"

struct sandbox;
struct udp_relay;

/* Takes over the sockets for datagrams (udp, raw) of SOCKETS, if it succeeds. */
int udp_relay_create(struct sandbox *sandbox, struct steer_sockets *sockets,
		     struct udp_relay **relay, struct error *err);

/* Ends and records all flows. */
void udp_relay_free(struct udp_relay *relay);

#endif
