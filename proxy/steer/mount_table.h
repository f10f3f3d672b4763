/* The host's mounts: /proc/self/mountinfo. */
#ifndef PROXY_STEER_MOUNT_TABLE_H
#define PROXY_STEER_MOUNT_TABLE_H

#include "base/error.h"
#include "base/slice.h"
#include "proxy/steer/path_list.h"

/*
 * Adds to LIST the mount points, of those in TEXT (the content of a mountinfo file), below which
 * the name of a directory is a name on the network: autofs with a map of hosts ("cd /net/HOST"
 * looks HOST up and talks to it), AFS. The host's automounter does that, on the host's network.
 */
int mount_table_collect(struct slice text, struct path_list *list);

/* The same for the calling process. */
int mount_table_read(struct path_list *list, struct error *err);

#endif
