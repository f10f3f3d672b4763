/* What the kernel logs of refused packets: NFLOG messages (linux/netfilter/nfnetlink_log.h). */
#ifndef PROXY_STEER_PACKET_LOG_H
#define PROXY_STEER_PACKET_LOG_H

#include "base/slice.h"
#include "proxy/steer/steer.h"

/* Fills PACKET from BYTES, the start of an IP packet (RFC 791, RFC 8200). 0, or ERROR_SYNTAX or
 * ERROR_TRUNCATED if there is not even a whole first header; what is missing behind it leaves the
 * ports 0. PACKET's payload points into BYTES. */
int packet_log_parse_packet(struct slice bytes, struct steer_packet *packet);

typedef void packet_log_visit(void *context, const struct steer_packet *packet);

/* Calls VISIT for each packet in DATAGRAM, which the kernel sent, and counts in STATE those that
 * are missing before it. Returns their number; what is malformed is left out. */
int packet_log_parse(struct slice datagram, packet_log_visit *visit, void *context,
		     struct steer_log_state *state);

#endif
