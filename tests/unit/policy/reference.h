/*
 * Random policies, and what they mean, told a second time: rule by rule, by plain comparisons,
 * without an index and without globs being compiled. What the matcher and the checks say is held
 * against it.
 */
#ifndef TESTS_UNIT_POLICY_REFERENCE_H
#define TESTS_UNIT_POLICY_REFERENCE_H

#include "policy/match.h"

enum { REFERENCE_RULES_MAX = 12 };

/* A rule with one target, as the words it is written with. */
struct reference_rule {
	bool allow;
	const char *scheme;  /* "", "https", "http", "tls", "tcp", "udp" */
	const char *host;    /* a name, "*.NAME", "*", an address, or RANGE */
	unsigned int port;   /* 0: none */
	const char *path;    /* "" or a glob */
	const char *methods; /* "" or names with spaces between */
	bool websocket;
	unsigned int credentials;
};

struct reference_request {
	bool https;
	const char *host;
	unsigned int port;
	const char *method;
	const char *path;
	bool websocket; /* METHOD is GET then */
};

/* Uses rand(). */
void reference_random_rules(struct reference_rule rules[REFERENCE_RULES_MAX], size_t count);
void reference_random_request(struct reference_request *request);

/* As it is written in a policy. */
void reference_target_text(const struct reference_rule *rule, char *out, size_t size);

/* The index of the rule that decides on the request when its path is read as READING; COUNT if
 * none. */
size_t reference_decide(const struct reference_rule *rules, size_t count,
			const struct reference_request *request, const char *reading);

/* The same for a TLS connection: the first rule that is about it at all. */
size_t reference_decide_tls(const struct reference_rule *rules, size_t count, const char *host,
			    unsigned int port);
enum policy_tls_route reference_route(const struct reference_rule *rules, size_t count,
				      size_t decided);

/* The same for a connection or datagrams: the first rule that is about them at all, and whether it
 * lets them out as they are. */
size_t reference_decide_flow(const struct reference_rule *rules, size_t count, bool udp,
			     const char *host, unsigned int port);
bool reference_is_flow_rule(const struct reference_rule *rule, bool udp);

bool reference_glob_matches(const char *glob, const char *text);

#endif
