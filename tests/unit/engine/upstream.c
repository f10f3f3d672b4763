#include "tests/unit/engine/upstream.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "tests/unit/allocation.h"

enum { HEADER_BYTES = 12 };

static void read_question(struct upstream_question *question, struct slice message)
{
	struct reader r = reader_of(message);
	struct writer name = writer_of(question->name, sizeof(question->name));

	reader_skip(&r, HEADER_BYTES);
	for (struct slice label = reader_vector8(&r); label.len > 0; label = reader_vector8(&r)) {
		if (writer_length(&name) > 0)
			writer_u8(&name, '.');
		writer_bytes(&name, label);
	}
	writer_u8(&name, 0);
	question->type = reader_u16(&r);
	reader_u16(&r);
	question->edns = message.ptr[11] == 1;
	question->len = reader_offset(&r);
	assert_true(!r.error && !name.error);
	memcpy(question->bytes, message.ptr, question->len);
}

static void handle(struct upstream *upstream, struct upstream_question *question,
		   struct slice message)
{
	upstream->questions++;
	upstream->tcp_questions += question->tcp;
	question->upstream = upstream;
	read_question(question, message);
	upstream->handler(upstream->context, question);
}

static void udp_ready(struct ev_loop *loop, ev_io *watcher, int revents)
{
	struct upstream *upstream = container_of(watcher, struct upstream, udp);
	struct upstream_question question = {.fd = watcher->fd};
	socklen_t peer_len = sizeof(question.peer);
	char bytes[UPSTREAM_MESSAGE_MAX];
	ssize_t got = recvfrom(watcher->fd, bytes, sizeof(bytes), MSG_DONTWAIT,
			       (struct sockaddr *)&question.peer, &peer_len);

	(void)loop;
	(void)revents;
	if (got < HEADER_BYTES)
		return;
	upstream->last_peer_port = ntohs(question.peer.sin_port);
	handle(upstream, &question, slice_of(bytes, (size_t)got));
}

/* Takes what is there for whole questions; the resolver sends each in one piece. */
static void connection_ready(struct ev_loop *loop, ev_io *watcher, int revents)
{
	char bytes[UPSTREAM_MESSAGE_MAX];
	ssize_t got = recv(watcher->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct reader r;

	(void)revents;
	if (got <= 0) {
		ev_io_stop(loop, watcher);
		close(watcher->fd);
		watcher->fd = -1;
		return;
	}
	r = reader_of(slice_of(bytes, (size_t)got));
	while (reader_left(&r) > 0) {
		struct upstream_question question = {.fd = watcher->fd, .tcp = true};
		struct slice message = reader_vector16(&r);

		assert_false(r.error);
		handle(watcher->data, &question, message);
	}
}

static void tcp_ready(struct ev_loop *loop, ev_io *watcher, int revents)
{
	struct upstream *upstream = container_of(watcher, struct upstream, tcp);
	int fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)revents;
	for (int i = 0; i < UPSTREAM_CONNECTIONS_MAX && fd >= 0; i++) {
		ev_io *connection = &upstream->connections[i];

		if (connection->fd >= 0)
			continue;
		ev_io_set(connection, fd, EV_READ);
		ev_io_start(loop, connection);
		return;
	}
	close(fd);
}

static int open_socket(int type, uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

void upstream_start(struct upstream *upstream, struct ev_loop *loop, upstream_handler *handler,
		    void *context)
{
	int udp, tcp;

	*upstream = (struct upstream){.loop = loop, .handler = handler, .context = context};
	tcp = open_socket(SOCK_STREAM, &upstream->port);
	udp = open_socket(SOCK_DGRAM, &upstream->port);
	assert_int_equal(listen(tcp, 16), 0);
	ev_io_init(&upstream->udp, udp_ready, udp, EV_READ);
	ev_io_init(&upstream->tcp, tcp_ready, tcp, EV_READ);
	ev_io_start(loop, &upstream->udp);
	ev_io_start(loop, &upstream->tcp);
	for (int i = 0; i < UPSTREAM_CONNECTIONS_MAX; i++) {
		ev_io_init(&upstream->connections[i], connection_ready, -1, EV_READ);
		upstream->connections[i].data = upstream;
	}
}

static void stop_socket(struct upstream *upstream, ev_io *watcher)
{
	ev_io_stop(upstream->loop, watcher);
	if (watcher->fd >= 0)
		close(watcher->fd);
}

void upstream_stop(struct upstream *upstream)
{
	stop_socket(upstream, &upstream->udp);
	stop_socket(upstream, &upstream->tcp);
	for (int i = 0; i < UPSTREAM_CONNECTIONS_MAX; i++)
		stop_socket(upstream, &upstream->connections[i]);
}

static void write_name(struct writer *w, const char *name)
{
	struct slice rest, label;

	if (!name) {
		writer_u16(w, 0xc000 | HEADER_BYTES);
		return;
	}
	rest = slice_from_text(name);
	while (slice_next_part(&rest, '.', &label)) {
		writer_u8(w, (uint8_t)label.len);
		writer_bytes(w, label);
	}
	writer_u8(w, 0);
}

void upstream_begin(struct upstream_response *response, const struct upstream_question *question,
		    uint16_t flags)
{
	response->answers = 0;
	response->w = writer_of(response->bytes, sizeof(response->bytes));
	writer_bytes(&response->w, slice_of(question->bytes, 2));
	writer_u16(&response->w, 0x8180 | flags);
	writer_u16(&response->w, 1);
	writer_u32(&response->w, 0);
	writer_u16(&response->w, 0);
	writer_bytes(&response->w,
		     slice_of(question->bytes + HEADER_BYTES, question->len - HEADER_BYTES));
}

void upstream_address(struct upstream_response *response, const char *name, uint32_t ttl,
		      const char *address)
{
	bool ipv6 = strchr(address, ':') != NULL;
	uint8_t bytes[16];

	assert_int_equal(inet_pton(ipv6 ? AF_INET6 : AF_INET, address, bytes), 1);
	write_name(&response->w, name);
	writer_u16(&response->w, ipv6 ? UPSTREAM_AAAA : UPSTREAM_A);
	writer_u16(&response->w, 1);
	writer_u32(&response->w, ttl);
	writer_u16(&response->w, ipv6 ? 16 : 4);
	writer_bytes(&response->w, slice_of(bytes, ipv6 ? 16 : 4));
	response->answers++;
}

void upstream_cname(struct upstream_response *response, const char *name, uint32_t ttl,
		    const char *target)
{
	write_name(&response->w, name);
	writer_u16(&response->w, 5);
	writer_u16(&response->w, 1);
	writer_u32(&response->w, ttl);
	writer_u16(&response->w, (uint16_t)(strlen(target) + 2));
	write_name(&response->w, target);
	response->answers++;
}

void upstream_send(const struct upstream_question *question, struct upstream_response *response)
{
	size_t len = writer_length(&response->w);
	uint8_t framed[2 + UPSTREAM_MESSAGE_MAX];

	assert_false(response->w.error);
	writer_patch_u16(&response->w, 6, response->answers);
	if (!question->tcp) {
		sendto(question->fd, response->bytes, len, 0,
		       (const struct sockaddr *)&question->peer, sizeof(question->peer));
		return;
	}
	framed[0] = (uint8_t)(len >> 8);
	framed[1] = (uint8_t)len;
	memcpy(framed + 2, response->bytes, len);
	send(question->fd, framed, len + 2, MSG_NOSIGNAL);
}

void upstream_send_code(const struct upstream_question *question, uint16_t code)
{
	struct upstream_response response;

	upstream_begin(&response, question, code);
	upstream_send(question, &response);
}
