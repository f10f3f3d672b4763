/*
 * Datagrams that wait in the kernel for a verdict (steer.h): the first to each destination, of
 * those whose port some rule names. What is allowed goes on to the relay, which judges it anew; so
 * the queue only decides what is refused before it gets there, at once and by the kernel, whose
 * packet log tells of it (packet_watch.h).
 *
 * The supervisor tells the kernel. While its socket has no room, the queue is not read; the kernel
 * drops what does not fit, which is counted.
 */
#ifndef PROXY_ENGINE_QUEUE_WATCH_H
#define PROXY_ENGINE_QUEUE_WATCH_H

#include "base/error.h"
#include "proxy/steer/steer.h"

struct sandbox;
struct queue_watch;

/* Takes over QUEUE_FD. */
int queue_watch_create(struct sandbox *sandbox, int queue_fd, struct queue_watch **watch,
		       struct error *err);

void queue_watch_free(struct queue_watch *watch);

#endif
