/* File descriptors: whole reads and writes, and handing descriptors to another process. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"

enum { FD_PASS_MAX = 16 };

/* Writes all of BYTES, however many calls it takes. 0 or a negated errno. */
int fd_write_all(int fd, struct slice bytes);

/* Reads until the end of file, at most MAX bytes, into new memory that the caller frees; a NUL is
 * added behind the length. ERROR_LIMIT if there is more than MAX. */
int fd_read_all(int fd, size_t max, char **bytes, size_t *len);

/* Opens the regular file at PATH and reads it whole. The error's text names PATH and says what was
 * the matter: missing, unreadable, a directory, not a regular file, too large. */
int fd_read_file(const char *path, size_t max, char **bytes, size_t *len, struct error *err);

/* Sends one message (never empty) with COUNT descriptors over a unix socket. 0 or a negated errno.
 */
int fd_send(int socket, struct slice message, const int *fds, size_t count);

/* Receives one message of at most SIZE bytes and up to FD_PASS_MAX descriptors, opened
 * close-on-exec. Returns the message's length, 0 at the end of the stream, or a negative code;
 * ERROR_TRUNCATED if the message or its descriptors did not fit, none being kept then. */
ssize_t fd_receive(int socket, void *message, size_t size, int fds[FD_PASS_MAX], size_t *count);

int fd_set_nonblocking(int fd);

/* Closes every descriptor from LOWEST up that is not in KEEP (ascending, COUNT entries). */
int fd_close_except(int lowest, const int *keep, size_t count);

#endif
