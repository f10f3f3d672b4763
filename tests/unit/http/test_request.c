/* Threats P1, P2, P5, P6, P8 to P10, P12, P19: what a request may look like, byte for byte. */
#include "proxy/http/h1_head.h"

#include <stdio.h>

#include "base/error.h"
#include "tests/unit/allocation.h"

struct parsed {
	struct arena arena;
	struct http_message message;
	struct h1_fault fault;
	size_t scanned;
};

static int parse(struct parsed *parsed, struct slice bytes)
{
	ssize_t end;

	*parsed = (struct parsed){0};
	arena_init(&parsed->arena, HTTP_ARENA_MAX_BYTES);
	http_message_init(&parsed->message, &parsed->arena);
	end = h1_head_find_end(bytes, &parsed->scanned, &parsed->fault);
	if (end < 0)
		return (int)end;
	return h1_parse_request(slice_first(bytes, (size_t)end), POLICY_HTTPS, &parsed->message,
				&parsed->fault);
}

static void assert_refused(struct slice bytes, int status)
{
	struct parsed parsed;
	int rc = parse(&parsed, bytes);

	if (rc != ERROR_SYNTAX || parsed.fault.status != status)
		print_error("%.*s\n-> %d, %d\n", SLICE_ARGS(bytes), rc, parsed.fault.status);
	assert_int_equal(rc, ERROR_SYNTAX);
	assert_int_equal(parsed.fault.status, status);
	assert_non_null(parsed.fault.text);
	arena_free(&parsed.arena);
}

static void an_ordinary_request_is_understood(void **state)
{
	struct parsed parsed;

	(void)state;
	assert_int_equal(
		parse(&parsed, SLICE_LITERAL("POST /v1/x?q=1 HTTP/1.1\r\nHost: A.example\r\n"
					     "Content-Length: 12\r\nX-Odd:\t v a l \t\r\n"
					     "Expect: 100-continue\r\n\r\n")),
		0);
	assert_true(slice_equal(parsed.message.method, SLICE_LITERAL("POST")));
	assert_true(slice_equal(parsed.message.path, SLICE_LITERAL("/v1/x")));
	assert_true(slice_equal(parsed.message.query, SLICE_LITERAL("?q=1")));
	assert_string_equal(parsed.message.host.text, "a.example");
	assert_int_equal(parsed.message.port, 443);
	assert_int_equal(parsed.message.body, HTTP_BODY_SIZED);
	assert_int_equal(parsed.message.body_bytes, 12);
	assert_true(parsed.message.expect_continue);
	assert_false(parsed.message.close);
	/* Fields that the writer makes anew are taken out. */
	assert_int_equal(parsed.message.fields.count, 1);
	assert_true(slice_equal(parsed.message.fields.list[0].value, SLICE_LITERAL("v a l")));
	arena_free(&parsed.arena);
}

static void the_end_of_a_head_is_found_however_it_arrives(void **state)
{
	struct slice head = SLICE_LITERAL("GET / HTTP/1.1\r\nHost: a.example\r\n\r\nrest");
	struct h1_fault fault;
	size_t scanned = 0;

	(void)state;
	for (size_t len = 0; len < head.len - 4; len++)
		assert_int_equal(h1_head_find_end(slice_first(head, len), &scanned, &fault),
				 ERROR_INCOMPLETE);
	assert_int_equal(h1_head_find_end(head, &scanned, &fault), head.len - 4);
}

