/*
 * Command-line options: one table for each command drives the parser and the help text.
 *
 * Long options may be given as "--name VALUE" or "--name=VALUE", short ones as "-n VALUE" or
 * "-nVALUE". Options end at "--" or at the first operand. An unknown option is answered with the
 * nearest known one.
 */
#ifndef PROXY_CLI_OPTIONS_H
#define PROXY_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

struct option_row {
	int letter;	      /* 'p' for -p; a number above 255 for one without a short form */
	const char *name;     /* "policy" for --policy */
	const char *argument; /* "FILE", or NULL: takes none */
	const char *help;
};

struct command_help {
	const char *usage; /* "sallyport run [-p POLICY] -- COMMAND [ARG...]" */
	const char *text;  /* paragraphs */
	const struct option_row *rows;
	size_t row_count;
};

struct options {
	const struct command_help *help;
	int argc;
	char **argv;
	int next; /* index of the next argument; the operands start here at OPTIONS_END */
	const char *cluster;
};

enum {
	OPTIONS_END = 0,
	OPTIONS_ERROR = -1, /* told to the user already */
	OPTIONS_HELP = -2,  /* --help or -h: the help was printed to stdout */
};

/* ARGV[0] is the command's name. */
void options_init(struct options *options, const struct command_help *help, int argc, char **argv);

/* The next option's letter, with its value, or one of the codes above. */
int options_next(struct options *options, const char **value);

/* A size with its unit: 512, 64KiB, 100MiB, 2GiB. 0 or ERROR_SYNTAX. */
int options_read_size(const char *text, uint64_t *bytes);

void options_print_help(const struct command_help *help);

/* The entry points of the commands; each returns the exit status. */
int command_run(int argc, char **argv);
int command_policy(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_doctor(int argc, char **argv);

enum { EXIT_USAGE = 2 };

#endif
