#include "proxy/engine/h2_session.h"

#include "base/error.h"
#include "proxy/engine/h2_input.h"
#include "proxy/engine/limits.h"

enum {
	FRAME_HEAD_BYTES = 9,
	/* A DATA frame fills one record of TLS. */
	FRAME_BYTES = (16 << 10) - FRAME_HEAD_BYTES,
	/* From here on a piece is sent from where it lies. */
	DIRECT_BYTES = 4 << 10,
};

static size_t waiting(const struct h2_stream *stream)
{
	return buffer_length(&stream->pending) + stream->direct.len;
}

/* The next frame of a body. */
static ssize_t read_body(nghttp2_session *codec, int32_t id, uint8_t *bytes, size_t length,
			 uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2_stream *stream = source->ptr;
	size_t available = waiting(stream);

	(void)bytes;
	(void)user;
	if (available == 0 && !stream->finished) {
		stream->body_waits = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (length > available)
		length = available;
	if (length)
		*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (length < available || !stream->finished)
		return (ssize_t)length;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (stream->trailer_count) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (nghttp2_submit_trailer(codec, id, stream->trailers, stream->trailer_count) < 0)
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return (ssize_t)length;
}

static ssize_t choose_length(nghttp2_session *codec, uint8_t type, int32_t id,
			     int32_t session_window, int32_t stream_window, uint32_t frame_max,
			     void *user)
{
	int32_t length = FRAME_BYTES;

	(void)codec;
	(void)type;
	(void)id;
	(void)user;
	(void)frame_max; /* never less than 16 KiB */
	if (length > session_window)
		length = session_window;
	return length < stream_window ? length : stream_window;
}

static void take_direct(struct h2_stream *stream, size_t length)
{
	stream_write(stream->session->stream, slice_first(stream->direct, length));
	stream->direct = slice_from(stream->direct, length);
}

static void tell_drained(struct h2_stream *stream)
{
	if (!stream->congested || waiting(stream) > H2_PENDING_BYTES / 2)
		return;
	stream->congested = false;
	/* Not from here: whoever writes on another stream right now would have his memory written
	 * over, as all share one. */
	if (list_is_empty(&stream->drained_node))
		list_append(&stream->session->drained, &stream->drained_node);
	engine_put_off(stream->session->engine, &stream->session->chore);
}

static void tell_all_drained(struct h2_session *session)
{
	while (!list_is_empty(&session->drained)) {
		struct h2_stream *stream = container_of(session->drained.next, struct h2_stream,
							drained_node);

		list_remove(&stream->drained_node);
		session->events->drained(stream);
	}
}

static int send_body(nghttp2_session *codec, nghttp2_frame *frame, const uint8_t *head,
		     size_t length, nghttp2_data_source *source, void *user)
{
	struct h2_session *session = user;
	struct h2_stream *stream = source->ptr;
	struct slice first = slice_first(buffer_slice(&stream->pending), length);

	(void)codec;
	(void)frame;
	if (stream_is_congested(session->stream))
		return NGHTTP2_ERR_WOULDBLOCK;
	stream_write(session->stream, slice_of(head, FRAME_HEAD_BYTES));
	stream_write(session->stream, first);
	if (length > first.len)
		take_direct(stream, length - first.len);
	if (first.len)
		buffer_consume(&stream->pending, first.len);
	h2_input_credit(session);
	tell_drained(stream);
	return 0;
}

/* What a reset that we send costs the peer. */
static double cost_of_reset(uint32_t code)
{
	if (code == NGHTTP2_NO_ERROR || code == NGHTTP2_CANCEL)
		return 0;
	return code == NGHTTP2_REFUSED_STREAM ? 1 : H2_FAULT_COST;
}

static int on_frame_sent(nghttp2_session *codec, const nghttp2_frame *frame, void *user)
{
	struct h2_session *session = user;
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(codec, frame->hd.stream_id);

	if (frame->hd.type == NGHTTP2_RST_STREAM)
		h2_input_charge(session, cost_of_reset(frame->rst_stream.error_code));
	if (frame->hd.type == NGHTTP2_GOAWAY)
		session->error = frame->goaway.error_code;
	if (!stream)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS)
		stream->head_sent = true;
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
	    (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	stream->sent = true;
	return 0;
}

static int on_frame_not_sent(nghttp2_session *codec, const nghttp2_frame *frame, int error,
			     void *user)
{
	struct h2_stream *stream = nghttp2_session_get_stream_user_data(codec, frame->hd.stream_id);

	(void)error;
	(void)user;
	if (stream && frame->hd.type == NGHTTP2_HEADERS)
		stream->head_refused = true;
	return 0;
}

/* Sends what there is, as far as the connection takes it. */
static void pump(struct h2_session *session)
{
	const uint8_t *bytes;
	ssize_t length;

	if (session->receiving || session->sending) {
		engine_put_off(session->engine, &session->chore);
		return;
	}
	session->sending = true;
	while (!stream_is_congested(session->stream) &&
	       (length = nghttp2_session_mem_send(session->codec, &bytes)) > 0)
		stream_write(session->stream, slice_of(bytes, (size_t)length));
	session->sending = false;
}

static void do_chore(struct chore *chore)
{
	struct h2_session *session = container_of(chore, struct h2_session, chore);

	h2_input_hand_on(session);
	tell_all_drained(session);
	pump(session);
	session->events->settled(session);
}

static nghttp2_session_callbacks *make_callbacks(void)
{
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks) < 0)
		return NULL;
	h2_input_set_callbacks(callbacks);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, send_body);
	nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, choose_length);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
	return callbacks;
}

