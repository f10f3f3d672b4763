/*
 * The files that a policy is made of: the one that is named, and those that it includes, each read
 * once, before any of their keys is looked at. Their order is that in which a reader meets them: a
 * file stands before what it includes.
 */
#ifndef POLICY_LOAD_FILES_H
#define POLICY_LOAD_FILES_H

#include "policy/schema.h"

struct load_file {
	const char *name;
	const char *folder;	      /* for relative paths; empty: none */
	const struct yaml_node *tree; /* NULL when it could not be read; its faults are told */
};

/* Reads the files into LOADER->files, beginning with the first of its diagnostics, whose text is
 * there. 0; or what the first one's text, or the memory, failed by. Faults of included files are in
 * the diagnostics alone. */
int load_files(struct loader *loader);

#endif
