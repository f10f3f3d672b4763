#include "proxy/engine/reach.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "proxy/dns/names.h"
#include "proxy/engine/connect_head.h"
#include "proxy/engine/deadline.h"
#include "proxy/engine/limits.h"
#include "proxy/engine/sandbox.h"
#include "proxy/secret/inject.h"

enum { INFORMATIONAL_MAX = 4 };

#define LOGIN_FIELD "Proxy-Authorization: Basic "

struct reach {
	struct sandbox *sandbox;
	struct host host;
	uint16_t port;
	reach_callback *callback;
	void *context;
	struct dial *dial;
	const struct policy_proxy *proxy; /* NULL: straight */
	const char *denied;		  /* told in the next turn, as no callback comes before */
	struct deadline deadline;
	struct ev_io io;
	struct ev_timer soon;
	int fd; /* to the proxy */
	struct address address;
	unsigned int informational;
	ssize_t seen; /* bytes of an answer that is not whole */
	struct grave grave;
	bool over;
};

static void release(struct grave *grave)
{
	free(container_of(grave, struct reach, grave));
}

static void end(struct reach *reach)
{
	struct engine *engine = reach->sandbox->engine;

	if (reach->dial)
		dial_cancel(reach->dial);
	reach->dial = NULL;
	ev_io_stop(engine->loop, &reach->io);
	ev_timer_stop(engine->loop, &reach->soon);
	deadline_stop(&reach->deadline);
	cleanup_close_fd(&reach->fd);
	reach->over = true;
	engine_bury(engine, &reach->grave, release);
}

void reach_cancel(struct reach *reach)
{
	if (!reach->over)
		end(reach);
}

static void finish(struct reach *reach, const struct reach_result *result)
{
	end(reach);
	reach->callback(reach->context, result);
}

static void fail(struct reach *reach, int error, const char *why)
{
	struct reach_result result = {.error = error, .fd = -1};
	char proxy[HOST_AUTHORITY_MAX + 1];

	if (reach->proxy) {
		host_format_authority(&reach->proxy->host, reach->proxy->port, 0, proxy);
		snprintf(result.why, sizeof(result.why), "the upstream proxy %s %s", proxy, why);
	} else {
		snprintf(result.why, sizeof(result.why), "%s", why);
	}
	finish(reach, &result);
}

static void too_late(struct deadline *deadline)
{
	fail(container_of(deadline, struct reach, deadline), ERROR_TIMEOUT,
	     "did not answer in time");
}

/* A status of the proxy's own, or what it says of the origin. */
static void fail_by_status(struct reach *reach, int status)
{
	int error = status == 403 ? ERROR_DENIED : status == 504 ? ERROR_TIMEOUT : -EREMOTEIO;
	const char *hint = "";
	char why[160];

	if (status == 407 || status == 401) /* the latter by some */
		hint = reach->proxy->login ? " (it does not take the login that it was shown)"
					   : " (it wants a login: network: proxy: login)";
	else if (status == 403)
		hint = " (it forbids this host or port)";
	snprintf(why, sizeof(why), "answered %d to CONNECT%s", status, hint);
	fail(reach, error, why);
}

/* Takes the head out of the socket; the bytes behind it stay. */
static bool skip_head(struct reach *reach, char *bytes, size_t length)
{
	const int any = 1;

	setsockopt(reach->fd, SOL_SOCKET, SO_RCVLOWAT, &any, sizeof(any));
	return recv(reach->fd, bytes, length, 0) == (ssize_t)length;
}

static void take_head(struct reach *reach, char *bytes, const struct connect_head *head)
{
	struct reach_result result = {.by_proxy = true, .address = reach->address};

	if (!skip_head(reach, bytes, head->length)) {
		fail(reach, -EREMOTEIO, "broke the connection");
		return;
	}
	reach->seen = 0;
	if (head->status < 200 && reach->informational++ < INFORMATIONAL_MAX)
		return;
	if (head->status < 200 || head->status >= 300) {
		fail_by_status(reach, head->status);
		return;
	}
	ev_io_stop(reach->sandbox->engine->loop, &reach->io);
	result.fd = take_fd(&reach->fd);
	finish(reach, &result);
}

/* The answer is looked at where it is until it is whole, as what stands behind it is the origin's,
 * which may speak first. */
static void on_answer(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct reach *reach = container_of(io, struct reach, io);
	char *bytes = reach->sandbox->engine->read;
	struct connect_head head;
	ssize_t got = recv(reach->fd, bytes, CONNECT_HEAD_MAX_BYTES, MSG_PEEK);
	int rc, wanted;

	(void)loop;
	(void)events;
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		fail(reach, -EREMOTEIO, "closed the connection before it answered");
		return;
	}
	rc = connect_head_read(slice_of(bytes, (size_t)got), &head);
	if (rc == 0 && got == reach->seen) {
		fail(reach, -EREMOTEIO, "closed the connection in its answer");
		return;
	}
	reach->seen = got;
	if (rc < 0) {
		fail(reach, -EREMOTEIO, "answered something that is not HTTP");
		return;
	}
	if (rc == 1) {
		take_head(reach, bytes, &head);
		return;
	}
	/* Nothing is told before more than what is there has come, or the end. */
	wanted = (int)got + 1;
	if (setsockopt(reach->fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof(wanted)) < 0)
		fail(reach, -EREMOTEIO, "answers in pieces that cannot be waited for");
}

