/*
 * Looking for values in every form (forms.h) and in every spelling of its characters (escape.h):
 * the real ones in what comes back (scrub.h), placeholders in what goes out (slots.h).
 *
 * Forms that stand there plain are found by the scanner (scan.h). Spelled ones need a percent sign,
 * a backslash, an ampersand or a line break. At each of these, the first spelled character of an
 * occurrence may begin: what it stands for, and the character before it, say which forms it may
 * belong to and how far in, by an index; those are compared backwards with the plain text before,
 * and forwards as each decoder would read on. Characters that no form has, which most escaped ones
 * are, cost one look.
 *
 * Both look only at the beginning of a form, HEAD bytes, so that long secrets need no long tables.
 *
 * A finder of secrets is all in locked memory (base/locked.h), its tables too. Immutable once made.
 */
#ifndef PROXY_SECRET_FIND_H
#define PROXY_SECRET_FIND_H

#include "base/error.h"
#include "proxy/secret/escape.h"
#include "proxy/secret/forms.h"

enum {
	FIND_VALUE_MIN_BYTES = 8,
	FIND_VALUE_MAX_BYTES = 32 << 10,
	FIND_VALUES_MAX = 320, /* secrets of a policy, and tokens that were captured */
	FIND_HEAD_BYTES = 64,
	/* A line break in a form is read over if so many of the form's characters are before it. */
	FIND_BREAK_MIN_BYTES = FORM_TAIL_BYTES + 1,
};

struct finder;

struct find_hit {
	const struct form *form;
	size_t index; /* of the form: below finder_count() */
	size_t start;
	size_t length;
	bool spelled;		       /* some character was; READING says how */
	struct escape_reading reading; /* to walk over the hit again */
};

/* Makes the forms of KINDS (a set of bits) of COUNT values, which need not outlive the call. COUNT
 * may be 0. The number of a form's value is its owner. SECRET: in locked memory. 0, ERROR_LIMIT for
 * a value or a count out of bounds, or another error; the text never shows a value. */
int finder_create(const struct slice values[], size_t count, unsigned int kinds, bool secret,
		  struct finder **finder, struct error *err);
void finder_free(struct finder *finder);

size_t finder_count(const struct finder *finder);
const struct form *finder_form(const struct finder *finder, size_t index);

/* The first hit in TEXT that begins at FROM or later; of several that begin there, the longest.
 * WHOLE: the text ends there, and nothing follows. */
bool finder_find(const struct finder *finder, struct slice text, size_t from, bool whole,
		 struct find_hit *hit);

/* The same of hits that begin before BEFORE; no further is looked. */
bool finder_find_before(const struct finder *finder, struct slice text, size_t from, size_t before,
			bool whole, struct find_hit *hit);

/* No hit is longer than this. */
size_t finder_reach(const struct finder *finder);

/* The length of the longest end of TEXT that could go on to become a hit; 0 if none could. */
size_t finder_partial(const struct finder *finder, struct slice text);

/* finder_find() from the beginning of TEXT, which may go on, or if there is no hit,
 * finder_partial() in PARTIAL: at the cost of one of them. */
bool finder_look(const struct finder *finder, struct slice text, struct find_hit *hit,
		 size_t *partial);

#endif
