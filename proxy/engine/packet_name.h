/*
 * What a refused packet is, for people and the log: by its protocol, port, address and first bytes.
 * That is a guess, as anybody may send anything to any port; no verdict rests on it.
 */
#ifndef PROXY_ENGINE_PACKET_NAME_H
#define PROXY_ENGINE_PACKET_NAME_H

#include "proxy/steer/steer.h"

struct packet_name {
	const char *service; /* a short word for programs: "quic", "mdns"; NULL: none is known */
	const char *reason;  /* why it is refused, for people; never NULL */
};

/* Never NULL; static. */
const struct packet_name *packet_name_of(const struct steer_packet *packet);

#endif
