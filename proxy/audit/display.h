/*
 * Records as people read them, one line each:
 *
 *	14:03:22 ALLOW POST https://api.openai.com/v1/chat/completions 200 +OPENAI_API_KEY 182 ms
 *	14:03:25 DENY  GET https://evil.example/ : no rule allows evil.example
 *
 * "DENY?" is what enforce mode would deny. The sandbox stands in brackets at the end of a line when
 * it is another than in the line before; the date stands above a line in the same way. Nothing in a
 * record can play with the terminal (threat C11).
 */
#ifndef PROXY_AUDIT_DISPLAY_H
#define PROXY_AUDIT_DISPLAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct display {
	FILE *out;
	bool colours;
	bool utc;	  /* else local time */
	char date[16];	  /* of the line before */
	char sandbox[64]; /* likewise, cut */
};

/* No date is written above the first line if it is of today. */
void display_init(struct display *display, FILE *out, bool colours, bool utc);

/* RECORD is a line's JSON value, or NULL for a line that is none. */
void display_record(struct display *display, const json_t *record);

#endif
