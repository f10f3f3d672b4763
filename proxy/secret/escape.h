/*
 * Spellings of a character, as programs write text into other text:
 *
 *   percent     %41 and %u0041                          (RFC 3986 section 2.1; forms; old scripts)
 *   backslash   \u0041 \x41 \u{41} \n \/ and the like   (JSON, RFC 8259 section 7; scripts; shells)
 *   entity      &#65; &#x41; &amp;                      (HTML, XML; with or without the semicolon)
 *
 * Each character may be spelled or not, and in its own way. A text may be spelled twice: %2541 is
 * "A" to who decodes it twice, and so are \\u0041 and &amp;#65;.
 *
 * A READING says which spellings a reader decodes, and how often.
 */
#ifndef PROXY_SECRET_ESCAPE_H
#define PROXY_SECRET_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum escape_kind {
	ESCAPE_NONE = 0,
	ESCAPE_PERCENT = 1,
	ESCAPE_BACKSLASH = 2,
	ESCAPE_ENTITY = 4,
	ESCAPE_ALL = 7,
};

struct escape_reading {
	unsigned int kinds; /* of enum escape_kind */
	unsigned int depth; /* 0 to 2 */
};

/* How a character is spelled. */
enum escape_style {
	ESCAPE_PLAIN,
	ESCAPE_PERCENT_XX,
	ESCAPE_PERCENT_U,
	ESCAPE_SHORT, /* a backslash and a character */
	ESCAPE_X,
	ESCAPE_U,
	ESCAPE_BRACES,
	ESCAPE_DECIMAL,
	ESCAPE_HEX,
	ESCAPE_NAMED,
};

enum {
	/* No unit is longer: \u0041 of which every character is spelled so again. */
	ESCAPE_UNIT_MAX_BYTES = 40,
	ESCAPE_WRITTEN_MAX_BYTES = 24, /* by escape_write() */
	ESCAPE_DIGITS_MAX = 8,
};

/* One character of the decoded text, or one byte where bytes are spelled. */
struct escape_unit {
	size_t length;		 /* of its spelling */
	size_t count;		 /* of BYTES: 1 to 4, UTF-8 if more than 1 */
	char bytes[4];		 /* decoded */
	enum escape_style style; /* of the last decoding that changed anything */
	enum escape_style lead;	 /* of the one before, for the character that begins it */
	uint8_t digits;		 /* of the number in it */
	bool open;		 /* an entity without its semicolon */
};

/* The kind that C begins, or ESCAPE_NONE. */
static inline enum escape_kind escape_kind_of(char c)
{
	if (c == '%')
		return ESCAPE_PERCENT;
	if (c == '\\')
		return ESCAPE_BACKSLASH;
	return c == '&' ? ESCAPE_ENTITY : ESCAPE_NONE;
}

/* Reads the unit at offset AT of TEXT. WHOLE: the text ends there. Returns its length; 0 when what
 * there is of the text does not tell. */
size_t escape_read(struct escape_reading reading, struct slice text, size_t at, bool whole,
		   struct escape_unit *unit);

/* Writes C, an ASCII character, as UNIT is spelled, and as long if that is possible; as it is where
 * UNIT is, or is a backslash before a character. Returns the length. */
size_t escape_write(const struct escape_unit *unit, char c, char out[ESCAPE_WRITTEN_MAX_BYTES]);

#endif
