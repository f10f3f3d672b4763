/*
 * What the stages of slots.h and scrub.h have in common: values are looked for (find.h) in what
 * passes, and for each one that is met its user says whether it stays, or what stands there
 * instead.
 *
 * Input is looked at where it is, without a copy, as long as nothing has to be held back. Held back
 * is only what could go on to become a hit, and so much behind a hit as the user wants to see of
 * it.
 *
 * What passed and what was met is told in the order of the bytes, so that the user can follow the
 * syntax of the text. Memory that held bytes of the text is wiped.
 */
#ifndef PROXY_SECRET_REWRITE_H
#define PROXY_SECRET_REWRITE_H

#include "proxy/http/stage.h"
#include "proxy/secret/find.h"

struct rewrite;

enum rewrite_verdict {
	REWRITE_KEEP = 0,
	REWRITE_REPLACE = 1, /* rewrite_put() was called */
};

enum { REWRITE_UNIT_MAX_BYTES = 8 };

/* Writes byte C as its place demands; returns the length. */
typedef size_t rewrite_encode(unsigned char c, char out[REWRITE_UNIT_MAX_BYTES]);

struct rewrite_ops {
	/* These bytes go on unchanged. 0, or a negative code with stage.why set. May be NULL. */
	int (*pass)(struct rewrite *rewrite, struct slice bytes);
	/* TEXT begins with HIT, and goes on as far as is known. SPAN: how far HIT reaches, and with
	 * JOINS those that overlap it. A rewrite_verdict, or a negative code with stage.why set. */
	int (*meet)(struct rewrite *rewrite, const struct find_hit *hit, struct slice text,
		    size_t span);
	/* Everything has passed. 0, or a negative code with stage.why set. May be NULL. */
	int (*end)(struct rewrite *rewrite);
	bool joins; /* hits that overlap are met as one */
};

struct rewrite {
	struct stage stage;
	const struct rewrite_ops *ops;
	const struct finder *finder;
	size_t lookahead; /* bytes behind a hit that are wanted, if the text has as many */
	char *held;
	size_t held_bytes;
	size_t held_room;
	size_t early; /* bytes of the output that went out before it was known (rewrite_release) */
	bool stuck;   /* no more can be said of what is held without more text */
	size_t clean; /* bytes at the front that have been looked at, and go on */
	size_t seen;  /* bytes at the front of which it is known what the last ones leave open, */
	size_t sure;  /* and how many of them are not a part of that */
	struct slice instead;
	rewrite_encode *encode; /* of INSTEAD; NULL: as it is */
};

void rewrite_init(struct rewrite *rewrite, const struct stage_ops *stage,
		  const struct rewrite_ops *ops, const struct finder *finder);

/* Wipes and releases what is held. */
void rewrite_clear(struct rewrite *rewrite);

/* For meet: TEXT, which must stay until it has been written, goes out in the place of the hit. */
void rewrite_put(struct rewrite *rewrite, struct slice text, rewrite_encode *encode);

/* The step of such stages. */
int rewrite_step(struct stage *stage, struct slice *in, bool end, struct writer *out);

/* Writes what is held to OUT if it is no more than LIMIT bytes, although it could be the beginning
 * of a hit: if it is, so much of what stands in its place is left out. OUT may be NULL. How many
 * bytes. */
size_t rewrite_release(struct rewrite *rewrite, size_t limit, struct writer *out);

/* How far HIT, in TEXT, and the hits that overlap it reach: the offset behind them. */
size_t rewrite_join(const struct finder *finder, struct slice text, bool whole,
		    const struct find_hit *hit);

/* Fails with WHY. */
int rewrite_fail(struct rewrite *rewrite, int code, const char *why);

#endif
