#include "proxy/audit/rotate.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "proxy/audit/journal_file.h"
#include "proxy/audit/parts.h"

enum { NAME_BYTES = JOURNAL_PATH_BYTES + 8 };

static int name_part(const struct journal *journal, unsigned int number, char name[NAME_BYTES])
{
	int len = snprintf(name, NAME_BYTES, "%s.%u", journal->path, number);

	return len < NAME_BYTES ? 0 : -ENAMETOOLONG;
}

static bool is_there(const struct journal *journal, unsigned int number)
{
	char name[NAME_BYTES];
	struct stat status;

	return name_part(journal, number, name) == 0 && lstat(name, &status) == 0;
}

/* Whether the file that is open is what stands at PATH itself, and not where a link leads. */
static bool is_ours(const struct journal *journal, const char *path)
{
	struct stat ours, there;

	return fstat(journal->fd, &ours) == 0 && lstat(path, &there) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static int rename_part(const struct journal *journal, unsigned int from, unsigned int to)
{
	char old[NAME_BYTES], new[NAME_BYTES];
	int rc = name_part(journal, from, old);

	if (rc == 0)
		rc = name_part(journal, to, new);
	if (rc == 0 && rename(old, new) < 0)
		rc = -errno;
	return rc;
}

/* Removes parts FIRST and on, as far as they go on without a gap: KEEP may have been larger once.
 */
static int remove_parts(const struct journal *journal, unsigned int first)
{
	char name[NAME_BYTES];

	for (unsigned int i = first; i <= AUDIT_PARTS_MAX && is_there(journal, i); i++) {
		int rc = name_part(journal, i, name);

		if (rc < 0)
			return rc;
		if (unlink(name) < 0)
			return -errno;
	}
	return 0;
}

/* Makes the name FILE.1 free. A gap that a rotation left that was cut short is filled. */
static int shift_parts(const struct journal *journal)
{
	unsigned int most = journal->keep ? journal->keep : AUDIT_PARTS_MAX, free_one = 1;
	int rc = 0;

	if (journal->keep)
		rc = remove_parts(journal, journal->keep + 1);
	while (free_one <= most && is_there(journal, free_one))
		free_one++;
	if (free_one > most && !journal->keep)
		return ERROR_LIMIT;
	if (rc == 0 && free_one > most)
		rc = remove_parts(journal, free_one = most);
	for (; rc == 0 && free_one > 1; free_one--)
		rc = rename_part(journal, free_one - 1, free_one);
	return rc;
}

/* Gives the file the name FILE.1. File systems without links lose FILE for a moment. */
static int name_first(const struct journal *journal)
{
	char first[NAME_BYTES];
	int rc = name_part(journal, 1, first);

	if (rc < 0)
		return rc;
	if (is_ours(journal, first))
		return 0;
	rc = shift_parts(journal);
	if (rc < 0)
		return rc;
	if (!is_ours(journal, journal->path))
		return -ESTALE;
	if (link(journal->path, first) == 0)
		return 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
		return -errno;
	return rename(journal->path, first) < 0 ? -errno : 0;
}

/* One that was left over is removed, unless it is something else. */
static int remove_left_over(const char *name)
{
	struct stat status;
	int fd;

	if (lstat(name, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	fd = journal_file_open(name);
	if (fd < 0)
		return fd;
	close(fd);
	return unlink(name) < 0 ? -errno : 0;
}

/* A new file, locked, with LINES in it and room behind them. Its descriptor. */
static int make_new(const char *name, struct slice lines)
{
	int flags = O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY;
	cleanup_close int fd = -1;
	int rc = remove_left_over(name);

	if (rc < 0)
		return rc;
	fd = open(name, flags, 0600);
	if (fd < 0)
		return -errno;
	rc = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : fd_write_all(fd, lines);
	if (rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG)
		rc = ERROR_LIMIT;
	if (rc == 0 && !journal_file_has_room(fd, lines.len))
		rc = ERROR_LIMIT;
	if (rc == 0)
		return take_fd(&fd);
	unlink(name);
	return rc;
}

static void go_over(struct journal *journal, int fd, uint64_t end)
{
	journal_file_give_back_room(journal->fd);
	journal_file_unlock(journal);
	close(journal->fd);
	journal->fd = fd;
	journal->end = end;
	journal->torn = false;
}

static int put_away(struct journal *journal, struct slice lines)
{
	char name[NAME_BYTES];
	int fd, rc;

	if (snprintf(name, sizeof(name), "%s.new", journal->path) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = make_new(name, lines);
	if (fd < 0)
		return fd;
	rc = name_first(journal);
	if (rc == 0 && rename(name, journal->path) < 0)
		rc = -errno;
	if (rc < 0) {
		unlink(name);
		close(fd);
		return rc;
	}
	go_over(journal, fd, lines.len);
	return 0;
}

bool rotate_is_due(const struct journal *journal, size_t bytes)
{
	return journal->size_max && journal->end && journal->end + bytes > journal->size_max &&
	       journal->end >= journal->retry_at;
}

int rotate_file(struct journal *journal, struct slice lines)
{
	int rc = put_away(journal, lines);

	journal->rotation_error = rc;
	journal->retry_at = rc < 0 ? journal->end + JOURNAL_ROOM_BYTES : 0;
	return rc;
}
