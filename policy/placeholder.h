/*
 * Placeholders: what the sandbox holds in the place of a secret. Random per sandbox (design section
 * 3, rule 7), never derived from the secret's value beyond its shape: its length, the known prefix
 * of its kind, and its alphabet, so that clients which check a key's form accept it (threats S9,
 * S29).
 */
#ifndef POLICY_PLACEHOLDER_H
#define POLICY_PLACEHOLDER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"

enum {
	PLACEHOLDER_MAX_BYTES = 4096,
	/* Fewer random bits than this could be guessed or met by chance: a placeholder is made
	 * longer than its secret if it must be, and a template with fewer is refused. */
	PLACEHOLDER_MIN_RANDOM_BITS = 96,
};

/* Checks a template from a policy: visible ASCII without spaces, quotes and backslashes, and at
 * least one
 * "{random:N}" (N letters and digits) with enough random bits in all. 0, or ERROR_SYNTAX or
 * ERROR_LIMIT with WHY. */
int placeholder_check_template(struct slice template, const char **why);

/* Makes a new placeholder from TEMPLATE. The length, or ERROR_LIMIT when OUT is too small. */
ssize_t placeholder_from_template(struct slice template, char *out, size_t size);

/* Makes a new placeholder of SECRET's shape. Known shapes: sk-, sk-ant-, sk-proj-, ghp_ (and gho_,
 * ghu_, ghs_, ghr_), github_pat_, xoxb- (and xoxp-, xoxa-, xoxs-), AKIA and ASIA, glpat-, hf_,
 * npm_, a JWT (header and payload decode as inert JSON), a UUID, hex (upper or lower), base64url;
 * else letters and digits. Never equal to SECRET, never holding it. The length, or ERROR_LIMIT. */
ssize_t placeholder_from_secret(struct slice secret, char *out, size_t size);

/* The name of the shape found in SECRET, for messages: "GitHub token", "JWT", "hex". Never NULL. */
const char *placeholder_shape_name(struct slice secret);

#endif
