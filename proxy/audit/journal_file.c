#include "proxy/audit/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wallclock.h"
#include "proxy/audit/resume.h"

enum {
	LOCK_WAIT_US = 1000000,
	LOCK_PAUSE_NS = 200000,
	STAT_BLOCK_BYTES = 512,
};

/* That nothing is added to a file of somebody else's, at the start or when the path comes to lead
 * somewhere else. */
static int check_file(int fd)
{
	char start[LINE_FRAME_MAX];
	struct stat status;
	ssize_t len;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return ERROR_UNSUPPORTED;
	len = pread(fd, start, sizeof(start), 0);
	if (len < 0)
		return -errno;
	return line_begins_journal(slice_of(start, (size_t)len)) ? 0 : ERROR_VERIFY;
}

int journal_file_open(const char *path)
{
	/* O_APPEND for files that chattr +a protects; O_NONBLOCK, as opening a FIFO would wait. */
	int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	cleanup_close int fd = open(path, flags, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = check_file(fd);
	return rc < 0 ? rc : take_fd(&fd);
}

/* Not blocking in flock(), as whoever may read the file could hold the lock for ever. */
static int take_lock(int fd, int64_t deadline_us)
{
	struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (monotonic_now_us() > deadline_us)
			return ERROR_TIMEOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

bool journal_file_is_at_path(const struct journal *journal)
{
	struct stat ours, there;

	return fstat(journal->fd, &ours) == 0 && stat(journal->path, &there) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* What is there is gone on from, unless it is older than what this journal wrote: then lines were
 * taken away, and the gap must show. An empty file that took the place of ours is gone on with from
 * where ours ended. */
static bool is_news(const struct journal *journal, const struct resume *resume, uint64_t size)
{
	return resume->seq > journal->seq || (!journal->resumed && size > 0);
}

static int catch_up(struct journal *journal)
{
	struct resume resume;
	struct stat status;
	int rc;

	if (fstat(journal->fd, &status) < 0)
		return -errno;
	if (journal->resumed && (uint64_t)status.st_size == journal->end)
		return 0;
	rc = resume_read(journal->fd, (uint64_t)status.st_size, &journal->hasher, &resume);
	if (rc < 0)
		return rc;
	if (is_news(journal, &resume, (uint64_t)status.st_size)) {
		journal->seq = resume.seq;
		memcpy(journal->previous, resume.hash, sizeof(journal->previous));
	}
	journal->torn = resume.torn;
	journal->end = (uint64_t)status.st_size;
	journal->resumed = true;
	return 0;
}

/* To the file that is at the path now. The chain goes on from what others wrote to the one before,
 * until they noticed too (its lock is held); when that can't be read, from what we wrote. */
static int move_on(struct journal *journal)
{
	int fd, ignored = catch_up(journal);

	(void)ignored;
	fd = journal_file_open(journal->path);
	if (fd < 0)
		return fd;
	journal_file_give_back_room(journal->fd);
	/* A process that was forked from this one may hold the descriptor still. */
	journal_file_unlock(journal);
	close(journal->fd);
	journal->fd = fd;
	journal->resumed = false;
	journal->retry_at = 0;
	return 0;
}

static int lock_step(struct journal *journal, int64_t deadline_us, bool *is_current)
{
	int rc = take_lock(journal->fd, deadline_us);

	if (rc < 0)
		return rc;
	*is_current = journal_file_is_at_path(journal);
	rc = *is_current ? catch_up(journal) : move_on(journal);
	if (rc < 0)
		journal_file_unlock(journal);
	return rc;
}

/* The file may be moved again and again: by others who rotate it, and by somebody's play. */
int journal_file_lock(struct journal *journal)
{
	int64_t deadline_us = monotonic_now_us() + LOCK_WAIT_US;
	bool is_current = false;
	int rc = 0;

	while (rc == 0 && !is_current) {
		rc = lock_step(journal, deadline_us, &is_current);
		if (rc == 0 && !is_current && monotonic_now_us() > deadline_us)
			return ERROR_TIMEOUT;
	}
	return rc;
}

void journal_file_unlock(struct journal *journal)
{
	flock(journal->fd, LOCK_UN);
}

static bool free_space_has_room(int fd)
{
	struct statvfs status;

	if (fstatvfs(fd, &status) < 0)
		return false;
	/* Some have no size to tell. */
	return status.f_blocks == 0 || status.f_bavail > JOURNAL_ROOM_BYTES / status.f_frsize;
}

/* Twice the room, so that not each batch has to ask. */
static bool allocate(int fd, uint64_t end)
{
	for (off_t bytes = 2 * JOURNAL_ROOM_BYTES; bytes >= JOURNAL_ROOM_BYTES; bytes /= 2) {
		int rc;

		do {
			rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)end, bytes);
		} while (rc < 0 && errno == EINTR);
		if (rc == 0)
			return true;
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return free_space_has_room(fd);
	}
	return false;
}

bool journal_file_has_room(int fd, uint64_t end)
{
	uint64_t needed = end + JOURNAL_ROOM_BYTES;
	struct stat status;

	/* Asked each time, as another process that closes the file gives back what is behind its
	 * end. */
	return fstat(fd, &status) == 0 &&
	       ((uint64_t)status.st_blocks * STAT_BLOCK_BYTES >= needed || allocate(fd, end));
}

void journal_file_set_room(struct journal *journal)
{
	journal->has_room = journal_file_has_room(journal->fd, journal->end);
}

void journal_file_give_back_room(int fd)
{
	struct stat status;
	int ignored;

	if (fstat(fd, &status) < 0)
		return;
	ignored = ftruncate(fd, status.st_size);
	(void)ignored;
}

void journal_file_release_room(struct journal *journal)
{
	if (take_lock(journal->fd, monotonic_now_us() + LOCK_WAIT_US) < 0)
		return;
	journal_file_give_back_room(journal->fd);
	journal_file_unlock(journal);
}
