/* The mount calls of which the sandbox's view of the files is made, with errors that name the
 * place. All act in the calling process's mount namespace. */
#ifndef PROXY_STEER_MOUNTS_H
#define PROXY_STEER_MOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"

struct mounts_request {
	const char *type;
	const char *target;
	unsigned long flags;
	const char *options;
};

int mounts_new(const struct mounts_request *request, struct error *err);

/* Makes what is at SOURCE be seen at TARGET too, with what is mounted below it. Both must exist and
 * be of one kind; symbolic links are followed. */
int mounts_bind(const char *source, const char *target, struct error *err);

/* Whether CODE says that a place is absent or out of the caller's reach, so that there is nothing
 * to hide: whoever runs inside has no more rights to the files. */
bool mounts_is_absent(int code);

/* Makes the mount at TARGET, and those below it, read-only. */
int mounts_protect(const char *target, struct error *err);

/* Makes the bits and capabilities of executable files mean nothing, on all mounts. */
int mounts_forbid_privileges(struct error *err);

/* Makes the file system that is mounted at TARGET read-only, wherever else it may be bound. */
int mounts_seal(const char *target, struct error *err);

/* Leaves alone what exists. */
int mounts_make_directory(const char *path, mode_t mode, struct error *err);

/* Makes the directories above PATH, as far as they are missing. */
int mounts_make_parents(const char *path, struct error *err);

int mounts_write_file(const char *path, mode_t mode, struct slice bytes, struct error *err);

#endif
