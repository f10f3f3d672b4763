/*
 * The environment of a sandboxed command. Nothing is passed on but what is known to hold no
 * credential (a list of names), what the user asked for (-e), the placeholders, and the variables
 * that make programs trust the sandbox's authority.
 */
#ifndef PROXY_CONTROL_ENVIRONMENT_H
#define PROXY_CONTROL_ENVIRONMENT_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

enum { ENVIRONMENT_MAX = 2048 };

struct environment {
	struct arena arena;
	const char *list[ENVIRONMENT_MAX + 1]; /* NULL-terminated */
	size_t count;
};

void environment_init(struct environment *environment);
void environment_free(struct environment *environment);

/* Sets NAME, in the place of what it was. 0 or -ENOMEM. */
int environment_set(struct environment *environment, const char *name, struct slice value);

/* Passes on the variables that are known to be harmless. */
int environment_inherit(struct environment *environment);

/* Deals with one -e: NAME passes on the caller's, NAME=VALUE sets it. */
int environment_add_option(struct environment *environment, const char *option, struct error *err);

/* The variables of ca/bundle.h, with files in FOLDER; JAVA: there is a store for Java. */
int environment_add_trust(struct environment *environment, const char *folder, bool java);

#endif
