/*
 * Running one command behind the door: the supervisor that `sallyport run` embeds.
 *
 * It reads the policy and the secrets, forks the worker, makes the sandbox, starts the command,
 * keeps the audit log, and passes on signals, until the command ends. It parses nothing that comes
 * from the sandbox or from an origin, but for the bounded messages and records that its worker
 * hands over.
 */
#ifndef PROXY_CONTROL_RUN_H
#define PROXY_CONTROL_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/policy.h"

enum {
	EXIT_SALLYPORT_FAILED = 125,
	EXIT_CANNOT_RUN = 126,
	EXIT_NOT_FOUND = 127,
};

struct run_setup {
	const struct policy *policy;
	const char *audit_path;	    /* NULL: the default */
	uint64_t audit_size;	    /* at which the log is rotated; 0: it is not */
	unsigned int audit_keep;    /* older parts of it; 0: all */
	const char *const *outputs; /* where it goes beside the file (proxy/audit/output.h) */
	size_t output_count;
	const char *const *variables; /* NAME or NAME=VALUE, from -e */
	size_t variable_count;
	const char *const *argv; /* the command, NULL-terminated */
};

/* Runs the command. Its own exit status, or one of the codes of design section 7: 125, with the
 * error told to the user; 126, 127; 128 and the number of the signal. */
int run_command(const struct run_setup *setup);

#endif
