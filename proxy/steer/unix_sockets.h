/* The host's unix sockets: /proc/net/unix. */
#ifndef PROXY_STEER_UNIX_SOCKETS_H
#define PROXY_STEER_UNIX_SOCKETS_H

#include "base/error.h"
#include "base/slice.h"
#include "proxy/steer/path_list.h"

enum { UNIX_SOCKETS_MAX_BYTES = 64 << 20 };

/* The path of the socket that LINE of /proc/net/unix tells of; empty if it has none, an abstract
 * name, or a relative path (nobody can tell to what). */
struct slice unix_sockets_path(struct slice line);

/* Adds to LIST every path in TEXT, the content of /proc/net/unix, that is not below /run. Whether
 * the socket listens is not asked: one for datagrams takes them without. */
int unix_sockets_collect(struct slice text, struct path_list *list);

/* The same for the network namespace of the calling process. */
int unix_sockets_read(struct path_list *list, struct error *err);

#endif
