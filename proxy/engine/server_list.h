/* A list of name servers as text: "192.0.2.1,[2001:db8::1]:5353". Private to the resolver. */
#ifndef PROXY_ENGINE_SERVER_LIST_H
#define PROXY_ENGINE_SERVER_LIST_H

#include "proxy/engine/resolver.h"

enum { SERVER_LIST_DEFAULT_PORT = 53 };

struct server_list {
	size_t count;
	struct {
		struct address address;
		uint16_t port;
	} servers[RESOLVER_SERVERS_MAX];
};

/* 0, ERROR_SYNTAX (also when there is none), or ERROR_LIMIT when there are too many. */
int server_list_parse(struct slice text, struct server_list *list);

#endif
