/*
 * Targets, as they stand in rules and in uses of secrets: [SCHEME://]HOST[:PORT][/PATH-GLOB]. Those
 * of tcp and udp have no path, and may be a range of addresses: tcp://10.0.0.0/24:5432,
 * udp://[2001:db8::]/32:53. To allow, they must have a port.
 */
#ifndef POLICY_TARGET_H
#define POLICY_TARGET_H

#include "policy/policy.h"

enum target_role {
	TARGET_ALLOW, /* without a scheme: https */
	TARGET_DENY,  /* without a scheme: every scheme, and every port unless one is given */
	TARGET_USE,   /* of a secret: https only */
};

/* What a target looks like, for editors (ECMA 262); target_parse() knows better. */
#define TARGET_PATTERN                                                                             \
	"^(((https|http|tls)://)?" TARGET_PLACE_PATTERN "|(tcp|udp)://" TARGET_HOST_PATTERN        \
	"(/[0-9]+)?(:[0-9]+)?)$"
#define TARGET_USE_PATTERN   "^(https://)?" TARGET_PLACE_PATTERN "$"
#define TARGET_PLACE_PATTERN TARGET_HOST_PATTERN "(:[0-9]+)?(/[^ ?#]*)?"
#define TARGET_HOST_PATTERN  "([A-Za-z0-9.*-]+|\\[[0-9A-Fa-f:]+\\])"

enum { TARGET_FAULT_BYTES = 240 };

/* What is wrong, and with which bytes of the text. */
struct target_fault {
	size_t offset;
	size_t length;
	char text[TARGET_FAULT_BYTES];
	char hint[TARGET_FAULT_BYTES]; /* or empty */
};

/* Parses TEXT, which must outlive TARGET and hold no NUL. 0, or ERROR_SYNTAX or ERROR_UNSUPPORTED
 * with FAULT. TARGET's place is left alone. */
int target_parse(struct slice text, enum target_role role, struct policy_target *target,
		 struct target_fault *fault);

/* Whether the target is about connections or datagrams whose bytes are not looked at: tcp or udp.
 */
static inline bool target_is_flow(const struct policy_target *target)
{
	return target->scheme == POLICY_TCP || target->scheme == POLICY_UDP;
}

/* Whether the target is about connections or datagrams as such, and not about requests: tls, tcp or
 * udp. */
static inline bool target_is_unopened(const struct policy_target *target)
{
	return target->scheme == POLICY_TLS || target_is_flow(target);
}

/* How much of the world a target's host takes in. */
enum target_width {
	TARGET_NARROW,
	TARGET_SHARED,	   /* below a name under which anybody can get a name: "*.github.io" */
	TARGET_SUFFIX,	   /* below a public suffix: "*.com", "*.co.uk" */
	TARGET_RANGE,	   /* a great part of all addresses: "0.0.0.0/0" */
	TARGET_EVERYTHING, /* "*" */
};

enum target_width target_width(const struct policy_target *target);

/* Whether the target is one host with everybody's storage, told apart by the path alone, and its
 * path leaves the choice open: "s3.amazonaws.com". */
bool target_is_shared_storage(const struct policy_target *target);

/* Whether HOST is the target's, or below its wildcard. Of "*" and of ranges it does not speak. */
bool target_has_host(const struct policy_target *target, const struct host *host);

/* Whether SCHEME and PORT are among the target's. */
bool target_has_port(const struct policy_target *target, enum policy_scheme scheme, uint16_t port);

#endif
