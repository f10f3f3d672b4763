/* Checking a journal (`sallyport audit verify`): every changed, missing, repeated or reordered
 * line. */
#ifndef PROXY_AUDIT_VERIFY_H
#define PROXY_AUDIT_VERIFY_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct verify_result {
	uint64_t lines;
	uint64_t problems;
	uint64_t open_sandboxes; /* started, and no end: still running, or their supervisor was
				    killed */
	char last_hash[65];	 /* of the last line, to be compared with a copy kept elsewhere */
};

/* Reads the file at PATH and reports each problem to REPORT as "FILE:LINE: what". 0 when the file
 * could be read, problems or not. */
int verify_file(const char *path, FILE *report, struct verify_result *result, struct error *err);

#endif
