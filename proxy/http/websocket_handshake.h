/*
 * The handshake of a WebSocket (RFC 6455 section 4, RFC 8441 section 5), between two legs: what the
 * client asks for is checked and asked of the origin anew, in HTTP/1.1 and with a key of our own;
 * what the origin answers is checked and told to the client in its own way.
 *
 * Of what a client sends, the key, the version and the extensions end here: extensions are never
 * agreed on, so that messages can be read (threat S31). Subprotocols pass.
 *
 * Refused in a request: a method other than GET, HTTP/1.0, a body, another version than 13, keys
 * that are not 16 bytes, fields that are repeated, subprotocols that are no tokens, or the same
 * twice. In a response of 101: another protocol than "websocket", an accept that is not our key's,
 * extensions, a subprotocol that was not offered (threats P9, P18).
 */
#ifndef PROXY_HTTP_WEBSOCKET_HANDSHAKE_H
#define PROXY_HTTP_WEBSOCKET_HANDSHAKE_H

#include "proxy/http/message.h"
#include "proxy/http/websocket.h"

enum {
	WEBSOCKET_KEY_BYTES = 24,
	WEBSOCKET_PROTOCOLS_MAX = 32, /* that a client offers */
};

struct websocket_handshake {
	bool client_is_h2;
	char client_accept[WEBSOCKET_ACCEPT_BYTES]; /* unless it is */
	char key[WEBSOCKET_KEY_BYTES];		    /* ours */
	char accept[WEBSOCKET_ACCEPT_BYTES];
	struct slice offered[WEBSOCKET_PROTOCOLS_MAX];
	size_t offered_count;
	struct slice chosen; /* one of them, or empty */
};

/* Whether REQUEST asks for a WebSocket, and nothing else. */
bool websocket_is_asked_for(const struct http_message *request);

/* Checks REQUEST, which asks for a WebSocket, and makes of it what the origin is asked; HANDSHAKE
 * must live as long as REQUEST. 0; ERROR_SYNTAX with *WHY, static text; ERROR_CRYPTO; or -ENOMEM.
 */
int websocket_handshake_ask(struct websocket_handshake *handshake, struct http_message *request,
			    const char **why);

/* Checks RESPONSE, whose status is 101, and makes of it what the client is told. The same. */
int websocket_handshake_answer(struct websocket_handshake *handshake, struct http_message *response,
			       const char **why);

#endif
