/* /dev: a new one, with the devices that every program may have. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proxy/steer/mounts.h"
#include "proxy/steer/view.h"

#define STAGING VIEW_OWN_DIR "/dev"

static int make_empty_file(const char *path, struct error *err)
{
	return mounts_write_file(path, 0644, SLICE_EMPTY, err);
}

static int bind_device(const char *source, const char *name, struct error *err)
{
	char target[128];
	struct stat status;
	int rc;

	if (stat(source, &status) < 0)
		return 0;
	snprintf(target, sizeof(target), STAGING "/%s", name);
	rc = make_empty_file(target, err);
	return rc < 0 ? rc : mounts_bind(source, target, err);
}

static int bind_devices(struct error *err)
{
	static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char source[32];
		int rc;

		snprintf(source, sizeof(source), "/dev/%s", names[i]);
		rc = bind_device(source, names[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int make_links(struct error *err)
{
	static const char *const links[][2] = {
		{"/proc/self/fd", STAGING "/fd"},	{"/proc/self/fd/0", STAGING "/stdin"},
		{"/proc/self/fd/1", STAGING "/stdout"}, {"/proc/self/fd/2", STAGING "/stderr"},
		{"pts/ptmx", STAGING "/ptmx"},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (symlink(links[i][0], links[i][1]) < 0)
			return error_set_code(err, -errno, "cannot make %s", links[i][1]);
	}
	return 0;
}

/* Pseudo-terminals of its own: on the host's, COMMAND could read what is typed into the caller's
 * other terminals. The ipc namespace's message queues are shown where programs look for them. */
static int mount_file_systems(struct error *err)
{
	static const struct {
		struct mounts_request request;
		mode_t mode;
		bool needed;
	} rows[] = {
		{{"devpts", STAGING "/pts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620"},
		 0755,
		 true},
		{{"tmpfs", STAGING "/shm", MS_NOSUID | MS_NODEV, "mode=1777"}, 01777, true},
		{{"mqueue", STAGING "/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
		 01777,
		 false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = mounts_make_directory(rows[i].request.target, rows[i].mode, err);

		if (rc == 0)
			rc = mounts_new(&rows[i].request, err);
		if (rc < 0 && rows[i].needed)
			return rc;
	}
	return 0;
}

int view_arrange_devices(const struct view *view, struct error *err)
{
	struct mounts_request request = {"tmpfs", STAGING, MS_NOSUID, "mode=0755,size=1m"};
	int rc;

	rc = mounts_make_directory(STAGING, 0755, err);
	if (rc == 0)
		rc = mounts_new(&request, err);
	if (rc == 0)
		rc = bind_devices(err);
	/* The terminal that COMMAND is given is not among its own; ttyname(3) finds it here. */
	if (rc == 0 && view->surroundings->terminal[0])
		rc = bind_device(view->surroundings->terminal, "console", err);
	if (rc == 0)
		rc = make_links(err);
	if (rc == 0)
		rc = mount_file_systems(err);
	if (rc < 0)
		return rc;
	if (mount(STAGING, "/dev", NULL, MS_MOVE, NULL) < 0)
		return error_set_code(err, -errno, "cannot replace /dev");
	/* Not MS_NODEV: the devices are bound from elsewhere, but this is what remounts them. */
	if (mount(NULL, "/dev", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL) < 0)
		return error_set_code(err, -errno, "cannot make /dev read-only");
	return 0;
}
