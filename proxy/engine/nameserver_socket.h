/* The sockets of a c-ares channel. Private to nameserver.c. */
#ifndef PROXY_ENGINE_NAMESERVER_SOCKET_H
#define PROXY_ENGINE_NAMESERVER_SOCKET_H

#include <ares.h>

/* For ares_set_socket_functions(); its context is an int that is set to the response code of each
 * datagram as it is received, and to -1 when there was none. */
extern const struct ares_socket_functions nameserver_socket_functions;

#endif
