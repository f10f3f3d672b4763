/*
 * Secrets taken out of what comes back (design section 3, rule 9; threats S1 to S5).
 *
 * Each secret is looked for in every form (forms.h: as it is, in capitals, in small letters,
 * backwards, base64, hex, UTF-16) and in every spelling of its characters (escape.h: percent, JSON
 * and other backslashes, HTML entities; any of the characters, once or twice). A hit is replaced by
 * the placeholder in the same form and spelling; where the form is a part of a larger encoding
 * (base64), by text of the same length. Where several overlap, all of it goes.
 *
 * A scrubber is made of all secrets of a sandbox whose policy wants it, and is immutable: it is
 * made anew when a token is captured. Forms are secrets too: they are kept in locked memory.
 *
 * In a stream nothing is held back but what could be the beginning of a form, or the end of one
 * that another could overlap. A peer that waits for an answer would never see the last bytes then
 * if they happen to be such a beginning: when nothing comes, stage_ops.release lets up to an eighth
 * of the shortest value go on (docs/decisions/0403).
 */
#ifndef PROXY_SECRET_SCRUB_H
#define PROXY_SECRET_SCRUB_H

#include "base/arena.h"
#include "base/error.h"
#include "proxy/http/stage.h"
#include "proxy/secret/find.h"

enum {
	SCRUB_VALUE_MIN_BYTES = FIND_VALUE_MIN_BYTES, /* a shorter value would be met by chance; the
							 policy's loader refuses it unless scrub:
							 false */
};

struct scrubber;

struct scrub_item {
	struct slice value;
	struct slice placeholder; /* visible ASCII, not empty */
};

/* COUNT may be 0. The items' memory need not outlive this call. 0, or ERROR_LIMIT for a value that
 * is too short or too long to look for, or without memory a negative code. */
int scrubber_create(const struct scrub_item items[], size_t count, struct scrubber **scrubber,
		    struct error *err);
void scrubber_free(struct scrubber *scrubber);

/* Whether every replacement has the length of what it replaces, so that a body keeps its length: it
 * has when every placeholder is as long as its value. What does not fit then (a character whose
 * spelling is longer than that of the one in its place) is stars. */
bool scrubber_keeps_length(const struct scrubber *scrubber);

/* TEXT scrubbed: TEXT itself when nothing was found, else in ARENA; ptr is NULL without memory.
 * *COUNT grows by the number of hits. */
struct slice scrub_text(const struct scrubber *scrubber, struct slice text, struct arena *arena,
			uint64_t *count);

/* A stage that scrubs a body; *COUNT grows by the number of hits. SCRUBBER must outlive it. NULL
 * without memory. */
struct stage *scrub_stage(const struct scrubber *scrubber, uint64_t *count);

#endif