static void framing_that_two_parsers_could_read_in_two_ways_is_refused(void **state)
{
	static const struct slice lines[] = {
		/* P1 */
		SLICE_LITERAL("Content-Length: 5\r\nContent-Length: 6"),
		SLICE_LITERAL("Content-Length: 5\r\nContent-Length: 5"),
		SLICE_LITERAL("Content-Length: 5, 5"),
		SLICE_LITERAL("Content-Length: +5"),
		SLICE_LITERAL("Content-Length: -5"),
		SLICE_LITERAL("Content-Length: -0"),
		SLICE_LITERAL("Content-Length: 0x5"),
		SLICE_LITERAL("Content-Length: 5 5"),
		SLICE_LITERAL("Content-Length: 1_0"),
		SLICE_LITERAL("Content-Length: "),
		SLICE_LITERAL("Content-Length: 9223372036854775808"),
		SLICE_LITERAL("Content-Length: 18446744073709551621"),
		SLICE_LITERAL("Content-Length: 5;"),
		/* P2 */
		SLICE_LITERAL("Content-Length: 5\r\nTransfer-Encoding: chunked"),
		SLICE_LITERAL("Transfer-Encoding: chunked\r\nContent-Length: 5"),
		/* P6 */
		SLICE_LITERAL("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
		SLICE_LITERAL("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
		SLICE_LITERAL("Transfer_Encoding: chunked"),
		SLICE_LITERAL("Content_Length: 5"),
		SLICE_LITERAL("Transfer-Encoding : chunked"),
		SLICE_LITERAL("Content-Length : 5"),
		SLICE_LITERAL("Transfer-Encoding\t: chunked"),
		SLICE_LITERAL("X: y\r\n Transfer-Encoding: chunked"),
		SLICE_LITERAL("X: y\r\n\tTransfer-Encoding: chunked"),
		SLICE_LITERAL("X: y\nTransfer-Encoding: chunked"),
		SLICE_LITERAL("X: y\rTransfer-Encoding: chunked"),
		SLICE_LITERAL("X: y\r\r\nTransfer-Encoding: chunked"),
		SLICE_LITERAL("X: a\0b"),
		SLICE_LITERAL("X: a\x0b"),
		SLICE_LITERAL("X: \x7f"),
		SLICE_LITERAL("X: \x85y"),
		SLICE_LITERAL("X: y\xa0"),
		SLICE_LITERAL(": value"),
		SLICE_LITERAL("no colon"),
		SLICE_LITERAL("X Y: z"),
		SLICE_LITERAL("X\xc3\xa9: z"),
		SLICE_LITERAL("X(): z"),
		SLICE_LITERAL("Connection: a b"),
		SLICE_LITERAL("Authorization: Bearer a\r\nAuthorization: Bearer b"),
		SLICE_LITERAL("X_HTTP_Method_Override: DELETE"),
	};
	static const struct slice codings[] = {
		SLICE_LITERAL("xchunked"),	   SLICE_LITERAL("chunked, chunked"),
		SLICE_LITERAL("chunked,"),	   SLICE_LITERAL(",chunked"),
		SLICE_LITERAL("gzip, chunked"),	   SLICE_LITERAL("identity"),
		SLICE_LITERAL("chunked;q=1"),	   SLICE_LITERAL("\"chunked\""),
		SLICE_LITERAL("chunked identity"), SLICE_LITERAL(""),
	};
	char bytes[512];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int len = snprintf(bytes, sizeof(bytes), "POST / HTTP/1.1\r\nHost: a.example\r\n");

		memcpy(bytes + len, lines[i].ptr, lines[i].len);
		memcpy(bytes + len + lines[i].len, "\r\n\r\n", 4);
		assert_refused(slice_of(bytes, (size_t)len + lines[i].len + 4), 400);
	}
	for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
		int len = snprintf(
			bytes, sizeof(bytes),
			"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: %.*s\r\n\r\n",
			SLICE_ARGS(codings[i]));

		assert_refused(slice_of(bytes, (size_t)len), 501);
	}
	assert_refused(SLICE_LITERAL("POST / HTTP/1.0\r\nHost: a.example\r\n"
				     "Transfer-Encoding: chunked\r\n\r\n"),
		       400);
}

