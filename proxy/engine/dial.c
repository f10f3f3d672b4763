#include "proxy/engine/dial.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "proxy/engine/deadline.h"
#include "proxy/engine/limits.h"

struct attempt {
	struct dial *dial;
	struct ev_io io;
	int fd; /* -1: none */
	struct address address;
};

struct dial {
	struct engine *engine;
	struct resolver_lookup *lookup;
	uint16_t port;
	dial_callback *callback;
	void *context;
	struct deadline deadline; /* of all attempts together */
	struct ev_timer next;	  /* starts the next attempt beside */
	struct address addresses[LIMIT_ATTEMPTS];
	size_t address_count;
	size_t started;
	size_t running;
	int last_error;
	struct attempt attempts[LIMIT_ATTEMPTS];
	struct grave grave;
	bool over;
};

static void release(struct grave *grave)
{
	free(container_of(grave, struct dial, grave));
}

static void close_attempt(struct attempt *attempt)
{
	if (attempt->fd < 0)
		return;
	ev_io_stop(attempt->dial->engine->loop, &attempt->io);
	close(attempt->fd);
	attempt->fd = -1;
	attempt->dial->running--;
}

static void end(struct dial *dial)
{
	if (dial->lookup)
		resolver_cancel(dial->lookup);
	dial->lookup = NULL;
	for (size_t i = 0; i < dial->started; i++)
		close_attempt(&dial->attempts[i]);
	deadline_stop(&dial->deadline);
	ev_timer_stop(dial->engine->loop, &dial->next);
	dial->over = true;
	engine_bury(dial->engine, &dial->grave, release);
}

void dial_cancel(struct dial *dial)
{
	if (!dial->over)
		end(dial);
}

static void finish(struct dial *dial, const struct dial_result *result)
{
	end(dial);
	dial->callback(dial->context, result);
}

static void fail(struct dial *dial, int error, const char *why)
{
	struct dial_result result = {.error = error, .fd = -1};

	snprintf(result.why, sizeof(result.why), "%s", why);
	finish(dial, &result);
}

static void fail_to_connect(struct dial *dial)
{
	char text[ADDRESS_TEXT_BYTES], why[DIAL_WHY_BYTES];

	address_format(&dial->addresses[dial->address_count - 1], text);
	snprintf(why, sizeof(why), "cannot connect to %s port %u: %s%s", text, dial->port,
		 strerror(-dial->last_error),
		 dial->address_count > 1 ? " (nor to its other addresses)" : "");
	fail(dial, dial->last_error, why);
}

static void start_next(struct dial *dial);

static void attempt_failed(struct attempt *attempt, int error)
{
	struct dial *dial = attempt->dial;

	close_attempt(attempt);
	dial->last_error = error;
	if (dial->started < dial->address_count)
		start_next(dial);
	else if (dial->running == 0)
		fail_to_connect(dial);
}

static void attempt_ready(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct attempt *attempt = container_of(io, struct attempt, io);
	struct dial *dial = attempt->dial;
	struct dial_result result = {0};
	socklen_t size = sizeof(int);
	int error = 0;

	(void)events;
	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error) {
		attempt_failed(attempt, -error);
		return;
	}
	ev_io_stop(loop, io);
	result.fd = attempt->fd;
	result.address = attempt->address;
	attempt->fd = -1;
	dial->running--;
	finish(dial, &result);
}

static int open_attempt(struct attempt *attempt, uint16_t port)
{
	struct sockaddr_storage peer;
	socklen_t size = address_to_sockaddr(&attempt->address, port, &peer);

	attempt->fd = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (attempt->fd < 0)
		return -errno;
	if (connect(attempt->fd, (const struct sockaddr *)&peer, size) < 0 &&
	    errno != EINPROGRESS) {
		int error = errno;

		close(attempt->fd);
		attempt->fd = -1;
		return -error;
	}
	return 0;
}

/* Starts the next address, or the next that can be started at all. */
static void start_next(struct dial *dial)
{
	struct ev_loop *loop = dial->engine->loop;

	while (dial->started < dial->address_count) {
		struct attempt *attempt = &dial->attempts[dial->started];
		int rc;

		attempt->dial = dial;
		attempt->address = dial->addresses[dial->started++];
		rc = open_attempt(attempt, dial->port);
		if (rc < 0) {
			dial->last_error = rc;
			continue;
		}
		dial->running++;
		ev_io_init(&attempt->io, attempt_ready, attempt->fd, EV_WRITE);
		ev_io_start(loop, &attempt->io);
		ev_timer_stop(loop, &dial->next);
		ev_timer_set(&dial->next, TIMEOUT_ATTEMPT, 0.);
		ev_timer_start(loop, &dial->next);
		return;
	}
	ev_timer_stop(loop, &dial->next);
	if (dial->running == 0)
		fail_to_connect(dial);
}

static void next_is_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	start_next(container_of(timer, struct dial, next));
}

static void too_late(struct deadline *deadline)
{
	struct dial *dial = container_of(deadline, struct dial, deadline);

	fail(dial, ERROR_TIMEOUT,
	     dial->lookup ? "its name could not be resolved in time"
			  : "no connection could be made in time");
}

static void resolved(void *context, const struct resolver_result *result)
{
	struct dial *dial = context;

	dial->lookup = NULL;
	if (result->error) {
		fail(dial, result->error, result->why);
		return;
	}
	dial->address_count = result->count < LIMIT_ATTEMPTS ? result->count : LIMIT_ATTEMPTS;
	memcpy(dial->addresses, result->addresses, dial->address_count * sizeof(struct address));
	start_next(dial);
}

struct dial *dial_start(struct engine *engine, struct resolver *resolver, const struct host *host,
			uint16_t port, dial_callback *callback, void *context)
{
	struct dial *dial = calloc(1, sizeof(*dial));

	if (!dial)
		return NULL;
	dial->engine = engine;
	dial->port = port;
	dial->callback = callback;
	dial->context = context;
	deadline_init(&dial->deadline, engine->loop, too_late);
	ev_timer_init(&dial->next, next_is_due, 0., 0.);
	for (size_t i = 0; i < LIMIT_ATTEMPTS; i++)
		dial->attempts[i].fd = -1;
	dial->lookup = resolver_lookup(resolver, host, resolved, dial);
	if (!dial->lookup) {
		free(dial);
		return NULL;
	}
	deadline_set(&dial->deadline, TIMEOUT_CONNECT);
	return dial;
}
