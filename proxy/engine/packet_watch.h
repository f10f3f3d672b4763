/*
 * Packets that the sandbox's table refused (neither TCP nor DNS): one record each, up to a rate;
 * what is over it is counted and told with the next record (threat N1). A record says what the
 * packet looks like (packet_name.h), and of QUIC which name it was for: of each packet with a
 * record the first bytes are opened, which costs some microseconds.
 */
#ifndef PROXY_ENGINE_PACKET_WATCH_H
#define PROXY_ENGINE_PACKET_WATCH_H

#include "base/error.h"

struct sandbox;
struct packet_watch;

/* Takes over LOG_FD (steer.h). */
int packet_watch_create(struct sandbox *sandbox, int log_fd, struct packet_watch **watch,
			struct error *err);

/* Records what is still counted, and ends. */
void packet_watch_free(struct packet_watch *watch);

#endif