static void the_first_line_has_one_form(void **state)
{
	static const struct {
		struct slice line;
		int status;
	} refused[] = {
		{SLICE_LITERAL("\r\nGET / HTTP/1.1"), 400},
		{SLICE_LITERAL("\nGET / HTTP/1.1"), 400},
		{SLICE_LITERAL(" GET / HTTP/1.1"), 400},
		{SLICE_LITERAL("GET  / HTTP/1.1"), 400},
		{SLICE_LITERAL("GET /  HTTP/1.1"), 400},
		{SLICE_LITERAL("GET\t/ HTTP/1.1"), 400},
		{SLICE_LITERAL("GET / HTTP/1.1 "), 400},
		{SLICE_LITERAL("GET /"), 400},
		{SLICE_LITERAL("GET"), 400},
		{SLICE_LITERAL("GET / HTTP/1.2"), 505},
		{SLICE_LITERAL("GET / HTTP/2.0"), 505},
		{SLICE_LITERAL("GET / HTTP/0.9"), 505},
		{SLICE_LITERAL("GET / http/1.1"), 400},
		{SLICE_LITERAL("GET / HTTP/01.1"), 400},
		{SLICE_LITERAL("GET / HTTP/1.10"), 400},
		{SLICE_LITERAL("GET / HTTP/1"), 400},
		{SLICE_LITERAL("G\x01T / HTTP/1.1"), 400},
		{SLICE_LITERAL("G(T / HTTP/1.1"), 400},
		{SLICE_LITERAL("GET /#fragment HTTP/1.1"), 400},
		{SLICE_LITERAL("GET /\xc3\xa9 HTTP/1.1"), 400},
		{SLICE_LITERAL("GET /\x7f HTTP/1.1"), 400},
		{SLICE_LITERAL("GET path HTTP/1.1"), 400},
		{SLICE_LITERAL("GET * HTTP/1.1"), 400},
		{SLICE_LITERAL("CONNECT a.example:443 HTTP/1.1"), 405},
		{SLICE_LITERAL("CONNECT / HTTP/1.1"), 405},
		{SLICE_LITERAL("GET http://a.example/ HTTP/1.1"), 400},
		{SLICE_LITERAL("GET ftp://a.example/ HTTP/1.1"), 400},
		{SLICE_LITERAL("GET https://b.example/ HTTP/1.1"), 400},
		{SLICE_LITERAL("GET https://a.example:444/ HTTP/1.1"), 400},
		{SLICE_LITERAL("GET https://u@a.example/ HTTP/1.1"), 400},
		{SLICE_LITERAL("GET https:///x HTTP/1.1"), 400},
	};
	char bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int len = snprintf(bytes, sizeof(bytes), "%.*s\r\nHost: a.example\r\n\r\n",
				   SLICE_ARGS(refused[i].line));

		assert_refused(slice_of(bytes, (size_t)len), refused[i].status);
	}
}

static void an_absolute_target_agrees_with_host(void **state)
{
	struct parsed parsed;

	(void)state;
	assert_int_equal(parse(&parsed, SLICE_LITERAL("GET HTTPS://A.example:443?q HTTP/1.1\r\n"
						      "Host: a.example\r\n\r\n")),
			 0);
	assert_true(slice_equal(parsed.message.path, SLICE_LITERAL("/")));
	assert_true(slice_equal(parsed.message.query, SLICE_LITERAL("?q")));
	arena_free(&parsed.arena);
	assert_int_equal(
		parse(&parsed, SLICE_LITERAL("OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n")), 0);
	assert_true(slice_equal(parsed.message.path, SLICE_LITERAL("*")));
	arena_free(&parsed.arena);
}

static void there_is_one_host_and_it_is_a_host(void **state)
{
	static const struct slice hosts[] = {
		SLICE_LITERAL("a.example\r\nHost: a.example"),
		SLICE_LITERAL("a.example\r\nHost: b.example"),
		SLICE_LITERAL(""),
		SLICE_LITERAL("a.example, b.example"),
		SLICE_LITERAL("user@a.example"),
		SLICE_LITERAL("a.example/path"),
		SLICE_LITERAL("a.example:"),
		SLICE_LITERAL("a.example:0"),
		SLICE_LITERAL("a.example:65536"),
		SLICE_LITERAL("a.example:443:443"),
		SLICE_LITERAL("a_b.example"),
		SLICE_LITERAL("[a.example]"),
		SLICE_LITERAL("[::ffff:127.0.0.1]"),
		SLICE_LITERAL("0x7f.1"),
		SLICE_LITERAL("a.example\\@b.example"),
		SLICE_LITERAL("a..example"),
	};
	struct parsed parsed;
	char bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		int len = snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: %.*s\r\n\r\n",
				   SLICE_ARGS(hosts[i]));

		assert_refused(slice_of(bytes, (size_t)len), 400);
	}
	assert_refused(SLICE_LITERAL("GET / HTTP/1.1\r\nX: y\r\n\r\n"), 400);
	assert_int_equal(
		parse(&parsed, SLICE_LITERAL("GET / HTTP/1.1\r\nHost: a.example.:8443\r\n\r\n")),
		0);
	assert_string_equal(parsed.message.host.text, "a.example");
	assert_int_equal(parsed.message.port, 8443);
	arena_free(&parsed.arena);
}

