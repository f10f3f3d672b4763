/*
 * A walk along JSON text (RFC 8259) that comes in pieces: where in the document the next byte is,
 * as a JSON pointer (RFC 6901).
 *
 * It is strict, so that nobody who reads the same text can be elsewhere: after anything that is not
 * of the grammar the walk is lost, and stays lost. So it is deeper than SLOTS_DEPTH_MAX. Only of
 * what is no string, a number, true, false or null, the letters are not looked at.
 *
 * Names longer than a policy's pointer may have are not kept: then the pointer is not known, as it
 * is not behind a name that is no Unicode. Memory is that of the struct.
 */
#ifndef PROXY_SECRET_JSON_WALK_H
#define PROXY_SECRET_JSON_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "policy/pointer.h"
#include "proxy/secret/slots.h"

enum {
	JSON_NAMES_MAX_BYTES = 4096, /* of all names of a pointer */
	JSON_INDEX_MAX_BYTES = 20,
};

enum json_state {
	JSON_VALUE,	 /* a value begins here, */
	JSON_FIRST_ITEM, /* or the array ends, */
	JSON_FIRST_NAME, /* or: a name, or the object ends */
	JSON_NAME,
	JSON_COLON,
	JSON_BEHIND, /* a value */
	JSON_SCALAR,
	JSON_STRING,
	JSON_ESCAPE, /* behind a backslash */
	JSON_HEX,    /* behind \u */
	JSON_LOST,
};

struct json_level {
	bool is_object;
	bool known;	/* its name is kept */
	uint16_t start; /* of its name */
	uint16_t length;
	uint64_t index; /* of an array's item */
};

struct json_walk {
	enum json_state state;
	bool in_name; /* the string is one */
	uint8_t digits;
	uint16_t unit; /* of UTF-16, as far as it was read */
	uint16_t
		surrogate; /* the first half of a character of which the second must follow, or 0 */
	size_t depth;
	struct json_level levels[SLOTS_DEPTH_MAX];
	char names[JSON_NAMES_MAX_BYTES];
	/* Of json_walk_pointer(). */
	struct slice pointer[POINTER_TOKENS_MAX];
	char indices[POINTER_TOKENS_MAX][JSON_INDEX_MAX_BYTES];
};

void json_walk_init(struct json_walk *walk);
void json_walk_feed(struct json_walk *walk, struct slice text);

/* Whether the next byte is a whole character of a string, or the string's end. */
bool json_walk_in_string(const struct json_walk *walk);

/* Whether the next byte is in an escape. */
bool json_walk_in_escape(const struct json_walk *walk);

/* The next byte is in a string that is a value, at the pointer whose tokens are then
 * walk->pointer[], until more is fed: their number. -1 elsewhere, or if it is not known. */
int json_walk_pointer(struct json_walk *walk);

/* What would stand here is not fed: the name that it is in is not known. */
void json_walk_blur(struct json_walk *walk);

/* Nothing is known from now on. */
void json_walk_lose(struct json_walk *walk);

/* Whether TEXT, as a part of a string, is WANTED, which is ASCII. */
bool json_reads_as(struct slice text, struct slice wanted);

#endif
