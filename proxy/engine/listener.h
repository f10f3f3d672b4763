/*
 * The sandbox's transparent TCP sockets: connections are accepted within bounds, their destination
 * is the socket's own address, and the sandbox is known by the socket (design section 1).
 */
#ifndef PROXY_ENGINE_LISTENER_H
#define PROXY_ENGINE_LISTENER_H

#include "base/error.h"

struct sandbox;
struct listener;

/* Takes over FD. */
int listener_create(struct sandbox *sandbox, int fd, struct listener **listener, struct error *err);
void listener_free(struct listener *listener);

#endif
