/* /proc, /sys, the runtime directories. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/steer/mounts.h"
#include "proxy/steer/view.h"

#define RUNTIME_OPTIONS "mode=0755,size=10%"

int view_arrange_proc(struct error *err)
{
	struct mounts_request request = {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL};
	int rc = mounts_new(&request, err);

	if (rc == -EPERM)
		return error_set(err, rc,
				 "cannot mount a /proc of its own for the sandbox: this container "
				 "hides parts of /proc, and the kernel does not let us show them; "
				 "start it with --security-opt systempaths=unconfined (Docker) or "
				 "procMount: Unmasked (Kubernetes)");
	return rc;
}

/* Our own /sys shows our own network namespace. The control groups are taken along, as runtimes
 * read their memory limit there. */
static int replace_sys(struct error *err)
{
	struct mounts_request request = {"sysfs", "/sys",
					 MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL};
	cleanup_close int groups = open_tree(AT_FDCWD, "/sys/fs/cgroup",
					     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	int rc = mounts_new(&request, err);

	if (rc < 0 || groups < 0)
		return rc;
	if (move_mount(groups, "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH) < 0 &&
	    errno != ENOENT)
		return error_set_code(err, -errno, "cannot show the control groups");
	return 0;
}

int view_arrange_sys(struct error *err)
{
	struct stat status;
	int rc;

	if (stat("/sys/kernel", &status) < 0)
		return 0;
	rc = replace_sys(err);
	/* A container that hides parts of /sys: what it shows must do. */
	if (rc < 0 && rc != -EPERM)
		return rc;
	return mounts_protect("/sys", err);
}

static int cover(const char *path, const char *options, struct error *err)
{
	struct mounts_request request = {"tmpfs", path, MS_NOSUID | MS_NODEV, options};

	return mounts_new(&request, err);
}

/* What programs expect to find in /run. */
static int furnish_run(const struct view *view, struct error *err)
{
	char path[64];
	int rc;

	rc = mounts_make_directory("/run/lock", 01777, err);
	if (rc == 0)
		rc = mounts_make_directory("/run/user", 0755, err);
	snprintf(path, sizeof(path), "/run/user/%u", view->surroundings->caller.uid);
	if (rc == 0)
		rc = mounts_make_directory(path, 0700, err);
	return rc;
}

/* /var/run is a link to /run nearly everywhere. */
static int cover_var_run(struct error *err)
{
	struct stat status;

	if (lstat("/var/run", &status) < 0 || !S_ISDIR(status.st_mode))
		return 0;
	return mounts_bind("/run", "/var/run", err);
}

static int make_in_run(const char *path, struct error *err)
{
	int rc = mounts_make_parents(path, err);

	return rc < 0 ? rc : mounts_make_directory(path, 0700, err);
}

/* XDG_RUNTIME_DIR, be it in /run or not. */
static int cover_runtime_dir(const struct view *view, struct error *err)
{
	const char *path = view->surroundings->runtime_dir;
	int rc;

	if (!path || strcmp(path, "/") == 0)
		return 0;
	if (strncmp(path, "/run/", 5) == 0)
		return make_in_run(path, err);
	rc = cover(path, "mode=0700,size=10%", err);
	return mounts_is_absent(rc) ? 0 : rc;
}

/* Directories that hold nothing but sockets, covered whole: so that a server that starts later is
 * not reached either, and one inside can make its own. */
static int cover_socket_directories(const struct view *view, struct error *err)
{
	char tmux[64];
	const char *const paths[] = {"/tmp/.X11-unix", "/tmp/.ICE-unix", tmux};

	snprintf(tmux, sizeof(tmux), "/tmp/tmux-%u", view->surroundings->caller.uid);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct stat status;
		int rc;

		if (lstat(paths[i], &status) < 0 || !S_ISDIR(status.st_mode))
			continue;
		rc = cover(paths[i], "mode=0700,size=1m", err);
		if (rc < 0 && !mounts_is_absent(rc))
			return rc;
	}
	return 0;
}

int view_arrange_runtime(const struct view *view, struct error *err)
{
	int rc = cover("/run", RUNTIME_OPTIONS, err);

	if (rc == 0)
		rc = furnish_run(view, err);
	if (rc == 0)
		rc = cover_var_run(err);
	if (rc == 0)
		rc = cover_runtime_dir(view, err);
	if (rc == 0)
		rc = cover_socket_directories(view, err);
	return rc;
}
