/* The subcommands of "sallyport policy". Private to the command line. */
#ifndef PROXY_CLI_POLICY_H
#define PROXY_CLI_POLICY_H

#include "policy/policy.h"

/* What is read when no file is named. */
#define POLICY_DEFAULT_FILE "sallyport.yaml"

int policy_command_check(int argc, char **argv);
int policy_command_explain(int argc, char **argv);
int policy_command_schema(int argc, char **argv);

/* Reads the policy in FILE ("-": standard input) and prints its diagnostics to stderr. NULL when it
 * was refused. DIAGNOSTICS keeps what was read, until diagnostics_release(). */
struct policy *policy_open(const char *file, struct diagnostics *diagnostics);

#endif
