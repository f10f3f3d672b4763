#include "proxy/http/websocket_handshake.h"

#include <openssl/rand.h>

#include "base/base64.h"

enum { NONCE_BYTES = 16 };

static const struct slice name_of_protocol = SLICE_LITERAL("websocket");
static const struct slice field_key = SLICE_LITERAL("Sec-WebSocket-Key");
static const struct slice field_accept = SLICE_LITERAL("Sec-WebSocket-Accept");
static const struct slice field_version = SLICE_LITERAL("Sec-WebSocket-Version");
static const struct slice field_extensions = SLICE_LITERAL("Sec-WebSocket-Extensions");
static const struct slice field_protocol = SLICE_LITERAL("Sec-WebSocket-Protocol");

static int refuse(const char **why, const char *text)
{
	*why = text;
	return ERROR_SYNTAX;
}

/* How many fields NAME there are; *VALUE is that of the last. */
static size_t count_fields(const struct http_message *message, struct slice name,
			   struct slice *value)
{
	size_t count = 0;

	*value = SLICE_EMPTY;
	for (size_t i = 0; i < message->fields.count; i++) {
		if (!slice_equal_nocase(message->fields.list[i].name, name))
			continue;
		*value = message->fields.list[i].value;
		count++;
	}
	return count;
}

static void remove_handshake(struct http_message *message)
{
	http_fields_remove_name(&message->fields, field_key);
	http_fields_remove_name(&message->fields, field_accept);
	http_fields_remove_name(&message->fields, field_version);
	http_fields_remove_name(&message->fields, field_extensions);
}

bool websocket_is_asked_for(const struct http_message *request)
{
	return slice_equal_nocase(slice_trim(request->upgrade), name_of_protocol);
}

/* The parts that HTTP/1.1 and HTTP/2 have in common. */
static int check_request(const struct http_message *request, const char **why)
{
	struct slice version, accept;

	if (!slice_equal(request->method, SLICE_LITERAL("GET")))
		return refuse(why, "a WebSocket is opened by GET, and by no other method");
	if (request->minor_version == 0)
		return refuse(why, "a WebSocket cannot be opened in HTTP/1.0");
	if (count_fields(request, field_version, &version) != 1 ||
	    !slice_equal(version, SLICE_LITERAL("13")))
		return refuse(why, "a WebSocket is opened with one Sec-WebSocket-Version, and "
				   "that is 13");
	if (count_fields(request, field_accept, &accept))
		return refuse(why, "a Sec-WebSocket-Accept is for responses");
	return 0;
}

/* In HTTP/2 there is no key, and the frames are the body (RFC 8441 section 5). */
static int check_client(struct websocket_handshake *handshake, const struct http_message *request,
			const char **why)
{
	struct slice key;
	size_t count = count_fields(request, field_key, &key);

	handshake->client_is_h2 = request->is_h2;
	if (request->is_h2) {
		if (count)
			return refuse(why, "a Sec-WebSocket-Key has no place in HTTP/2");
		if (request->body != HTTP_BODY_STREAM)
			return refuse(why, request->body == HTTP_BODY_NONE
						   ? "a WebSocket that ends with its request"
						   : "a WebSocket with a Content-Length");
		return 0;
	}
	if (request->body != HTTP_BODY_NONE)
		return refuse(why, "a request for a WebSocket has no body");
	if (count != 1 || !websocket_is_key(key))
		return refuse(why, "a WebSocket is opened with one Sec-WebSocket-Key, and that is "
				   "16 bytes in base64");
	return websocket_accept(key, handshake->client_accept);
}

static bool is_offered(const struct websocket_handshake *handshake, struct slice protocol)
{
	for (size_t i = 0; i < handshake->offered_count; i++) {
		if (slice_equal(handshake->offered[i], protocol))
			return true;
	}
	return false;
}

