/* The store, and what is put over places of the host out of it. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "proxy/steer/hosts_files.h"
#include "proxy/steer/mounts.h"
#include "proxy/steer/view.h"

#define EMPTY_FILE	VIEW_OWN_DIR "/empty-file"
#define EMPTY_DIRECTORY VIEW_OWN_DIR "/empty-directory"
#define DEAD_SOCKET	VIEW_OWN_DIR "/dead-socket"

static int write_plan_files(const struct steer_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->file_count; i++) {
		char path[PATH_MAX];
		int rc;

		snprintf(path, sizeof(path), STEER_RUNTIME_DIR "/%s", plan->files[i].name);
		rc = mounts_write_file(path, 0444, plan->files[i].bytes, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int make_dead_socket(struct error *err)
{
	if (mknod(DEAD_SOCKET, S_IFSOCK | 0666, 0) < 0 || chmod(DEAD_SOCKET, 0666) < 0)
		return error_set_code(err, -errno, "cannot make %s", DEAD_SOCKET);
	return 0;
}

int view_arrange_store(const struct view *view, struct error *err)
{
	struct mounts_request request = {"tmpfs", STEER_RUNTIME_DIR, MS_NOSUID | MS_NODEV,
					 "mode=0755"};
	int rc;

	rc = mounts_make_directory(STEER_RUNTIME_DIR, 0755, err);
	if (rc == 0)
		rc = mounts_new(&request, err);
	if (rc == 0)
		rc = mounts_make_directory(VIEW_OWN_DIR, 0755, err);
	if (rc == 0)
		rc = mounts_write_file(EMPTY_FILE, 0, SLICE_EMPTY, err);
	if (rc == 0)
		rc = mounts_make_directory(EMPTY_DIRECTORY, 0555, err);
	if (rc == 0)
		rc = make_dead_socket(err);
	if (rc == 0)
		rc = write_plan_files(view->plan, err);
	return rc;
}

/* Puts what is in TEXT over the file at PATH. Where there is no such file, nothing can be put over
 * it, unless its place is in a directory of ours. */
static int replace_file(const char *path, const char *name, const struct buffer *text,
			struct error *err)
{
	char ours[PATH_MAX], place[PATH_MAX];
	int rc;

	snprintf(ours, sizeof(ours), VIEW_OWN_DIR "/%s", name);
	rc = mounts_write_file(ours, 0444, buffer_slice(text), err);
	if (rc < 0)
		return rc;
	rc = hosts_files_resolve(path, place, sizeof(place));
	if (rc == 0 && strncmp(place, "/run/", 5) == 0) {
		rc = mounts_make_parents(place, err);
		return rc < 0 ? rc : mounts_write_file(place, 0444, buffer_slice(text), err);
	}
	rc = mounts_bind(ours, path, err);
	return mounts_is_absent(rc) ? 0 : rc;
}

static int build_nsswitch(struct buffer *text)
{
	cleanup_free char *file = NULL;
	size_t len = 0;

	if (fd_read_file("/etc/nsswitch.conf", HOSTS_FILE_MAX_BYTES, &file, &len, NULL) < 0)
		len = 0;
	return hosts_files_nsswitch(slice_of(file ? file : "", len), text);
}

static int build_host_file(const struct view *view, int which, struct buffer *text)
{
	switch (which) {
	case 0:
		return hosts_files_resolv_conf(text);
	case 1:
		return build_nsswitch(text);
	default:
		return hosts_files_hosts(view->plan->sandbox, view->ipv6, text);
	}
}

int view_arrange_host_files(const struct view *view, struct error *err)
{
	static const char *const names[] = {"resolv.conf", "nsswitch.conf", "hosts"};
	int rc = 0;

	for (int i = 0; rc == 0 && i < 3; i++) {
		struct buffer text;
		char path[64];

		snprintf(path, sizeof(path), "/etc/%s", names[i]);
		buffer_init(&text, 2 * HOSTS_FILE_MAX_BYTES);
		rc = build_host_file(view, i, &text);
		if (rc < 0)
			error_set_code(err, rc, "cannot make the sandbox's %s", path);
		else
			rc = replace_file(path, names[i], &text, err);
		buffer_free(&text);
	}
	return rc;
}

/* Two places may be names of one file: bound once, the second name leads to ours already. */
int view_arrange_overlays(const struct view *view, struct error *err)
{
	struct path_list done = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < view->plan->overlay_count; i++) {
		const struct steer_overlay *overlay = &view->plan->overlays[i];
		cleanup_free char *place = realpath(overlay->path, NULL);
		char ours[PATH_MAX];

		if (!place || path_list_has(&done, slice_from_text(place)))
			continue;
		snprintf(ours, sizeof(ours), STEER_RUNTIME_DIR "/%s", overlay->file);
		rc = mounts_bind(ours, place, err);
		if (rc == 0 && path_list_add(&done, slice_from_text(place)) < 0)
			rc = error_set_code(err, -ENOMEM, "cannot put %s over %s", ours, place);
	}
	path_list_free(&done);
	return rc;
}

