/*
 * The file under a journal, as it is shared with other processes: its lock, where its chain has
 * got to, whether it is still the one at the path, and the room set aside behind its end.
 */
#ifndef PROXY_AUDIT_JOURNAL_FILE_H
#define PROXY_AUDIT_JOURNAL_FILE_H

#include "proxy/audit/journal.h"

/* Opens the file at PATH for appending, making it if need be. The descriptor; ERROR_UNSUPPORTED
 * when it is not a regular file; ERROR_VERIFY when it has something else in it than a journal; or a
 * negated errno. */
int journal_file_open(const char *path);

/* Whether the file that is open is still the one at the path. */
bool journal_file_is_at_path(const struct journal *journal);

/* Locks the file that is at the path now, and brings seq, previous, end and torn up to date with
 * what others wrote. 0, ERROR_TIMEOUT, ERROR_VERIFY, ERROR_CRYPTO or a negated errno; the lock is
 * held after 0 only. */
int journal_file_lock(struct journal *journal);

void journal_file_unlock(struct journal *journal);

/* Sets room aside behind the end of the file, and notes in has_room whether there is any. */
void journal_file_set_room(struct journal *journal);

/* Sets room aside behind END of the file in FD. Whether there is any. */
bool journal_file_has_room(int fd, uint64_t end);

/* Gives back the room that was set aside. */
void journal_file_release_room(struct journal *journal);

/* The same with the lock held, or for a file of one's own. */
void journal_file_give_back_room(int fd);

#endif
