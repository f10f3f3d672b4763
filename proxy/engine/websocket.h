/*
 * A WebSocket through the engine (RFC 6455; RFC 8441 on the client's leg): an exchange whose
 * response was 101, and what goes both ways from then on.
 *
 *   client --frames--> reader, misuse, secrets put in --frames, masked anew--> origin
 *          <--frames-- scrubbed, reader               <--frames--
 *
 * The handshake is judged like any request, by a rule with "websocket: true", and secrets are put
 * into its fields, query and path. It goes to the origin in HTTP/1.1, on a connection of its own.
 *
 * Text messages from the client are held whole, within WEBSOCKET_MESSAGE_MAX_BYTES, when the
 * sandbox has secrets (websocket_text.h); everything else passes in pieces, as it comes. Fragments
 * may be cut anew, messages are not. Control frames pass at once, also within a message. A side
 * that takes nothing stops the other one: what is held then is one message and what one read
 * brought.
 *
 * States, of each direction:
 *   state    means                                     next
 *   OPEN     frames pass                               BLOCKED, CLOSED
 *   BLOCKED  the receiver is slow; its source waits    OPEN
 *   CLOSED   a close frame has passed; what comes behind it is dropped
 * When both are CLOSED the exchange is over. A side that breaks the protocol ends it with a close
 * frame of ours to both (1002, 1007, 1009), a misused placeholder with 1008, silence with 1001. A
 * side that goes without a close frame cuts the other one off.
 *
 * Owned by the exchange, whose arena it is in; called by exchange.c only, on the loop's thread.
 */
#ifndef PROXY_ENGINE_WEBSOCKET_H
#define PROXY_ENGINE_WEBSOCKET_H

#include "proxy/audit/record.h"
#include "proxy/engine/exchange.h"
#include "proxy/http/websocket_handshake.h"

/* Checks EXCHANGE's request, which asks for a WebSocket, and makes of it what the origin is asked;
 * sets exchange->handshake. 0; ERROR_SYNTAX with *WHY; or another negative code, with *WHY. */
int websocket_ask(struct exchange *exchange, const char **why);

/* The origin has answered 101: checks RESPONSE, tells the client, and begins. 0, or the status of
 * the answer to the client when it cannot be, with exchange->why. */
int websocket_begin(struct exchange *exchange, struct http_message *response);

void websocket_from_client(struct exchange *exchange, struct slice data);
void websocket_from_origin(struct exchange *exchange, struct slice data);
void websocket_client_drained(struct exchange *exchange);
void websocket_origin_drained(struct exchange *exchange);

/* The client's half, or the origin, has ended. */
void websocket_client_ended(struct exchange *exchange);
void websocket_origin_ended(struct exchange *exchange);

/* Nothing has come for too long. */
void websocket_late(struct exchange *exchange);

/* Whether a close frame has passed, so that an end is no surprise. */
bool websocket_is_closing(const struct exchange *exchange);

void websocket_describe(struct exchange *exchange, struct audit_record *record);

/* Releases what is not in the exchange's arena. */
void websocket_free(struct exchange *exchange);

#endif