/* A socket is masked by one that nobody listens on, so that programs are told just that. */
static const char *mask_for(mode_t mode)
{
	if (S_ISDIR(mode))
		return EMPTY_DIRECTORY;
	return S_ISSOCK(mode) ? DEAD_SOCKET : EMPTY_FILE;
}

/* What is examined is what is covered, whatever happens to the path meanwhile. */
static int mask_opened(int fd, const char *path, bool only_socket, struct error *err)
{
	struct stat status;
	char place[32];

	if (fstat(fd, &status) < 0)
		return error_set_code(err, -errno, "cannot hide %s", path);
	if (only_socket && !S_ISSOCK(status.st_mode))
		return 0;
	snprintf(place, sizeof(place), "/proc/self/fd/%d", fd);
	if (mount(mask_for(status.st_mode), place, NULL, MS_BIND, NULL) < 0)
		return error_set_code(err, -errno, "cannot hide %s", path);
	return 0;
}

/* With ONLY_SOCKET, leaves alone what is not a socket: a path that one was bound to may be a file
 * by now, and nobody's secret. */
static int mask(const char *path, bool only_socket, struct error *err)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd >= 0)
		return mask_opened(fd, path, only_socket, err);
	return mounts_is_absent(-errno) ? 0 : error_set_code(err, -errno, "cannot hide %s", path);
}

int view_arrange_masks(const struct view *view, struct error *err)
{
	const struct path_list *sockets = &view->surroundings->unix_sockets;
	const struct path_list *automounts = &view->surroundings->automounts;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sockets->count; i++)
		rc = mask(sockets->paths[i], true, err);
	for (size_t i = 0; rc == 0 && i < automounts->count; i++)
		rc = mask(automounts->paths[i], false, err);
	for (size_t i = 0; rc == 0 && i < view->plan->masked_count; i++)
		rc = mask(view->plan->masked[i], false, err);
	return rc;
}

/* Whether COMMAND could rename what is in FOLDER, or could come to: an owner can give himself the
 * right to write. */
static bool may_rename_in(const char *folder)
{
	struct stat status;

	return stat(folder, &status) == 0 &&
	       (status.st_uid == getuid() || access(folder, W_OK) == 0);
}

/* A mount point cannot be renamed or removed from inside, but a folder above it can, and then
 * another file stands at its path: the next run's policy, or the log that an auditor finds. So
 * each folder on the way becomes a mount point too. */
static int pin_above(const char *path, struct path_list *pinned, struct error *err)
{
	char parent[PATH_MAX] = "/", folder[PATH_MAX];
	const char *slash = path;

	while ((slash = strchr(slash + 1, '/'))) {
		struct slice name = slice_of(path, (size_t)(slash - path));
		int rc = 0;

		if (name.len >= sizeof(folder))
			return error_set_code(err, -ENAMETOOLONG, "cannot hold %s in its place",
					      path);
		memcpy(folder, name.ptr, name.len);
		folder[name.len] = '\0';
		if (may_rename_in(parent) && !path_list_has(pinned, name)) {
			rc = mounts_bind(folder, folder, err);
			if (rc == 0 && path_list_add(pinned, name) < 0)
				rc = error_set_code(err, -ENOMEM, "cannot hold %s in its place",
						    folder);
		}
		if (rc < 0)
			return mounts_is_absent(rc) ? 0 : rc;
		memcpy(parent, folder, name.len + 1);
	}
	return 0;
}

int view_arrange_pins(const struct view *view, struct error *err)
{
	const struct steer_plan *plan = view->plan;
	struct path_list pinned = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->read_only_count; i++)
		rc = pin_above(plan->read_only[i], &pinned, err);
	for (size_t i = 0; rc == 0 && i < plan->masked_count; i++)
		rc = pin_above(plan->masked[i], &pinned, err);
	path_list_free(&pinned);
	return rc;
}

int view_arrange_read_only(const struct view *view, struct error *err)
{
	for (size_t i = 0; i < view->plan->read_only_count; i++) {
		const char *path = view->plan->read_only[i];
		int rc = mounts_bind(path, path, err);

		if (rc == 0)
			rc = mounts_protect(path, err);
		if (rc < 0 && !mounts_is_absent(rc))
			return rc;
	}
	return 0;
}
