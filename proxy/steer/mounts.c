#include "proxy/steer/mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

int mounts_new(const struct mounts_request *request, struct error *err)
{
	if (mount(request->type, request->target, request->type, request->flags, request->options) <
	    0)
		return error_set_code(err, -errno, "cannot mount %s on %s", request->type,
				      request->target);
	return 0;
}

int mounts_bind(const char *source, const char *target, struct error *err)
{
	/* With MS_REC, as the kernel does not let us look below what is mounted on SOURCE. */
	if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		return error_set_code(err, -errno, "cannot put %s over %s", source, target);
	return 0;
}

bool mounts_is_absent(int code)
{
	return code == -ENOENT || code == -ENOTDIR || code == -EACCES || code == -ELOOP;
}

/* Only adds to the flags: those that the host's mounts have are locked, and must not be lost. */
static int add_attribute(const char *target, uint64_t attribute)
{
	struct mount_attr attributes = {.attr_set = attribute};

	return mount_setattr(AT_FDCWD, target, AT_RECURSIVE, &attributes, sizeof(attributes)) < 0
		       ? -errno
		       : 0;
}

int mounts_protect(const char *target, struct error *err)
{
	int rc = add_attribute(target, MOUNT_ATTR_RDONLY);

	return rc < 0 ? error_set_code(err, rc, "cannot make %s read-only", target) : 0;
}

int mounts_forbid_privileges(struct error *err)
{
	int rc = add_attribute("/", MOUNT_ATTR_NOSUID);

	return rc < 0 ? error_set_code(err, rc, "cannot make the mounts nosuid") : 0;
}

int mounts_seal(const char *target, struct error *err)
{
	if (mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
		return error_set_code(err, -errno, "cannot make %s read-only", target);
	return 0;
}

int mounts_make_directory(const char *path, mode_t mode, struct error *err)
{
	if (mkdir(path, mode) < 0)
		return errno == EEXIST
			       ? 0
			       : error_set_code(err, -errno, "cannot make the directory %s", path);
	/* Whatever the caller's umask. */
	if (chmod(path, mode) < 0)
		return error_set_code(err, -errno, "cannot set the mode of %s", path);
	return 0;
}

int mounts_make_parents(const char *path, struct error *err)
{
	char prefix[PATH_MAX];

	if (strlen(path) >= sizeof(prefix))
		return error_set_code(err, -ENAMETOOLONG, "cannot make %s", path);
	strcpy(prefix, path);
	for (char *slash = strchr(prefix + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int rc;

		*slash = '\0';
		rc = mounts_make_directory(prefix, 0755, err);
		if (rc < 0)
			return rc;
		*slash = '/';
	}
	return 0;
}

int mounts_write_file(const char *path, mode_t mode, struct slice bytes, struct error *err)
{
	cleanup_close int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	int rc = fd < 0 ? -errno : fd_write_all(fd, bytes);

	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = -errno;
	if (rc < 0)
		return error_set_code(err, rc, "cannot write %s inside the sandbox", path);
	return 0;
}
