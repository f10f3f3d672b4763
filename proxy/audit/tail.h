/* Printing a journal's last records for people, and those that come (`sallyport audit tail`). */
#ifndef PROXY_AUDIT_TAIL_H
#define PROXY_AUDIT_TAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "proxy/audit/filter.h"

enum { TAIL_LAST_MAX = 1000000 };

struct tail_options {
	uint64_t last; /* how many to begin with, at most TAIL_LAST_MAX */
	bool follow;   /* go on with those that come, for ever */
	struct audit_filter filter;
	bool colours;
	bool utc;
};

/* Prints records of the file at PATH to OUT. With follow, a file that does not exist is waited for,
 * one that takes its place is gone on with, and only a failure ends it: of reading, or of writing
 * to OUT. 0 or a negative code. */
int tail_file(const char *path, const struct tail_options *options, FILE *out, struct error *err);

#endif