static nghttp2_option *make_options(void)
{
	nghttp2_option *option;

	if (nghttp2_option_new(&option) < 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(option, 1);
	/* What heads mean is decided by http/h2_head.c, which can say what is wrong. */
	nghttp2_option_set_no_http_messaging(option, 1);
	nghttp2_option_set_peer_max_concurrent_streams(option, LIMIT_STREAMS);
	nghttp2_option_set_max_reserved_remote_streams(option, 0);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_send_header_block_length(option, 2 * HTTP_HEAD_MAX_BYTES);
	nghttp2_option_set_max_outbound_ack(option, 200);
	nghttp2_option_set_max_settings(option, 32);
	nghttp2_option_set_stream_reset_rate_limit(option, 1000, 33);
	nghttp2_option_set_max_continuations(option, 8);
	return option;
}

static int make_codec(struct h2_session *session)
{
	static nghttp2_session_callbacks *callbacks;
	static nghttp2_option *option;

	/* The same for every session, and made once. */
	if (!callbacks)
		callbacks = make_callbacks();
	if (!option)
		option = make_options();
	if (!callbacks || !option)
		return -ENOMEM;
	if (session->is_server)
		return nghttp2_session_server_new2(&session->codec, callbacks, session, option);
	return nghttp2_session_client_new2(&session->codec, callbacks, session, option);
}

static int submit_settings(struct h2_session *session)
{
	const nghttp2_settings_entry of_server[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_STREAMS},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_SERVER_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX_BYTES},
		{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};
	const nghttp2_settings_entry of_client[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_CLIENT_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX_BYTES},
	};

	if (session->is_server)
		return nghttp2_submit_settings(session->codec, NGHTTP2_FLAG_NONE, of_server,
					       sizeof(of_server) / sizeof(of_server[0]));
	return nghttp2_submit_settings(session->codec, NGHTTP2_FLAG_NONE, of_client,
				       sizeof(of_client) / sizeof(of_client[0]));
}

int h2_session_init(struct h2_session *session, struct engine *engine, struct stream *stream,
		    const struct h2_events *events, bool is_server)
{
	int32_t window = is_server ? H2_SERVER_WINDOW : H2_CLIENT_WINDOW;

	*session = (struct h2_session){
		.engine = engine,
		.stream = stream,
		.events = events,
		.is_server = is_server,
		.budget = H2_IDLE_FRAMES_BURST,
		.budget_at = ev_now(engine->loop),
	};
	list_init(&session->streams);
	list_init(&session->ready);
	list_init(&session->drained);
	chore_init(&session->chore, do_chore);
	if (make_codec(session) < 0)
		return -ENOMEM;
	if (submit_settings(session) < 0 ||
	    nghttp2_session_set_local_window_size(session->codec, NGHTTP2_FLAG_NONE, 0, window) <
		    0) {
		h2_session_free(session);
		return -ENOMEM;
	}
	engine_put_off(engine, &session->chore);
	return 0;
}

void h2_session_free(struct h2_session *session)
{
	chore_cancel(&session->chore);
	nghttp2_session_del(session->codec);
	session->codec = NULL;
}

int h2_session_receive(struct h2_session *session, struct slice input)
{
	ssize_t taken;

	session->receiving = true;
	taken = nghttp2_session_mem_recv(session->codec, (const uint8_t *)input.ptr, input.len);
	session->receiving = false;
	engine_put_off(session->engine, &session->chore);
	return taken < 0 ? ERROR_SYNTAX : 0;
}

