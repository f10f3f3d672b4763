/*
 * Checking a journal (`sallyport audit verify`): every changed, missing, repeated or reordered
 * line.
 *
 * A line that was changed is known by the next one, which has its hash; nothing in a file can tell
 * that its last lines were taken off, or that all of it was written anew. For that, keep the number
 * of lines and the last hash somewhere else (an anchor), and check against it. The file is read
 * once, in memory that does not grow with it.
 */
#ifndef PROXY_AUDIT_VERIFY_H
#define PROXY_AUDIT_VERIFY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "proxy/audit/line_reader.h"

/* What is known from elsewhere, and who else is to see the records. */
struct verify_expect {
	const char *after; /* the last hash of the file that this one goes on from; NULL: none */
	const char *hash;  /* that a line must have: line LINES, or if that is 0, any; NULL: none */
	uint64_t lines;	   /* that there must be at least; 0: not known */
	bool begins_late;  /* older parts may have been removed: that is noted, and no problem */
	/* Called, if given, with each line that is a record, whatever is wrong with its place. What
	 * it returns below 0 ends the reading and is returned. */
	int (*visit)(void *context, json_t *record, const struct read_line *line);
	void *context;
};

struct verify_result {
	uint64_t lines;
	uint64_t problems;
	uint64_t open_sandboxes; /* started, and no end: still running, or their supervisor
				    was killed */
	uint64_t lost_records;	 /* of exchanges that were in flight as a worker fell */
	uint64_t last_seq;	 /* of the last line */
	char last_hash[LINE_HASH_TEXT + 1]; /* of the last line, to be kept elsewhere */
};

/* Reads the file at PATH as it is now and reports each problem to REPORT as "FILE:LINE: what", and
 * what is to be known and is no problem as "FILE:LINE: note: what". EXPECT and REPORT may be NULL.
 * 0 when the file could be read, problems or not. */
int verify_file(const char *path, const struct verify_expect *expect, FILE *report,
		struct verify_result *result, struct error *err);

/* The same for FD, opened for reading and at its start, called NAME. */
int verify_opened(int fd, const char *name, const struct verify_expect *expect, FILE *report,
		  struct verify_result *result);

/* The same for SIZE bytes of FD. */
int verify_fd(int fd, uint64_t size, const char *name, const struct verify_expect *expect,
	      FILE *report, struct verify_result *result);

#endif
