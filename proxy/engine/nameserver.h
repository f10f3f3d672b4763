/*
 * The upstream name servers, asked through c-ares. Private to the resolver.
 *
 * c-ares does the transport: tries, servers in turn, TCP after truncation, answers matched by
 * source, identifier and question. Done here, around it:
 *
 *   identifiers   from the kernel. c-ares 1.18 keys its generator from a file, and where there is
 *                 none (an empty root) from rand(), which can be guessed.
 *   ports         c-ares keeps one socket to a server while any question is open. There are two
 *                 channels, used by turns, so that a port serves a bounded number of questions.
 *   sockets       made by our own functions: the fewest system calls, and no SIGPIPE. They also see
 *                 why a server refused, which c-ares does not say.
 *   EDNS          RFC 6891, without options; given up for servers that answer FORMERR to it.
 *
 * A question cannot be called back: it runs its course, and its asker must be there for its answer.
 */
#ifndef PROXY_ENGINE_NAMESERVER_H
#define PROXY_ENGINE_NAMESERVER_H

#include <ev.h>

#include "base/error.h"
#include "policy/host.h"
#include "proxy/engine/server_list.h"

enum { NAMESERVER_ADDRESSES_MAX = 16 };

enum nameserver_family {
	NAMESERVER_A,
	NAMESERVER_AAAA,
	NAMESERVER_FAMILY_COUNT,
};

/* Of two outcomes without addresses, the later one in this list says more. */
enum nameserver_outcome {
	NAMESERVER_ADDRESSES,
	NAMESERVER_NO_ADDRESS, /* the name exists, but has none of this family */
	NAMESERVER_MALFORMED,
	NAMESERVER_UNREACHABLE,
	NAMESERVER_TIMEOUT,
	NAMESERVER_REFUSED,
	NAMESERVER_FAILED, /* SERVFAIL and the like */
	NAMESERVER_NO_MEMORY,
	NAMESERVER_NO_SUCH_NAME, /* NXDOMAIN */
	NAMESERVER_OUTCOME_COUNT,
};

/* 0 for NAMESERVER_ADDRESSES, or the error for struct resolver_result. */
int nameserver_outcome_error(enum nameserver_outcome outcome);

/* For people: "the name does not exist". */
const char *nameserver_outcome_text(enum nameserver_outcome outcome);

struct nameserver_answer {
	enum nameserver_outcome outcome;
	uint32_t ttl_s; /* the shortest, CNAMEs included */
	struct address addresses[NAMESERVER_ADDRESSES_MAX];
	size_t count;
};

typedef void nameserver_callback(void *context, const struct nameserver_answer *answer);

struct nameserver;

/* TIMEOUT_MS for a try, TRIES of each server. */
int nameserver_create(struct ev_loop *loop, const struct server_list *servers, int timeout_ms,
		      int tries, struct nameserver **nameserver, struct error *err);

/* Open questions end without a callback. Not to be called from a callback. */
void nameserver_free(struct nameserver *nameserver);

/* Open questions are asked anew. 0 or -ENOMEM. Not to be called from a callback. */
int nameserver_set_servers(struct nameserver *nameserver, const struct server_list *servers);

/* Calls back once, perhaps before this returns. 0, or -ENOMEM and no callback. */
int nameserver_ask(struct nameserver *nameserver, const struct host *name,
		   enum nameserver_family family, nameserver_callback *callback, void *context);

#endif
