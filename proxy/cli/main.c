#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "policy/diagnostic.h"
#include "proxy/cli/options.h"
#include "proxy/steer/steer.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", command_run, "run a command whose only way to the network is Sallyport"},
	{"policy", command_policy, "check a policy, or explain what it says of a request"},
	{"audit", command_audit, "read the audit log, or verify it"},
	{"doctor", command_doctor, "what works on this host, and how to mend what does not"},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(void)
{
	puts("Sallyport: the guarded exit for untrusted code\n"
	     "\n"
	     "usage: sallyport COMMAND [OPTION...]\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].help);
	puts("\nsallyport COMMAND --help says more; sallyport(1) and sallyport-policy(5) say all.");
}

static int unknown_command(const char *name)
{
	const char *names[COMMANDS], *nearest;

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	nearest = diagnostic_nearest(slice_from_text(name), names, COMMANDS);
	if (nearest)
		say("there is no command %s; did you mean %s?", name, nearest);
	else
		say("there is no command %s; `sallyport --help` lists them", name);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	/* The sandbox's pid 1 is this program too; if that is what we are, this does not return. */
	steer_become_init(argc, argv);
	if (argc < 2) {
		print_help();
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help();
		return EXIT_SUCCESS;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("sallyport " SALLYPORT_VERSION);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	return unknown_command(argv[1]);
}
