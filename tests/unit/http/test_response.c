/* Threat P18: what a response may look like, mirrored from the request's table. */
#include "proxy/http/h1_head.h"

#include <stdio.h>

#include "base/error.h"
#include "tests/unit/allocation.h"

static int parse(struct slice bytes, const char *method, struct arena *arena,
		 struct http_message *message, struct h1_fault *fault)
{
	size_t scanned = 0;
	ssize_t end = h1_head_find_end(bytes, &scanned, fault);

	arena_init(arena, HTTP_ARENA_MAX_BYTES);
	http_message_init(message, arena);
	if (end < 0)
		return (int)end;
	return h1_parse_response(slice_first(bytes, (size_t)end), slice_from_text(method), message,
				 fault);
}

static void assert_refused(const char *text)
{
	struct http_message message;
	struct h1_fault fault;
	struct arena arena;
	int rc = parse(slice_from_text(text), "GET", &arena, &message, &fault);

	if (rc != ERROR_SYNTAX)
		print_error("%s\n-> %d\n", text, rc);
	assert_int_equal(rc, ERROR_SYNTAX);
	arena_free(&arena);
}

static void malformed_responses_are_refused(void **state)
{
	static const char *const refused[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
		"HTTP/1.1 200 OK\nX: y\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1 600 OK\r\n\r\n",
		"HTTP/1.1 +20 OK\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/1.1\t200 OK\r\n\r\n",
		"HTTP/2 200 OK\r\n\r\n",
		"HTTP/2.0 200 OK\r\n\r\n",
		"ICY 200 OK\r\n\r\n",
		"\r\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 O\x01K\r\n\r\n",
		"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_refused(refused[i]);
}

struct expected {
	const char *text;
	const char *method;
	enum http_body body;
	bool bodiless;
	bool close;
};

static void the_body_follows_from_status_method_and_fields(void **state)
{
	static const struct expected table[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "GET", HTTP_BODY_SIZED, false,
		 false},
		{"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", "GET", HTTP_BODY_SIZED, false, false},
		{"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "GET", HTTP_BODY_SIZED, false,
		 false},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", "GET", HTTP_BODY_STREAM,
		 false, false},
		{"HTTP/1.1 200 OK\r\n\r\n", "GET", HTTP_BODY_STREAM, false, true},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", "GET",
		 HTTP_BODY_SIZED, false, true},
		{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "GET", HTTP_BODY_SIZED, false,
		 true},
		{"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\n", "GET",
		 HTTP_BODY_SIZED, false, false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", HTTP_BODY_SIZED, true,
		 false},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", HTTP_BODY_NONE,
		 true, false},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", HTTP_BODY_SIZED,
		 true, false},
		{"HTTP/1.1 304 Not Modified\r\n\r\n", "GET", HTTP_BODY_NONE, true, false},
		{"HTTP/1.1 204 No Content\r\n\r\n", "GET", HTTP_BODY_NONE, true, false},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "GET", HTTP_BODY_NONE,
		 true, false},
		{"HTTP/1.1 100 Continue\r\n\r\n", "POST", HTTP_BODY_NONE, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct http_message message;
		struct h1_fault fault;
		struct arena arena;

		assert_int_equal(parse(slice_from_text(table[i].text), table[i].method, &arena,
				       &message, &fault),
				 0);
		assert_int_equal(message.body, table[i].body);
		assert_int_equal(message.bodiless, table[i].bodiless);
		assert_int_equal(message.close, table[i].close);
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_responses_are_refused),
		cmocka_unit_test(the_body_follows_from_status_method_and_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
