/* Names of characters in HTML ("&amp;"), of those in ASCII. */
#ifndef PROXY_SECRET_ESCAPE_NAME_H
#define PROXY_SECRET_ESCAPE_NAME_H

#include "base/slice.h"

enum { ESCAPE_NAME_MAX_BYTES = 16 };

/* The character, or NUL if NAME is not known. */
char escape_char_named(struct slice name);

/* Whether a name begins so. */
bool escape_begins_name(struct slice text);

#endif
