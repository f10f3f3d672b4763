#include "proxy/audit/parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

static int make_list(struct audit_parts *parts, size_t count, struct error *err)
{
	*parts = (struct audit_parts){.list = calloc(count, sizeof(*parts->list))};
	return parts->list ? 0 : error_set_code(err, -ENOMEM, "cannot read the audit log");
}

/* Whether FD is the file that was taken last. */
static bool is_last_taken(const struct audit_parts *parts, int fd)
{
	struct stat a, b;

	return parts->count && fstat(fd, &a) == 0 &&
	       fstat(parts->list[parts->count - 1].fd, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static int add(struct audit_parts *parts, const char *path, bool may_repeat)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct audit_part *part = &parts->list[parts->count];

	if (fd < 0)
		return -errno;
	if (!may_repeat && is_last_taken(parts, fd))
		return 0;
	part->path = strdup(path);
	if (!part->path)
		return -ENOMEM;
	part->fd = take_fd(&fd);
	parts->count++;
	return 0;
}

static int fail(struct audit_parts *parts, int code, const char *path, struct error *err)
{
	audit_parts_close(parts);
	return error_set_code(err, code, "cannot open the audit log %s", path);
}

static void put_oldest_first(struct audit_parts *parts)
{
	for (size_t i = 0; i < parts->count / 2; i++) {
		struct audit_part kept = parts->list[i];

		parts->list[i] = parts->list[parts->count - 1 - i];
		parts->list[parts->count - 1 - i] = kept;
	}
}

int audit_parts_find(struct audit_parts *parts, const char *path, struct error *err)
{
	int rc = make_list(parts, AUDIT_PARTS_MAX + 1, err);

	if (rc < 0)
		return rc;
	rc = add(parts, path, false);
	if (rc < 0)
		return fail(parts, rc, path, err);
	for (int i = 1; i <= AUDIT_PARTS_MAX; i++) {
		cleanup_free char *part = NULL;

		if (asprintf(&part, "%s.%d", path, i) < 0)
			return fail(parts, -ENOMEM, path, err);
		rc = add(parts, part, false);
		if (rc < 0 && rc != -ENOENT)
			return fail(parts, rc, part, err);
	}
	put_oldest_first(parts);
	return 0;
}

int audit_parts_open(struct audit_parts *parts, char *const *paths, size_t count, struct error *err)
{
	int rc = make_list(parts, count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = add(parts, paths[i], true);
		if (rc < 0)
			return fail(parts, rc, paths[i], err);
	}
	return rc;
}

void audit_parts_close(struct audit_parts *parts)
{
	for (size_t i = 0; i < parts->count; i++) {
		free(parts->list[i].path);
		close(parts->list[i].fd);
	}
	free(parts->list);
	*parts = (struct audit_parts){0};
}
