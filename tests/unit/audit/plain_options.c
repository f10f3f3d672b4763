/* The interface of proxy/cli/options.h for the test of the command: long options as "--name value",
 * one-letter ones as "-n value". */
#include <stdio.h>
#include <string.h>

#include "proxy/cli/options.h"

void options_init(struct options *options, const struct command_help *help, int argc, char **argv)
{
	*options = (struct options){.help = help, .argc = argc, .argv = argv, .next = 1};
}

void options_print_help(const struct command_help *help)
{
	printf("%s\n\n%s\n", help->usage, help->text);
}

static const struct option_row *find_row(const struct command_help *help, const char *argument)
{
	for (size_t i = 0; i < help->row_count; i++) {
		const struct option_row *row = &help->rows[i];

		if (strncmp(argument, "--", 2) == 0 ? strcmp(argument + 2, row->name) == 0
						    : argument[1] == row->letter && !argument[2])
			return row;
	}
	return NULL;
}

int options_next(struct options *options, const char **value)
{
	const struct option_row *row;
	const char *argument;

	*value = NULL;
	if (options->next >= options->argc || options->argv[options->next][0] != '-')
		return OPTIONS_END;
	argument = options->argv[options->next++];
	if (strcmp(argument, "--help") == 0) {
		options_print_help(options->help);
		return OPTIONS_HELP;
	}
	row = find_row(options->help, argument);
	if (!row || (row->argument && options->next >= options->argc))
		return OPTIONS_ERROR;
	if (row->argument)
		*value = options->argv[options->next++];
	return row->letter;
}
