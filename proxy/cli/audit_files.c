/* The files and the records that the commands of `sallyport audit` are asked for. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "base/slice.h"
#include "base/wallclock.h"
#include "proxy/audit/journal.h"
#include "proxy/audit/moment.h"
#include "proxy/audit/record.h"
#include "proxy/cli/audit.h"

static int read_kind(const char *value, struct audit_filter *filter)
{
	filter->kind = value;
	for (int kind = 0; kind < AUDIT_KIND_COUNT; kind++) {
		if (strcmp(value, audit_kind_name((enum audit_kind)kind)) == 0)
			return -1;
	}
	say("--kind: '%s' is none; see --help", value);
	return EXIT_USAGE;
}

static int read_verdict(const char *value, struct audit_filter *filter)
{
	filter->verdict = value;
	for (const char *const *verdict = audit_filter_verdicts(); *verdict; verdict++) {
		if (strcmp(value, *verdict) == 0)
			return -1;
	}
	say("--verdict: '%s' is none: allow, deny or would-deny", value);
	return EXIT_USAGE;
}

static int read_time(const char *option, const char *value, int64_t *us)
{
	if (moment_parse_relative(slice_from_text(value), wallclock_now_us(), us) == 0)
		return -1;
	say("%s: '%s' is no time: 2026-11-20, 2026-11-20T14:03:22Z, or 90s, 30m, 2h, 7d ago",
	    option, value);
	return EXIT_USAGE;
}

int audit_read_filter(int letter, const char *value, struct audit_filter *filter)
{
	switch (letter) {
	case AUDIT_OPTION_KIND:
		return read_kind(value, filter);
	case AUDIT_OPTION_DENIED:
		filter->denied = true;
		return -1;
	case AUDIT_OPTION_SANDBOX:
		filter->sandbox = value;
		return -1;
	case AUDIT_OPTION_VERDICT:
		return read_verdict(value, filter);
	case AUDIT_OPTION_HOST:
		filter->host = value;
		return -1;
	case AUDIT_OPTION_RULE:
		filter->rule = value;
		return -1;
	case AUDIT_OPTION_SECRET:
		filter->secret = value;
		return -1;
	case AUDIT_OPTION_SINCE:
		filter->has_since = true;
		return read_time("--since", value, &filter->since_us);
	case AUDIT_OPTION_UNTIL:
		filter->has_until = true;
		return read_time("--until", value, &filter->until_us);
	default:
		return -1;
	}
}

int audit_end_of_options(int letter)
{
	if (letter == OPTIONS_HELP)
		return EXIT_SUCCESS;
	return letter == OPTIONS_ERROR ? EXIT_USAGE : -1;
}

char *audit_default_path(void)
{
	static char path[JOURNAL_PATH_BYTES];
	struct error err;

	if (journal_name_default_path(path, sizeof(path), &err) == 0)
		return path;
	say("%s", err.text);
	return NULL;
}

int audit_open_files(const struct options *options, bool all, struct audit_parts *parts)
{
	char **paths = options->argv + options->next;
	int count = options->argc - options->next, rc;
	struct error err;

	if (all && count > 1) {
		say("--all: one FILE, whose older parts are FILE.1, FILE.2 and so on");
		return EXIT_USAGE;
	}
	if (count == 0 || all) {
		const char *path = count ? paths[0] : audit_default_path();

		if (!path)
			return EXIT_CANNOT_READ;
		rc = audit_parts_find(parts, path, &err);
	} else {
		rc = audit_parts_open(parts, paths, (size_t)count, &err);
	}
	if (rc == 0)
		return -1;
	say("%s", err.text);
	return EXIT_CANNOT_READ;
}

bool audit_wants_colours(void)
{
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && no_color[0]) &&
	       !(terminal && strcmp(terminal, "dumb") == 0);
}
