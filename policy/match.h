/*
 * Verdicts: the compiled matcher of a policy.
 *
 * Rules are tried in the order of the file; the first that matches decides; nothing matched is a
 * denial. The matcher is an index from hosts to the rules that name them, so that a look-up costs
 * by the labels of the name and the rules for that host, not by the number of rules.
 */
#ifndef POLICY_MATCH_H
#define POLICY_MATCH_H

#include "policy/policy.h"

struct policy_request {
	enum policy_scheme scheme; /* POLICY_HTTPS or POLICY_HTTP */
	const struct host *host;
	uint16_t port;
	struct slice method;
	const struct path *path;
	bool websocket; /* it asks for a WebSocket (RFC 6455 section 4.1); METHOD is GET then, also
			   where it came as an extended CONNECT (RFC 8441) */
};

enum { POLICY_REASON_BYTES = 640 };

/* REASON may point into TEXT: a verdict must not be copied. */
struct policy_verdict {
	bool allow;
	const struct policy_rule *rule; /* the one that decided, or NULL: none did. What it sets,
					   and its credentials, are for what it allows */
	const char *reason;		/* why it is denied, for people; never NULL on a denial */
	bool by_range; /* of a flow that is allowed: the address is none that the rule names, but in
			  a range of the rule's */
	char text[POLICY_REASON_BYTES]; /* UTF-8, no control characters */
};

/* The verdict on one HTTP request. The mode is not looked at: in observe mode the caller goes on.
 * Every reading of the path must be allowed, by rules that do the same: when it is allowed, RULE's
 * sets and credentials are those of every reading. If readings differ, the denial says so. A
 * WebSocket is allowed by rules with "websocket" alone: to it, the others are not there. */
void policy_decide_request(const struct policy *policy, const struct policy_request *request,
			   struct policy_verdict *verdict);

enum policy_tls_route {
	POLICY_TLS_INSPECT, /* the first rule that names this host and port is an https one */
	POLICY_TLS_PASS,    /* it is an allowing tls:// or tcp:// one */
	POLICY_TLS_REFUSE,  /* it denies tls://, tcp:// or, without a scheme, everything; or there
			       is none */
};

/* What to do with a TLS connection to HOST and PORT, before any byte of HTTP is seen. VERDICT has
 * the rule, if there is one, and allows only POLICY_TLS_PASS: on POLICY_TLS_INSPECT each request is
 * judged by itself. */
enum policy_tls_route policy_decide_tls(const struct policy *policy, const struct host *host,
					uint16_t port, struct policy_verdict *verdict);

/* The verdict on a connection (POLICY_TCP) or on datagrams (POLICY_UDP) to HOST, a name or an
 * address, and PORT, whose bytes are not looked at: whether they may go out as they are. Of TCP,
 * the first rule that names host and port in any scheme but udp decides: if it is one of https,
 * http or tls, the connection is not for a tcp:// rule behind it, and VERDICT denies it without a
 * rule. On a denial, VERDICT's rule is the one that denies, or NULL. */
bool policy_decide_flow(const struct policy *policy, enum policy_scheme scheme,
			const struct host *host, uint16_t port, struct policy_verdict *verdict);

/* Whether some rule could allow plain http to HOST and PORT. */
bool policy_may_http(const struct policy *policy, const struct host *host, uint16_t port);

/* Whether some allowing rule names PORT, for any host, in a scheme in which the client speaks
 * first: https, http or tls. */
bool policy_names_port(const struct policy *policy, uint16_t port);

/* The uses whose target, methods and every reading of the path match REQUEST: the slots that may
 * get a secret in this request, once it is allowed; those in the messages of a WebSocket only if it
 * asks for one. Stores at most MAX, returns how many there are in all. A request that is not https
 * has none. */
size_t policy_find_uses(const struct policy *policy, const struct policy_request *request,
			const struct policy_use **uses, size_t max);

/* Whether the request could carry SECRET at all at this HOST and PORT, whatever its method and path
 * (for messages: "the secret is bound to this host, but not to this path"). */
bool policy_secret_names_host(const struct policy_secret *secret, const struct host *host,
			      uint16_t port);

/* One line of YAML that would allow REQUEST, such as "- allow: https://h/v1/x\n  methods: [POST]"
 * with each line break written as "; ". For denials. Returns the length; OUT is NUL-terminated, and
 * never holds a byte that is not printable ASCII. Empty when no rule could allow it (its method is
 * not known) or when it does not fit. */
size_t policy_suggest(const struct policy_request *request, char *out, size_t size);

/* The same for a connection or datagrams: "- allow: tcp://h:22". */
size_t policy_suggest_flow(enum policy_scheme scheme, const struct host *host, uint16_t port,
			   char *out, size_t size);

#endif
