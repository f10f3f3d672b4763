/*
 * The audit record (design section 8): one line of JSON for each verdict.
 *
 * The worker fills a struct audit_record and formats its BODY: all members but "v", "seq" and
 * "prev", which only the journal can know, as it writes the file. A secret's value is in no record;
 * text that came from the sandbox must have its placeholders replaced by their secrets' names
 * before it is put here.
 *
 * Fields are only ever added. docs/audit.md lists them.
 */
#ifndef PROXY_AUDIT_RECORD_H
#define PROXY_AUDIT_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"

enum {
	AUDIT_BODY_MAX = 4000, /* bytes; longer texts are cut so that a body always fits */
	AUDIT_SECRETS_MAX = 16,
	AUDIT_MISUSES_MAX = 8,
	AUDIT_ID_BYTES = 16,
};

enum audit_kind {
	AUDIT_HTTP,
	AUDIT_TLS,
	AUDIT_TCP,
	AUDIT_UDP,
	AUDIT_DNS,
	AUDIT_PACKET,
	AUDIT_SECRET,
	AUDIT_POLICY,
	AUDIT_SANDBOX,
	AUDIT_KIND_COUNT,
};

struct audit_secret {
	const char *name;
	struct slice slot; /* "header Authorization" */
};

struct audit_misuse {
	const char *name;
	const char *place;  /* "header", "path", "query", "cookie", "body", "trailer" */
	const char *action; /* "blocked", "stripped", "passed", "killed" */
};

struct audit_tls {
	struct slice sni;
	const char *version; /* "TLSv1.3"; NULL: no handshake was completed */
	const char *cipher;
	const char *alpn; /* NULL: none */
	bool resumed;
};

struct audit_record {
	enum audit_kind kind;
	bool allow;	     /* with has_life: not looked at, as that is no verdict; written null */
	bool would_deny;     /* observe mode: allowed, and enforce mode would not */
	int64_t time_us;     /* wall clock, of the verdict */
	const char *sandbox; /* its id; NULL: null */
	int rule; /* index of the rule that decided, written "rules[N]"; -1: none did, null */
	const char *reason; /* why it was denied; NULL: null */
	const char *error;  /* allowed, and it failed all the same: why. Left out when NULL */

	struct slice host;     /* left out when its ptr is NULL */
	uint16_t port;	       /* left out when 0 */
	struct slice ip;       /* that was dialled; left out when its ptr is NULL */
	struct slice proxy_ip; /* the same, of the upstream proxy that reached it: "proxy" */

	bool has_tls;
	struct audit_tls tls; /* the sandbox's leg */
	bool has_upstream;
	struct audit_tls upstream; /* the origin's leg; sni is not written */
	bool upstream_reused;	   /* a pooled connection */

	bool has_http;
	struct {
		const char *version; /* "1.1" */
		struct slice method;
		struct slice path; /* with the query, placeholders by name */
		int status;	   /* 0: none was sent, null */
		uint64_t request_bytes;
		uint64_t response_bytes;
	} http;

	bool has_websocket; /* http: what went over it, without the frames around it */
	struct {
		uint64_t messages_up;
		uint64_t messages_down;
		uint64_t bytes_up;
		uint64_t bytes_down;
		struct slice protocol; /* that was agreed on; empty: none, null */
		int close_code;	       /* of the first close frame; 0: it told none, null */
		const char *closed_by; /* "client", "origin", "sallyport"; NULL: there was none */
	} websocket;

	bool has_bytes; /* tls and tcp: what was relayed */
	uint64_t bytes_up;
	uint64_t bytes_down;

	struct audit_secret secrets[AUDIT_SECRETS_MAX];
	size_t secret_count;
	size_t secrets_more; /* that did not fit */
	struct audit_misuse misuses[AUDIT_MISUSES_MAX];
	size_t misuse_count;
	size_t misuses_more;
	uint64_t scrubbed;
	uint64_t captured; /* tokens that the answer gave out; left out when 0 */

	bool has_dns;
	struct {
		struct slice name;  /* as asked, escaped */
		uint16_t type;	    /* written as its mnemonic, or TYPEn */
		const char *rcode;  /* "NOERROR" */
		const char *answer; /* "synthetic", "empty", or NULL */
	} dns;

	bool has_packet;
	struct {
		const char *protocol; /* "udp", "icmp", or a number as text */
		struct slice source;  /* address text */
		struct slice destination;
		uint16_t source_port; /* 0: none */
		uint16_t destination_port;
		uint64_t suppressed; /* packets like it that got no record of their own */
		const char *service; /* what it looks like: "quic"; left out when NULL */
	} packet;

	bool has_life; /* kind sandbox */
	struct {
		const char *event;   /* "start", "end", "killed", "worker-lost", "log-blocked",
					"log-resumed", "log-reopened", "bad-record" */
		const char *version; /* of Sallyport; left out when NULL, as are the next four */
		const char *policy;  /* the policy's name */
		const char *policy_sha256;
		const char *mode;
		struct slice command; /* argv[0] */
		int status;	      /* of "end": COMMAND's; -1: left out */
		int64_t lost; /* of "worker-lost": records of exchanges that were in flight; -1:
				 left out */
	} life;		      /* written as "life" */

	int64_t total_us;   /* -1: "ms" is left out */
	int64_t connect_us; /* -1: no connection was made */
};

/* A record of KIND with everything else absent. */
void audit_record_init(struct audit_record *record, enum audit_kind kind, const char *sandbox);

/* Writes the body, a JSON object, to OUT. It always fits: long texts are cut, with a mark. The
 * length. */
size_t audit_record_format(const struct audit_record *record, char out[AUDIT_BODY_MAX]);

const char *audit_kind_name(enum audit_kind kind);

#endif
