#include "proxy/audit/export.h"

#include <string.h>

#include "base/cleanup.h"
#include "proxy/audit/ocsf.h"

enum { REAL_DIGITS = 15 }; /* as many as a double surely keeps: 182.4 stays 182.4 */

/* All that a terminal could take for more than a character is escaped, but for DEL, which is the
 * one that jansson leaves alone. */
static void write_json(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\x7f')
			fputs("\\u007f", out);
		else
			putc(*text, out);
	}
	putc('\n', out);
}

static int write_event(const struct export *export, json_t *record, const char *hash)
{
	json_t *event = ocsf_event(record, hash, export->version);
	cleanup_free char *text = NULL;

	if (event)
		text = json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII |
						 JSON_REAL_PRECISION(REAL_DIGITS));
	json_decref(event);
	if (!text)
		return -ENOMEM;
	write_json(export->out, text);
	return 0;
}

int export_visit(void *context, json_t *record, const struct read_line *line)
{
	struct export *export = context;
	int rc = 0;

	if (!audit_filter_matches(&export->filter, record))
		return 0;
	switch (export->format) {
	case EXPORT_TEXT:
		display_record(&export->display, record);
		break;
	case EXPORT_JSONL:
		fwrite(line->text.ptr, 1, line->text.len, export->out);
		putc('\n', export->out);
		break;
	default:
		rc = write_event(export, record, line->hash);
		break;
	}
	if (rc == 0 && ferror(export->out))
		rc = errno ? -errno : -EIO;
	return rc;
}
