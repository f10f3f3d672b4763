/*
 * The sandbox's resolver: answers UDP and TCP queries on sockets that were made inside its
 * namespace.
 *
 *   A, AAAA of a well-formed name     its synthetic address, without a query leaving the host
 *   SVCB, HTTPS                       an empty answer: no ECH keys, no HTTP/3 hints
 *   A, AAAA of anything else          NXDOMAIN
 *   "localhost" and below             the loopback addresses (RFC 6761 section 6.3)
 *   PTR of a synthetic address        the name behind it; other PTR: NXDOMAIN
 *   every other type or class         REFUSED, with an extended error (RFC 8914)
 *   a malformed query                 FORMERR; when not even its header is there, or it is a
 *                                     response, nothing
 *
 * Answers over UDP come from the very address that was asked, whatever it was: the sockets are
 * transparent. TCP (RFC 7766): bounded connections, each with a bounded idle time and a bounded
 * backlog of answers; pipelined queries are answered in order; at the bound, the connection that
 * has been idle for longest makes room. Nothing is read from the host's resolver configuration.
 *
 * Each query is told to the owner before it is answered; when the owner returns false (the log
 * cannot take the record), the answer is SERVFAIL. The owner must not free the server from there.
 */
#ifndef PROXY_DNS_SERVER_H
#define PROXY_DNS_SERVER_H

#include <ev.h>

#include "base/error.h"
#include "proxy/dns/names.h"
#include "proxy/dns/wire.h"

enum {
	DNS_TCP_CONNECTIONS_MAX = 64,
	DNS_TCP_IDLE_S = 10,
	DNS_TCP_BACKLOG_BYTES = 16 << 10, /* of answers that a connection has not taken */
	DNS_BATCH = 32,			  /* datagrams, or connections, a wake-up */
};

struct dns_server;

struct dns_server_setup {
	struct ev_loop *loop;
	struct names *names; /* the owner's, and must outlive the server */
	int udp_sockets[2];  /* IPv4, IPv6; bound to port 53, transparent, not blocking; -1: none */
	int tcp_sockets[2];
	bool (*on_query)(void *owner, const struct dns_question *question,
			 const struct dns_answer *answer);
	void *owner;
};

/* Takes the sockets over, if it succeeds. */
int dns_server_create(const struct dns_server_setup *setup, struct dns_server **server,
		      struct error *err);

/* Closes the sockets and connections. */
void dns_server_free(struct dns_server *server);

#endif
