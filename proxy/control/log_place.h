/*
 * What of the audit log's surroundings is hidden from COMMAND.
 *
 * A mask stands on a file, and goes with it when that is moved away: the new file at the log's path
 * could be read and forged by COMMAND, which has the caller's user. So where new files are to be
 * expected, the folder is hidden as a whole: the default log's, which has nothing else in it, and
 * that of a log which Sallyport rotates. Else it is the file alone.
 */
#ifndef PROXY_CONTROL_LOG_PLACE_H
#define PROXY_CONTROL_LOG_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What to hide of the log at PATH, which is absolute and without links, goes to HIDDEN.
 * ERROR_CONFIG when the log is to be rotated in a folder that COMMAND needs: one with the working
 * directory or the home in it, or that everybody may write to. */
int log_place_to_hide(const char *path, bool is_rotated, bool is_default, char *hidden, size_t size,
		      struct error *err);

#endif