/* In OUT, which is locked memory. The length. */
static size_t write_request(const struct reach *reach, char *out, size_t size)
{
	const struct secret_entry *login = NULL;
	char authority[HOST_AUTHORITY_MAX + 1];
	size_t length;

	host_format_authority(&reach->host, reach->port, 0, authority);
	length = (size_t)snprintf(out, size, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", authority,
				  authority);
	if (reach->proxy->login)
		login = secret_store_entry(&reach->sandbox->secrets, reach->proxy->login);
	if (login) {
		memcpy(out + length, LOGIN_FIELD, sizeof(LOGIN_FIELD) - 1);
		length += sizeof(LOGIN_FIELD) - 1;
		length += base64_encode(login->value, out + length);
		memcpy(out + length, "\r\n", 2);
		length += 2;
	}
	memcpy(out + length, "\r\n", 2);
	return length + 2;
}

_Static_assert(SECRET_SCRATCH_BYTES > 2 * SECRET_VALUE_MAX_BYTES + 4096, "a request has room");

static void ask(struct reach *reach)
{
	struct engine *engine = reach->sandbox->engine;
	char *request = engine->secret_scratch;
	size_t length = write_request(reach, request, SECRET_SCRATCH_BYTES);
	/* A new connection has room for this much. */
	ssize_t sent = send(reach->fd, request, length, MSG_NOSIGNAL);

	explicit_bzero(request, length);
	if (sent != (ssize_t)length) {
		fail(reach, -EREMOTEIO, "did not take the request");
		return;
	}
	deadline_set(&reach->deadline, TIMEOUT_CONNECT);
	ev_io_set(&reach->io, reach->fd, EV_READ);
	ev_io_start(engine->loop, &reach->io);
}

static void on_dialled(void *context, const struct dial_result *dialled)
{
	struct reach *reach = context;
	struct reach_result result = {.error = dialled->error, .address = dialled->address};
	char why[DIAL_WHY_BYTES + 32];

	reach->dial = NULL;
	if (reach->proxy && dialled->error) {
		snprintf(why, sizeof(why), "cannot be reached: %s", dialled->why);
		fail(reach, dialled->error, why);
		return;
	}
	if (reach->proxy) {
		reach->fd = dialled->fd;
		reach->address = dialled->address;
		ask(reach);
		return;
	}
	result.fd = dialled->fd;
	snprintf(result.why, sizeof(result.why), "%s", dialled->why);
	finish(reach, &result);
}

static void tell_denial(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct reach *reach = container_of(timer, struct reach, soon);

	(void)loop;
	(void)events;
	fail(reach, ERROR_DENIED, reach->denied);
}

/* What the proxy must not be asked for, or NULL. */
static const char *find_denial(const struct policy *policy, const struct host *host)
{
	struct address address;
	const char *class;

	if (names_is_localhost(host))
		return "is not asked for localhost, which would be its own machine";
	address.length = (uint8_t)host_address(host, address.bytes);
	if (address.length && address_check(&address, policy, &class) < 0)
		return "is not asked for an address that may not be dialled (network: private)";
	return NULL;
}

static void init(struct reach *reach, struct sandbox *sandbox, const struct host *host,
		 uint16_t port)
{
	reach->sandbox = sandbox;
	reach->host = *host;
	reach->port = port;
	reach->fd = -1;
	deadline_init(&reach->deadline, sandbox->engine->loop, too_late);
	ev_io_init(&reach->io, on_answer, 0, EV_READ);
	ev_timer_init(&reach->soon, tell_denial, 0., 0.);
	if (policy_uses_proxy(sandbox->policy, host)) {
		reach->proxy = sandbox->policy->proxy;
		reach->denied = find_denial(sandbox->policy, host);
	}
}

struct reach *reach_start(struct sandbox *sandbox, const struct host *host, uint16_t port,
			  reach_callback *callback, void *context)
{
	struct reach *reach = calloc(1, sizeof(*reach));

	if (!reach)
		return NULL;
	init(reach, sandbox, host, port);
	reach->callback = callback;
	reach->context = context;
	if (reach->denied) {
		ev_timer_start(sandbox->engine->loop, &reach->soon);
		return reach;
	}
	if (reach->proxy) {
		host = &reach->proxy->host;
		port = reach->proxy->port;
	}
	reach->dial = dial_start(sandbox->engine, sandbox->resolver, host, port, on_dialled, reach);
	if (!reach->dial) {
		free(reach);
		return NULL;
	}
	return reach;
}
