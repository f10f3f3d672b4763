/*
 * Paths: canonical form, and the globs of the policy (threat P11).
 *
 * The canonical form (RFC 3986 section 6.2.2) has unreserved characters decoded, other percent
 * encodings in upper-case hex, and no dot segments. It is what is matched and what is sent on. What
 * cannot be made canonical without doubt is refused: a raw byte that is not a visible ASCII
 * character allowed in a path, a backslash or an encoded one, encoded control bytes, an incomplete
 * percent sequence, a double encoding (%25 before two hex digits), encoded bytes that are not UTF-8
 * (overlong forms among them), and dot segments that hide behind an encoded slash or a parameter
 * ("..%2F", "..;").
 *
 * Servers differ in how they read three more things: an encoded slash (some decode it), parameters
 * (";x=1" or "%3Bx=1", which some cut off), and empty segments ("//", which some merge). Such a
 * path is kept as it is, and has several READINGS, one for each combination. A request is allowed
 * only if every reading is. An encoded slash inside a parameter is refused: it would count or not,
 * as the server decodes or cuts first.
 */
#ifndef POLICY_PATH_H
#define POLICY_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/slice.h"

enum {
	PATH_MAX_BYTES = 8192,
	PATH_READINGS_MAX = 8,
	PATH_GLOB_MAX_BYTES = 1024,
};

struct path {
	struct slice text;			  /* the canonical form */
	struct slice readings[PATH_READINGS_MAX]; /* readings[0] is text */
	size_t reading_count;			  /* at least 1 */
};

struct arena;

/* Makes RAW (a path that starts with "/", without query or fragment) canonical, in ARENA. 0,
 * ERROR_SYNTAX with WHY set to a short text for the denial, ERROR_LIMIT, or -ENOMEM. */
int path_canonicalise(struct slice raw, struct arena *arena, struct path *path, const char **why);

/* The canonical text alone. OUT has room for RAW.len bytes, which is always enough. */
int path_make_canonical(struct slice raw, char *out, size_t *len, const char **why);

/* How a glob is matched: the parts before its first and behind its last star are compared as they
 * are, and what is between them by the stars. */
enum path_glob_kind {
	PATH_GLOB_LITERAL,    /* no star */
	PATH_GLOB_ONE_STAR,   /* one "*" */
	PATH_GLOB_ONE_DOUBLE, /* one "**" */
	PATH_GLOB_SEVERAL,
};

/* A compiled path glob. "*" matches any run of characters within a segment, "**" any run at all;
 * everything else matches itself. */
struct path_glob {
	struct slice text;
	enum path_glob_kind kind;
	uint16_t prefix_bytes;
	uint16_t suffix_bytes;
	bool matches_all; /* a slash and two stars */
};

/* Compiles TEXT, which must be canonical already apart from its stars; ERROR_SYNTAX or ERROR_LIMIT
 * with WHY if not. TEXT must outlive the glob. */
int path_glob_parse(struct slice text, struct path_glob *glob, const char **why);

/* Whether GLOB matches READING, of at most PATH_MAX_BYTES; time linear in the product of their
 * lengths at worst, never exponential. */
bool path_glob_match(const struct path_glob *glob, struct slice reading);

/* Whether GLOB matches every reading of PATH. */
bool path_glob_match_all(const struct path_glob *glob, const struct path *path);

/* Whether everything that INNER matches is surely matched by OUTER too. For lint; may say false
 * when it cannot tell. */
bool path_glob_covers(const struct path_glob *outer, const struct path_glob *inner);

/* Whether some path is matched by both. */
bool path_glob_overlaps(const struct path_glob *a, const struct path_glob *b);

#endif
