#include "proxy/control/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/say.h"
#include "proxy/audit/journal.h"
#include "proxy/audit/parts.h"
#include "proxy/cli/options.h"
#include "proxy/steer/steer.h"

enum { VARIABLES_MAX = 1024 };

enum {
	OPTION_VM = 256,
	OPTION_AUDIT_SIZE,
	OPTION_AUDIT_KEEP,
};

static const struct option_row rows[] = {
	{'p', "policy", "FILE",
	 "the policy (default: $XDG_CONFIG_HOME/sallyport/policy.yaml, or ~/.config/...)"},
	{'e', "env", "NAME[=VALUE]",
	 "pass a variable on to COMMAND, or set one; may be given many times"},
	{'a', "audit", "FILE",
	 "append the audit log to FILE (default: $XDG_STATE_HOME/sallyport/audit.jsonl); syslog, "
	 "syslog:FACILITY or fd:N send it there as well; may be given several times"},
	{OPTION_AUDIT_SIZE, "audit-size", "SIZE",
	 "rotate the audit log before it grows past SIZE (1MiB or more): FILE becomes FILE.1, and "
	 "so "
	 "on"},
	{OPTION_AUDIT_KEEP, "audit-keep", "N",
	 "keep N older parts of the audit log (default: all of them)"},
	{OPTION_VM, "vm", NULL, "run COMMAND in a microVM (not supported yet)"},
};

static const struct command_help help = {
	.usage = "sallyport run [-p POLICY] [-e NAME[=VALUE]]... [--audit FILE] [--audit-size SIZE "
		 "[--audit-keep N]] -- COMMAND [ARG...]",
	.text = "Runs COMMAND in a sandbox whose only way to the network is Sallyport: what the "
		"policy "
		"allows goes out, with real credentials put in the place of placeholders; "
		"everything else "
		"is refused with its reason; every verdict is in the audit log.\n"
		"\n"
		"The exit status is COMMAND's own; 125 if Sallyport failed, 126 if COMMAND could "
		"not be "
		"run, 127 if it was not found, 128+N if signal N ended it.",
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
};

struct arguments {
	const char *policy;
	const char *audit;
	uint64_t audit_size;
	unsigned int audit_keep;
	const char *outputs[OUTPUTS_MAX];
	size_t output_count;
	const char *variables[VARIABLES_MAX];
	size_t variable_count;
};

/* A file, or one of the outputs beside it. */
static int read_audit(const char *value, struct arguments *arguments)
{
	struct error err;

	if (!output_is_one(value)) {
		arguments->audit = value;
		return 0;
	}
	if (arguments->output_count == OUTPUTS_MAX) {
		say("--audit %s: more than %d outputs", value, OUTPUTS_MAX);
		return -1;
	}
	if (output_check(value, &err) < 0) {
		say("%s", err.text);
		return -1;
	}
	arguments->outputs[arguments->output_count++] = value;
	return 0;
}

static int read_audit_size(const char *value, struct arguments *arguments)
{
	if (options_read_size(value, &arguments->audit_size) == 0 &&
	    arguments->audit_size >= JOURNAL_ROTATE_MIN_BYTES)
		return 0;
	say("--audit-size: '%s' is no size of 1MiB or more, such as 100MiB or 2GiB", value);
	return -1;
}

static int read_audit_keep(const char *value, struct arguments *arguments)
{
	uint64_t keep;

	if (slice_to_u64(slice_from_text(value), AUDIT_PARTS_MAX, &keep) < 0 || keep == 0) {
		say("--audit-keep: '%s' is not a number from 1 to %d", value, AUDIT_PARTS_MAX);
		return -1;
	}
	arguments->audit_keep = (unsigned int)keep;
	return 0;
}

