/* What the commands of `sallyport audit` share: which files they read, and which records. */
#ifndef PROXY_CLI_AUDIT_H
#define PROXY_CLI_AUDIT_H

#include "proxy/audit/filter.h"
#include "proxy/audit/parts.h"
#include "proxy/cli/options.h"

enum {
	EXIT_SOUND = 0,
	EXIT_PROBLEMS = 1,
	EXIT_CANNOT_READ = 3,
};

/* Options with the same meaning in several commands. */
enum {
	AUDIT_OPTION_KIND = 1000,
	AUDIT_OPTION_DENIED,
	AUDIT_OPTION_SANDBOX,
	AUDIT_OPTION_VERDICT,
	AUDIT_OPTION_HOST,
	AUDIT_OPTION_RULE,
	AUDIT_OPTION_SECRET,
	AUDIT_OPTION_SINCE,
	AUDIT_OPTION_UNTIL,
	AUDIT_OPTION_ALL,
	AUDIT_OPTION_PARTIAL,
	AUDIT_OPTION_UTC,
};

#define AUDIT_KIND_ROW                                                                             \
	{                                                                                          \
		AUDIT_OPTION_KIND, "kind", "KIND",                                                 \
			"only records of one kind: http, tls, tcp, udp, dns, packet, secret, "     \
			"policy, sandbox"                                                          \
	}
#define AUDIT_DENIED_ROW                                                                           \
	{                                                                                          \
		AUDIT_OPTION_DENIED, "denied", NULL,                                               \
			"only what was denied, or would be if the policy were enforced"            \
	}
#define AUDIT_SANDBOX_ROW                                                                          \
	{                                                                                          \
		AUDIT_OPTION_SANDBOX, "sandbox", "ID", "only records of one sandbox"               \
	}
#define AUDIT_UTC_ROW                                                                              \
	{                                                                                          \
		AUDIT_OPTION_UTC, "utc", NULL, "show times in UTC"                                 \
	}

#define AUDIT_FILTER_ROWS                                                                          \
	AUDIT_KIND_ROW, AUDIT_DENIED_ROW, AUDIT_SANDBOX_ROW,                                       \
		{AUDIT_OPTION_VERDICT, "verdict", "VERDICT", "only allow, deny or would-deny"},    \
		{AUDIT_OPTION_HOST, "host", "HOST",                                                \
		 "only what was asked of one host: a name, an address, or *.NAME"},                \
		{AUDIT_OPTION_RULE, "rule", "RULE", "only what one rule decided: N or rules[N]"},  \
		{AUDIT_OPTION_SECRET, "secret", "NAME",                                            \
		 "only where a secret was put in, or its placeholder misused"},                    \
		{AUDIT_OPTION_SINCE, "since", "TIME",                                              \
		 "only from then on: 2026-11-20, 2026-11-20T14:03:22Z, or 90s, 30m, 2h, 7d ago"},  \
	{                                                                                          \
		AUDIT_OPTION_UNTIL, "until", "TIME", "only before then"                            \
	}

#define AUDIT_PARTS_ROWS                                                                           \
	{AUDIT_OPTION_ALL, "all", NULL,                                                            \
	 "FILE and its older parts, FILE.1 and so on; so it is when no FILE is named"},            \
	{                                                                                          \
		AUDIT_OPTION_PARTIAL, "partial", NULL,                                             \
			"older parts were removed: that the log begins late is no problem"         \
	}

/* Takes LETTER into FILTER. -1 to go on, also when it is no option of a filter's, or the exit
 * status after telling what is wrong. */
int audit_read_filter(int letter, const char *value, struct audit_filter *filter);

/* The status of an option loop that has come to its end, or -1 to go on. */
int audit_end_of_options(int letter);

/* The default log's path, in memory that stays. NULL after telling why there is none. */
char *audit_default_path(void);

/* Opens the files that the rest of the arguments name, or the default log. -1, or the exit status
 * after telling what is wrong. */
int audit_open_files(const struct options *options, bool all, struct audit_parts *parts);

/* https://no-color.org */
bool audit_wants_colours(void);

int command_audit_export(int argc, char **argv);
int command_audit_query(int argc, char **argv);

#endif
