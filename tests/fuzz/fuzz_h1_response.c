/* A response from arbitrary bytes, read and written anew for a client; what was written must parse
 * again. */
#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "proxy/http/h1_body.h"
#include "proxy/http/h1_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(const struct http_message *message, struct slice method,
			  struct arena *arena)
{
	static char bytes[H1_WRITE_MAX_BYTES];
	struct writer out = writer_of(bytes, sizeof(bytes));
	struct http_message again;
	struct h1_fault fault;
	struct slice written;
	size_t scanned = 0;

	/* Transfer-Encoding and Connection of our own count as fields when it is read again. */
	if (message->fields.count > HTTP_FIELDS_MAX - 2)
		return;
	assert(h1_write_response(&out, message, 1, message->close) >= 0);
	written = slice_of(bytes, writer_length(&out));
	assert(h1_head_find_end(written, &scanned, &fault) == (ssize_t)written.len);
	http_message_init(&again, arena);
	assert(h1_parse_response(written, method, &again, &fault) == 0);
	assert(again.status == message->status && again.bodiless == message->bodiless);
	assert(again.body == message->body && again.body_bytes == message->body_bytes);
	assert(again.fields.count == message->fields.count);
}

/* However the bytes are cut, the same body comes out. */
static size_t read_body(const struct http_message *message, struct slice rest, size_t cut,
			uint64_t *sum)
{
	struct h1_fault fault;
	struct h1_body body;
	size_t total = 0;
	int event = H1_BODY_MORE;

	*sum = 0;
	h1_body_init(&body, message);
	while (rest.len && event == H1_BODY_MORE) {
		struct slice piece = slice_first(rest, cut), data;

		rest = slice_from(rest, piece.len);
		while ((event = h1_body_feed(&body, &piece, &data, &fault)) == H1_BODY_DATA) {
			for (size_t i = 0; i < data.len; i++)
				*sum = *sum * 31 + (unsigned char)data.ptr[i];
			total += data.len;
		}
	}
	h1_body_free(&body);
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input, method = SLICE_LITERAL("GET");
	struct http_message message;
	uint64_t whole_sum, cut_sum;
	struct h1_fault fault;
	struct arena arena;
	size_t scanned = 0;
	ssize_t end;

	if (size < 1)
		return 0;
	/* The first byte chooses the method, as it has a say in the body. */
	if (data[0] & 1)
		method = SLICE_LITERAL("HEAD");
	input = slice_of(data + 1, size - 1);
	end = h1_head_find_end(input, &scanned, &fault);
	if (end < 0)
		return 0;
	arena_init(&arena, 4 * HTTP_ARENA_MAX_BYTES);
	http_message_init(&message, &arena);
	if (h1_parse_response(slice_first(input, (size_t)end), method, &message, &fault) == 0) {
		struct slice rest = slice_from(input, (size_t)end);

		check_written(&message, method, &arena);
		assert(read_body(&message, rest, rest.len, &whole_sum) ==
		       read_body(&message, rest, 1 + data[0] / 2 % 7, &cut_sum));
		assert(whole_sum == cut_sum);
	}
	arena_free(&arena);
	return 0;
}
