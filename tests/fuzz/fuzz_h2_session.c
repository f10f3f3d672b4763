/* HTTP/2 frames from arbitrary bytes, for a session of either side with streams that answer, stop
 * and break off: what is accepted can be written anew, what is held is bounded, what leaves is
 * frames whose heads can be read, and every stream is told of its end once. */
#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "proxy/engine/h2_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STOPS = 2,    /* streams are stopped after their head, and let go at the end */
	BREAKS = 4,   /* every third stream is reset by us */
	IGNORES = 8,  /* every second one is not wanted any more */
	BLOCKED = 16, /* the connection takes nothing at first */
	REQUESTS = 3,
};

struct fuzz_stream {
	struct h2_stream stream;
	struct http_message message;
	struct arena arena;
	size_t taken;
	bool over;
};

static struct list chores;
static struct engine engine;
static struct stream wire;
static unsigned int behaviour;
static bool is_blocked;
static size_t open_streams;

/* What of the engine a session needs. */

void chore_init(struct chore *chore, void (*run)(struct chore *chore))
{
	list_init(&chore->node);
	chore->run = run;
}

void engine_put_off(struct engine *of, struct chore *chore)
{
	(void)of;
	if (list_is_empty(&chore->node))
		list_append(&chores, &chore->node);
}

void chore_cancel(struct chore *chore)
{
	list_remove(&chore->node);
}

bool stream_is_congested(struct stream *stream)
{
	(void)stream;
	return is_blocked;
}

/* The reader of what leaves. */
static struct {
	struct buffer bytes;
	nghttp2_hd_inflater *inflater;
	bool is_client;
	bool saw_preface;
	bool in_head;
} reader;

void stream_write(struct stream *stream, struct slice bytes)
{
	(void)stream;
	assert(buffer_append(&reader.bytes, bytes) == 0);
}

static void read_block(struct slice block, bool last)
{
	while (block.len || last) {
		nghttp2_nv entry;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(reader.inflater, &entry, &flags,
						      (const uint8_t *)block.ptr, block.len, last);

		assert(used >= 0);
		block = slice_from(block, (size_t)used);
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			nghttp2_hd_inflate_end_headers(reader.inflater);
			break;
		}
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && block.len == 0)
			break;
	}
}

static void read_frame(uint8_t type, uint8_t flags, struct slice payload)
{
	/* Nothing stands within a head. */
	assert(reader.in_head == (type == NGHTTP2_CONTINUATION));
	if (type != NGHTTP2_HEADERS && type != NGHTTP2_CONTINUATION)
		return;
	assert(!(flags & (NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY)));
	reader.in_head = !(flags & NGHTTP2_FLAG_END_HEADERS);
	read_block(payload, !reader.in_head);
}

static void read_output(void)
{
	struct slice rest = buffer_slice(&reader.bytes);

	if (reader.is_client && !reader.saw_preface) {
		if (rest.len < NGHTTP2_CLIENT_MAGIC_LEN)
			return;
		assert(memcmp(rest.ptr, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN) == 0);
		rest = slice_from(rest, NGHTTP2_CLIENT_MAGIC_LEN);
		reader.saw_preface = true;
	}
	while (rest.len >= 9) {
		const uint8_t *head = (const uint8_t *)rest.ptr;
		size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];

		assert(length <= 16384 && head[3] <= NGHTTP2_CONTINUATION);
		if (rest.len < 9 + length)
			break;
		read_frame(head[3], head[4], slice_of(rest.ptr + 9, length));
		rest = slice_from(rest, 9 + length);
	}
	buffer_consume(&reader.bytes, buffer_length(&reader.bytes) - rest.len);
}

/* The owner of the streams. */

static struct fuzz_stream *of_stream(struct h2_stream *stream)
{
	return container_of(stream, struct fuzz_stream, stream);
}

static struct fuzz_stream *make_stream(struct h2_session *session)
{
	struct fuzz_stream *made = calloc(1, sizeof(*made));

	assert(made);
	arena_init(&made->arena, HTTP_ARENA_MAX_BYTES);
	h2_stream_init(&made->stream, session);
	open_streams++;
	return made;
}

static void drop(struct fuzz_stream *stream)
{
	h2_stream_forget(&stream->stream);
	arena_free(&stream->arena);
	free(stream);
	open_streams--;
}

static struct h2_stream *on_open(struct h2_session *session)
{
	return &make_stream(session)->stream;
}

static void on_begin_head(struct h2_stream *base)
{
	struct fuzz_stream *stream = of_stream(base);

	http_message_init(&stream->message, &stream->arena);
	h2_head_init(&base->head, &stream->message, base->session->is_server);
}

static void answer(struct fuzz_stream *stream)
{
	static const char text[] = "an answer of some length, sent as a body in a few pieces";
	struct http_message response;
	nghttp2_nv list[H2_ENTRIES_MAX];
	ssize_t count;

	http_message_init(&response, &stream->arena);
	response.status = 200;
	response.body = HTTP_BODY_STREAM;
	http_fields_add(&response.fields, &stream->arena, SLICE_LITERAL("X-A"), SLICE_LITERAL("b"));
	count = h2_list_response(&response, list);
	assert(count == 2);
	h2_stream_respond(&stream->stream, list, 2, false, true);
	h2_stream_write(&stream->stream, slice_from_text(text));
	h2_stream_is_congested(&stream->stream);
	h2_stream_finish(&stream->stream, &response.fields);
}

