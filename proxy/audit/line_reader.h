/* Reads a journal line by line, with the hash of each, in memory that does not grow. */
#ifndef PROXY_AUDIT_LINE_READER_H
#define PROXY_AUDIT_LINE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/audit/line.h"

enum { LINE_READER_BYTES = 64 << 10 }; /* the longest line that is given out whole */

struct line_reader {
	int fd;
	uint64_t left; /* bytes of the file that are still to be read */
	struct line_hasher hasher;
	char *bytes;
	size_t start;
	size_t end;
};

struct read_line {
	struct slice text; /* without the newline; valid until the next call */
	bool is_too_long;  /* the text is not the whole line */
	bool is_torn;	   /* the file ended before the line did */
	uint64_t bytes;	   /* that it takes in the file, with its newline */
	char hash[LINE_HASH_TEXT + 1];
};

/* Reads SIZE bytes of FD, which stays the caller's, from where it stands. 0, -ENOMEM or
 * ERROR_CRYPTO. */
int line_reader_init(struct line_reader *reader, int fd, uint64_t size);
void line_reader_free(struct line_reader *reader);

/* 1: LINE was read; 0: there are no more; ERROR_CRYPTO or a negated errno. */
int line_reader_next(struct line_reader *reader, struct read_line *line);

#endif
