#include "tests/unit/cli/capture.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

/* Puts a file in memory in the place of FD; returns a copy of what was there. */
static int redirect(int fd, const char *text)
{
	int memory = memfd_create("capture", MFD_CLOEXEC), saved = dup(fd);

	assert_true(memory >= 0 && saved >= 0);
	assert_int_equal(write(memory, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(memory, 0, SEEK_SET), 0);
	assert_int_equal(dup2(memory, fd), fd);
	close(memory);
	return saved;
}

static void restore(int fd, int saved, char *out)
{
	ssize_t len = 0;

	if (out) {
		len = pread(fd, out, CAPTURE_BYTES - 1, 0);
		assert_true(len >= 0);
		out[len] = '\0';
	}
	assert_int_equal(dup2(saved, fd), fd);
	close(saved);
}

void capture_run(int (*command)(int argc, char **argv), const char *line, const char *stdin_text,
		 struct capture *capture)
{
	char words[1024], *argv[CAPTURE_ARGS_MAX + 1], *rest;
	int argc = 0, in, out, err;

	assert_true(strlen(line) < sizeof(words));
	strcpy(words, line);
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		assert_true(argc < CAPTURE_ARGS_MAX);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	fflush(stdout);
	in = redirect(STDIN_FILENO, stdin_text ? stdin_text : "");
	out = redirect(STDOUT_FILENO, "");
	err = redirect(STDERR_FILENO, "");
	capture->status = command(argc, argv);
	fflush(stdout);
	fflush(stderr);
	restore(STDIN_FILENO, in, NULL);
	restore(STDOUT_FILENO, out, capture->out);
	restore(STDERR_FILENO, err, capture->err);
}
