/*
 * A little name server on 127.0.0.1, UDP and TCP, on the loop of the test. What it answers is the
 * test's business: it is given each question and may send any number of responses, now or later.
 */
#ifndef TESTS_UNIT_ENGINE_UPSTREAM_H
#define TESTS_UNIT_ENGINE_UPSTREAM_H

#include <ev.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"

enum {
	UPSTREAM_A = 1,
	UPSTREAM_AAAA = 28,
	UPSTREAM_CONNECTIONS_MAX = 4,
	UPSTREAM_MESSAGE_MAX = 4096,
};

struct upstream;

struct upstream_question {
	struct upstream *upstream;
	bool tcp;
	int fd;
	struct sockaddr_in peer; /* of a datagram */
	char name[256];
	uint16_t type;
	bool edns;
	uint8_t bytes[UPSTREAM_MESSAGE_MAX]; /* up to the end of the question */
	size_t len;
};

typedef void upstream_handler(void *context, const struct upstream_question *question);

struct upstream {
	struct ev_loop *loop;
	ev_io udp;
	ev_io tcp;
	ev_io connections[UPSTREAM_CONNECTIONS_MAX];
	upstream_handler *handler;
	void *context;
	uint16_t port;
	size_t questions; /* seen so far */
	size_t tcp_questions;
	uint16_t last_peer_port;
};

void upstream_start(struct upstream *upstream, struct ev_loop *loop, upstream_handler *handler,
		    void *context);
void upstream_stop(struct upstream *upstream);

/* A response being written. */
struct upstream_response {
	struct writer w;
	uint8_t bytes[UPSTREAM_MESSAGE_MAX];
	uint16_t answers;
};

/* Begins with the question's header and question. FLAGS: the response code, and 0x0200 for TC. */
void upstream_begin(struct upstream_response *response, const struct upstream_question *question,
		    uint16_t flags);

/* Adds a record. NAME is dotted; NULL is the question's. */
void upstream_address(struct upstream_response *response, const char *name, uint32_t ttl,
		      const char *address);
void upstream_cname(struct upstream_response *response, const char *name, uint32_t ttl,
		    const char *target);

void upstream_send(const struct upstream_question *question, struct upstream_response *response);

/* A response of a code alone. */
void upstream_send_code(const struct upstream_question *question, uint16_t code);

#endif
