/*
 * New tokens in what a server answers (threats S6, S19): the values of access_token, refresh_token
 * and id_token (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3), wherever they stand in
 * JSON or in a form. Each is handed to the owner, who gives the placeholder that stands in its
 * place.
 *
 * Such an answer is short: it is collected whole, in memory that is wiped, and a longer one than
 * CAPTURE_BODY_MAX_BYTES is refused. So is one that cannot be read to its end, as nobody knows what
 * its reader finds in it.
 */
#ifndef PROXY_SECRET_CAPTURE_H
#define PROXY_SECRET_CAPTURE_H

#include "proxy/http/stage.h"

enum { CAPTURE_BODY_MAX_BYTES = 256 << 10 };

enum capture_syntax {
	CAPTURE_JSON,
	CAPTURE_FORM, /* application/x-www-form-urlencoded */
};

/* What stands in the place of TOKEN: visible ASCII without quotes, backslashes, "&", "%" and "+".
 * ptr is NULL with *WHY when it cannot be captured, and the answer must not pass. */
typedef struct slice capture_token(void *owner, struct slice token, const char **why);

/* NULL without memory. */
struct stage *capture_stage(enum capture_syntax syntax, capture_token *token, void *owner);

#endif
