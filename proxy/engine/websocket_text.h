/*
 * Placeholders in the messages that a client sends over a WebSocket: put in where the policy's uses
 * for the handshake say `ws` or `ws POINTER`, dealt with as misuse everywhere else, as in a body
 * (design section 3, rule 8; threats S8, S11, S31).
 *
 * A text message is whole when it is looked at, and is changed as a whole or not at all. One that
 * begins like JSON is read as JSON, and values are escaped as JSON; in all others text is text, and
 * pointers point nowhere. Binary messages and control frames have no slots.
 *
 * What comes out may hold secrets: it is in memory that is wiped (base/wiped.h), within the
 * sandbox's budget.
 */
#ifndef PROXY_ENGINE_WEBSOCKET_TEXT_H
#define PROXY_ENGINE_WEBSOCKET_TEXT_H

#include "proxy/engine/exchange.h"
#include "proxy/secret/slots.h"

/* Lives in its exchange's arena, as stages refer to it. */
struct websocket_text {
	struct exchange *exchange;
	struct slots_owner with_slots;
	struct slots_owner without_slots;
	bool met; /* a placeholder, in what is looked at now */
};

void websocket_text_init(struct websocket_text *text, struct exchange *exchange);

struct websocket_rewritten {
	struct slice text;
	char *memory; /* TEXT's, unless it is as it was; for websocket_text_release() */
};

/* Rewrites MESSAGE, a text. 0; ERROR_DENIED when a placeholder is misused, and the plan's refusal
 * says which; ERROR_LIMIT when it would become longer than WEBSOCKET_MESSAGE_MAX_BYTES; or -ENOMEM.
 */
int websocket_text_rewrite(struct websocket_text *text, struct slice message,
			   struct websocket_rewritten *out);

/* The same for PAYLOAD of a control frame. */
int websocket_text_strip(struct websocket_text *text, struct slice payload,
			 struct websocket_rewritten *out);

void websocket_text_release(struct websocket_text *text, struct websocket_rewritten *out);

/* A stage for a binary message. NULL without memory. */
struct stage *websocket_binary_stage(struct websocket_text *text);

#endif
