/*
 * What is wrong with a policy, for the person who wrote it: every fault found, each with file, line
 * and column, the line itself with a caret under the place, what was expected, and a near miss if
 * there is one ("did you mean ..."). The number of faults kept is bounded; how many more there were
 * is counted.
 *
 * A policy may be made of several files (include). Each place says in which of them it is; the
 * texts are kept here, to show lines from, until diagnostics_release().
 */
#ifndef POLICY_DIAGNOSTIC_H
#define POLICY_DIAGNOSTIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	DIAGNOSTIC_MAX = 50,
	DIAGNOSTIC_TEXT_BYTES = 400,
	DIAGNOSTIC_FILES_MAX = 64,
};

enum diagnostic_severity {
	DIAGNOSTIC_ERROR,
	DIAGNOSTIC_WARNING, /* lint: the policy loads all the same */
};

struct diagnostic {
	enum diagnostic_severity severity;
	uint32_t file;	 /* which of the files */
	uint32_t line;	 /* from 1; 0 when the fault is not at a place (the file cannot be read) */
	uint32_t column; /* from 1, in characters */
	uint32_t width;	 /* characters to mark */
	char text[DIAGNOSTIC_TEXT_BYTES]; /* what is wrong, and what was expected */
	char hint[DIAGNOSTIC_TEXT_BYTES]; /* how to mend it, or empty */
};

struct diagnostic_file {
	const char *name;  /* as the user named it, or as the file that includes it did */
	struct slice text; /* empty when it could not be read */
	char *owned_name;  /* what diagnostics_release() frees, or NULL */
	char *owned_text;
};

struct diagnostics {
	struct diagnostic_file files[DIAGNOSTIC_FILES_MAX]; /* the first is the policy itself */
	size_t file_count;
	uint32_t reading; /* the file that is being read: its faults are found by its text */
	size_t count;
	size_t errors;
	size_t dropped; /* past DIAGNOSTIC_MAX */
	struct diagnostic list[DIAGNOSTIC_MAX];
};

/* Starts with the file NAME, whose TEXT stays the caller's. */
void diagnostics_init(struct diagnostics *diagnostics, const char *name, struct slice text);

/* Frees the names and texts that were read for it. Nothing can be rendered after that. */
void diagnostics_release(struct diagnostics *diagnostics);

/* Where in a policy something stands. */
struct diagnostic_place {
	uint32_t line;
	uint32_t column;
	uint32_t width;
	uint32_t file; /* which of the files */
};

/* Adds one; HINT may be NULL. A second one at the same place with the same text is not kept. */
void diagnostics_add(struct diagnostics *diagnostics, enum diagnostic_severity severity,
		     struct diagnostic_place place, const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Renders all of them, in the order of their files and lines, as text that ends in a newline, in
 * new memory that the caller frees. NULL without memory. What is not visible in the source is shown
 * as "?".
 */
char *diagnostics_render(const struct diagnostics *diagnostics);

/* The entry of WORDS nearest to WORD by edit distance, or NULL if none is near. */
const char *diagnostic_nearest(struct slice word, const char *const words[], size_t count);

#endif