static int note_offer(struct websocket_handshake *handshake, struct slice list, const char **why)
{
	struct slice protocol;

	while (slice_next_part(&list, ',', &protocol)) {
		protocol = slice_trim(protocol);
		if (!http_is_token(protocol))
			return refuse(why, "a Sec-WebSocket-Protocol that is not a list of tokens");
		if (is_offered(handshake, protocol))
			return refuse(why, "the same subprotocol of a WebSocket twice");
		if (handshake->offered_count == WEBSOCKET_PROTOCOLS_MAX)
			return refuse(why, "more than 32 subprotocols of a WebSocket");
		handshake->offered[handshake->offered_count++] = protocol;
	}
	return 0;
}

static int note_offers(struct websocket_handshake *handshake, const struct http_message *request,
		       const char **why)
{
	for (size_t i = 0; i < request->fields.count; i++) {
		const struct http_field *field = &request->fields.list[i];

		if (slice_equal_nocase(field->name, field_protocol) &&
		    note_offer(handshake, field->value, why) < 0)
			return ERROR_SYNTAX;
	}
	return 0;
}

static int make_key(struct websocket_handshake *handshake)
{
	unsigned char nonce[NONCE_BYTES];

	if (RAND_bytes(nonce, sizeof(nonce)) != 1)
		return ERROR_CRYPTO;
	base64_encode(slice_of(nonce, sizeof(nonce)), handshake->key);
	return websocket_accept(slice_of(handshake->key, WEBSOCKET_KEY_BYTES), handshake->accept);
}

int websocket_handshake_ask(struct websocket_handshake *handshake, struct http_message *request,
			    const char **why)
{
	int rc = check_request(request, why);

	*handshake = (struct websocket_handshake){.chosen = SLICE_EMPTY};
	if (rc == 0)
		rc = check_client(handshake, request, why);
	if (rc == 0)
		rc = note_offers(handshake, request, why);
	if (rc == 0)
		rc = make_key(handshake);
	if (rc < 0)
		return rc;
	remove_handshake(request);
	request->upgrade = name_of_protocol;
	request->body = HTTP_BODY_NONE;
	request->expect_continue = false;
	request->te_trailers = false;
	rc = http_fields_add(&request->fields, request->arena, field_version, SLICE_LITERAL("13"));
	if (rc == 0)
		rc = http_fields_add(&request->fields, request->arena, field_key,
				     slice_of(handshake->key, WEBSOCKET_KEY_BYTES));
	return rc == ERROR_LIMIT ? refuse(why, "more than 128 fields") : rc;
}

static int check_response(struct websocket_handshake *handshake,
			  const struct http_message *response, const char **why)
{
	struct slice value;

	if (!slice_equal_nocase(slice_trim(response->upgrade), name_of_protocol))
		return refuse(why, "it changes to another protocol than WebSocket");
	if (response->minor_version == 0)
		return refuse(why, "it is in HTTP/1.0");
	if (count_fields(response, field_accept, &value) != 1 ||
	    !slice_equal(value, slice_of(handshake->accept, WEBSOCKET_ACCEPT_BYTES)))
		return refuse(why, "its Sec-WebSocket-Accept does not answer the key");
	if (count_fields(response, field_extensions, &value))
		return refuse(why, "it agrees on an extension, and none was offered");
	if (count_fields(response, field_protocol, &value) > 1)
		return refuse(why, "it agrees on more than one subprotocol");
	if (value.len && !is_offered(handshake, value))
		return refuse(why, "it agrees on a subprotocol that was not offered");
	handshake->chosen = value;
	return 0;
}

int websocket_handshake_answer(struct websocket_handshake *handshake, struct http_message *response,
			       const char **why)
{
	int rc = check_response(handshake, response, why);

	if (rc < 0)
		return rc;
	remove_handshake(response);
	if (handshake->client_is_h2) {
		response->status = 200;
		response->bodiless = false;
		response->body = HTTP_BODY_STREAM;
		response->upgrade = SLICE_EMPTY;
		return 0;
	}
	response->upgrade = name_of_protocol;
	rc = http_fields_add(&response->fields, response->arena, field_accept,
			     slice_of(handshake->client_accept, WEBSOCKET_ACCEPT_BYTES));
	return rc == ERROR_LIMIT ? refuse(why, "it has more than 128 fields") : rc;
}
