#include "proxy/control/log_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/slice.h"

/* Whether PATH is FOLDER, or in it. */
static bool is_within(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/' || len == 1);
}

static bool has_home(const char *folder)
{
	const char *home = getenv("HOME");
	cleanup_free char *real = home ? realpath(home, NULL) : NULL;

	return real && is_within(real, folder);
}

/* One that cannot be told is as good as one in FOLDER. */
static bool has_working_directory(const char *folder)
{
	cleanup_free char *real = getcwd(NULL, 0);

	return !real || is_within(real, folder);
}

static bool is_for_everybody(const char *folder)
{
	struct stat status;

	return stat(folder, &status) < 0 || (status.st_mode & S_IWOTH);
}

static bool is_needed(const char *folder)
{
	return has_home(folder) || has_working_directory(folder) || is_for_everybody(folder);
}

int log_place_to_hide(const char *path, bool is_rotated, bool is_default, char *hidden, size_t size,
		      struct error *err)
{
	size_t len = (size_t)(strrchr(path, '/') - path);

	if (snprintf(hidden, size, "%s", path) >= (int)size)
		return error_set(err, -ENAMETOOLONG, "the audit log's path is too long: %s", path);
	if (!is_rotated && !is_default)
		return 0;
	hidden[len ? len : 1] = '\0';
	if (!is_needed(hidden))
		return 0;
	if (is_rotated)
		return error_set(err, ERROR_CONFIG,
				 "--audit-size: the folder of a log that is rotated is hidden from "
				 "COMMAND, and %s has its working directory or its home in it, or "
				 "may be written by everybody; name a log in a folder of its own",
				 hidden);
	memcpy(hidden, path, strlen(path) + 1);
	return 0;
}
