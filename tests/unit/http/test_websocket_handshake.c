/* Handshakes of WebSockets (threats P9, P18). The tables of what is refused on the wire are in
 * tests/attack/test_websocket.py; here are the messages that are made. */
#include "proxy/http/websocket_handshake.h"

#include <stdio.h>

#include "proxy/http/h1_head.h"
#include "proxy/http/h1_write.h"
#include "tests/unit/allocation.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define HEAD                                                                                       \
	"GET /chat?x HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\n"           \
	"Upgrade: WebSocket\r\nSec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"

static int ask(struct arena *arena, const char *head, struct http_message *request,
	       struct websocket_handshake *handshake, const char **why)
{
	struct h1_fault fault;

	http_message_init(request, arena);
	if (h1_parse_request(slice_from_text(head), POLICY_HTTPS, request, &fault) < 0)
		return -ENOMEM;
	assert_true(websocket_is_asked_for(request));
	return websocket_handshake_ask(handshake, request, why);
}

static void the_origin_is_asked_anew(void **state)
{
	struct websocket_handshake handshake;
	struct http_message request;
	struct arena arena;
	char text[2048];
	struct writer out = writer_of(text, sizeof(text));
	struct slice written;
	const char *why;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(ask(&arena,
			     HEAD "Sec-WebSocket-Extensions: permessage-deflate\r\n"
				  "Sec-WebSocket-Protocol: one, two\r\nTE: trailers\r\n\r\n",
			     &request, &handshake, &why),
			 0);
	assert_memory_equal(handshake.client_accept,
			    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", WEBSOCKET_ACCEPT_BYTES);
	assert_int_equal(h1_write_request(&out, &request, request.path, false), H1_FRAME_NONE);
	written = slice_of(text, writer_length(&out));
	assert_true(slice_starts_with(
		written, SLICE_LITERAL("GET /chat?x HTTP/1.1\r\nHost: a.example\r\nUpgrade: "
				       "websocket\r\nConnection: Upgrade\r\n"
				       "Sec-WebSocket-Protocol: one, two\r\n"
				       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ")));
	assert_int_equal(slice_find(written, SLICE_LITERAL(KEY)), written.len);
	assert_int_equal(slice_find(written, SLICE_LITERAL("permessage")), written.len);
	arena_free(&arena);
}

static int answer(struct arena *arena, struct websocket_handshake *handshake, const char *fields,
		  struct http_message *response, const char **why)
{
	struct h1_fault fault;
	char head[512];

	snprintf(head, sizeof(head),
		 "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		 "Sec-WebSocket-Accept: %.*s\r\n%s\r\n",
		 WEBSOCKET_ACCEPT_BYTES, handshake->accept, fields);
	http_message_init(response, arena);
	if (h1_parse_response(arena_copy(arena, slice_from_text(head)), SLICE_LITERAL("GET"),
			      response, &fault) < 0)
		return -ENOMEM;
	return websocket_handshake_answer(handshake, response, why);
}

static void the_client_is_told_in_its_own_way(void **state)
{
	struct websocket_handshake handshake;
	struct http_message request, response;
	struct arena arena;
	char text[1024];
	struct writer out = writer_of(text, sizeof(text));
	const char *why;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(
		ask(&arena, HEAD "Sec-WebSocket-Protocol: one\r\n\r\n", &request, &handshake, &why),
		0);
	assert_int_equal(
		answer(&arena, &handshake, "Sec-WebSocket-Protocol: one\r\n", &response, &why), 0);
	assert_true(slice_equal(handshake.chosen, SLICE_LITERAL("one")));
	assert_int_equal(h1_write_response(&out, &response, 1, false), H1_FRAME_NONE);
	assert_true(slice_equal(slice_of(text, writer_length(&out)),
				SLICE_LITERAL("HTTP/1.1 101 Switching Protocols\r\n"
					      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
					      "Sec-WebSocket-Protocol: one\r\n"
					      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
					      "\r\n\r\n")));
	handshake.client_is_h2 = true;
	assert_int_equal(answer(&arena, &handshake, "", &response, &why), 0);
	assert_int_equal(response.status, 200);
	assert_int_equal(response.body, HTTP_BODY_STREAM);
	assert_int_equal(response.fields.count, 0);
	arena_free(&arena);
}

static void keys_are_never_the_same(void **state)
{
	struct websocket_handshake first, second;
	struct http_message request;
	struct arena arena;
	const char *why;

	(void)state;
	arena_init(&arena, 1 << 20);
	assert_int_equal(ask(&arena, HEAD "\r\n", &request, &first, &why), 0);
	assert_int_equal(ask(&arena, HEAD "\r\n", &request, &second, &why), 0);
	assert_memory_not_equal(first.key, second.key, WEBSOCKET_KEY_BYTES);
	assert_memory_not_equal(first.accept, second.accept, WEBSOCKET_ACCEPT_BYTES);
	arena_free(&arena);
}

static void an_upgrade_is_told_of_by_a_101_alone(void **state)
{
	struct http_message response;
	struct h1_fault fault;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	http_message_init(&response, &arena);
	assert_int_equal(h1_parse_response(SLICE_LITERAL("HTTP/1.1 426 X\r\nConnection: Upgrade\r\n"
							 "Upgrade: a\r\nUpgrade: b\r\n"
							 "Content-Length: 0\r\n\r\n"),
					   SLICE_LITERAL("GET"), &response, &fault),
			 0);
	assert_int_equal(response.upgrade.len, 0);
	http_message_init(&response, &arena);
	assert_int_equal(h1_parse_response(SLICE_LITERAL("HTTP/1.1 101 X\r\n"
							 "Upgrade: websocket\r\n\r\n"),
					   SLICE_LITERAL("GET"), &response, &fault),
			 0);
	assert_int_equal(response.upgrade.len, 0);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_origin_is_asked_anew),
		cmocka_unit_test(the_client_is_told_in_its_own_way),
		cmocka_unit_test(keys_are_never_the_same),
		cmocka_unit_test(an_upgrade_is_told_of_by_a_101_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
