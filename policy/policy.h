/*
 * A policy: what one sandbox may reach, and which secrets go in where. Loaded from YAML, checked
 * whole, compiled, and from then on immutable. Knows no sockets.
 *
 *     files -> trees (yaml.h: bounded, places kept) -> struct policy (checked) -> matcher (match.h)
 *
 * A policy may be made of several files: one includes others, whose secrets and rules are added to
 * its own, its own rules first.
 *
 * Nothing is allowed as a side effect: an empty or missing list of rules denies all (design section
 * 3, rule 1). Keys that a later version will bring are refused as not yet supported, never ignored.
 *
 * A policy and all it points to live in one arena that policy_free() releases.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "policy/diagnostic.h"
#include "policy/host.h"
#include "policy/path.h"

enum {
	POLICY_FILE_MAX_BYTES = 8 << 20, /* of all files together */
	POLICY_FILES_MAX = 64,
	POLICY_DEPTH_MAX = 16,
	POLICY_NODES_MAX = 400000,
	POLICY_RULES_MAX = 50000,
	POLICY_SECRETS_MAX = 256,
	POLICY_USES_MAX = 64, /* of one secret */
	POLICY_METHODS_MAX = 16,
	POLICY_SETS_MAX = 16,	  /* of one rule */
	POLICY_RANGES_MAX = 1024, /* of addresses, in all rules together */
};

enum policy_scheme {
	POLICY_HTTPS,
	POLICY_HTTP,
	POLICY_TLS,
	POLICY_TCP,
	POLICY_UDP,
	POLICY_SCHEME_COUNT,
};

const char *policy_scheme_name(enum policy_scheme scheme);

/* The port of a target that names none; 0 for tcp and udp, which have none of their own. */
uint16_t policy_scheme_port(enum policy_scheme scheme);

/* An address range, with the prefix's bytes in network order. */
struct policy_cidr {
	uint8_t address[16];
	uint8_t address_bytes; /* 4 or 16 */
	uint8_t prefix_bits;
};

/* [SCHEME://]HOST[:PORT][/PATH-GLOB], or tcp and udp: SCHEME://HOST-OR-RANGE[:PORT] */
struct policy_target {
	enum policy_scheme scheme;
	uint16_t port;
	bool any_scheme; /* a denial without a scheme: all of them; SCHEME is https then */
	bool any_port;	 /* and without a port: PORT is that of https then. A denial of tcp or udp
			    too; PORT is 0 then */
	bool wildcard;	 /* "*.x": HOST is x, and any name at any depth below it matches, never x */
	bool any_host;	 /* "*": every name (needs wide: true), and for a denial every address; HOST
			    is empty */
	bool is_range;	 /* tcp and udp: every address in RANGE, whose first one is HOST */
	struct policy_cidr range;
	struct path_glob path; /* of everything when none is given, and for tls, tcp and udp */
	struct slice text;     /* as written */
	struct host host;
	struct diagnostic_place place;
};

/* Methods, upper case, as written. Matched by exact case. Empty: for a denial every method, else
 * GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS; others must be named. */
struct policy_methods {
	size_t count;
	struct slice names[POLICY_METHODS_MAX];
};

struct policy_secret;
struct error;

/* Whether a request may carry a credential that is not a placeholder of this sandbox. */
enum policy_credentials {
	POLICY_CREDENTIALS_ANY,	 /* the default */
	POLICY_CREDENTIALS_OURS, /* refused */
	POLICY_CREDENTIALS_NONE, /* taken out, placeholders as well */
	POLICY_CREDENTIALS_COUNT,
};

/* A field that a rule sets, in the place of all fields of that name: literal text and secrets by
 * turns, one secret at least. */
struct policy_set_part {
	struct slice literal;		    /* visible ASCII and spaces; may be empty */
	const struct policy_secret *secret; /* behind LITERAL; NULL behind the last one */
};

struct policy_set {
	struct slice field; /* no two of a rule are the same, without regard to case */
	const struct policy_set_part *parts;
	size_t part_count;
};

struct policy_rule {
	bool allow;
	size_t index; /* of the entry under rules:, as in "rules[3]" of the audit record */
	const struct policy_target *targets;
	size_t target_count;
	struct policy_methods methods;
	struct slice reason; /* empty when none is given */
	bool websocket;	     /* WebSockets may be opened too; without it the rule allows none */
	const struct policy_set *sets; /* all targets are https then */
	size_t set_count;
	enum policy_credentials credentials;
	struct diagnostic_place place;
};

enum policy_slot_kind {
	POLICY_SLOT_HEADER, /* name: the field's name */
	POLICY_SLOT_BASIC_USER,
	POLICY_SLOT_BASIC_PASSWORD,
	POLICY_SLOT_COOKIE, /* name: the cookie's */
	POLICY_SLOT_QUERY,  /* name: the parameter's, decoded */
	POLICY_SLOT_PATH,   /* a whole segment of the canonical path */
	POLICY_SLOT_FORM,   /* name: the field's, of urlencoded and multipart forms */
	POLICY_SLOT_JSON,   /* pointer */
	POLICY_SLOT_BODY,   /* anywhere in the body */
	POLICY_SLOT_WS,	    /* text messages of a WebSocket; with a pointer, as JSON */
	POLICY_SLOT_COUNT,
};

/* A JSON pointer (RFC 6901), its tokens decoded. */
struct policy_pointer {
	const struct slice *tokens;
	size_t count;
};

