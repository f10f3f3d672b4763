/* What the server, its datagrams and its connections share. Private to proxy/dns. */
#ifndef PROXY_DNS_TRANSPORT_H
#define PROXY_DNS_TRANSPORT_H

#include "base/list.h"
#include "proxy/dns/server.h"

/* A socket that was given to the server: for datagrams, or for new connections. */
struct dns_socket {
	ev_io watcher; /* its fd is -1 when there is no such socket */
	ev_timer pause;
	struct dns_server *server;
};

struct dns_server {
	struct ev_loop *loop;
	struct names *names;
	bool (*on_query)(void *owner, const struct dns_question *question,
			 const struct dns_answer *answer);
	void *owner;
	struct dns_socket udp[2];
	struct dns_socket tcp[2];
	struct list connections; /* the longest idle first */
	size_t connection_count;
};

/* Reads a query, decides, tells the owner, and writes the response to OUT. Its length, or 0 when
 * there must be none. The response is of at most DNS_UDP_MAX_BYTES, over TCP too: no answer of ours
 * is larger. */
size_t dns_respond(struct dns_server *server, struct slice query, bool over_udp,
		   char out[DNS_UDP_MAX_BYTES]);

/* Asks the kernel to say which address a datagram was sent to. 0 or a negated errno. */
int dns_udp_prepare(int fd);

/* Callbacks for a struct dns_socket's watcher. */
void dns_udp_readable(struct ev_loop *loop, ev_io *watcher, int revents);
void dns_tcp_acceptable(struct ev_loop *loop, ev_io *watcher, int revents);

/* Leaves SOCKET alone for a moment. For when it stays ready and yet cannot be served, as when the
 * process is out of descriptors: the loop would spin. */
void dns_socket_pause(struct ev_loop *loop, struct dns_socket *socket);

void dns_tcp_close_all(struct dns_server *server);

#endif
