/* A request head and body from arbitrary bytes. What parses is written anew, and what was written
 * must parse again to the same message: nothing that we send may be read in another way by a parser
 * as strict as ours. */
#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "proxy/http/h1_body.h"
#include "proxy/http/h1_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct http_message *a, const struct http_message *b)
{
	assert(slice_equal(a->method, b->method) && slice_equal(a->query, b->query));
	assert(host_equal(&a->host, &b->host) && a->port == b->port);
	assert(a->body == b->body && a->body_bytes == b->body_bytes);
	assert(a->expect_continue == b->expect_continue);
	/* A request for another protocol has no use for trailers. */
	assert(a->te_trailers == b->te_trailers || a->upgrade.len);
	assert(a->fields.count == b->fields.count);
	for (size_t i = 0; i < a->fields.count; i++) {
		assert(slice_equal(a->fields.list[i].name, b->fields.list[i].name));
		assert(slice_equal(a->fields.list[i].value, b->fields.list[i].value));
	}
}

static void check_written(const struct http_message *message, struct arena *arena)
{
	static char bytes[H1_WRITE_MAX_BYTES];
	struct writer out = writer_of(bytes, sizeof(bytes));
	struct http_message again;
	struct h1_fault fault;
	struct slice written;
	size_t scanned = 0;

	/* Host, the framing, Expect, TE and Connection of our own count as fields when it is read
	 * again. */
	if (message->fields.count > HTTP_FIELDS_MAX - 5)
		return;
	assert(h1_write_request(&out, message, message->path, false) >= 0);
	written = slice_of(bytes, writer_length(&out));
	assert(h1_head_find_end(written, &scanned, &fault) == (ssize_t)written.len);
	http_message_init(&again, arena);
	assert(h1_parse_request(written, message->scheme, &again, &fault) == 0);
	check_same(message, &again);
}

static void read_body(const struct http_message *message, struct slice rest)
{
	struct h1_fault fault;
	struct h1_body body;
	struct slice data;
	int event;

	h1_body_init(&body, message);
	do {
		size_t before = rest.len;

		event = h1_body_feed(&body, &rest, &data, &fault);
		assert(rest.len <= before);
	} while (event == H1_BODY_DATA);
	assert(event != H1_BODY_MORE || rest.len == 0);
	h1_body_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct http_message message;
	struct h1_fault fault;
	struct arena arena;
	size_t scanned = 0;
	ssize_t end;

	end = h1_head_find_end(input, &scanned, &fault);
	if (end < 0)
		return 0;
	arena_init(&arena, 4 * HTTP_ARENA_MAX_BYTES);
	http_message_init(&message, &arena);
	if (h1_parse_request(slice_first(input, (size_t)end), POLICY_HTTPS, &message, &fault) ==
	    0) {
		check_written(&message, &arena);
		read_body(&message, slice_from(input, (size_t)end));
	}
	arena_free(&arena);
	return 0;
}