static void fields_of_one_hop_stay_on_it(void **state)
{
	struct parsed parsed;

	(void)state;
	assert_int_equal(
		parse(&parsed,
		      SLICE_LITERAL(
			      "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close, X-Hop, "
			      "Authorization, Cookie, Content-Type\r\nX-Hop: 1\r\n"
			      "Authorization: Bearer t\r\nCookie: c=1\r\nContent-Type: a/b\r\n"
			      "Keep-Alive: 5\r\nProxy-Authorization: Basic x\r\nTE: trailers, "
			      "gzip\r\n"
			      "Upgrade: websocket\r\nProxy-Connection: x\r\nX-End: 2\r\n\r\n")),
		0);
	/* P19: a request must not lose its credentials because Connection names them. */
	assert_int_equal(parsed.message.fields.count, 4);
	assert_int_equal(parsed.message.fields.list[0].id, FIELD_AUTHORIZATION);
	assert_int_equal(parsed.message.fields.list[1].id, FIELD_COOKIE);
	assert_true(slice_equal(parsed.message.fields.list[3].name, SLICE_LITERAL("X-End")));
	assert_true(parsed.message.close);
	assert_true(parsed.message.te_trailers);
	/* Without the option "upgrade" an Upgrade field says nothing. */
	assert_int_equal(parsed.message.upgrade.len, 0);
	arena_free(&parsed.arena);

	assert_int_equal(parse(&parsed, SLICE_LITERAL("GET / HTTP/1.1\r\nHost: a.example\r\n"
						      "Connection: keep-alive, Upgrade\r\n"
						      "Upgrade: websocket\r\n\r\n")),
			 0);
	assert_true(slice_equal(parsed.message.upgrade, SLICE_LITERAL("websocket")));
	arena_free(&parsed.arena);
}

static void expectations_but_one_are_refused(void **state)
{
	(void)state;
	assert_refused(SLICE_LITERAL("PUT / HTTP/1.1\r\nHost: a.example\r\nExpect: x\r\n\r\n"),
		       417);
	assert_refused(SLICE_LITERAL("PUT / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\n"
				     "Expect: 100-continue\r\n\r\n"),
		       400);
}

static void sizes_are_bounded(void **state)
{
	static char bytes[HTTP_HEAD_MAX_BYTES + 4096];
	int len = snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: a.example\r\nX: ");
	struct h1_fault fault;
	size_t scanned = 0;

	(void)state;
	memset(bytes + len, 'x', sizeof(bytes) - (size_t)len);
	assert_int_equal(h1_head_find_end(slice_of(bytes, sizeof(bytes)), &scanned, &fault),
			 ERROR_LIMIT);
	assert_int_equal(fault.status, 431);

	len = snprintf(bytes, sizeof(bytes), "GET /");
	memset(bytes + len, 'x', HTTP_TARGET_MAX_BYTES);
	len += HTTP_TARGET_MAX_BYTES;
	len += snprintf(bytes + len, sizeof(bytes) - (size_t)len,
			" HTTP/1.1\r\nHost: a.example\r\n\r\n");
	assert_refused(slice_of(bytes, (size_t)len), 414);

	len = snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: a.example\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		len += snprintf(bytes + len, sizeof(bytes) - (size_t)len, "X-%d: y\r\n", i);
	len += snprintf(bytes + len, sizeof(bytes) - (size_t)len, "\r\n");
	assert_refused(slice_of(bytes, (size_t)len), 431);
}

static int parse_many_fields(void *context)
{
	struct parsed parsed;
	int rc;

	(void)context;
	rc = parse(&parsed,
		   SLICE_LITERAL("GET / HTTP/1.1\r\nHost: a.example\r\nA: 1\r\nB: 2\r\n\r\n"));
	arena_free(&parsed.arena);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(parse_many_fields, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_request_is_understood),
		cmocka_unit_test(the_end_of_a_head_is_found_however_it_arrives),
		cmocka_unit_test(framing_that_two_parsers_could_read_in_two_ways_is_refused),
		cmocka_unit_test(the_first_line_has_one_form),
		cmocka_unit_test(an_absolute_target_agrees_with_host),
		cmocka_unit_test(there_is_one_host_and_it_is_a_host),
		cmocka_unit_test(fields_of_one_hop_stay_on_it),
		cmocka_unit_test(expectations_but_one_are_refused),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
