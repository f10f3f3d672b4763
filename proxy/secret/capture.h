/*
 * New tokens in what a server answers (threats S6, S19): the values of access_token, refresh_token
 * and id_token (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3), wherever they stand in
 * JSON or in a form. Each is handed to the owner, who gives the placeholder that stands in its
 * place. Servers say a token under other names, too (a registry of images: "token" beside
 * "access_token"): the owner looks through the whole once more when it knows all tokens.
 *
 * Such an answer is short: it is collected whole, in memory that is wiped, and a longer one than
 * CAPTURE_BODY_MAX_BYTES is refused. So is one that cannot be read to its end, or has a name that
 * is not known, as nobody knows what its reader finds in it; and one with more than
 * CAPTURE_TOKENS_MAX tokens, as each costs much work.
 */
#ifndef PROXY_SECRET_CAPTURE_H
#define PROXY_SECRET_CAPTURE_H

#include "base/arena.h"
#include "proxy/http/stage.h"

enum {
	CAPTURE_BODY_MAX_BYTES = 256 << 10,
	CAPTURE_TOKENS_MAX = 16,
};

enum capture_syntax {
	CAPTURE_JSON,
	CAPTURE_FORM, /* application/x-www-form-urlencoded */
};

struct capture_owner_ops {
	/* What stands in the place of TOKEN: visible ASCII without quotes, backslashes, "&", "%"
	 * and "+". ptr is NULL with *WHY when it cannot be captured, and the answer must not pass.
	 */
	struct slice (*token)(void *owner, struct slice token, const char **why);
	/* TEXT, in which tokens were replaced, without those that stand elsewhere in it: TEXT
	 * itself, or in ARENA; ptr is NULL without memory. */
	struct slice (*clean)(void *owner, struct slice text, struct arena *arena);
};

/* NULL without memory. */
struct stage *capture_stage(enum capture_syntax syntax, const struct capture_owner_ops *ops,
			    void *owner);

#endif