/* Reads the options. -1 to go on, or an exit status. */
static int read_options(struct options *options, struct arguments *arguments)
{
	const char *value;
	int letter;

	while ((letter = options_next(options, &value)) != OPTIONS_END) {
		switch (letter) {
		case 'p':
			arguments->policy = value;
			break;
		case 'a':
			if (read_audit(value, arguments) < 0)
				return EXIT_SALLYPORT_FAILED;
			break;
		case 'e':
			if (arguments->variable_count == VARIABLES_MAX) {
				say("more than %d variables", VARIABLES_MAX);
				return EXIT_SALLYPORT_FAILED;
			}
			arguments->variables[arguments->variable_count++] = value;
			break;
		case OPTION_AUDIT_SIZE:
			if (read_audit_size(value, arguments) < 0)
				return EXIT_SALLYPORT_FAILED;
			break;
		case OPTION_AUDIT_KEEP:
			if (read_audit_keep(value, arguments) < 0)
				return EXIT_SALLYPORT_FAILED;
			break;
		case OPTION_VM:
			say("--vm is not supported yet; without it COMMAND runs in a process "
			    "sandbox, which "
			    "shields the network and credentials, and not the file system and the "
			    "kernel");
			return EXIT_SALLYPORT_FAILED;
		case OPTIONS_HELP:
			return EXIT_SUCCESS;
		default:
			return EXIT_SALLYPORT_FAILED;
		}
	}
	return -1;
}

/* Never a file in the current folder: what runs in the sandbox could have written it. */
static int default_policy(char *path, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int used;

	if (config && config[0] == '/')
		used = snprintf(path, size, "%s/sallyport/policy.yaml", config);
	else if (home && home[0] == '/')
		used = snprintf(path, size, "%s/.config/sallyport/policy.yaml", home);
	else
		return -1;
	if (used >= (int)size || access(path, F_OK) < 0)
		return -1;
	return 0;
}

static struct policy *load(const char *path)
{
	static struct diagnostics diagnostics;
	cleanup_free char *text = NULL;
	struct policy *policy = NULL;
	int rc = policy_load_file(path, &policy, &diagnostics);

	/* Warnings are for `policy check`: a command that runs every day does not repeat them. */
	if (rc < 0) {
		text = diagnostics_render(&diagnostics);
		fputs(text ? text : "", stderr);
		say("the policy %s has %zu error%s; nothing was started", path, diagnostics.errors,
		    diagnostics.errors == 1 ? "" : "s");
	}
	diagnostics_release(&diagnostics);
	return policy;
}

int command_run(int argc, char **argv)
{
	static struct arguments arguments;
	struct options options;
	struct run_setup setup;
	struct policy *policy;
	struct error err;
	char path[4096];
	int status;

	/* Before anything is opened, which could else become a standard stream of COMMAND's. */
	if (steer_check_streams(&err) < 0) {
		say("%s", err.text);
		return EXIT_SALLYPORT_FAILED;
	}
	options_init(&options, &help, argc, argv);
	status = read_options(&options, &arguments);
	if (status >= 0)
		return status;
	if (options.next >= argc) {
		say("no COMMAND was given; usage: %s", help.usage);
		return EXIT_SALLYPORT_FAILED;
	}
	if (arguments.audit_keep && !arguments.audit_size) {
		say("--audit-keep: how large may the log grow? give --audit-size too");
		return EXIT_SALLYPORT_FAILED;
	}
	if (!arguments.policy && default_policy(path, sizeof(path)) == 0)
		arguments.policy = path;
	if (!arguments.policy) {
		say("no policy: name one by -p FILE, or write ~/.config/sallyport/policy.yaml");
		return EXIT_SALLYPORT_FAILED;
	}
	if (steer_check_caller(&err) < 0) {
		say("%s", err.text);
		return EXIT_SALLYPORT_FAILED;
	}
	policy = load(arguments.policy);
	if (!policy)
		return EXIT_SALLYPORT_FAILED;
	setup = (struct run_setup){
		.policy = policy,
		.audit_path = arguments.audit,
		.audit_size = arguments.audit_size,
		.audit_keep = arguments.audit_keep,
		.outputs = arguments.outputs,
		.output_count = arguments.output_count,
		.variables = arguments.variables,
		.variable_count = arguments.variable_count,
		.argv = (const char *const *)(argv + options.next),
	};
	status = run_command(&setup);
	policy_free(policy);
	return status;
}
