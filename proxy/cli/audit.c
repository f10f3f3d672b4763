/* `sallyport audit`: checking and showing the audit log. docs/audit.md is the manual. */
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "base/slice.h"
#include "proxy/audit/tail.h"
#include "proxy/audit/verify.h"
#include "proxy/cli/audit.h"

enum { LAST_DEFAULT = 10 };

enum {
	OPTION_EXPECT = 256,
	OPTION_EXPECT_LINES,
	OPTION_AFTER,
};

#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

static const struct option_row verify_rows[] = {
	{OPTION_EXPECT, "expect", "HASH",
	 "a line must have this hash: the last one, noted down when the log was verified before"},
	{OPTION_EXPECT_LINES, "expect-lines", "N",
	 "there must be N lines at least; with --expect, HASH must be that of line N"},
	{OPTION_AFTER, "after", "HASH",
	 "the log goes on from an earlier file, whose last hash was HASH"},
	AUDIT_PARTS_ROWS,
};

static const struct command_help verify_help = {
	"sallyport audit verify [--expect HASH] [--expect-lines N] [--after HASH] [--all] "
	"[--partial] [FILE...]",
	"Finds every line of the audit log that was changed, taken out, moved or repeated, and "
	"says "
	"which. FILE is the default log with its older parts unless it is named; several are parts "
	"of one log, in the order in which they were written.\n\n"
	"That lines were cut off at the end can only be told from outside: note down the number of "
	"lines and the last hash that verify prints, and give them the next time.\n\n"
	"The status is 0 when the log is sound, 1 when it has problems, 2 for wrong usage, 3 when "
	"it cannot be read.",
	ROWS(verify_rows),
};

static const struct option_row tail_rows[] = {
	{'f', "follow", NULL, "go on with the records that come"},
	{'n', "lines", "N", "begin with the last N records (default 10)"},
	AUDIT_KIND_ROW,
	AUDIT_DENIED_ROW,
	AUDIT_SANDBOX_ROW,
	AUDIT_UTC_ROW,
};

static const struct command_help tail_help = {
	"sallyport audit tail [-f] [-n N] [--kind KIND] [--denied] [--sandbox ID] [--utc] [FILE]",
	"Prints the last records of the audit log, one line each. FILE is the default log unless "
	"it "
	"is named.",
	ROWS(tail_rows),
};

static const struct command_help audit_help = {
	"sallyport audit COMMAND [OPTION...] [FILE...]",
	"verify   find lines that were changed, taken out, moved or repeated\n"
	"tail     print the last records, and with -f those that come\n"
	"query    print the records of a host, a rule, a secret, a time ...\n"
	"export   write records for other programs: OCSF events, or the log's own lines",
	NULL,
	0,
};

static bool is_hash(const char *text)
{
	return strlen(text) == LINE_HASH_TEXT && strspn(text, "0123456789abcdef") == LINE_HASH_TEXT;
}

static int wrong_hash(const char *option, const char *value)
{
	say("%s: '%s' is not a hash: it has 64 digits, 0 to 9 and a to f", option, value);
	return EXIT_USAGE;
}

static int wrong_number(const char *option, const char *value, unsigned long most)
{
	say("%s: '%s' is not a number from 0 to %lu", option, value, most);
	return EXIT_USAGE;
}

struct verify_job {
	struct verify_expect expect;
	bool all;
};

static int read_verify_option(int letter, const char *value, struct verify_job *job)
{
	struct verify_expect *expect = &job->expect;

	switch (letter) {
	case AUDIT_OPTION_ALL:
		job->all = true;
		return -1;
	case AUDIT_OPTION_PARTIAL:
		expect->begins_late = true;
		return -1;
	case OPTION_EXPECT:
		expect->hash = value;
		return is_hash(value) ? -1 : wrong_hash("--expect", value);
	case OPTION_AFTER:
		expect->after = value;
		return is_hash(value) ? -1 : wrong_hash("--after", value);
	default:
		if (slice_to_u64(slice_from_text(value), INT64_MAX, &expect->lines) < 0)
			return wrong_number("--expect-lines", value, INT64_MAX);
		return -1;
	}
}

