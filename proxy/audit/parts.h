/*
 * The parts of a rotated journal: FILE, and the older FILE.1, FILE.2 and so on.
 *
 * All are opened before one is read, the newest first: a rotation in between shows a part twice,
 * which is noticed, and never hides one.
 */
#ifndef PROXY_AUDIT_PARTS_H
#define PROXY_AUDIT_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { AUDIT_PARTS_MAX = 999 }; /* beside FILE itself */

struct audit_part {
	char *path;
	int fd;
};

struct audit_parts {
	struct audit_part *list; /* the oldest first */
	size_t count;
};

/* Opens FILE at PATH and its older parts. A number may be left out; FILE alone is one part. 0 or a
 * negative code, and then nothing is open. */
int audit_parts_find(struct audit_parts *parts, const char *path, struct error *err);

/* Opens the COUNT files at PATHS, which are in the order in which they were written. */
int audit_parts_open(struct audit_parts *parts, char *const *paths, size_t count,
		     struct error *err);

void audit_parts_close(struct audit_parts *parts);

#endif
