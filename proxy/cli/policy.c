#include "proxy/cli/policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/say.h"
#include "policy/schema_json.h"
#include "proxy/cli/options.h"

struct subcommand {
	const char *name;
	int (*run)(int argc, char **argv); /* NULL: of a later version */
	const char *help;
};

static const struct subcommand subcommands[] = {
	{"check", policy_command_check, "read policies and say what is wrong with them"},
	{"explain", policy_command_explain, "say what a policy does with a request, and why"},
	{"test", NULL, "not yet supported"},
	{"learn", NULL, "not yet supported"},
	{"schema", policy_command_schema, "print the JSON Schema of the language, for editors"},
};

enum { SUBCOMMAND_COUNT = sizeof(subcommands) / sizeof(subcommands[0]) };

static void print_usage(FILE *out)
{
	fprintf(out, "usage: sallyport policy COMMAND [ARG...]\n\n");
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
		fprintf(out, "  %-10s%s\n", subcommands[i].name, subcommands[i].help);
	fprintf(out, "\nsallyport policy COMMAND --help says more.\n");
}

static int refuse_command(const char *name)
{
	const char *words[SUBCOMMAND_COUNT], *nearest;

	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
		words[i] = subcommands[i].name;
	nearest = diagnostic_nearest(slice_from_text(name), words, SUBCOMMAND_COUNT);
	if (nearest)
		say("unknown command: policy %s; did you mean %s?", name, nearest);
	else
		say("unknown command: policy %s; see: sallyport policy --help", name);
	return EXIT_USAGE;
}

int command_policy(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_usage(stdout);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
		if (strcmp(argv[1], subcommands[i].name) != 0)
			continue;
		if (subcommands[i].run)
			return subcommands[i].run(argc - 1, argv + 1);
		say("policy %s is not yet supported", argv[1]);
		return EXIT_USAGE;
	}
	return refuse_command(argv[1]);
}

static int load_stdin(struct policy **policy, struct diagnostics *diagnostics)
{
	char *bytes = NULL;
	size_t len = 0;
	int rc = fd_read_all(STDIN_FILENO, POLICY_FILE_MAX_BYTES, &bytes, &len);

	if (rc == 0) {
		rc = policy_load_text("<stdin>", slice_of(bytes, len), policy, diagnostics);
		diagnostics->files[0].owned_text = bytes;
		return rc;
	}
	diagnostics_init(diagnostics, "<stdin>", (struct slice){0});
	diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, (struct diagnostic_place){0}, NULL,
			"cannot read the policy: %s", error_name(rc));
	return rc;
}

struct policy *policy_open(const char *file, struct diagnostics *diagnostics)
{
	cleanup_free char *text = NULL;
	struct policy *policy = NULL;

	if (strcmp(file, "-") == 0)
		load_stdin(&policy, diagnostics);
	else
		policy_load_file(file, &policy, diagnostics);
	text = diagnostics_render(diagnostics);
	if (text)
		fputs(text, stderr);
	return policy;
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static bool check_file(const char *file)
{
	struct diagnostics diagnostics;
	struct policy *policy = policy_open(file, &diagnostics);
	const char *name = diagnostics.files[0].name;

	if (policy)
		printf("%s: ok, %zu rule%s, %zu secret%s\n", name, policy->rule_count,
		       plural(policy->rule_count), policy->secret_count,
		       plural(policy->secret_count));
	else
		printf("%s: refused, %zu error%s\n", name, diagnostics.errors,
		       plural(diagnostics.errors));
	diagnostics_release(&diagnostics);
	policy_free(policy);
	return policy;
}

static const struct command_help check_help = {
	.usage = "sallyport policy check [FILE...]",
	.text = "Reads each FILE (" POLICY_DEFAULT_FILE " if none is named, standard input for -)\n"
		"and says what is wrong with it. Ends with 1 if any was refused.",
};

int policy_command_check(int argc, char **argv)
{
	struct options options;
	const char *value;
	bool all_good = true;
	int letter;

	options_init(&options, &check_help, argc, argv);
	letter = options_next(&options, &value);
	if (letter != OPTIONS_END)
		return letter == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
	if (options.next == argc)
		return check_file(POLICY_DEFAULT_FILE) ? EXIT_SUCCESS : EXIT_FAILURE;
	for (int i = options.next; i < argc; i++)
		all_good = check_file(argv[i]) && all_good;
	return all_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct command_help schema_help = {
	.usage = "sallyport policy schema",
	.text = "Prints the JSON Schema (2020-12) of policies, by which editors complete and check "
		"them.\n"
		"What it takes may still be refused: `policy check` checks more.",
};

int policy_command_schema(int argc, char **argv)
{
	cleanup_free char *text = NULL;
	struct options options;
	const char *value;
	int letter;

	options_init(&options, &schema_help, argc, argv);
	letter = options_next(&options, &value);
	if (letter != OPTIONS_END)
		return letter == OPTIONS_HELP ? EXIT_SUCCESS : EXIT_USAGE;
	if (options.next < argc) {
		say("policy schema takes no argument: %s", argv[options.next]);
		return EXIT_USAGE;
	}
	text = schema_make_json();
	if (!text || fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
		say("cannot print the schema: %s", error_name(text ? -errno : -ENOMEM));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
