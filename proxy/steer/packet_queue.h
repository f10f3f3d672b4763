/*
 * Packets that wait in the kernel for a verdict (linux/netfilter/nfnetlink_queue.h). The queue is
 * bounded, and what finds it full is dropped: neither the flag "fail open" nor the rule's "bypass"
 * is ever set, and without a reader the kernel drops.
 */
#ifndef PROXY_STEER_PACKET_QUEUE_H
#define PROXY_STEER_PACKET_QUEUE_H

#include "base/slice.h"
#include "proxy/steer/steer.h"

/* Opens a socket and binds queue NUMBER to it. Its descriptor, or a negative code. */
int packet_queue_open(uint16_t number, struct error *err);

/* Fills QUEUED, at most MAX, from DATAGRAM, which the kernel sent. Their number; what is malformed
 * is left out. */
size_t packet_queue_parse(struct slice datagram, struct steer_queued *queued, size_t max);

#endif
