/* The texts of the files that say how names are resolved, as they are inside. */
#ifndef PROXY_STEER_HOSTS_FILES_H
#define PROXY_STEER_HOSTS_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum { HOSTS_FILE_MAX_BYTES = 1 << 20 };

/*
 * resolv.conf(5): one name server, no search list (an incomplete name would be asked for under
 * every domain of the host's, which are nobody's business). The address could be any: port 53 leads
 * to the DNS sockets on all of them. This one is plain to the resolvers that have their own idea of
 * loopback servers.
 */
int hosts_files_resolv_conf(struct buffer *out);

/* nsswitch.conf(5): HOST_FILE, but host names come from the file and from DNS; no module that asks
 * a daemon. */
int hosts_files_nsswitch(struct slice host_file, struct buffer *out);

/* hosts(5): localhost and NAME, which the sandbox calls itself. */
int hosts_files_hosts(const char *name, bool ipv6, struct buffer *out);

/* Resolves PATH, of which the last parts need not exist, symbolic links and all: where would a file
 * that is made under this name come to be? 0, or a negated errno. */
int hosts_files_resolve(const char *path, char *out, size_t size);

#endif
