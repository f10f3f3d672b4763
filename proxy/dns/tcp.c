/*
 * Connections (RFC 7766): messages with a length of two bytes in front. A connection reads only
 * while its answers find a taker, so a peer that does not read cannot make us remember more than
 * DNS_TCP_BACKLOG_BYTES and one read's worth of queries.
 *
 *   reading      waits for queries; what is whole is answered at once
 *   backed up    answers wait to be written, none are added
 *   ended        the peer sent its end: what it asked before is still answered, then we close
 */
#include "proxy/dns/transport.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"

enum {
	LENGTH_BYTES = 2,
	READ_BYTES = 4096,
};

struct connection {
	struct list node;
	ev_io watcher;
	ev_timer idle;
	struct dns_server *server;
	struct buffer in;
	struct buffer out;
	bool ended;
};

static void connection_close(struct connection *connection)
{
	struct dns_server *server = connection->server;

	ev_io_stop(server->loop, &connection->watcher);
	ev_timer_stop(server->loop, &connection->idle);
	close(connection->watcher.fd);
	list_remove(&connection->node);
	server->connection_count--;
	buffer_free(&connection->in);
	buffer_free(&connection->out);
	free(connection);
}

void dns_tcp_close_all(struct dns_server *server)
{
	while (!list_is_empty(&server->connections))
		connection_close(container_of(server->connections.next, struct connection, node));
}

static void connection_idle(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	connection_close(container_of(timer, struct connection, idle));
}

/* A whole query was read, or an answer taken: only that counts, not bytes that trickle in. */
static void note_progress(struct connection *connection)
{
	struct dns_server *server = connection->server;

	ev_timer_again(server->loop, &connection->idle);
	list_remove(&connection->node);
	list_append(&server->connections, &connection->node);
}

/* The next query that is there whole, without its length; false when there is none. */
static bool next_query(const struct connection *connection, struct slice *query)
{
	struct slice in = buffer_slice(&connection->in);
	size_t length;

	if (in.len < LENGTH_BYTES)
		return false;
	length = (size_t)((uint8_t)in.ptr[0] << 8 | (uint8_t)in.ptr[1]);
	*query = slice_first(slice_from(in, LENGTH_BYTES), length);
	return query->len == length;
}

/* Answers what is there whole, until the backlog is full. What is not a query ends the connection:
 * its peer does not speak DNS. */
static int answer_queries(struct connection *connection)
{
	struct slice query;

	while (buffer_length(&connection->out) < DNS_TCP_BACKLOG_BYTES &&
	       next_query(connection, &query)) {
		char answer[LENGTH_BYTES + DNS_UDP_MAX_BYTES];
		size_t len = dns_respond(connection->server, query, false, answer + LENGTH_BYTES);
		int rc;

		if (len == 0)
			return ERROR_SYNTAX;
		answer[0] = (char)(len >> 8);
		answer[1] = (char)len;
		rc = buffer_append(&connection->out, slice_of(answer, LENGTH_BYTES + len));
		if (rc < 0)
			return rc;
		buffer_consume(&connection->in, LENGTH_BYTES + query.len);
		note_progress(connection);
	}
	return 0;
}

static int flush(struct connection *connection)
{
	while (buffer_length(&connection->out) > 0) {
		struct slice out = buffer_slice(&connection->out);
		ssize_t sent = send(connection->watcher.fd, out.ptr, out.len,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		buffer_consume(&connection->out, (size_t)sent);
		note_progress(connection);
	}
	return 0;
}

static int receive(struct connection *connection)
{
	char bytes[READ_BYTES];
	ssize_t got = recv(connection->watcher.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
	if (got == 0)
		connection->ended = true;
	return buffer_append(&connection->in, slice_of(bytes, (size_t)got));
}

/* Answers and writes in turn, until there is nothing left to answer or nobody to take it. */
static int serve(struct connection *connection)
{
	struct slice query;
	int rc;

	do {
		rc = answer_queries(connection);
		if (rc == 0)
			rc = flush(connection);
	} while (rc == 0 && buffer_length(&connection->out) == 0 && next_query(connection, &query));
	return rc;
}

/* While a query waits for room in the backlog, no more are read. */
static void watch(struct connection *connection)
{
	struct ev_loop *loop = connection->server->loop;
	int events = buffer_length(&connection->out) > 0 ? EV_WRITE : 0;
	int fd = connection->watcher.fd;
	struct slice query;

	if (!connection->ended && !next_query(connection, &query))
		events |= EV_READ;
	if ((connection->watcher.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(loop, &connection->watcher);
	ev_io_set(&connection->watcher, fd, events);
	ev_io_start(loop, &connection->watcher);
}

static void connection_ready(struct ev_loop *loop, ev_io *watcher, int revents)
{
	struct connection *connection = container_of(watcher, struct connection, watcher);
	int rc = 0;

	(void)loop;
	if (revents & EV_READ)
		rc = receive(connection);
	if (rc == 0)
		rc = serve(connection);
	if (rc < 0 || (connection->ended && buffer_length(&connection->out) == 0)) {
		connection_close(connection);
		return;
	}
	watch(connection);
}

/* Takes FD over, or closes it. */
static void connection_open(struct dns_server *server, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection) {
		close(fd);
		return;
	}
	if (server->connection_count >= DNS_TCP_CONNECTIONS_MAX)
		connection_close(container_of(server->connections.next, struct connection, node));
	connection->server = server;
	buffer_init(&connection->in, LENGTH_BYTES + DNS_MESSAGE_MAX_BYTES + READ_BYTES);
	buffer_init(&connection->out, DNS_TCP_BACKLOG_BYTES + LENGTH_BYTES + DNS_UDP_MAX_BYTES);
	ev_io_init(&connection->watcher, connection_ready, fd, EV_READ);
	ev_init(&connection->idle, connection_idle);
	connection->idle.repeat = DNS_TCP_IDLE_S;
	list_init(&connection->node);
	server->connection_count++;
	note_progress(connection);
	ev_io_start(server->loop, &connection->watcher);
}

void dns_tcp_acceptable(struct ev_loop *loop, ev_io *watcher, int revents)
{
	struct dns_socket *socket = container_of(watcher, struct dns_socket, watcher);

	(void)revents;
	for (int i = 0; i < DNS_BATCH; i++) {
		int fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			connection_open(socket->server, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			dns_socket_pause(loop, socket);
		return;
	}
}
