/* `sallyport audit export` and `query`: the records of the log that are asked for, for programs and
 * for people. docs/audit.md is the manual. */
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "proxy/audit/export.h"
#include "proxy/audit/verify.h"
#include "proxy/cli/audit.h"

enum {
	OPTION_FORMAT = 256,
	OPTION_SOUND,
	OPTION_JSON,
};

#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

static const struct option_row export_rows[] = {
	{OPTION_FORMAT, "format", "FORMAT",
	 "ocsf: events of the Open Cybersecurity Schema Framework (default); jsonl: the lines of "
	 "the log as they are"},
	AUDIT_FILTER_ROWS,
	{OPTION_SOUND, "sound", NULL, "export nothing unless the whole log is sound"},
	AUDIT_PARTS_ROWS,
};

static const struct command_help export_help = {
	"sallyport audit export [--format ocsf|jsonl] [OPTION...] [FILE...]",
	"Writes the records of the audit log to standard output, one JSON object a line, and "
	"checks "
	"the log as it is read: what is wrong with it is told on standard error. FILE is the "
	"default log with its older parts unless it is named; several are parts of one log, in the "
	"order in which they were written.\n\n"
	"The status is 0 when the log is sound, 1 when it has problems (what was asked for was "
	"exported all the same, but with --sound), 2 for wrong usage, 3 when it cannot be read.",
	ROWS(export_rows),
};

static const struct option_row query_rows[] = {
	AUDIT_FILTER_ROWS,
	{OPTION_JSON, "json", NULL, "print the lines of the log as they are"},
	AUDIT_UTC_ROW,
	AUDIT_PARTS_ROWS,
};

static const struct command_help query_help = {
	"sallyport audit query [OPTION...] [FILE...]",
	"Prints the records of the audit log for which all options hold, one line each. FILE is "
	"the "
	"default log with its older parts unless it is named; several are parts of one log, in the "
	"order in which they were written.\n\n"
	"The status is 0; 1 when the log has problems, which verify tells; 2 for wrong usage, 3 "
	"when it cannot be read.",
	ROWS(query_rows),
};

struct job {
	struct export export;
	struct verify_expect expect;
	FILE *report;
	bool all;
	bool sound;
	bool utc;
};

static int read_format(const char *value, struct job *job)
{
	if (strcmp(value, "ocsf") == 0)
		job->export.format = EXPORT_OCSF;
	else if (strcmp(value, "jsonl") == 0)
		job->export.format = EXPORT_JSONL;
	else {
		say("--format: '%s' is none: ocsf or jsonl", value);
		return EXIT_USAGE;
	}
	return -1;
}

static int read_option(int letter, const char *value, struct job *job)
{
	switch (letter) {
	case OPTION_FORMAT:
		return read_format(value, job);
	case OPTION_SOUND:
		job->sound = true;
		return -1;
	case OPTION_JSON:
		job->export.format = EXPORT_JSONL;
		return -1;
	case AUDIT_OPTION_UTC:
		job->utc = true;
		return -1;
	case AUDIT_OPTION_ALL:
		job->all = true;
		return -1;
	case AUDIT_OPTION_PARTIAL:
		job->expect.begins_late = true;
		return -1;
	default:
		return audit_read_filter(letter, value, &job->export.filter);
	}
}

/* Reads all parts once. The number of problems, or -1 after telling why they cannot be read. */
static int64_t read_parts(const struct audit_parts *parts, const struct verify_expect *expect,
			  FILE *report)
{
	struct verify_expect part = *expect;
	struct verify_result result, before;
	int64_t problems = 0;

	for (size_t i = 0; i < parts->count; i++) {
		int rc = lseek(parts->list[i].fd, 0, SEEK_SET) < 0 && errno != ESPIPE ? -errno : 0;

		if (rc == 0)
			rc = verify_opened(parts->list[i].fd, parts->list[i].path, &part, report,
					   &result);
		if (rc < 0) {
			say("cannot read the audit log %s: %s", parts->list[i].path,
			    error_name(rc));
			return -1;
		}
		problems += (int64_t)result.problems;
		before = result;
		part.after = before.last_hash;
	}
	return problems;
}

static int finish(int64_t problems)
{
	if (problems < 0)
		return EXIT_CANNOT_READ;
	if (fflush(stdout) != 0) {
		say("cannot write to standard output: %s", error_name(-errno));
		return EXIT_CANNOT_READ;
	}
	if (problems)
		say("the log has %lld problem%s; see 'sallyport audit verify'", (long long)problems,
		    problems == 1 ? "" : "s");
	return problems ? EXIT_PROBLEMS : EXIT_SOUND;
}

static int export_parts(struct job *job, const struct audit_parts *parts)
{
	struct verify_expect expect = job->expect;
	FILE *report = job->report;

	if (job->sound) {
		int64_t problems = read_parts(parts, &expect, report);

		if (problems != 0)
			return finish(problems);
		report = NULL;
	}
	display_init(&job->export.display, stdout, audit_wants_colours(), job->utc);
	expect.visit = export_visit;
	expect.context = &job->export;
	return finish(read_parts(parts, &expect, report));
}

static int run(int argc, char **argv, const struct command_help *help, struct job *job)
{
	struct audit_parts parts;
	struct options options;
	const char *value;
	int letter, status;

	options_init(&options, help, argc, argv);
	while ((letter = options_next(&options, &value)) > OPTIONS_END) {
		status = read_option(letter, value, job);
		if (status >= 0)
			return status;
	}
	status = audit_end_of_options(letter);
	if (status < 0)
		status = audit_open_files(&options, job->all, &parts);
	if (status >= 0)
		return status;
	job->export.out = stdout;
	job->export.version = SALLYPORT_VERSION;
	status = export_parts(job, &parts);
	audit_parts_close(&parts);
	return status;
}

int command_audit_export(int argc, char **argv)
{
	struct job job = {.export.format = EXPORT_OCSF, .report = stderr};

	return run(argc, argv, &export_help, &job);
}

/* What is wrong is verify's to tell; that a log begins late is nobody's concern here. */
int command_audit_query(int argc, char **argv)
{
	struct job job = {.export.format = EXPORT_TEXT, .expect.begins_late = true};

	return run(argc, argv, &query_help, &job);
}
