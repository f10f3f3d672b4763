#include "proxy/http/h1_write.h"

#include <stdio.h>

#include "base/error.h"
#include "tests/unit/allocation.h"

static struct arena arena;

static struct http_message request(void)
{
	struct http_message message;

	http_message_init(&message, &arena);
	message.method = SLICE_LITERAL("POST");
	message.scheme = POLICY_HTTPS;
	assert_int_equal(host_parse(SLICE_LITERAL("a.example"), &message.host), 0);
	message.port = 443;
	message.query = SLICE_LITERAL("?q=1");
	return message;
}

static void assert_written(const struct http_message *message, const char *expected)
{
	char out[512];
	struct writer w = writer_of(out, sizeof(out));

	assert_true(h1_write_request(&w, message, SLICE_LITERAL("/p"), false) >= 0);
	assert_int_equal(writer_length(&w), strlen(expected));
	assert_memory_equal(out, expected, strlen(expected));
}

static void a_request_is_written_from_its_message(void **state)
{
	struct http_message message = request();

	(void)state;
	http_fields_add(&message.fields, &arena, SLICE_LITERAL("X-A"), SLICE_LITERAL("b"));
	assert_written(&message, "POST /p?q=1 HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\n\r\n");
	message.port = 8443;
	message.body = HTTP_BODY_SIZED;
	message.body_bytes = 70000;
	message.expect_continue = true;
	assert_written(&message, "POST /p?q=1 HTTP/1.1\r\nHost: a.example:8443\r\n"
				 "Content-Length: 70000\r\nExpect: 100-continue\r\nX-A: b\r\n\r\n");
	message.body = HTTP_BODY_STREAM;
	message.expect_continue = false;
	message.te_trailers = true;
	assert_written(&message, "POST /p?q=1 HTTP/1.1\r\nHost: a.example:8443\r\n"
				 "Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n"
				 "X-A: b\r\n\r\n");
}

static void nothing_leaves_that_could_end_a_line(void **state)
{
	static const struct {
		struct slice name;
		struct slice value;
	} refused[] = {
		{SLICE_LITERAL("X"), SLICE_LITERAL("a\r\nY: b")},
		{SLICE_LITERAL("X"), SLICE_LITERAL("a\nb")},
		{SLICE_LITERAL("X"), SLICE_LITERAL("a\0b")},
		{SLICE_LITERAL("X\r\nY"), SLICE_LITERAL("a")},
		{SLICE_LITERAL(""), SLICE_LITERAL("a")},
		{SLICE_LITERAL("X Y"), SLICE_LITERAL("a")},
		/* What frames a message is the writer's own. */
		{SLICE_LITERAL("Content-Length"), SLICE_LITERAL("5")},
		{SLICE_LITERAL("transfer-encoding"), SLICE_LITERAL("chunked")},
		{SLICE_LITERAL("Host"), SLICE_LITERAL("b.example")},
		{SLICE_LITERAL("Connection"), SLICE_LITERAL("close")},
	};
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct http_message message = request();
		struct writer w = writer_of(out, sizeof(out));

		http_fields_add(&message.fields, &arena, refused[i].name, refused[i].value);
		assert_int_equal(h1_write_request(&w, &message, SLICE_LITERAL("/p"), false),
				 ERROR_SYNTAX);
		w = writer_of(out, sizeof(out));
		message.status = 200;
		assert_int_equal(h1_write_response(&w, &message, 1, false), ERROR_SYNTAX);
	}
	for (size_t i = 0; i < 3; i++) {
		static const struct slice paths[] = {
			SLICE_LITERAL("/a b"), SLICE_LITERAL("/a\r\nX: y"), SLICE_LITERAL("")};
		struct http_message message = request();
		struct writer w = writer_of(out, sizeof(out));

		assert_int_equal(h1_write_request(&w, &message, paths[i], false), ERROR_SYNTAX);
	}
}

static void a_response_is_framed_for_its_receiver(void **state)
{
	static const struct {
		enum http_body body;
		bool bodiless;
		uint8_t minor;
		bool close;
		int framing;
		const char *fields;
	} table[] = {
		{HTTP_BODY_SIZED, false, 1, false, H1_FRAME_LENGTH, "Content-Length: 7\r\n"},
		{HTTP_BODY_SIZED, true, 1, false, H1_FRAME_LENGTH, "Content-Length: 7\r\n"},
		{HTTP_BODY_STREAM, false, 1, false, H1_FRAME_CHUNKED,
		 "Transfer-Encoding: chunked\r\n"},
		{HTTP_BODY_STREAM, false, 0, true, H1_FRAME_CLOSE, "Connection: close\r\n"},
		{HTTP_BODY_NONE, true, 1, true, H1_FRAME_NONE, "Connection: close\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char out[256], expected[256];
		struct writer w = writer_of(out, sizeof(out));
		struct http_message message;

		http_message_init(&message, &arena);
		message.status = 200;
		message.body = table[i].body;
		message.bodiless = table[i].bodiless;
		message.body_bytes = 7;
		assert_int_equal(h1_write_response(&w, &message, table[i].minor, table[i].close),
				 table[i].framing);
		snprintf(expected, sizeof(expected), "HTTP/1.1 200 OK\r\n%s\r\n", table[i].fields);
		assert_int_equal(writer_length(&w), strlen(expected));
		assert_memory_equal(out, expected, strlen(expected));
	}
}

static void chunk_sizes_are_plain_hexadecimal(void **state)
{
	static const struct {
		size_t size;
		const char *text;
	} table[] = {{1, "1\r\n"},
		     {15, "f\r\n"},
		     {16, "10\r\n"},
		     {16384, "4000\r\n"},
		     {0xffffffffffffffff, "ffffffffffffffff\r\n"}};
	char text[H1_CHUNK_OVERHEAD_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = h1_write_chunk_size(table[i].size, text);

		assert_int_equal(len, strlen(table[i].text));
		assert_memory_equal(text, table[i].text, len);
	}
}

static void trailers_that_may_not_be_are_not_written(void **state)
{
	struct http_fields fields = {0};
	char out[128];
	struct writer w = writer_of(out, sizeof(out));

	(void)state;
	http_fields_add(&fields, &arena, SLICE_LITERAL("X-Sum"), SLICE_LITERAL("1"));
	assert_int_equal(h1_write_last_chunk(&w, &fields), 0);
	assert_memory_equal(out, "0\r\nX-Sum: 1\r\n\r\n", 15);
	http_fields_add(&fields, &arena, SLICE_LITERAL("Content-Length"), SLICE_LITERAL("1"));
	w = writer_of(out, sizeof(out));
	assert_int_equal(h1_write_last_chunk(&w, &fields), ERROR_SYNTAX);
}

static void a_full_writer_is_reported(void **state)
{
	struct http_message message = request();
	char out[64];

	(void)state;
	for (size_t size = 0; size < 30; size++) {
		struct writer w = writer_of(out, size);

		assert_int_equal(h1_write_request(&w, &message, SLICE_LITERAL("/p"), false),
				 ERROR_LIMIT);
	}
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
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
		cmocka_unit_test(a_request_is_written_from_its_message),
		cmocka_unit_test(nothing_leaves_that_could_end_a_line),
		cmocka_unit_test(a_response_is_framed_for_its_receiver),
		cmocka_unit_test(chunk_sizes_are_plain_hexadecimal),
		cmocka_unit_test(trailers_that_may_not_be_are_not_written),
		cmocka_unit_test(a_full_writer_is_reported),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
