/*
 * The journal: the file of audit records, JSON Lines with a hash chain.
 *
 * Each line is {"v":1,"seq":N,BODY...,"prev":"H"}, where H is the SHA-256, in lower-case hex, of
 * the line before it without its newline; the first line of a file has 64 zeros. seq counts from 1
 * in a file. Several supervisors may write to one file: each batch is written under a lock (flock),
 * after the end of the file, and the chain goes on from whatever is there. A file whose last line
 * was cut off by a crash gets a newline, and the chain goes on from the cut line, which verify
 * reports.
 *
 * Room on the disk is set aside ahead (fallocate, keeping the size), so that a reservation in the
 * ring stands for real room. When there is none, the journal says ERROR_LIMIT, writes nothing by
 * halves, and can be tried again later.
 */
#ifndef PROXY_AUDIT_JOURNAL_H
#define PROXY_AUDIT_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
	JOURNAL_ROOM_BYTES = 1 << 20, /* kept free ahead */
	JOURNAL_HASH_TEXT = 64,
};

struct journal {
	int fd;
	char path[4096];
	uint64_t seq;			      /* of the last line */
	char previous[JOURNAL_HASH_TEXT + 1]; /* hash of the last line */
	uint64_t end;			      /* the file's length after our last write */
	uint64_t allocated;		      /* up to where room is set aside */
	struct buffer batch;		      /* lines not written yet */
	size_t pending;
};

/* Opens or creates the file at PATH, mode 0600, for appending; its folder must exist. Refuses what
 * is not a regular file or has no room, saying which. */
int journal_open(struct journal *journal, const char *path, struct error *err);

/* The default path: $XDG_STATE_HOME/sallyport/audit.jsonl or ~/.local/state/sallyport/audit.jsonl;
 * makes the folders (0700). */
int journal_default_path(char *path, size_t size, struct error *err);

/* Adds a record whose body (from audit_record_format()) came from a worker; a body that is not one
 * line of printable JSON is written as a record that says so. The line is not in the file before
 * journal_flush(). 0, or -ENOMEM. */
int journal_add(struct journal *journal, struct slice body);

/* Writes what was added. 0; ERROR_LIMIT when the disk is full (nothing is lost: call again later);
 * or a negated errno. */
int journal_flush(struct journal *journal);

/* Whether there is room for another batch, setting it aside if possible. */
bool journal_has_room(struct journal *journal);

void journal_close(struct journal *journal);

#endif
