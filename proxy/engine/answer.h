/*
 * Answers of our own: denials that explain themselves (design section 3, rule 13), and failures on
 * the way.
 *
 * The body is JSON. "error" has the shape that clients of the common HTTP APIs show to their users;
 * "sallyport" has the facts:
 *
 *   {"error":{"message":"...","type":"sallyport_denied"},
 *    "sallyport":{"verdict":"deny","host":"h","port":443,"method":"GET","path":"/","rule":null,
 *                 "reason":"...","allow_with":"..."}}
 *
 * The field Sallyport-Verdict says the same in short: "deny" or "error", so that a program can tell
 * our answer from the origin's.
 */
#ifndef PROXY_ENGINE_ANSWER_H
#define PROXY_ENGINE_ANSWER_H

#include "proxy/engine/exchange.h"

struct answer {
	int status;
	bool is_denial;		/* else a failure */
	const char *reason;	/* for people */
	const char *allow_with; /* YAML that would allow it, or NULL */
};

/* Makes the response in EXCHANGE's arena: its head and its body. 0 or -ENOMEM. */
int answer_make(struct exchange *exchange, const struct answer *answer,
		struct http_message *response, struct slice *body);

#endif