static void print_summary(const char *path, const struct verify_result *result)
{
	if (result->lost_records)
		printf("%s: note: %llu records of requests in flight were lost with their worker\n",
		       path, (unsigned long long)result->lost_records);
	if (result->problems)
		printf("%s: %llu problems in %llu lines\n", path,
		       (unsigned long long)result->problems, (unsigned long long)result->lines);
	else
		printf("%s: sound; to check it against later: --expect-lines %llu --expect %s\n",
		       path, (unsigned long long)result->lines, result->last_hash);
}

/* Each file goes on from the one before; what is expected is expected of the last. */
static int verify_parts(const struct audit_parts *parts, const struct verify_expect *expect)
{
	struct verify_expect part = {.after = expect->after, .begins_late = expect->begins_late};
	struct verify_result result, before;
	int status = EXIT_SOUND;

	for (size_t i = 0; i < parts->count; i++) {
		const char *path = parts->list[i].path;
		int rc;

		if (i == parts->count - 1) {
			part.hash = expect->hash;
			part.lines = expect->lines;
		}
		rc = verify_opened(parts->list[i].fd, path, &part, stdout, &result);
		if (rc < 0) {
			say("cannot read the audit log %s: %s", path, error_name(rc));
			return EXIT_CANNOT_READ;
		}
		print_summary(path, &result);
		if (result.problems)
			status = EXIT_PROBLEMS;
		before = result;
		part.after = before.last_hash;
	}
	return status;
}

static int command_verify(int argc, char **argv)
{
	struct verify_job job = {0};
	struct audit_parts parts;
	struct options options;
	const char *value;
	int letter, status;

	options_init(&options, &verify_help, argc, argv);
	while ((letter = options_next(&options, &value)) > OPTIONS_END) {
		status = read_verify_option(letter, value, &job);
		if (status >= 0)
			return status;
	}
	status = audit_end_of_options(letter);
	if (status < 0)
		status = audit_open_files(&options, job.all, &parts);
	if (status >= 0)
		return status;
	status = verify_parts(&parts, &job.expect);
	audit_parts_close(&parts);
	return status;
}

static int read_tail_option(int letter, const char *value, struct tail_options *tail)
{
	switch (letter) {
	case 'f':
		tail->follow = true;
		return -1;
	case 'n':
		if (slice_to_u64(slice_from_text(value), TAIL_LAST_MAX, &tail->last) < 0)
			return wrong_number("-n", value, TAIL_LAST_MAX);
		return -1;
	case AUDIT_OPTION_UTC:
		tail->utc = true;
		return -1;
	default:
		return audit_read_filter(letter, value, &tail->filter);
	}
}

static int command_tail(int argc, char **argv)
{
	struct tail_options tail = {.last = LAST_DEFAULT, .colours = audit_wants_colours()};
	struct options options;
	const char *value, *path;
	struct error err;
	int letter, status;

	options_init(&options, &tail_help, argc, argv);
	while ((letter = options_next(&options, &value)) > OPTIONS_END) {
		status = read_tail_option(letter, value, &tail);
		if (status >= 0)
			return status;
	}
	status = audit_end_of_options(letter);
	if (status >= 0)
		return status;
	if (argc - options.next > 1) {
		say("audit tail: one FILE, and options before it");
		return EXIT_USAGE;
	}
	path = options.next < argc ? argv[options.next] : audit_default_path();
	if (!path)
		return EXIT_CANNOT_READ;
	if (tail_file(path, &tail, stdout, &err) == 0)
		return EXIT_SUCCESS;
	say("%s", err.text);
	return EXIT_CANNOT_READ;
}

static int command_later(int argc, char **argv)
{
	(void)argc;
	say("audit %s: not yet supported; jq reads the log, see docs/audit.md", argv[0]);
	return EXIT_USAGE;
}

int command_audit(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{"verify", command_verify},	{"tail", command_tail},
		{"query", command_audit_query}, {"export", command_audit_export},
		{"report", command_later},
	};
	struct options options;
	const char *value;
	int status;

	options_init(&options, &audit_help, argc, argv);
	status = audit_end_of_options(options_next(&options, &value));
	if (status >= 0)
		return status;
	if (options.next >= argc) {
		say("audit: what? see 'sallyport audit --help'");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[options.next], commands[i].name) == 0)
			return commands[i].run(argc - options.next, argv + options.next);
	}
	say("audit: '%s' is no command; see 'sallyport audit --help'", argv[options.next]);
	return EXIT_USAGE;
}
