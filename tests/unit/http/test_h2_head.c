#include "proxy/http/h2_head.h"

#include <stdio.h>

#include "base/error.h"
#include "tests/unit/allocation.h"

static struct arena arena;
static struct http_message message;
static struct h2_head head;

struct pair {
	const char *name;
	const char *value;
};

static void begin(bool is_request)
{
	arena_reset(&arena);
	http_message_init(&message, &arena);
	h2_head_init(&head, &message, is_request);
}

static void add(const char *name, const char *value)
{
	assert_int_equal(h2_head_add(&head, slice_from_text(name), slice_from_text(value)), 0);
}

static void add_all(const struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count && pairs[i].name; i++)
		add(pairs[i].name, pairs[i].value);
}

static const struct pair usual[] = {
	{":method", "GET"}, {":scheme", "https"}, {":authority", "a.example"}, {":path", "/p?q"}};

/* The usual pseudo-fields, with the one called CHANGED left out, or set to VALUE. */
static void begin_request(const char *changed, const char *value)
{
	begin(true);
	for (size_t i = 0; i < 4; i++) {
		bool other = !changed || strcmp(changed, usual[i].name) != 0;

		if (other || value)
			add(usual[i].name, other ? usual[i].value : value);
	}
}

static int finish(bool ends)
{
	return h2_head_finish_request(&head, POLICY_HTTPS, ends);
}

static void assert_text(struct slice text, const char *expected)
{
	assert_int_equal(text.len, strlen(expected));
	assert_memory_equal(text.ptr, expected, text.len);
}

static void assert_refused(int rc, int status, const char *part)
{
	assert_int_equal(rc, ERROR_SYNTAX);
	assert_non_null(head.fault);
	if (!strstr(head.fault, part))
		fail_msg("%s: not about %s", head.fault, part);
	assert_int_equal(head.status_for_fault, status);
}

static void a_request_becomes_a_message(void **state)
{
	(void)state;
	begin_request(NULL, NULL);
	add("accept", "*/*");
	add("te", "trailers");
	add("x-empty", "");
	assert_int_equal(finish(true), 0);
	assert_text(message.method, "GET");
	assert_text(message.path, "/p");
	assert_text(message.query, "?q");
	assert_string_equal(message.host.text, "a.example");
	assert_int_equal(message.port, 443);
	assert_true(message.is_h2 && message.te_trailers);
	assert_int_equal(message.body, HTTP_BODY_NONE);
	assert_int_equal(message.fields.count, 2);
}

static void a_body_is_sized_or_a_stream(void **state)
{
	(void)state;
	begin_request(NULL, NULL);
	assert_int_equal(finish(false), 0);
	assert_int_equal(message.body, HTTP_BODY_STREAM);
	begin_request(NULL, NULL);
	add("content-length", "0012");
	assert_int_equal(finish(false), 0);
	assert_int_equal(message.body, HTTP_BODY_SIZED);
	assert_int_equal(message.body_bytes, 12);
	assert_int_equal(message.fields.count, 0);
	begin_request(NULL, NULL);
	add("content-length", "0");
	assert_int_equal(finish(true), 0);
}

static void pseudo_fields_are_whole_and_sound(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		const char *fault;
	} refused[] = {
		{":method", NULL, ":method"},
		{":method", "", ":method"},
		{":method", "G T", ":method"},
		{":method", "GET /x HTTP/1.1\r\n", ":method"},
		{":scheme", NULL, ":scheme"},
		{":scheme", "http", ":scheme"},
		{":scheme", "", ":scheme"},
		{":path", NULL, ":path"},
		{":path", "", ":path"},
		{":path", "p", ":path"},
		{":path", "/a b", ":path"},
		{":path", "/a\r\nb", ":path"},
		{":path", "/a#b", ":path"},
		{":path", "/\xc3\xb6", ":path"},
		{":path", "https://a.example/", ":path"},
		{":authority", NULL, "neither"},
		{":authority", "", ":authority"},
		{":authority", "u@a.example", ":authority"},
		{":authority", "a.example:0x1", ":authority"},
		{":authority", "a b", ":authority"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		begin_request(refused[i].name, refused[i].value);
		assert_refused(finish(true), 400, refused[i].fault);
	}
}

