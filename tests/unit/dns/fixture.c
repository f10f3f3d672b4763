#include "tests/unit/dns/fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "tests/unit/allocation.h"

union socket_address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

static int listen_on(int family, int type, uint16_t *port)
{
	union socket_address address = {.any.sa_family = (sa_family_t)family};
	socklen_t len = sizeof(address);
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	assert_true(fd >= 0);
	if (family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, &address.any, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 256), 0);
	assert_int_equal(getsockname(fd, &address.any, &len), 0);
	/* The port is at the same place for both families. */
	*port = ntohs(address.ipv4.sin_port);
	return fd;
}

static bool on_query(void *owner, const struct dns_question *question,
		     const struct dns_answer *answer)
{
	struct fixture *fixture = owner;

	fixture->queries++;
	fixture->rcode = answer->rcode;
	memcpy(fixture->shown, question->shown, sizeof(fixture->shown));
	return fixture->accept;
}

int fixture_create(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dns_server_setup setup;
	struct error err;

	assert_non_null(fixture);
	fixture->loop = ev_loop_new(EVFLAG_AUTO);
	fixture->names = names_create(NAMES_MAX);
	fixture->accept = true;
	for (int i = 0; i < 2; i++) {
		int family = i == 0 ? AF_INET : AF_INET6;

		fixture->udp[i] = listen_on(family, SOCK_DGRAM, &fixture->udp_port[i]);
		fixture->tcp[i] = listen_on(family, SOCK_STREAM, &fixture->tcp_port[i]);
	}
	setup = (struct dns_server_setup){
		.loop = fixture->loop,
		.names = fixture->names,
		.udp_sockets = {fixture->udp[0], fixture->udp[1]},
		.tcp_sockets = {fixture->tcp[0], fixture->tcp[1]},
		.on_query = on_query,
		.owner = fixture,
	};
	assert_non_null(fixture->loop);
	assert_int_equal(dns_server_create(&setup, &fixture->server, &err), 0);
	*state = fixture;
	return 0;
}

int fixture_free(void **state)
{
	struct fixture *fixture = *state;

	dns_server_free(fixture->server);
	names_free(fixture->names);
	ev_loop_destroy(fixture->loop);
	free(fixture);
	return 0;
}

bool fixture_run_until(struct fixture *fixture, bool (*done)(void *context), void *context)
{
	int64_t end = monotonic_now_us() + 2000000;

	while (!done(context)) {
		if (monotonic_now_us() > end)
			return false;
		ev_run(fixture->loop, EVRUN_NOWAIT);
		usleep(200);
	}
	return true;
}

static bool is_past(void *context)
{
	return monotonic_now_us() > *(int64_t *)context;
}

void fixture_run_for(struct fixture *fixture, int ms)
{
	int64_t end = monotonic_now_us() + ms * 1000;

	fixture_run_until(fixture, is_past, &end);
}

int fixture_connect(struct fixture *fixture, int type, const char *address)
{
	int ipv6 = strchr(address, ':') != NULL;
	uint16_t port = type == SOCK_DGRAM ? fixture->udp_port[ipv6] : fixture->tcp_port[ipv6];
	union socket_address to = {.ipv6.sin6_port = htons(port)};
	void *bytes = ipv6 ? (void *)&to.ipv6.sin6_addr : (void *)&to.ipv4.sin_addr;
	int fd;

	to.any.sa_family = ipv6 ? AF_INET6 : AF_INET;
	fd = socket(to.any.sa_family, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(inet_pton(to.any.sa_family, address, bytes), 1);
	assert_int_equal(connect(fd, &to.any, sizeof(to)), 0);
	return fd;
}

static bool is_readable(void *context)
{
	struct pollfd poll_fd = {.fd = *(int *)context, .events = POLLIN};

	return poll(&poll_fd, 1, 0) > 0;
}

size_t fixture_ask(struct fixture *fixture, int fd, struct slice query, char *out, size_t size)
{
	ssize_t got;

	assert_int_equal(send(fd, query.ptr, query.len, 0), query.len);
	assert_true(fixture_run_until(fixture, is_readable, &fd));
	got = recv(fd, out, size, MSG_DONTWAIT);
	assert_true(got > 0);
	return (size_t)got;
}