void h2_session_drained(struct h2_session *session)
{
	engine_put_off(session->engine, &session->chore);
}

void h2_session_leave(struct h2_session *session, uint32_t code)
{
	if (code == NGHTTP2_NO_ERROR)
		nghttp2_submit_goaway(session->codec, NGHTTP2_FLAG_NONE,
				      nghttp2_session_get_last_proc_stream_id(session->codec), code,
				      NULL, 0);
	else
		nghttp2_session_terminate_session(session->codec, code);
	engine_put_off(session->engine, &session->chore);
}

bool h2_session_is_over(const struct h2_session *session)
{
	return !nghttp2_session_want_read(session->codec) &&
	       !nghttp2_session_want_write(session->codec);
}

bool h2_session_is_behind(const struct h2_session *session)
{
	return nghttp2_session_get_outbound_queue_size(session->codec) > H2_WAITING_FRAMES;
}

bool h2_session_has_room(const struct h2_session *session, size_t max_streams)
{
	uint32_t granted = nghttp2_session_get_remote_settings(
		session->codec, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

	/* A head cannot leave in the middle of a frame that the connection does not take. */
	return !session->receiving && !session->sending && !stream_is_congested(session->stream) &&
	       session->held_bytes < H2_HELD_BYTES && session->stream_count < max_streams &&
	       session->stream_count < granted &&
	       nghttp2_session_check_request_allowed(session->codec);
}

void h2_stream_init(struct h2_stream *stream, struct h2_session *session)
{
	stream->session = session;
	stream->window = session->is_server ? H2_SERVER_STREAM_WINDOW : H2_CLIENT_STREAM_WINDOW;
	buffer_init_wiped(&stream->held, H2_CLIENT_STREAM_WINDOW_MAX);
	/* Pieces are no longer than what one read brings, and stop when it is congested. */
	buffer_init_wiped(&stream->pending, (size_t)1 << 20);
	arena_init(&stream->texts,
		   2 * HTTP_TRAILER_MAX_BYTES + sizeof(nghttp2_nv) * H2_ENTRIES_MAX);
	list_init(&stream->ready_node);
	list_init(&stream->drained_node);
	list_append(&session->streams, &stream->node);
	session->stream_count++;
}

void h2_stream_forget(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;
	size_t held = buffer_length(&stream->held);

	if (!stream->closed) {
		session->stream_count--;
		nghttp2_session_set_stream_user_data(session->codec, stream->id, NULL);
	}
	if (held)
		nghttp2_session_consume_connection(session->codec, held);
	session->held_bytes -= held;
	buffer_free(&stream->held);
	buffer_free(&stream->pending);
	arena_free(&stream->texts);
	list_remove(&stream->node);
	list_remove(&stream->ready_node);
	list_remove(&stream->drained_node);
}

/* The values in LIST are copied by nobody: the head must leave before this returns. */
static int push_out(struct h2_stream *stream, bool hides)
{
	struct h2_session *session = stream->session;
	const uint8_t *bytes;
	ssize_t length;

	session->sending = true;
	while (!stream->head_sent && !stream->head_refused && !stream->closed &&
	       (length = nghttp2_session_mem_send(session->codec, &bytes)) > 0) {
		stream_write(session->stream, slice_of(bytes, (size_t)length));
		/* The codec's own buffer, which it fills anew: what was in it has left. */
		if (hides)
			explicit_bzero((void *)(uintptr_t)bytes, (size_t)length);
	}
	session->sending = false;
	engine_put_off(session->engine, &session->chore);
	return stream->head_sent ? 0 : -EAGAIN;
}

int h2_stream_request(struct h2_stream *stream, const nghttp2_nv *list, size_t count, bool has_body,
		      bool hides)
{
	const nghttp2_data_provider body = {.source = {.ptr = stream}, .read_callback = read_body};
	int32_t id = nghttp2_submit_request(stream->session->codec, NULL, list, count,
					    has_body ? &body : NULL, stream);

	if (id < 0)
		return -EAGAIN;
	stream->id = id;
	stream->sent = false;
	return push_out(stream, hides);
}

int h2_stream_respond(struct h2_stream *stream, const nghttp2_nv *list, size_t count,
		      bool informational, bool has_body)
{
	const nghttp2_data_provider body = {.source = {.ptr = stream}, .read_callback = read_body};
	nghttp2_session *codec = stream->session->codec;
	int rc;

	if (stream->closed)
		return 0;
	engine_put_off(stream->session->engine, &stream->session->chore);
	if (informational)
		rc = nghttp2_submit_headers(codec, NGHTTP2_FLAG_NONE, stream->id, NULL, list, count,
					    NULL);
	else
		rc = nghttp2_submit_response(codec, stream->id, list, count,
					     has_body ? &body : NULL);
	return rc < 0 ? -ENOMEM : 0;
}

/* There is more of the body, or its end. */
static void wake_body(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;

	if (stream->body_waits)
		nghttp2_session_resume_data(session->codec, stream->id);
	stream->body_waits = false;
	engine_put_off(session->engine, &session->chore);
}

static bool may_go_directly(const struct h2_stream *stream, struct slice data, bool is_last)
{
	const struct h2_session *session = stream->session;

	/* The last piece waits, to be marked as such. */
	return data.len >= DIRECT_BYTES && !is_last && buffer_length(&stream->pending) == 0 &&
	       !session->receiving && !session->sending;
}

void h2_stream_write(struct h2_stream *stream, struct slice data)
{
	bool is_last = stream->has_left && data.len >= stream->left;

	if (stream->closed || stream->finished)
		return;
	if (stream->has_left)
		stream->left -= data.len < stream->left ? data.len : stream->left;
	if (may_go_directly(stream, data, is_last)) {
		stream->direct = data;
		wake_body(stream);
		pump(stream->session);
		data = stream->direct;
		stream->direct = SLICE_EMPTY;
	}
	if (data.len && buffer_append(&stream->pending, data) < 0) {
		h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	wake_body(stream);
}

/* Copies TRAILERS, which are sent when the body has been. */
static int keep_trailers(struct h2_stream *stream, const struct http_fields *trailers)
{
	nghttp2_nv list[H2_ENTRIES_MAX];
	ssize_t count = h2_list_trailers(trailers, &stream->texts, list);

	if (count <= 0)
		return (int)count;
	stream->trailers = arena_alloc(&stream->texts, (size_t)count * sizeof(list[0]));
	if (!stream->trailers)
		return -ENOMEM;
	for (ssize_t i = 0; i < count; i++) {
		struct slice name = arena_copy(&stream->texts,
					       slice_of(list[i].name, list[i].namelen));
		struct slice value = arena_copy(&stream->texts,
						slice_of(list[i].value, list[i].valuelen));

		if (!name.ptr || !value.ptr)
			return -ENOMEM;
		list[i].name = (uint8_t *)(uintptr_t)name.ptr;
		list[i].value = (uint8_t *)(uintptr_t)value.ptr;
		stream->trailers[i] = list[i];
	}
	stream->trailer_count = (size_t)count;
	return 0;
}

void h2_stream_finish(struct h2_stream *stream, const struct http_fields *trailers)
{
	if (stream->closed || stream->finished)
		return;
	/* A message without its trailers would look whole. */
	if (trailers && trailers->count && keep_trailers(stream, trailers) < 0) {
		h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	stream->finished = true;
	wake_body(stream);
}

void h2_stream_ignore(struct h2_stream *stream)
{
	struct h2_session *session = stream->session;
	size_t held = buffer_length(&stream->held);

	if (stream->ignores)
		return;
	stream->ignores = true;
	if (held) {
		nghttp2_session_consume_connection(session->codec, held);
		session->held_bytes -= held;
		buffer_free(&stream->held);
	}
	if (stream->closed && list_is_empty(&stream->ready_node))
		list_append(&session->ready, &stream->ready_node);
	engine_put_off(session->engine, &session->chore);
}

void h2_stream_reset(struct h2_stream *stream, uint32_t code)
{
	struct h2_session *session = stream->session;

	if (!stream->closed)
		nghttp2_submit_rst_stream(session->codec, NGHTTP2_FLAG_NONE, stream->id, code);
	stream->finished = true;
	h2_stream_ignore(stream);
	engine_put_off(session->engine, &session->chore);
}

void h2_stream_stop(struct h2_stream *stream, bool stop)
{
	struct h2_session *session = stream->session;

	stream->stopped = stop;
	if (stop) {
		stream->was_stopped = true;
		return;
	}
	if (buffer_length(&stream->held) == 0 && !stream->ended)
		return;
	if (list_is_empty(&stream->ready_node))
		list_append(&session->ready, &stream->ready_node);
	engine_put_off(session->engine, &session->chore);
}

bool h2_stream_is_congested(struct h2_stream *stream)
{
	if (waiting(stream) < H2_PENDING_BYTES)
		return false;
	stream->congested = true;
	return true;
}
