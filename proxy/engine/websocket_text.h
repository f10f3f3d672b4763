/*
 * Placeholders in the text messages that a client sends over a WebSocket: put in where the policy's
 * uses for the handshake say `ws` or `ws POINTER`, dealt with as misuse everywhere else, as in a
 * body (design section 3, rule 8; threats S8, S11, S31).
 *
 * A message is whole when it is looked at, and is changed as a whole or not at all. What comes out
 * may hold secrets: it is in memory that is wiped (base/wiped.h), within the sandbox's budget.
 */
#ifndef PROXY_ENGINE_WEBSOCKET_TEXT_H
#define PROXY_ENGINE_WEBSOCKET_TEXT_H

#include "proxy/engine/exchange.h"

struct websocket_text {
	struct exchange *exchange;
	const struct policy_use *uses[SECRET_USES_MAX]; /* slots ws */
	size_t use_count;
	bool has_pointers;
};

/* Finds the uses for EXCHANGE's handshake, which was judged. 0, or a negative code. */
int websocket_text_init(struct websocket_text *text, struct exchange *exchange);

struct websocket_rewritten {
	struct slice text;
	char *memory; /* TEXT's, unless it is as it was; for websocket_text_release() */
};

/* Rewrites MESSAGE. 0; ERROR_DENIED when a placeholder is misused, and the plan's refusal says
 * which; ERROR_LIMIT when it would become longer than WEBSOCKET_MESSAGE_MAX_BYTES; or -ENOMEM. */
int websocket_text_rewrite(struct websocket_text *text, struct slice message,
			   struct websocket_rewritten *out);

/* The same where nothing can be put in: in control frames. */
int websocket_text_strip(struct websocket_text *text, struct slice message,
			 struct websocket_rewritten *out);

void websocket_text_release(struct websocket_text *text, struct websocket_rewritten *out);

#endif
