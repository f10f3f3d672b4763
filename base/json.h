/*
 * A JSON writer (RFC 8259) for records and denials. It writes into memory of its user and never
 * past it; a value that does not fit sets a sticky error. Text from outside is escaped so that one
 * record stays one line and shows what it holds: control characters, the quote, the backslash, line
 * separators, characters without width or that turn the direction of text, and what is not valid
 * UTF-8 (each such byte as U+FFFD). Commas are put where they belong.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct json {
	char *start;
	char *next;
	char *end;
	bool need_comma;
	int error; /* 0 or ERROR_LIMIT */
};

struct json json_of(char *bytes, size_t size);

static inline size_t json_length(const struct json *j)
{
	return (size_t)(j->next - j->start);
}

/* Each takes the member's name, a literal that needs no escaping, or NULL inside an array. */
void json_open_object(struct json *j, const char *name);
void json_close_object(struct json *j);
void json_open_array(struct json *j, const char *name);
void json_close_array(struct json *j);
void json_text(struct json *j, const char *name, struct slice value);
void json_cstring(struct json *j, const char *name, const char *value); /* NULL writes null */
void json_number(struct json *j, const char *name, int64_t value);
void json_boolean(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);

/* THOUSANDTHS / 1000 with up to three decimals: 1500 is written 1.5. */
void json_decimal(struct json *j, const char *name, int64_t thousandths);

/* Bytes as they are: already JSON. */
void json_raw(struct json *j, const char *name, struct slice value);

/* Text cut to MAX_BYTES at a character border, with an ellipsis added when it was cut. */
void json_text_cut(struct json *j, const char *name, struct slice value, size_t max_bytes);

/* How many of the bytes that TEXT begins with stand for themselves in JSON text. */
size_t json_plain_length(struct slice text);

#endif
