#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/audit/journal.h"

enum { FOLDER_MODE = 0700 };

/* XDG Base Directory Specification: a path that is not absolute is as good as none. */
static const char *absolute_variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

static const char *home_folder(void)
{
	const char *home = absolute_variable("HOME");
	const struct passwd *user;

	if (home)
		return home;
	user = getpwuid(geteuid());
	return user && user->pw_dir && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

static int make_folder(const char *path, struct error *err)
{
	if (mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST)
		return 0;
	return error_set(err, -errno,
			 "cannot make the folder %s for the audit log: %s; mend that, or name a "
			 "file with --audit",
			 path, error_name(-errno));
}

/* Every folder on the way to the file at PATH. */
static int make_folders(char *path, struct error *err)
{
	for (char *slash = path + 1; *slash; slash++) {
		int rc;

		if (*slash != '/')
			continue;
		*slash = '\0';
		rc = make_folder(path, err);
		*slash = '/';
		if (rc < 0)
			return rc;
	}
	return 0;
}

int journal_name_default_path(char *path, size_t size, struct error *err)
{
	const char *state = absolute_variable("XDG_STATE_HOME");
	const char *base = state ? state : home_folder();
	int length;

	if (!base)
		return error_set(err, -ENOENT,
				 "cannot tell where the audit log goes, as this user has no home; "
				 "set HOME, or name a file with --audit");
	length = snprintf(path, size, "%s%s/sallyport/audit.jsonl", base,
			  state ? "" : "/.local/state");
	if (length < 0 || (size_t)length >= size)
		return error_set(err, -ENAMETOOLONG,
				 "the audit log's path below %s is too long; name a file with "
				 "--audit",
				 base);
	return 0;
}

int journal_default_path(char *path, size_t size, struct error *err)
{
	int rc = journal_name_default_path(path, size, err);

	return rc < 0 ? rc : make_folders(path, err);
}
