#include "proxy/engine/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "proxy/engine/engine.h"
#include "proxy/engine/stream_output.h"
#include "proxy/tls/upstream.h"

static ssize_t receive(struct stream *stream, void *bytes, size_t size)
{
	ssize_t got;

	if (stream->kernel_empty)
		return -EAGAIN;
	do {
		got = recv(stream->fd, bytes, size, MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		stream->kernel_empty = errno == EAGAIN;
		return -errno;
	}
	/* A short read took all there was: the next one would only say EAGAIN. The end of the
	 * stream is told again by the loop. */
	stream->kernel_empty = got > 0 && (size_t)got < size;
	stream->ended = got == 0;
	stream->bytes_in += (uint64_t)got;
	return got;
}

static ssize_t read_for_tls(struct tls_transport *transport, void *bytes, size_t size)
{
	struct stream *stream = container_of(transport, struct stream, transport);
	struct slice prefix = slice_first(buffer_slice(&stream->prefix), size);

	if (prefix.len == 0)
		return receive(stream, bytes, size);
	memcpy(bytes, prefix.ptr, prefix.len);
	buffer_consume(&stream->prefix, prefix.len);
	return (ssize_t)prefix.len;
}

void stream_watch(struct stream *stream)
{
	bool read = !stream->paused;
	bool write = buffer_length(&stream->out) && !stream->failed;
	int wanted = (read ? EV_READ : 0) | (write ? EV_WRITE : 0);
	struct ev_loop *loop = stream->engine->loop;

	if (ev_is_active(&stream->io) && (stream->io.events & (EV_READ | EV_WRITE)) == wanted)
		return;
	ev_io_stop(loop, &stream->io);
	if (!wanted)
		return;
	ev_io_modify(&stream->io, wanted);
	ev_io_start(loop, &stream->io);
}

/* What OpenSSL holds of the input is not seen by the kernel. It is for the next turn: in this one
 * what was read is acted on first, and others have theirs. */
static void read_on_if_pending(struct stream *stream)
{
	bool held = stream->ssl ? SSL_has_pending(stream->ssl) : false;

	if (stream->paused || stream->state != STREAM_OPEN || stream->input_taken)
		return;
	if ((held || !stream->kernel_empty) && list_is_empty(&stream->again_node))
		list_append(&stream->engine->again, &stream->again_node);
}

void stream_read_again(struct engine *engine)
{
	while (!list_is_empty(&engine->again)) {
		struct stream *stream = container_of(engine->again.next, struct stream, again_node);

		list_remove(&stream->again_node);
		ev_feed_event(engine->loop, &stream->io, EV_READ);
	}
}

static void continue_handshake(struct stream *stream)
{
	int rc, error;

	ERR_clear_error();
	rc = SSL_do_handshake(stream->ssl);
	if (stream->state == STREAM_CLOSED)
		return;
	stream_output_flush_own(stream);
	if (rc == 1) {
		stream->state = STREAM_OPEN;
		stream->input_taken = false;
		stream->events->handshaken(stream, 0);
		if (stream->state == STREAM_OPEN)
			read_on_if_pending(stream);
		return;
	}
	error = SSL_get_error(stream->ssl, rc);
	if (error == SSL_ERROR_WANT_READ && !stream->failed)
		return;
	stream->paused = true;
	stream_watch(stream);
	stream->events->handshaken(stream,
				   tls_failed_to_verify(stream->ssl) ? ERROR_VERIFY : ERROR_CRYPTO);
}

static void handle_io(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct stream *stream = container_of(io, struct stream, io);

	(void)loop;
	if (events & EV_WRITE && buffer_length(&stream->out))
		stream_output_continue(stream);
	if (!(events & EV_READ) || stream->state == STREAM_CLOSED)
		return;
	stream->kernel_empty = false;
	if (stream->state == STREAM_HANDSHAKING) {
		continue_handshake(stream);
		return;
	}
	if (stream->paused)
		return;
	stream->events->readable(stream);
	if (stream->state != STREAM_CLOSED)
		read_on_if_pending(stream);
}

void stream_init(struct stream *stream, struct engine *engine, int fd,
		 const struct stream_events *events)
{
	int on = 1;

	*stream = (struct stream){
		.transport = {.read = read_for_tls, .write = stream_output_take},
		.engine = engine,
		.events = events,
		.state = STREAM_RAW,
		.fd = fd,
		.paused = true,
	};
	buffer_init(&stream->prefix, 128 << 10);
	buffer_init(&stream->out, STREAM_OUT_MAX_BYTES);
	list_init(&stream->broken_node);
	list_init(&stream->again_node);
	ev_io_init(&stream->io, handle_io, fd, EV_READ);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int stream_unread(struct stream *stream, struct slice bytes)
{
	return buffer_append(&stream->prefix, bytes);
}

static void start_handshake(struct stream *stream, SSL *ssl)
{
	stream->ssl = ssl;
	stream->state = STREAM_HANDSHAKING;
	stream->paused = false;
	stream_watch(stream);
	/* The first step is taken by the loop: handshaken() must not be called from here. */
	ev_feed_event(stream->engine->loop, &stream->io, EV_READ);
}

void stream_start_server(struct stream *stream, SSL *ssl)
{
	start_handshake(stream, ssl);
}

void stream_start_client(struct stream *stream, SSL *ssl)
{
	start_handshake(stream, ssl);
}

static ssize_t read_error(struct stream *stream, int rc)
{
	int error = SSL_get_error(stream->ssl, rc);

	if (error == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return ERROR_EOF;
	ERR_clear_error();
	return stream->ended ? ERROR_TRUNCATED : ERROR_CRYPTO;
}

ssize_t stream_read(struct stream *stream, char *bytes, size_t size)
{
	ssize_t got;

	if (!stream->ssl) {
		got = read_for_tls(&stream->transport, bytes, size);
		if (got == 0)
			got = ERROR_EOF;
	} else if (stream->kernel_empty && !SSL_has_pending(stream->ssl)) {
		got = -EAGAIN;
	} else {
		int rc = SSL_read(stream->ssl, bytes, (int)size);

		got = rc > 0 ? rc : read_error(stream, rc);
	}
	stream->input_taken = got < 0;
	return got;
}

bool stream_is_quiet(const struct stream *stream)
{
	char byte;

	return recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void stream_pause(struct stream *stream)
{
	stream->paused = true;
	stream_watch(stream);
}

void stream_resume(struct stream *stream)
{
	if (!stream->paused || stream->state == STREAM_CLOSED)
		return;
	stream->paused = false;
	stream_watch(stream);
	/* What was left unread when it was paused may be inside OpenSSL. */
	if (stream->state != STREAM_HANDSHAKING)
		ev_feed_event(stream->engine->loop, &stream->io, EV_READ);
}

void stream_shutdown(struct stream *stream)
{
	if (stream->state == STREAM_CLOSED || stream->failed)
		return;
	if (stream->engine->stage_owner == stream)
		stream_output_flush_own(stream);
	if (stream->ssl && SSL_is_init_finished(stream->ssl))
		SSL_shutdown(stream->ssl);
	/* Not earlier: what is flushed above would be followed by FIN, and close_notify not be
	 * taken. */
	stream->shutdown_wanted = true;
	stream_output_flush_own(stream);
	if (stream->shutdown_wanted && buffer_length(&stream->out) == 0) {
		stream->shutdown_wanted = false;
		shutdown(stream->fd, SHUT_WR);
	}
}

static void reset_on_close(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

void stream_close(struct stream *stream, bool abort)
{
	struct ev_loop *loop = stream->engine->loop;

	if (stream->state == STREAM_CLOSED)
		return;
	if (!abort && !stream->failed)
		stream_output_flush_own(stream);
	tls_end_session(stream->ssl, !abort && !stream->failed);
	stream->ssl = NULL;
	if (!abort && !stream->failed)
		stream_output_flush_own(stream);
	stream_output_forget(stream);
	stream->state = STREAM_CLOSED;
	ev_io_stop(loop, &stream->io);
	ev_clear_pending(loop, &stream->io);
	if (abort)
		reset_on_close(stream->fd);
	close(stream->fd);
	stream->fd = -1;
	buffer_free(&stream->prefix);
	buffer_wipe(&stream->out);
}

int stream_detach(struct stream *stream)
{
	int fd = stream->fd;

	ev_io_stop(stream->engine->loop, &stream->io);
	ev_clear_pending(stream->engine->loop, &stream->io);
	stream_output_forget(stream);
	stream->state = STREAM_CLOSED;
	stream->fd = -1;
	buffer_free(&stream->prefix);
	buffer_free(&stream->out);
	return fd;
}
