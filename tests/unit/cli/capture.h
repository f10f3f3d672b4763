/* Runs a command in this process and keeps what it prints. */
#ifndef TESTS_UNIT_CLI_CAPTURE_H
#define TESTS_UNIT_CLI_CAPTURE_H

enum { CAPTURE_BYTES = 16384, CAPTURE_ARGS_MAX = 16 };

struct capture {
	int status;
	char out[CAPTURE_BYTES];
	char err[CAPTURE_BYTES];
};

/* COMMAND is given the words of LINE, split at spaces; there is no quoting. STDIN_TEXT (may be
 * NULL) is what it reads from standard input. */
void capture_run(int (*command)(int argc, char **argv), const char *line, const char *stdin_text,
		 struct capture *capture);

#endif
