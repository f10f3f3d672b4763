#include "proxy/dns/server.h"

#include <stdlib.h>
#include <unistd.h>

#include "proxy/dns/answer.h"
#include "proxy/dns/transport.h"

static const double pause_s = 0.1;

size_t dns_respond(struct dns_server *server, struct slice query, bool over_udp,
		   char out[DNS_UDP_MAX_BYTES])
{
	struct dns_question question;
	struct dns_answer answer;
	size_t limit = DNS_UDP_MAX_BYTES;

	if (dns_read_query(query, &question) < 0)
		return 0;
	dns_decide_answer(server->names, &question, &answer);
	if (!server->on_query(server->owner, &question, &answer))
		dns_decide_failure(&answer);
	if (over_udp && question.udp_bytes < limit)
		limit = question.udp_bytes;
	return dns_write_response(&question, &answer, out, limit);
}

void dns_socket_pause(struct ev_loop *loop, struct dns_socket *socket)
{
	ev_io_stop(loop, &socket->watcher);
	ev_timer_again(loop, &socket->pause);
}

static void socket_resume(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct dns_socket *socket = container_of(timer, struct dns_socket, pause);

	(void)revents;
	ev_timer_stop(loop, timer);
	ev_io_start(loop, &socket->watcher);
}

typedef void readiness(struct ev_loop *loop, ev_io *watcher, int revents);

static void socket_init(struct dns_server *server, struct dns_socket *socket, int fd,
			readiness *ready)
{
	socket->server = server;
	ev_io_init(&socket->watcher, ready, fd, EV_READ);
	ev_init(&socket->pause, socket_resume);
	socket->pause.repeat = pause_s;
}

static void socket_start(struct dns_socket *socket)
{
	if (socket->watcher.fd >= 0)
		ev_io_start(socket->server->loop, &socket->watcher);
}

static void socket_close(struct dns_socket *socket)
{
	if (socket->watcher.fd < 0)
		return;
	ev_io_stop(socket->server->loop, &socket->watcher);
	ev_timer_stop(socket->server->loop, &socket->pause);
	close(socket->watcher.fd);
}

int dns_server_create(const struct dns_server_setup *setup, struct dns_server **server,
		      struct error *err)
{
	struct dns_server *made;

	for (int i = 0; i < 2; i++) {
		int rc = setup->udp_sockets[i] < 0 ? 0 : dns_udp_prepare(setup->udp_sockets[i]);

		if (rc < 0)
			return error_set_code(err, rc, "cannot prepare the sandbox's DNS socket");
	}
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_set(err, -ENOMEM, "no memory for the sandbox's resolver");
	made->loop = setup->loop;
	made->names = setup->names;
	made->on_query = setup->on_query;
	made->owner = setup->owner;
	list_init(&made->connections);
	for (int i = 0; i < 2; i++) {
		socket_init(made, &made->udp[i], setup->udp_sockets[i], dns_udp_readable);
		socket_init(made, &made->tcp[i], setup->tcp_sockets[i], dns_tcp_acceptable);
		socket_start(&made->udp[i]);
		socket_start(&made->tcp[i]);
	}
	*server = made;
	return 0;
}

void dns_server_free(struct dns_server *server)
{
	if (!server)
		return;
	dns_tcp_close_all(server);
	for (int i = 0; i < 2; i++) {
		socket_close(&server->udp[i]);
		socket_close(&server->tcp[i]);
	}
	free(server);
}
