/*
 * The journal: the file of audit records, JSON Lines with a hash chain.
 *
 * Each line is {"v":1,"seq":N,BODY...,"prev":"H"}, where H is the SHA-256, in lower-case hex, of
 * the line before it without its newline; the first line of a chain has 64 zeros. seq counts from
 * 1. Several supervisors may write to one file: each batch is written under a lock (flock), after
 * the end of the file, and the chain goes on from whatever is there. A file whose last line was cut
 * off by a crash gets a newline, and the chain goes on from the cut line, which verify reports.
 *
 * A file that was moved away (rotated) or deleted is noticed at the next batch, which goes into a
 * new file at the same path, with the chain and seq unbroken: the new file's first "prev" is the
 * hash of the old file's last line. Likewise when lines were taken off the end: the chain goes on
 * from the line that this journal wrote last, so that verify tells of the gap (threat C12).
 *
 * A journal can rotate its file itself when that reaches a size (rotate.h), with the same chain.
 *
 * Room on the disk is set aside ahead (fallocate, keeping the size), so that a reservation in the
 * ring stands for real room; where the file system can't do that, its free space is looked at
 * instead. When there is none, the journal says ERROR_LIMIT, leaves no half line, and can be tried
 * again later. The process must ignore SIGXFSZ if it has a limit on the size of files.
 *
 * Nothing is synced: a crash of the machine may lose what the kernel had not written yet.
 *
 * A journal takes about 540 KB of memory, all of it when it is opened. One thread.
 */
#ifndef PROXY_AUDIT_JOURNAL_H
#define PROXY_AUDIT_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "proxy/audit/line.h"
#include "proxy/audit/output.h"
#include "proxy/audit/ring.h"

enum {
	JOURNAL_ROOM_BYTES = 1 << 20,	 /* kept free ahead */
	JOURNAL_BATCH_BYTES = 256 << 10, /* of lines that are written at once */
	JOURNAL_PATH_BYTES = 4096,
	JOURNAL_ROTATE_MIN_BYTES = JOURNAL_ROOM_BYTES, /* so that any batch fits a new file */
};

struct journal {
	int fd;
	char path[JOURNAL_PATH_BYTES];	   /* absolute, and without links once it is open */
	uint64_t seq;			   /* of the last line */
	char previous[LINE_HASH_TEXT + 1]; /* hash of the last line */
	uint64_t end;			   /* the file's length after our last write */
	bool torn;			   /* the file ends in a line that was cut off */
	bool resumed; /* seq and previous are set; false in a file not seen yet */
	bool has_room;
	uint64_t size_max; /* of the file, before it is rotated; 0: any */
	unsigned int keep; /* older parts; 0: all of them, as far as there are numbers */
	uint64_t retry_at; /* the file's length at which a rotation that failed is tried again */
	struct outputs outputs; /* where lines go beside the file */
	int rotation_error;	/* of the last rotation */
	char *batch;		/* bodies not written yet, each after its length */
	size_t batch_used;
	size_t batch_lines_bytes; /* what they take at most as lines */
	size_t pending;
	char *lines; /* the batch's lines, while they are written */
	struct line_hasher hasher;
};

/* Opens or creates the file at PATH, mode 0600, for appending; its folder must exist. Refuses what
 * is not a regular file, has something else in it than a journal, or has no room, saying which. */
int journal_open(struct journal *journal, const char *path, struct error *err);

/* From now on the file is rotated before it grows past BYTES, which are JOURNAL_ROTATE_MIN_BYTES at
 * least, and KEEP older parts are kept (1 to AUDIT_PARTS_MAX; 0: none is ever removed). A rotation
 * that fails keeps nothing from being written; rotation_error tells of it until one succeeds. */
void journal_set_rotation(struct journal *journal, uint64_t bytes, unsigned int keep);

/* Lines go from now on to the output that SPEC names as well (output.h); SPEC stays the caller's.
 * With DROPS what cannot be sent on is left out there; without, for all outputs, the journal has no
 * room while it cannot. */
int journal_add_output(struct journal *journal, const char *spec, bool drops, struct error *err);

/* Goes over to the file that is at the path now, if it is another one than that which is open, with
 * the record BODY as its next line: an empty file would not carry the chain over to a later
 * supervisor. For a signal that says so, and from time to time; without it the next batch goes
 * there. 1 if it was done, 0 if there was no need, or what journal_flush() said. */
int journal_reopen(struct journal *journal, struct slice body);

/* The default path: $XDG_STATE_HOME/sallyport/audit.jsonl or ~/.local/state/sallyport/audit.jsonl;
 * makes the folders (0700). */
int journal_default_path(char *path, size_t size, struct error *err);

/* The same for those who read: makes nothing. */
int journal_name_default_path(char *path, size_t size, struct error *err);

/* Adds a record of our own; BODY is from audit_record_format(). The line is not in the file before
 * journal_flush(). A full batch is written first: 0, or what journal_flush() said, and then BODY
 * was not taken. */
int journal_add(struct journal *journal, struct slice body);

/* The same for a record that a worker handed over. What is no record, speaks for another sandbox
 * than SANDBOX (NULL: any), or of the start and end of sandboxes, which are the supervisor's to
 * tell, is left out; a record that says so stands in its place. */
int journal_add_from(struct journal *journal, struct slice body, const char *sandbox);

/* Whether the next journal_add() must write the batch first. */
bool journal_is_full(const struct journal *journal);

/* Writes what was added. 0; ERROR_LIMIT when the disk is full; ERROR_TIMEOUT when another process
 * does not let go of the file's lock; ERROR_VERIFY when the file's end is no journal's; or a
 * negated errno. Nothing is lost by a failure, or written twice: call again later. */
int journal_flush(struct journal *journal);

/* Whether there is room for another batch, setting it aside if possible. */
bool journal_has_room(struct journal *journal);

/* Moves what RING holds into the file by journal_add_from(), for the consumer's side of the ring to
 * be called when it is woken and, while the ring is blocked, from time to time. The ring is blocked
 * while the journal cannot write or has no room ahead. Returns 0; 1 when there is more and it is
 * another ring's turn; ERROR_SYNTAX when the ring is inconsistent and its worker must be ended; or
 * what journal_flush() said, and then what is not written stays in the ring and the batch. */
int journal_drain(struct journal *journal, struct audit_ring *ring);

/* Fills ERR with what CODE, from journal_flush(), means for a person: what, where, how to mend it.
 * Returns CODE. */
int journal_explain(const struct journal *journal, int code, struct error *err);

/* What was added and not flushed is lost; what outputs have not got yet is waited for a little. */
void journal_close(struct journal *journal);

#endif