static void on_head(struct h2_stream *base, bool ends)
{
	struct fuzz_stream *stream = of_stream(base);
	struct http_message *message = &stream->message;
	nghttp2_nv list[H2_ENTRIES_MAX];
	int rc;

	if (base->session->is_server)
		rc = h2_head_finish_request(&base->head, POLICY_HTTPS, ends);
	else
		rc = h2_head_finish_response(&base->head, SLICE_LITERAL("GET"), ends);
	if (rc < 0) {
		assert(base->head.fault);
		h2_stream_reset(base, NGHTTP2_PROTOCOL_ERROR);
		return;
	}
	base->has_head = base->session->is_server || message->status >= 200;
	base->has_length = message->body == HTTP_BODY_SIZED;
	base->length = message->bodiless ? 0 : message->body_bytes;
	if (base->session->is_server)
		assert(h2_list_request(message, message->path, list) > 0);
	if (base->session->is_server && !base->closed)
		answer(stream);
	if (behaviour & STOPS)
		h2_stream_stop(base, true);
	if (behaviour & BREAKS && base->id % 3 == 0)
		h2_stream_reset(base, NGHTTP2_CANCEL);
	if (behaviour & IGNORES && base->id % 4 == 1)
		h2_stream_ignore(base);
}

static void on_data(struct h2_stream *base, struct slice data)
{
	struct fuzz_stream *stream = of_stream(base);

	assert(!base->stopped && !base->end_told && !stream->over);
	stream->taken += data.len;
	assert(!base->has_length || stream->taken <= base->length);
}

static void on_end(struct h2_stream *base)
{
	struct fuzz_stream *stream = of_stream(base);

	assert(!stream->over);
	stream->over = true;
	assert(!base->has_length || stream->taken == base->length);
	for (size_t i = 0; i < base->head.trailers.count; i++)
		assert(http_may_be_trailer(&base->head.trailers.list[i]));
}

static void on_fault(struct h2_stream *base, const char *why)
{
	assert(why && !of_stream(base)->over);
	of_stream(base)->over = true;
	h2_stream_reset(base, NGHTTP2_PROTOCOL_ERROR);
}

static void on_drained(struct h2_stream *base)
{
	assert(!base->congested);
}

static void on_closed(struct h2_stream *base, uint32_t code)
{
	(void)code;
	drop(of_stream(base));
}

static void on_settled(struct h2_session *session)
{
	assert(session->held_bytes <= (session->is_server ? H2_SERVER_WINDOW : H2_CLIENT_WINDOW));
}

static const struct h2_events events = {
	.open = on_open,
	.begin_head = on_begin_head,
	.head = on_head,
	.data = on_data,
	.end = on_end,
	.fault = on_fault,
	.drained = on_drained,
	.closed = on_closed,
	.settled = on_settled,
};

static void settle(void)
{
	while (!list_is_empty(&chores)) {
		struct chore *chore = container_of(chores.next, struct chore, node);

		list_remove(&chore->node);
		chore->run(chore);
	}
	read_output();
}

static void ask(struct h2_session *session)
{
	static const char *const fields[][2] = {{":method", "POST"},
						{":scheme", "https"},
						{":authority", "a.example"},
						{":path", "/"}};
	nghttp2_nv list[4] = {0};

	for (size_t i = 0; i < 4; i++) {
		list[i].name = (uint8_t *)(uintptr_t)fields[i][0];
		list[i].namelen = strlen(fields[i][0]);
		list[i].value = (uint8_t *)(uintptr_t)fields[i][1];
		list[i].valuelen = strlen(fields[i][1]);
	}
	for (int i = 0; i < REQUESTS; i++) {
		struct fuzz_stream *stream = make_stream(session);

		if (h2_stream_request(&stream->stream, list, 4, i > 0, i == 2) < 0) {
			drop(stream);
			continue;
		}
		if (i == 0)
			continue;
		h2_stream_write(&stream->stream, SLICE_LITERAL("a body"));
		h2_stream_finish(&stream->stream, NULL);
	}
}

static void feed(struct h2_session *session, struct slice input, size_t cut)
{
	int rc = 0;

	while (input.len && rc == 0 && !h2_session_is_over(session)) {
		struct slice piece = slice_first(input, cut);

		rc = h2_session_receive(session, piece);
		input = slice_from(input, piece.len);
		settle();
	}
	is_blocked = false;
	list_for_each_safe(node, &session->streams)
		h2_stream_stop(container_of(node, struct h2_stream, node), false);
	h2_session_drained(session);
	settle();
}

static void begin(bool is_client)
{
	list_init(&chores);
	engine.loop = ev_default_loop(0);
	buffer_init(&reader.bytes, (size_t)64 << 20);
	assert(nghttp2_hd_inflate_new(&reader.inflater) == 0);
	reader.is_client = is_client;
	reader.saw_preface = false;
	reader.in_head = false;
}

static void end(struct h2_session *session)
{
	list_for_each_safe(node, &session->streams)
		drop(of_stream(container_of(node, struct h2_stream, node)));
	h2_session_free(session);
	assert(open_streams == 0);
	buffer_free(&reader.bytes);
	nghttp2_hd_inflate_del(reader.inflater);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct h2_session session;
	bool is_server;

	if (size < 2)
		return 0;
	/* The first byte says which side we are and how we behave, the second how the input is cut.
	 */
	is_server = data[0] & 1;
	behaviour = data[0];
	begin(!is_server);
	assert(h2_session_init(&session, &engine, &wire, &events, is_server) == 0);
	if (is_server)
		h2_session_receive(&session,
				   slice_of(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN));
	else
		ask(&session);
	settle();
	is_blocked = behaviour & BLOCKED;
	feed(&session, slice_of(data + 2, size - 2), data[1] ? data[1] : size);
	end(&session);
	return 0;
}
