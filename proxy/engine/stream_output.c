#include "proxy/engine/stream_output.h"

#include <sys/socket.h>

#include "base/error.h"

enum {
	RECORD_BYTES = 16 << 10,
	/* From here on a slice is encrypted where it lies, and not staged. */
	DIRECT_BYTES = 4 << 10,
};

static void mark_broken(struct stream *stream)
{
	if (stream->failed)
		return;
	stream->failed = true;
	list_append(&stream->engine->broken, &stream->broken_node);
}

static void finish_half(struct stream *stream)
{
	if (!stream->shutdown_wanted || buffer_length(&stream->out) || stream->failed)
		return;
	stream->shutdown_wanted = false;
	shutdown(stream->fd, SHUT_WR);
}

/* Hands LEN bytes to the kernel. Returns how many it took, or a negated errno. */
static ssize_t send_some(struct stream *stream, const char *bytes, size_t len)
{
	ssize_t sent;

	do {
		sent = send(stream->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? 0 : -errno;
	stream->bytes_out += (uint64_t)sent;
	return sent;
}

static void send_gathered(struct engine *engine)
{
	struct stream *stream = engine->send_owner;
	struct slice left = slice_of(engine->send, engine->send_used);

	engine->send_owner = NULL;
	engine->send_used = 0;
	if (!stream || stream->failed)
		return;
	if (buffer_length(&stream->out) == 0) {
		ssize_t sent = send_some(stream, left.ptr, left.len);

		if (sent < 0) {
			mark_broken(stream);
			return;
		}
		left = slice_from(left, (size_t)sent);
	}
	if (left.len && buffer_append(&stream->out, left) < 0) {
		mark_broken(stream);
		return;
	}
	if (left.len)
		stream_watch(stream);
	finish_half(stream);
}

static int gather(struct stream *stream, const char *bytes, size_t len)
{
	struct engine *engine = stream->engine;

	if (stream->failed)
		return -EPIPE;
	if (engine->send_owner != stream || engine->send_used + len > ENGINE_SEND_BYTES) {
		if (engine->send_owner)
			send_gathered(engine);
		engine->send_owner = stream;
	}
	/* No record of TLS is as long as the buffer; plain slices are cut by the caller. */
	memcpy(engine->send + engine->send_used, bytes, len);
	engine->send_used += len;
	return 0;
}

int stream_output_take(struct tls_transport *transport, const void *bytes, size_t len)
{
	return gather(container_of(transport, struct stream, transport), bytes, len);
}

/* Encrypts BYTES at once, or gathers them as they are when there is no TLS. */
static void put(struct stream *stream, struct slice bytes)
{
	while (bytes.len && !stream->failed) {
		size_t len = bytes.len < RECORD_BYTES ? bytes.len : RECORD_BYTES;

		if (!stream->ssl) {
			gather(stream, bytes.ptr, len);
		} else {
			int written = SSL_write(stream->ssl, bytes.ptr, (int)len);

			if (written <= 0) {
				mark_broken(stream);
				return;
			}
			len = (size_t)written;
		}
		bytes = slice_from(bytes, len);
	}
}

static void flush_stage(struct engine *engine)
{
	struct stream *stream = engine->stage_owner;
	size_t used = engine->stage_used;

	engine->stage_owner = NULL;
	engine->stage_used = 0;
	if (!stream || used == 0)
		return;
	put(stream, slice_of(engine->stage, used));
	explicit_bzero(engine->stage, used);
}

static void own_stage(struct stream *stream)
{
	struct engine *engine = stream->engine;

	if (engine->stage_owner == stream)
		return;
	flush_stage(engine);
	engine->stage_owner = stream;
}

char *stream_stage_reserve(struct stream *stream, size_t size)
{
	struct engine *engine = stream->engine;

	if (size > ENGINE_STAGE_BYTES)
		return NULL;
	own_stage(stream);
	if (ENGINE_STAGE_BYTES - engine->stage_used < size) {
		flush_stage(engine);
		engine->stage_owner = stream;
	}
	return engine->stage + engine->stage_used;
}

void stream_stage_commit(struct stream *stream, size_t len)
{
	stream->engine->stage_used += len;
}

static void stage(struct stream *stream, struct slice bytes)
{
	memcpy(stream_stage_reserve(stream, bytes.len), bytes.ptr, bytes.len);
	stream_stage_commit(stream, bytes.len);
}

void stream_write(struct stream *stream, struct slice bytes)
{
	struct engine *engine = stream->engine;

	if (stream->failed || stream->state == STREAM_CLOSED)
		return;
	own_stage(stream);
	/* A head that waits is sent in one record with as much of what follows as goes in. */
	if (engine->stage_used && engine->stage_used < RECORD_BYTES) {
		struct slice fill = slice_first(bytes, RECORD_BYTES - engine->stage_used);

		stage(stream, fill);
		bytes = slice_from(bytes, fill.len);
	}
	while (bytes.len >= DIRECT_BYTES) {
		struct slice record = slice_first(bytes, RECORD_BYTES);

		flush_stage(engine);
		put(stream, record);
		bytes = slice_from(bytes, record.len);
	}
	if (bytes.len) {
		if (engine->stage_used >= RECORD_BYTES)
			flush_stage(engine);
		stage(stream, bytes);
	}
}

void stream_output_flush(struct engine *engine)
{
	flush_stage(engine);
	if (engine->send_owner)
		send_gathered(engine);
}

void stream_output_flush_own(struct stream *stream)
{
	struct engine *engine = stream->engine;

	if (engine->stage_owner == stream)
		flush_stage(engine);
	if (engine->send_owner == stream)
		send_gathered(engine);
}

void stream_output_forget(struct stream *stream)
{
	struct engine *engine = stream->engine;

	if (engine->stage_owner == stream) {
		explicit_bzero(engine->stage, engine->stage_used);
		engine->stage_owner = NULL;
		engine->stage_used = 0;
	}
	if (engine->send_owner == stream) {
		engine->send_owner = NULL;
		engine->send_used = 0;
	}
	list_remove(&stream->broken_node);
	list_remove(&stream->again_node);
}

void stream_output_continue(struct stream *stream)
{
	struct slice kept = buffer_slice(&stream->out);
	ssize_t sent = send_some(stream, kept.ptr, kept.len);

	if (sent < 0) {
		mark_broken(stream);
		stream_watch(stream);
		return;
	}
	buffer_consume(&stream->out, (size_t)sent);
	if (buffer_length(&stream->out))
		return;
	stream_watch(stream);
	finish_half(stream);
	if (stream->congested) {
		stream->congested = false;
		stream->events->drained(stream);
	}
}

bool stream_is_congested(struct stream *stream)
{
	if (buffer_length(&stream->out) == 0)
		return false;
	stream->congested = true;
	return true;
}

bool stream_output_tell_broken(struct engine *engine)
{
	bool any = false;

	while (!list_is_empty(&engine->broken)) {
		struct stream *stream = container_of(engine->broken.next, struct stream,
						     broken_node);

		list_remove(&stream->broken_node);
		any = true;
		stream->events->broken(stream);
	}
	return any;
}
