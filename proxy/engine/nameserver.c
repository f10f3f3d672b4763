#include "proxy/engine/nameserver.h"

#include <ares.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/random.h"
#include "proxy/dns/wire.h"
#include "proxy/engine/nameserver_answer.h"
#include "proxy/engine/nameserver_socket.h"

enum {
	CHANNELS = 2,
	SOCKETS_MAX = 2 * RESOLVER_SERVERS_MAX, /* UDP and TCP to each */
	QUESTIONS_PER_PORT = 32,
};

struct channel {
	ares_channel ares;
	struct nameserver *nameserver;
	bool has_servers;
	bool without_edns;
	ev_io sockets[SOCKETS_MAX]; /* fd -1: free */
	ev_timer timer;
	size_t open;  /* questions not answered yet; at 0 c-ares closes the sockets */
	size_t asked; /* questions since the sockets were opened */
	int rcode;    /* of the datagram that is being looked at, or -1 */
};

struct nameserver {
	struct ev_loop *loop;
	double timeout_s; /* of a first try */
	struct channel channels[CHANNELS];
	size_t current;
	struct list again; /* questions that must be asked anew */
};

struct question {
	struct list node;
	struct nameserver *nameserver;
	struct channel *channel; /* chosen once: EDNS is given up channel by channel */
	enum nameserver_family family;
	bool without_edns;
	nameserver_callback *callback;
	void *context;
	char name[HOST_TEXT_MAX + 1];
};

static void question_end(struct question *question, const struct nameserver_answer *answer)
{
	question->callback(question->context, answer);
	free(question);
}

static void question_fail(struct question *question, enum nameserver_outcome outcome)
{
	const struct nameserver_answer answer = {.outcome = outcome};

	question_end(question, &answer);
}

static void on_answer(void *context, int status, int timeouts, unsigned char *bytes, int len)
{
	struct question *question = context;
	struct channel *channel = question->channel;
	struct nameserver *nameserver = question->nameserver;
	struct nameserver_answer answer;

	(void)timeouts;
	channel->open--;
	if (status == ARES_EDESTRUCTION) {
		free(question);
		return;
	}
	/* Only a change of servers cancels. */
	if (status == ARES_ECANCELLED) {
		list_append(&nameserver->again, &question->node);
		return;
	}
	if (status != ARES_SUCCESS) {
		question_fail(question, nameserver_judge_status(status, channel->rcode));
		return;
	}
	if (nameserver_is_format_error(bytes, len) && !question->without_edns) {
		channel->without_edns = true;
		list_append(&nameserver->again, &question->node);
		return;
	}
	nameserver_read_answer(question->family, bytes, len, &answer);
	question_end(question, &answer);
}

/* The current channel; once its ports have served enough, the other one, if that is at rest and so
 * will open new ports. */
static struct channel *pick_channel(struct nameserver *nameserver)
{
	struct channel *current = &nameserver->channels[nameserver->current];
	size_t next = (nameserver->current + 1) % CHANNELS;

	if (current->open > 0 && current->asked >= QUESTIONS_PER_PORT &&
	    nameserver->channels[next].open == 0) {
		nameserver->current = next;
		current = &nameserver->channels[next];
	}
	if (current->open == 0)
		current->asked = 0;
	return current;
}

/* A timer that is set for the next first try to run out, or earlier, is early at worst. */
static void arm_timer(struct channel *channel)
{
	struct nameserver *nameserver = channel->nameserver;
	struct timeval left;

	if (channel->open > 0 && ev_is_active(&channel->timer) &&
	    ev_timer_remaining(nameserver->loop, &channel->timer) <= nameserver->timeout_s)
		return;
	ev_timer_stop(nameserver->loop, &channel->timer);
	if (channel->open == 0 || !ares_timeout(channel->ares, NULL, &left))
		return;
	/* c-ares counts in milliseconds, rounded down. */
	ev_timer_set(&channel->timer, (double)left.tv_sec + (double)left.tv_usec / 1e6 + 0.001, 0.);
	ev_timer_start(nameserver->loop, &channel->timer);
}

static void question_send(struct question *question)
{
	struct channel *channel = question->channel;
	int type = question->family == NAMESERVER_A ? DNS_TYPE_A : DNS_TYPE_AAAA;
	unsigned char *bytes = NULL;
	unsigned short id;
	int len, status;

	question->without_edns = channel->without_edns;
	random_bytes(&id, sizeof(id));
	status = ares_create_query(question->name, DNS_CLASS_IN, type, id, 1, &bytes, &len,
				   question->without_edns ? 0 : DNS_UDP_MAX_BYTES);
	if (status != ARES_SUCCESS || !channel->has_servers) {
		ares_free_string(bytes);
		/* Names under .onion are not in DNS (RFC 7686), and c-ares knows. */
		question_fail(question, status == ARES_ENOTFOUND ? NAMESERVER_NO_SUCH_NAME
								 : NAMESERVER_NO_MEMORY);
		return;
	}
	channel->open++;
	channel->asked++;
	channel->rcode = -1;
	ares_send(channel->ares, bytes, len, on_answer, question);
	ares_free_string(bytes);
	arm_timer(channel);
}

static void ask_again(struct nameserver *nameserver)
{
	while (!list_is_empty(&nameserver->again)) {
		struct list *node = nameserver->again.next;

		list_remove(node);
		question_send(container_of(node, struct question, node));
	}
}

/* A descriptor that is ready, or -1: a timeout. */
static void process(struct channel *channel, int readable, int writable)
{
	channel->rcode = -1;
	ares_process_fd(channel->ares, readable, writable);
	ask_again(channel->nameserver);
	arm_timer(channel);
}

