/* A resolver on high ports of the loopback addresses, without transparency, and what it was asked.
 */
#ifndef TESTS_UNIT_DNS_FIXTURE_H
#define TESTS_UNIT_DNS_FIXTURE_H

#include "proxy/dns/server.h"

struct fixture {
	struct ev_loop *loop;
	struct names *names;
	struct dns_server *server;
	int udp[2]; /* IPv4, IPv6 */
	int tcp[2];
	uint16_t udp_port[2];
	uint16_t tcp_port[2];
	bool accept;	      /* what on_query returns */
	size_t queries;	      /* told of so far */
	enum dns_rcode rcode; /* of the last */
	char shown[HOST_TEXT_MAX * 4 + 1];
};

/* For cmocka: *STATE becomes the fixture. */
int fixture_create(void **state);
int fixture_free(void **state);

/* Lets the loop run until DONE returns true; false after two seconds. */
bool fixture_run_until(struct fixture *fixture, bool (*done)(void *context), void *context);

/* Lets the loop run for a while. */
void fixture_run_for(struct fixture *fixture, int ms);

/* A socket connected to the resolver by way of ADDRESS. Does not block when it reads. */
int fixture_connect(struct fixture *fixture, int type, const char *address);

/* Sends QUERY over the datagram socket FD and lets the loop run until an answer is there. */
size_t fixture_ask(struct fixture *fixture, int fd, struct slice query, char *out, size_t size);

#endif
