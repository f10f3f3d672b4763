/*
 * Secrets taken out of what comes back (design section 3, rule 9; threats S1 to S5).
 *
 * For each secret a number of FORMS is looked for: the value as it is; percent-encoded (RFC 3986,
 * and as forms encode; upper- and lower-case hex; only what must be encoded, and everything);
 * escaped as JSON (the short escapes, \uXXXX of the same in both cases, of every character); HTML
 * entities; base64 in both alphabets at the three alignments, with the characters that depend on
 * neighbours left out; hex in both cases. A hit is replaced by the placeholder in the same form;
 * where the form is a part of a larger encoding (base64), by text of the same length.
 *
 * A scrubber is made of all secrets of a sandbox whose policy wants it, and is immutable: it is
 * made anew when a token is captured. Forms are secrets too: they are kept in locked memory.
 *
 * In a stream nothing is held back but what could be the beginning of a form; at most the longest
 * form.
 */
#ifndef PROXY_SECRET_SCRUB_H
#define PROXY_SECRET_SCRUB_H

#include "base/arena.h"
#include "base/error.h"
#include "proxy/http/stage.h"

enum {
	SCRUB_VALUE_MIN_BYTES = 8, /* a shorter value would be met by chance; the policy's loader
				      refuses it unless scrub: false */
	SCRUB_FORMS_MAX = 24,	   /* of one secret */
};

struct scrubber;

struct scrub_item {
	struct slice value;
	struct slice placeholder;
};

/* COUNT may be 0. The items' memory need not outlive this call. */
int scrubber_create(const struct scrub_item items[], size_t count, struct scrubber **scrubber,
		    struct error *err);
void scrubber_free(struct scrubber *scrubber);

/* Whether every replacement has the length of what it replaces, so that a body keeps its length. */
bool scrubber_keeps_length(const struct scrubber *scrubber);

/* TEXT scrubbed: TEXT itself when nothing was found, else in ARENA; ptr is NULL without memory.
 * *COUNT grows by the number of hits. */
struct slice scrub_text(const struct scrubber *scrubber, struct slice text, struct arena *arena,
			uint64_t *count);

/* A stage that scrubs a body; *COUNT grows by the number of hits. SCRUBBER must outlive it. NULL
 * without memory. */
struct stage *scrub_stage(const struct scrubber *scrubber, uint64_t *count);

#endif