static void socket_ready(struct ev_loop *loop, ev_io *watcher, int revents)
{
	int fd = watcher->fd;

	(void)loop;
	process(watcher->data, revents & EV_READ ? fd : ARES_SOCKET_BAD,
		revents & EV_WRITE ? fd : ARES_SOCKET_BAD);
}

static void timed_out(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	process(container_of(timer, struct channel, timer), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* The watcher of FD, or a free one for FD -1. */
static ev_io *find_socket(struct channel *channel, int fd)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (channel->sockets[i].fd == fd)
			return &channel->sockets[i];
	}
	return NULL;
}

/* c-ares says what it wants to know of FD; neither: it is about to close it. */
static void watch_socket(void *context, ares_socket_t fd, int readable, int writable)
{
	struct channel *channel = context;
	struct ev_loop *loop = channel->nameserver->loop;
	ev_io *watcher = find_socket(channel, fd);

	if (!watcher)
		watcher = find_socket(channel, -1);
	assert(watcher);
	ev_io_stop(loop, watcher);
	ev_io_set(watcher, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	if (readable || writable)
		ev_io_start(loop, watcher);
	else
		watcher->fd = -1;
}

/* Every option that c-ares would otherwise look for in resolv.conf and the like. */
static int channel_create(struct channel *channel, int timeout_ms, int tries)
{
	static char lookups[] = "b";
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.timeout = timeout_ms,
		.tries = tries,
		.ndots = 1,
		.lookups = lookups,
		.sock_state_cb = watch_socket,
		.sock_state_cb_data = channel,
		.ednspsz = DNS_UDP_MAX_BYTES,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
		   ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ | ARES_OPT_SERVERS |
		   ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | ARES_OPT_NOROTATE;
	int status = ares_init_options(&channel->ares, &options, mask);

	if (status != ARES_SUCCESS)
		return -ENOMEM;
	ares_set_socket_functions(channel->ares, &nameserver_socket_functions, &channel->rcode);
	return 0;
}

static int channel_set_servers(struct channel *channel, const struct server_list *list)
{
	struct ares_addr_port_node nodes[RESOLVER_SERVERS_MAX] = {0};

	for (size_t i = 0; i < list->count; i++) {
		const struct address *address = &list->servers[i].address;

		nodes[i].next = i + 1 < list->count ? &nodes[i + 1] : NULL;
		nodes[i].family = address->length == 4 ? AF_INET : AF_INET6;
		memcpy(&nodes[i].addr, address->bytes, address->length);
		nodes[i].udp_port = nodes[i].tcp_port = list->servers[i].port;
	}
	channel->has_servers = ares_set_servers_ports(channel->ares, nodes) == ARES_SUCCESS;
	return channel->has_servers ? 0 : -ENOMEM;
}

static void channel_init(struct channel *channel, struct nameserver *nameserver)
{
	channel->nameserver = nameserver;
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		ev_io_init(&channel->sockets[i], socket_ready, -1, 0);
		channel->sockets[i].data = channel;
	}
	ev_init(&channel->timer, timed_out);
}

int nameserver_create(struct ev_loop *loop, const struct server_list *servers, int timeout_ms,
		      int tries, struct nameserver **nameserver, struct error *err)
{
	struct nameserver *made = calloc(1, sizeof(*made));
	int rc = made ? 0 : -ENOMEM;

	if (rc == 0 && ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(made);
		made = NULL;
		rc = -ENOMEM;
	}
	if (rc == 0) {
		made->loop = loop;
		made->timeout_s = timeout_ms / 1000.;
		list_init(&made->again);
	}
	for (size_t i = 0; rc == 0 && i < CHANNELS; i++) {
		channel_init(&made->channels[i], made);
		rc = channel_create(&made->channels[i], timeout_ms, tries);
		if (rc == 0)
			rc = channel_set_servers(&made->channels[i], servers);
	}
	if (rc < 0) {
		nameserver_free(made);
		return error_set(err, rc, "no memory for name resolution");
	}
	*nameserver = made;
	return 0;
}

void nameserver_free(struct nameserver *nameserver)
{
	if (!nameserver)
		return;
	for (size_t i = 0; i < CHANNELS; i++) {
		struct channel *channel = &nameserver->channels[i];

		if (!channel->ares)
			continue;
		ares_destroy(channel->ares);
		ev_timer_stop(nameserver->loop, &channel->timer);
	}
	ares_library_cleanup();
	free(nameserver);
}

int nameserver_set_servers(struct nameserver *nameserver, const struct server_list *servers)
{
	int rc = 0;

	for (size_t i = 0; i < CHANNELS; i++) {
		struct channel *channel = &nameserver->channels[i];
		int set;

		channel->without_edns = false;
		ares_cancel(channel->ares);
		arm_timer(channel);
		set = channel_set_servers(channel, servers);
		rc = rc < 0 ? rc : set;
	}
	ask_again(nameserver);
	return rc;
}

int nameserver_ask(struct nameserver *nameserver, const struct host *name,
		   enum nameserver_family family, nameserver_callback *callback, void *context)
{
	struct question *question = calloc(1, sizeof(*question));

	if (!question)
		return -ENOMEM;
	list_init(&question->node);
	question->nameserver = nameserver;
	question->channel = pick_channel(nameserver);
	question->family = family;
	question->callback = callback;
	question->context = context;
	memcpy(question->name, name->text, name->length);
	question_send(question);
	return 0;
}
