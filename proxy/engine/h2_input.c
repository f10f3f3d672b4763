#include "proxy/engine/h2_input.h"

#include "base/error.h"

static double now(const struct h2_session *session)
{
	return ev_now(session->engine->loop);
}

void h2_input_charge(struct h2_session *session, double cost)
{
	double at = now(session);

	session->budget += (at - session->budget_at) * H2_IDLE_FRAMES_RATE;
	session->budget_at = at;
	if (session->budget > H2_IDLE_FRAMES_BURST)
		session->budget = H2_IDLE_FRAMES_BURST;
	session->budget -= cost;
	if (session->budget >= 0 || session->flooded)
		return;
	session->flooded = true;
	nghttp2_session_terminate_session(session->codec, NGHTTP2_ENHANCE_YOUR_CALM);
}

void h2_input_credit(struct h2_session *session)
{
	session->budget += H2_IDLE_FRAMES_PER_DATA;
}

/* Bytes were handed on, or dropped: the peer may send as many more. */
static void consume(struct h2_stream *stream, size_t len)
{
	struct h2_session *session = stream->session;

	if (stream->closed || stream->ignores) {
		nghttp2_session_consume_connection(session->codec, len);
		return;
	}
	nghttp2_session_consume(session->codec, stream->id, len);
	stream->handed += (uint32_t)len;
	if (session->is_server || stream->handed < stream->window)
		return;
	/* A whole window was taken as fast as it came: the way to the origin may be longer than the
	   window is wide. */
	stream->handed = 0;
	if (!stream->was_stopped && stream->window < H2_CLIENT_STREAM_WINDOW_MAX) {
		stream->window *= 2;
		nghttp2_session_set_local_window_size(session->codec, NGHTTP2_FLAG_NONE, stream->id,
						      (int32_t)stream->window);
	}
	stream->was_stopped = stream->stopped;
}

static void fault(struct h2_stream *stream, const char *why)
{
	if (stream->ignores)
		return;
	stream->ignores = true;
	stream->session->events->fault(stream, why);
}

static void tell_end(struct h2_stream *stream)
{
	stream->end_told = true;
	stream->session->events->end(stream);
}

static void end_input(struct h2_stream *stream)
{
	if (stream->has_length && stream->received != stream->length) {
		fault(stream, "the body is not as long as its Content-Length says");
		return;
	}
	stream->ended = true;
	if (buffer_length(&stream->held) == 0)
		tell_end(stream);
}

/* Heads of streams that are gone are ignored by the codec. */
static bool begins_something(struct h2_session *session, nghttp2_session *codec, int32_t id)
{
	bool is_new = id > session->last_id;

	if (is_new)
		session->last_id = id;
	return is_new || nghttp2_session_get_stream_user_data(codec, id);
}

/* A stream that a client resets it can open anew; one that an origin resets was ours to open. */
static double cost_of(struct h2_session *session, nghttp2_session *codec,
		      const nghttp2_frame_hd *hd)
{
	if (hd->type != NGHTTP2_RST_STREAM)
		return 1;
	if (session->is_server)
		return H2_RESET_COST;
	return nghttp2_session_get_stream_user_data(codec, hd->stream_id) ? 0 : 1;
}

static int on_begin_frame(nghttp2_session *codec, const nghttp2_frame_hd *hd, void *user)
{
	struct h2_session *session = user;

	if (hd->type == NGHTTP2_HEADERS && begins_something(session, codec, hd->stream_id))
		return 0;
	/* Data that nobody awaits does nothing either. */
	if (hd->type == NGHTTP2_DATA && nghttp2_session_get_stream_user_data(codec, hd->stream_id))
		return 0;
	h2_input_charge(session, cost_of(session, codec, hd));
	return 0;
}

static struct h2_stream *open_stream(struct h2_session *session, nghttp2_session *codec, int32_t id)
{
	struct h2_stream *stream = session->events->open(session);

	if (!stream)
		return NULL;
	stream->id = id;
	nghttp2_session_set_stream_user_data(codec, id, stream);
	return stream;
}

