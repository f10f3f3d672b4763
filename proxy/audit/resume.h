/* How a journal that somebody wrote before ends, for its chain to be gone on with. */
#ifndef PROXY_AUDIT_RESUME_H
#define PROXY_AUDIT_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/audit/line.h"

struct resume {
	uint64_t seq;		       /* of the last line; 0 in an empty file */
	char hash[LINE_HASH_TEXT + 1]; /* of the last line */
	bool torn;		       /* the last line has no newline: it was cut off */
};

/* Reads the end of the file in FD, which is SIZE bytes long and locked. A line whose number cannot
 * be read (it was cut off before that) counts as one after the line before it. 0, ERROR_VERIFY when
 * that is no journal's end, ERROR_CRYPTO, or a negated errno. */
int resume_read(int fd, uint64_t size, struct line_hasher *hasher, struct resume *resume);

#endif
