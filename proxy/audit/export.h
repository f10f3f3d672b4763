/* Writing the records of a journal that are wanted, as they are read and verified: for people, as
 * the lines that they are, or as events of OCSF. */
#ifndef PROXY_AUDIT_EXPORT_H
#define PROXY_AUDIT_EXPORT_H

#include <stdio.h>

#include "proxy/audit/display.h"
#include "proxy/audit/filter.h"
#include "proxy/audit/verify.h"

enum export_format {
	EXPORT_TEXT,
	EXPORT_JSONL,
	EXPORT_OCSF,
};

struct export
{
	enum export_format format;
	struct audit_filter filter;
	struct display display;
	FILE *out;
	const char *version; /* of this program */
};

/* For struct verify_expect's visit; CONTEXT is a struct export. 0, -ENOMEM, or a negated errno of
 * writing. */
int export_visit(void *context, json_t *record, const struct read_line *line);

#endif