static void pseudo_fields_stand_once_and_in_front(void **state)
{
	static const struct pair refused[][2] = {
		{{":path", "/again"}},
		{{":unknown", "x"}},
		{{":status", "200"}},
		{{"x", "y"}, {":protocol", "websocket"}},
		{{"x", "y"}, {":path", "/behind"}},
		{{":", "x"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		begin_request(NULL, NULL);
		add_all(refused[i], 2);
		assert_refused(finish(true), 400, "pseudo-field");
	}
}

static void fields_are_sound(void **state)
{
	static const struct {
		struct slice name;
		struct slice value;
		int status;
	} refused[] = {
		{SLICE_LITERAL("X"), SLICE_LITERAL("y"), 400},
		{SLICE_LITERAL(""), SLICE_LITERAL("y"), 400},
		{SLICE_LITERAL("x y"), SLICE_LITERAL("z"), 400},
		{SLICE_LITERAL("x\0"), SLICE_LITERAL("z"), 400},
		{SLICE_LITERAL("x:"), SLICE_LITERAL("z"), 400},
		{SLICE_LITERAL("x"), SLICE_LITERAL(" z"), 400},
		{SLICE_LITERAL("x"), SLICE_LITERAL("z\t"), 400},
		{SLICE_LITERAL("x"), SLICE_LITERAL("y\r\nz"), 400},
		{SLICE_LITERAL("x"), SLICE_LITERAL("y\0z"), 400},
		{SLICE_LITERAL("connection"), SLICE_LITERAL("close"), 400},
		{SLICE_LITERAL("keep-alive"), SLICE_LITERAL("1"), 400},
		{SLICE_LITERAL("proxy-connection"), SLICE_LITERAL("x"), 400},
		{SLICE_LITERAL("transfer-encoding"), SLICE_LITERAL("chunked"), 400},
		{SLICE_LITERAL("upgrade"), SLICE_LITERAL("h2c"), 400},
		{SLICE_LITERAL("http2-settings"), SLICE_LITERAL("x"), 400},
		{SLICE_LITERAL("te"), SLICE_LITERAL("gzip"), 400},
		{SLICE_LITERAL("te"), SLICE_LITERAL("trailers, gzip"), 400},
		{SLICE_LITERAL("host"), SLICE_LITERAL("b.example"), 400},
		{SLICE_LITERAL("host"), SLICE_LITERAL("a.example:444"), 400},
		{SLICE_LITERAL("content-length"), SLICE_LITERAL("+1"), 400},
		{SLICE_LITERAL("content-length"), SLICE_LITERAL(""), 400},
		{SLICE_LITERAL("content-length"), SLICE_LITERAL("1, 1"), 400},
		{SLICE_LITERAL("content-length"), SLICE_LITERAL("9223372036854775808"), 400},
		{SLICE_LITERAL("content-length"), SLICE_LITERAL("5"), 400}, /* and no body */
		{SLICE_LITERAL("expect"), SLICE_LITERAL("a miracle"), 417},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		begin_request(NULL, NULL);
		assert_int_equal(h2_head_add(&head, refused[i].name, refused[i].value), 0);
		assert_refused(finish(true), refused[i].status, "");
	}
}

static void single_fields_stand_once(void **state)
{
	static const struct pair singles[] = {{"content-length", "5"},
					      {"host", "a.example"},
					      {"authorization", "x"},
					      {"expect", "100-continue"}};

	(void)state;
	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
		begin_request(NULL, NULL);
		add_all(&singles[i], 1);
		assert_int_equal(finish(false), 0);
		begin_request(NULL, NULL);
		add_all(&singles[i], 1);
		add_all(&singles[i], 1);
		assert_refused(finish(false), 400, "more than one");
	}
}

static void host_does_where_there_is_no_authority(void **state)
{
	(void)state;
	begin_request(":authority", NULL);
	add("host", "B.example:8443");
	assert_int_equal(finish(true), 0);
	assert_string_equal(message.host.text, "b.example");
	assert_int_equal(message.port, 8443);
	assert_int_equal(message.fields.count, 0);
	begin_request(NULL, NULL);
	add("host", "A.EXAMPLE:443");
	assert_int_equal(finish(true), 0);
}

static void crumbs_of_a_cookie_are_joined(void **state)
{
	const struct http_field *cookie;
	size_t crumbs = 0;

	(void)state;
	begin_request(NULL, NULL);
	add("cookie", "a=b");
	add("x", "y");
	add("cookie", "");
	add("cookie", "c=d");
	assert_int_equal(finish(true), 0);
	assert_int_equal(message.fields.count, 2);
	assert_text(message.fields.list[0].value, "a=b; ; c=d");
	/* As many as go into a head, in the memory of one. */
	begin_request(NULL, NULL);
	while (!head.fault) {
		add("cookie", "a=b");
		crumbs++;
	}
	assert_true(crumbs > 5000);
	cookie = http_fields_find(&message.fields, FIELD_COOKIE);
	assert_int_equal(cookie->value.len, 5 * (crumbs - 1) - 2);
	assert_int_equal(head.status_for_fault, 431);
}

static void connect_is_for_websocket_alone(void **state)
{
	(void)state;
	begin_request(":method", "CONNECT");
	assert_refused(finish(false), 405, "CONNECT");
	begin_request(":method", "CONNECT");
	add(":protocol", "connect-udp");
	assert_refused(finish(false), 501, "CONNECT");
	begin_request(":method", "CONNECT");
	add(":protocol", "h2c");
	assert_refused(finish(false), 501, "CONNECT");
	begin_request(NULL, NULL);
	add(":protocol", "websocket");
	assert_refused(finish(false), 400, ":protocol");
	begin_request(":method", "CONNECT");
	add(":protocol", "websocket");
	assert_int_equal(finish(false), 0);
	assert_text(message.method, "GET");
	assert_text(message.upgrade, "websocket");
}

static void a_head_has_its_bounds(void **state)
{
	static char big[HTTP_HEAD_MAX_BYTES + 1];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	begin_request(NULL, NULL);
	add("x", big);
	assert_refused(finish(true), 431, "too large");
	begin_request(NULL, NULL);
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		add("x", "y");
	assert_int_equal(finish(true), 0);
	begin_request(NULL, NULL);
	for (int i = 0; i <= HTTP_FIELDS_MAX; i++)
		add("x", "y");
	assert_refused(finish(true), 431, "128");
	big[HTTP_TARGET_MAX_BYTES] = '\0';
	big[0] = '/';
	begin_request(":path", big);
	assert_int_equal(finish(true), 0);
	big[HTTP_TARGET_MAX_BYTES] = 'x';
	big[HTTP_TARGET_MAX_BYTES + 1] = '\0';
	begin_request(":path", big);
	assert_refused(finish(true), 400, ":path");
}

static void trailers_are_sound(void **state)
{
	static const struct pair refused[] = {
		{":path", "/"},		{":status", "200"}, {"X", "y"},
		{"x", "a\nb"},		{"host", "x"},	    {"content-length", "1"},
		{"te", "trailers"},	{"cookie", "a=b"},  {"connection", "close"},
		{"authorization", "x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		begin_request(NULL, NULL);
		assert_int_equal(finish(false), 0);
		h2_head_begin_trailers(&head);
		add_all(&refused[i], 1);
		assert_refused(h2_head_finish_trailers(&head), 400, "");
	}
	begin_request(NULL, NULL);
	assert_int_equal(finish(false), 0);
	h2_head_begin_trailers(&head);
	add("x-sum", "5");
	assert_int_equal(h2_head_finish_trailers(&head), 0);
	assert_int_equal(head.trailers.count, 1);
	assert_int_equal(message.fields.count, 0);
	for (int i = 0; i < 10; i++)
		add("x-big", "0123456789");
	assert_int_equal(h2_head_finish_trailers(&head), 0);
	for (int i = 0; i < 100; i++)
		add("x-big",
		    "0123456789012345678901234567890123456789012345678901234567890123456789"
		    "0123456789012345678901234567890123456789012345678901234567890123456789");
	assert_refused(h2_head_finish_trailers(&head), 431, "too large");
}

static int respond(const char *status, const char *length, const char *method, bool ends)
{
	begin(false);
	if (status)
		add(":status", status);
	if (length)
		add("content-length", length);
	return h2_head_finish_response(&head, slice_from_text(method), ends);
}

static void a_response_has_a_status_from_100_to_599(void **state)
{
	static const char *const refused[] = {NULL,  "",    "0",   "99",  "099",  "600",    "1000",
					      "abc", "+20", "2 0", " 20", "200 ", "200 OK", "20x"};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_refused(respond(refused[i], NULL, "GET", false), 502, ":status");
	assert_int_equal(respond("100", NULL, "GET", false), 0);
	assert_int_equal(respond("599", NULL, "GET", false), 0);
}

static void a_response_says_how_long_its_body_is(void **state)
{
	static const struct {
		const char *status;
		const char *length;
		const char *method;
		bool ends;
		enum http_body body;
		bool bodiless;
		bool implied;
	} rows[] = {
		{"200", NULL, "GET", false, HTTP_BODY_STREAM, false, false},
		{"200", "5", "GET", false, HTTP_BODY_SIZED, false, false},
		{"200", "0", "GET", true, HTTP_BODY_SIZED, true, false},
		{"200", NULL, "GET", true, HTTP_BODY_SIZED, true, true},
		{"200", "5", "HEAD", true, HTTP_BODY_SIZED, true, false},
		{"200", NULL, "HEAD", true, HTTP_BODY_NONE, true, false},
		{"304", "5", "GET", true, HTTP_BODY_SIZED, true, false},
		{"204", "5", "GET", true, HTTP_BODY_NONE, true, false},
		{"204", NULL, "GET", false, HTTP_BODY_NONE, true, false},
		{"103", NULL, "GET", false, HTTP_BODY_NONE, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			respond(rows[i].status, rows[i].length, rows[i].method, rows[i].ends), 0);
		assert_int_equal(message.body, rows[i].body);
		assert_int_equal(message.bodiless, rows[i].bodiless);
		assert_int_equal(message.length_is_implied, rows[i].implied);
	}
	/* An HTTP/1.1 client would take the next response for the body. */
	assert_refused(respond("200", "5", "GET", true), 502, "Content-Length");
}

static void a_response_is_refused_for_what_it_may_not_have(void **state)
{
	static const struct pair refused[] = {
		{":status", "200"}, {":method", "GET"},		{":x", "y"},
		{"X", "y"},	    {"connection", "close"},	{"transfer-encoding", "chunked"},
		{"x", "a\r\nb"},    {"content-length", "five"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		begin(false);
		add(":status", "200");
		add_all(&refused[i], 1);
		assert_int_equal(h2_head_finish_response(&head, SLICE_LITERAL("GET"), false),
				 ERROR_SYNTAX);
		assert_non_null(head.fault);
	}
}

/* What is written. */

static nghttp2_nv list[H2_ENTRIES_MAX];

static void assert_entry(size_t i, const char *name, const char *value)
{
	assert_text(slice_of(list[i].name, list[i].namelen), name);
	assert_text(slice_of(list[i].value, list[i].valuelen), value);
}

static void a_request_is_listed_from_its_message(void **state)
{
	ssize_t count;

	(void)state;
	begin_request(NULL, NULL);
	add("te", "trailers");
	add("expect", "100-continue");
	add("content-length", "5");
	add("authorization", "Bearer x");
	add("x-y", "z");
	add("cookie", "a=b");
	assert_int_equal(finish(false), 0);
	count = h2_list_request(&message, SLICE_LITERAL("/other"), list);
	assert_int_equal(count, 10);
	assert_entry(0, ":method", "GET");
	assert_entry(1, ":scheme", "https");
	assert_entry(2, ":authority", "a.example");
	assert_entry(3, ":path", "/other?q");
	assert_entry(4, "content-length", "5");
	assert_entry(5, "te", "trailers");
	assert_entry(6, "expect", "100-continue");
	assert_entry(7, "authorization", "Bearer x");
	assert_entry(8, "x-y", "z");
	for (size_t i = 0; i < 10; i++) {
		bool hidden = i == 7 || i == 9;

		assert_int_equal(!!(list[i].flags & NGHTTP2_NV_FLAG_NO_INDEX), hidden);
		assert_true(list[i].flags & NGHTTP2_NV_FLAG_NO_COPY_VALUE);
	}
}

static void what_holds_a_secret_is_never_indexed(void **state)
{
	(void)state;
	begin_request(NULL, NULL);
	add("x-api-key", "s");
	assert_int_equal(finish(true), 0);
	message.fields.list[0].is_secret = true;
	message.target_is_secret = true;
	assert_int_equal(h2_list_request(&message, message.path, list), 5);
	assert_true(list[3].flags & NGHTTP2_NV_FLAG_NO_INDEX);
	assert_true(list[4].flags & NGHTTP2_NV_FLAG_NO_INDEX);
}

static void a_websocket_is_asked_for_by_connect(void **state)
{
	(void)state;
	begin_request(NULL, NULL);
	assert_int_equal(finish(false), 0);
	message.upgrade = SLICE_LITERAL("websocket");
	assert_int_equal(h2_list_request(&message, message.path, list), 5);
	assert_entry(0, ":method", "CONNECT");
	assert_entry(1, ":protocol", "websocket");
}

static void names_are_written_in_lower_case(void **state)
{
	(void)state;
	begin(false);
	message.status = 200;
	message.body = HTTP_BODY_STREAM;
	http_fields_add(&message.fields, &arena, SLICE_LITERAL("X-Mixed"), SLICE_LITERAL(" A "));
	http_fields_add(&message.fields, &arena, SLICE_LITERAL("Set-Cookie"), SLICE_LITERAL("a"));
	assert_int_equal(h2_list_response(&message, list), 3);
	assert_entry(0, ":status", "200");
	assert_entry(1, "x-mixed", "A");
	assert_entry(2, "set-cookie", "a");
	assert_true(list[2].flags & NGHTTP2_NV_FLAG_NO_INDEX);
}

static void nothing_is_written_that_another_would_read_otherwise(void **state)
{
	static const struct {
		struct slice name;
		struct slice value;
	} refused[] = {
		{SLICE_LITERAL("X"), SLICE_LITERAL("a\r\nY: b")},
		{SLICE_LITERAL("X"), SLICE_LITERAL("a\0b")},
		{SLICE_LITERAL("X Y"), SLICE_LITERAL("a")},
		{SLICE_LITERAL(""), SLICE_LITERAL("a")},
		{SLICE_LITERAL(":path"), SLICE_LITERAL("/")},
		{SLICE_LITERAL("Connection"), SLICE_LITERAL("close")},
		{SLICE_LITERAL("Transfer-Encoding"), SLICE_LITERAL("chunked")},
		{SLICE_LITERAL("Content-Length"), SLICE_LITERAL("5")},
		{SLICE_LITERAL("Host"), SLICE_LITERAL("b.example")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		begin_request(NULL, NULL);
		assert_int_equal(finish(true), 0);
		http_fields_add(&message.fields, &arena, refused[i].name, refused[i].value);
		assert_int_equal(h2_list_request(&message, message.path, list), ERROR_SYNTAX);
		message.status = 200;
		assert_int_equal(h2_list_response(&message, list), ERROR_SYNTAX);
		assert_int_equal(h2_list_trailers(&message.fields, &arena, list), ERROR_SYNTAX);
	}
	begin_request(NULL, NULL);
	assert_int_equal(finish(true), 0);
	assert_int_equal(h2_list_request(&message, SLICE_LITERAL("/a b"), list), ERROR_SYNTAX);
	message.method = SLICE_LITERAL("G T");
	assert_int_equal(h2_list_request(&message, message.path, list), ERROR_SYNTAX);
	message.status = 99;
	assert_int_equal(h2_list_response(&message, list), ERROR_SYNTAX);
}

/* Allocations that fail. */

static int read_and_list(void *context)
{
	struct arena own;
	struct http_message read;
	struct h2_head from;
	char name[16], value[512];
	int rc = 0;

	(void)context;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	arena_init(&own, HTTP_ARENA_MAX_BYTES);
	http_message_init(&read, &own);
	h2_head_init(&from, &read, true);
	for (size_t i = 0; i < 4 && rc == 0; i++)
		rc = h2_head_add(&from, slice_from_text(usual[i].name),
				 slice_from_text(usual[i].value));
	for (int i = 0; i < 60 && rc == 0; i++) {
		snprintf(name, sizeof(name), "x-%d", i);
		rc = h2_head_add(&from, slice_from_text(i % 3 ? name : "cookie"),
				 slice_from_text(value));
	}
	if (rc == 0)
		rc = h2_head_finish_request(&from, POLICY_HTTPS, true);
	if (rc == 0)
		rc = (int)h2_list_request(&read, read.path, list);
	arena_free(&own);
	return rc < 0 ? rc : 0;
}

static void allocations_may_fail(void **state)
{
	(void)state;
	allocation_try_all(read_and_list, NULL, false);
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, HTTP_ARENA_MAX_BYTES);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_becomes_a_message),
		cmocka_unit_test(a_body_is_sized_or_a_stream),
		cmocka_unit_test(pseudo_fields_are_whole_and_sound),
		cmocka_unit_test(pseudo_fields_stand_once_and_in_front),
		cmocka_unit_test(fields_are_sound),
		cmocka_unit_test(single_fields_stand_once),
		cmocka_unit_test(host_does_where_there_is_no_authority),
		cmocka_unit_test(crumbs_of_a_cookie_are_joined),
		cmocka_unit_test(connect_is_for_websocket_alone),
		cmocka_unit_test(a_head_has_its_bounds),
		cmocka_unit_test(trailers_are_sound),
		cmocka_unit_test(a_response_has_a_status_from_100_to_599),
		cmocka_unit_test(a_response_says_how_long_its_body_is),
		cmocka_unit_test(a_response_is_refused_for_what_it_may_not_have),
		cmocka_unit_test(a_request_is_listed_from_its_message),
		cmocka_unit_test(what_holds_a_secret_is_never_indexed),
		cmocka_unit_test(a_websocket_is_asked_for_by_connect),
		cmocka_unit_test(names_are_written_in_lower_case),
		cmocka_unit_test(nothing_is_written_that_another_would_read_otherwise),
		cmocka_unit_test(allocations_may_fail),
	};

	return cmocka_run_group_tests_name("http/h2_head", tests, set_up, tear_down);
}