struct policy_slot {
	enum policy_slot_kind kind;
	struct slice name;
	bool has_pointer;
	struct policy_pointer pointer;
	struct slice text; /* as written: "header Authorization" */
};

/* What is scrubbed of responses to requests that a secret was put into. */
enum policy_scrub {
	POLICY_SCRUB_ALL, /* the default: fields, trailers, bodies; what cannot be scanned is
			     refused */
	POLICY_SCRUB_FIELDS,
	POLICY_SCRUB_NONE,
	POLICY_SCRUB_COUNT,
};

struct policy_use {
	const struct policy_secret *secret;
	struct policy_target at; /* always https */
	struct policy_methods methods;
	struct policy_slot slot;
};

/* Relative paths of files, and of commands with a slash in them, are made relative to the folder of
 * the file that names them. */
enum policy_source_kind {
	POLICY_FROM_ENV,
	POLICY_FROM_FILE,
	POLICY_FROM_EXEC,
};

struct policy_source {
	enum policy_source_kind kind;
	const char *name;	 /* env: the variable; file: the path; exec: the command */
	const char *const *argv; /* exec: NULL-terminated */
	struct diagnostic_place place;
};

/* What happens to a placeholder found outside its slots (design section 6). */
enum policy_misuse {
	POLICY_MISUSE_BLOCK, /* the default */
	POLICY_MISUSE_STRICT,
	POLICY_MISUSE_STRIP,
	POLICY_MISUSE_PASS,
	POLICY_MISUSE_KILL,
	POLICY_MISUSE_COUNT,
};

struct policy_secret {
	const char *name; /* also the variable that the sandbox sees */
	size_t index;
	struct policy_source from;
	struct slice placeholder; /* the template, "sk-{random:48}"; empty: made from the secret's
				     shape */
	const struct policy_use *uses;
	size_t use_count;
	enum policy_misuse misuse;
	enum policy_scrub scrub;
	bool capture;  /* new tokens in answers to requests that it was put into become placeholders
			*/
	bool is_set;   /* some rule sets a field from it */
	bool is_login; /* the upstream proxy is shown it */
	bool is_hidden; /* only rules, or the proxy, use it: the sandbox gets neither its variable
			   nor its placeholder */
	struct diagnostic_place place;
};

struct policy_resolve {
	struct host name;
	const struct host *addresses; /* HOST_IPV4 or HOST_IPV6 */
	size_t address_count;
	struct diagnostic_place place;
};

/* An HTTP proxy through which origins are reached, by CONNECT. */
struct policy_proxy {
	struct host host;
	uint16_t port;
	const struct policy_secret *login;  /* "user:password", for Proxy-Authorization; or NULL */
	const struct policy_target *except; /* hosts that are reached without it; of each only the
					       host counts */
	size_t except_count;
	struct diagnostic_place place;
};

enum policy_mode {
	POLICY_ENFORCE,
	POLICY_OBSERVE,
};

enum policy_audit_full {
	POLICY_AUDIT_BLOCK, /* the default: nothing is done that cannot be logged */
	POLICY_AUDIT_CONTINUE,
};

struct policy_matcher;

struct policy {
	const char *file;	  /* as the user named it */
	const char *const *files; /* all that were read, that one first: what must not be written to
				     by what the policy is for */
	size_t file_count;
	const char *name;
	enum policy_mode mode;
	enum policy_audit_full audit_full; /* audit: {when_full: block | continue} */
	const struct policy_secret *secrets;
	size_t secret_count;
	const struct policy_rule *rules;
	size_t rule_count;
	const struct policy_resolve *resolve; /* sorted by name */
	size_t resolve_count;
	const struct policy_cidr *private_ranges;
	size_t private_count;
	const struct policy_proxy *proxy; /* NULL: origins are reached straight */
	const char *const
		*ca_files; /* paths, relative ones made relative to the policy file's folder */
	size_t ca_count;
	uint8_t sha256[32]; /* for the log: of the file's bytes; of several files, of their digests
			       one behind the other */
	const struct policy_matcher *matcher;
};

/* Reads and checks the file at PATH. On success *POLICY is the caller's, to policy_free();
 * DIAGNOSTICS may hold warnings. On failure a negative code, and DIAGNOSTICS has every fault found.
 * DIAGNOSTICS keeps what was read, until diagnostics_release(). */
int policy_load_file(const char *path, struct policy **policy, struct diagnostics *diagnostics);

/* Where a policy's files are read from. */
struct policy_reader {
	/* Reads the file at PATH whole, into new memory for free(). 0, or a negative code with ERR.
	 */
	int (*read)(void *context, const char *path, size_t max_bytes, char **bytes, size_t *len,
		    struct error *err);
	void *context;
};

/* The same, with READER for the file system. */
int policy_load_from(const struct policy_reader *reader, const char *path, struct policy **policy,
		     struct diagnostics *diagnostics);

/* The same for TEXT that is in memory already; NAME stands for the file in messages. It can include
 * no others, and files that it names are not looked at. */
int policy_load_text(const char *name, struct slice text, struct policy **policy,
		     struct diagnostics *diagnostics);

void policy_free(struct policy *policy);

/* Whether HOST is reached through the policy's proxy: there is one, HOST is none of its exceptions,
 * and has no fixed address. */
bool policy_uses_proxy(const struct policy *policy, const struct host *host);

/* The "network: resolve" entry of NAME, or NULL. */
const struct policy_resolve *policy_find_resolve(const struct policy *policy,
						 const struct host *name);

#endif
