/*
 * The forms in which a value is met when somebody has encoded the whole of it: as it is; with "+"
 * for its spaces, as forms do; in capitals and in small letters; backwards; in base64, in both
 * alphabets and at the three alignments; in hex; in UTF-16.
 *
 * What encodes characters one by one (percent, JSON's escapes, HTML's entities) is no form: any of
 * the characters may be encoded or not, so that there is no end of them. find.h reads these
 * spellings, over every form.
 *
 * Base64 of a text that holds the value somewhere: only the characters that depend on nothing but
 * the value are the form; at either end up to 4 bits of it are in a character that depends on a
 * neighbour too, and are left. Base64 and hex are met broken into lines, so that find.h reads over
 * line breaks in them; for a break close behind their beginning, each is there once more without
 * its first FORM_TAIL_BYTES characters.
 */
#ifndef PROXY_SECRET_FORMS_H
#define PROXY_SECRET_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum form_kind {
	FORM_PLAIN,
	FORM_PLUS,
	FORM_UPPER,
	FORM_LOWER,
	FORM_REVERSED,
	FORM_BASE64_0, /* aligned */
	FORM_BASE64_1, /* behind 1 byte of a group of 3 */
	FORM_BASE64_2,
	FORM_BASE64URL_0,
	FORM_BASE64URL_1,
	FORM_BASE64URL_2,
	FORM_HEX_LOWER,
	FORM_HEX_UPPER,
	FORM_UTF16LE,
	FORM_UTF16BE,
	FORM_KIND_COUNT,
};

enum {
	FORM_TAIL_BYTES = 2,
	FORMS_OF_ONE_MAX = FORM_KIND_COUNT + 8, /* with tails */
	/* All texts of one value: 5 of its length, 6 in base64, 2 in hex, 2 in UTF-16. */
	FORMS_BYTES_FACTOR = 5 + 6 * 4 / 3 + 2 * 2 + 2 * 2,
};

/* Sets of kinds. A placeholder in other letters, or backwards, is not one any more. */
#define FORMS_OF_SECRET ((1u << FORM_KIND_COUNT) - 1)
#define FORMS_OF_PLACEHOLDER                                                                       \
	(FORMS_OF_SECRET & ~(1u << FORM_UPPER | 1u << FORM_LOWER | 1u << FORM_REVERSED))

struct form {
	struct slice text;
	enum form_kind kind;
	bool tail;	/* without its first FORM_TAIL_BYTES characters */
	bool breaks;	/* line breaks may be in it */
	uint16_t owner; /* the value's number */
};

/* The length of VALUE in form KIND; 0 if it has none (UTF-16 of what is not UTF-8). */
size_t form_length(enum form_kind kind, struct slice value);

/* Writes it to OUT; returns the length. */
size_t form_write(enum form_kind kind, struct slice value, char *out);

/* The forms of VALUE of the KINDS asked for (a set of bits), each text once, in MEMORY, of at least
 * FORMS_BYTES_FACTOR times VALUE's length. Returns their number; *USED: bytes of MEMORY. */
size_t forms_make(struct slice value, uint16_t owner, unsigned int kinds, char *memory,
		  size_t *used, struct form forms[FORMS_OF_ONE_MAX]);

#endif