static int on_begin_headers(nghttp2_session *codec, const nghttp2_frame *frame, void *user)
{
	struct h2_session *session = user;
	int32_t id = frame->hd.stream_id;
	struct h2_stream *stream;

	session->head_begun_at = now(session);
	if (session->is_server && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		stream = open_stream(session, codec, id);
	else
		stream = nghttp2_session_get_stream_user_data(codec, id);
	if (!stream && session->is_server) {
		session->head_begun_at = 0;
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	if (!stream)
		return 0;
	if (stream->ignores)
		return 0;
	if (stream->has_head)
		h2_head_begin_trailers(&stream->head);
	else
		session->events->begin_head(stream);
	return 0;
}

static int on_header(nghttp2_session *codec, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
		     void *user)
{
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(codec, frame->hd.stream_id);
	struct h2_session *session = user;

	(void)flags;
	if (!stream || stream->ignores)
		return 0;
	if (h2_head_add(&stream->head, slice_of(name, name_length),
			slice_of(value, value_length)) == 0)
		return 0;
	/* The rest of it is not told of. */
	session->head_begun_at = 0;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void on_head(struct h2_stream *stream, bool ends)
{
	if (!stream->head.is_trailer) {
		stream->session->events->head(stream, ends);
		if (stream->has_head && ends && !stream->ignores)
			end_input(stream);
		return;
	}
	if (!ends)
		fault(stream, "a header section in the middle of the body");
	else if (h2_head_finish_trailers(&stream->head) < 0)
		fault(stream, stream->head.fault);
	else
		end_input(stream);
}

static int on_frame(nghttp2_session *codec, const nghttp2_frame *frame, void *user)
{
	struct h2_session *session = user;
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(codec, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_HEADERS)
		session->head_begun_at = 0;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		session->going_away = true;
	if (!stream || stream->ignores)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS) {
		on_head(stream, ends);
	} else if (frame->hd.type == NGHTTP2_DATA) {
		if (ends)
			end_input(stream);
		else if (frame->hd.length == frame->data.padlen)
			h2_input_charge(session, 1);
	}
	return 0;
}

static int on_data(nghttp2_session *codec, uint8_t flags, int32_t id, const uint8_t *bytes,
		   size_t len, void *user)
{
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(codec, id);
	struct h2_session *session = user;

	(void)flags;
	if (!stream) {
		nghttp2_session_consume(codec, id, len);
		return 0;
	}
	h2_input_credit(session);
	stream->received += len;
	if (stream->has_length && stream->received > stream->length)
		fault(stream, "the body is longer than its Content-Length says");
	if (stream->ignores) {
		consume(stream, len);
	} else if (!stream->stopped && buffer_length(&stream->held) == 0) {
		session->events->data(stream, slice_of(bytes, len));
		consume(stream, len);
	} else if (buffer_append(&stream->held, slice_of(bytes, len)) < 0) {
		/* The window bounds it: there is no memory. */
		fault(stream, "out of memory");
		consume(stream, len);
	} else {
		session->held_bytes += len;
	}
	return 0;
}

static int on_close(nghttp2_session *codec, int32_t id, uint32_t code, void *user)
{
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(codec, id);
	struct h2_session *session = user;

	if (!stream)
		return 0;
	session->stream_count--;
	stream->closed = true;
	stream->close_code = code;
	/* What came whole is handed on to its end. */
	if (stream->ended && !stream->end_told && !stream->ignores)
		return 0;
	session->events->closed(stream, code);
	return 0;
}

static void hand_on(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;

	while (buffer_length(&stream->held) && !stream->stopped && !stream->ignores) {
		struct slice piece = slice_first(buffer_slice(&stream->held), 16 << 10);

		session->events->data(stream, piece);
		/* Then all that was held has been dropped. */
		if (stream->ignores)
			break;
		buffer_consume(&stream->held, piece.len);
		session->held_bytes -= piece.len;
		consume(stream, piece.len);
	}
	if (stream->ended && !stream->end_told && !stream->ignores &&
	    buffer_length(&stream->held) == 0)
		tell_end(stream);
	if (stream->closed && (stream->end_told || stream->ignores))
		session->events->closed(stream, stream->close_code);
}

void h2_input_hand_on(struct h2_session *session)
{
	while (!list_is_empty(&session->ready)) {
		struct h2_stream *stream = container_of(session->ready.next, struct h2_stream,
							ready_node);

		list_remove(&stream->ready_node);
		hand_on(stream);
	}
}

void h2_input_set_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}
