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

/* Locks the file that is at the path now, and brings seq, previous, end and torn up to date with
 * what others wrote. 0, ERROR_TIMEOUT, ERROR_VERIFY, ERROR_CRYPTO or a negated errno; the lock is
 * held after 0 only. */
int journal_file_lock(struct journal *journal);

void journal_file_unlock(struct journal *journal);

/* Sets room aside behind the end of the file, and notes in has_room whether there is any. */
void journal_file_set_room(struct journal *journal);

/* Gives back the room that was set aside. */
void journal_file_release_room(struct journal *journal);

#endif
