/* The verdict on datagrams: by the name that their synthetic address stands for, or by the address.
 */
#ifndef PROXY_ENGINE_DATAGRAM_VERDICT_H
#define PROXY_ENGINE_DATAGRAM_VERDICT_H

#include "policy/match.h"
#include "proxy/engine/address.h"

struct sandbox;

struct datagram_verdict {
	bool allow;
	bool would_deny; /* observe mode: allowed, and enforce mode would not */
	bool has_host;	 /* else the address is a synthetic one that stands for no name */
	struct host host;
	struct policy_verdict policy; /* its rule and reason */
};

/* Judges datagrams of SANDBOX to REMOTE and PORT. VERDICT must not be copied. */
void datagram_judge(const struct sandbox *sandbox, const struct address *remote, uint16_t port,
		    struct datagram_verdict *verdict);

#endif
