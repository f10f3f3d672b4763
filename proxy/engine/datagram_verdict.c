#include "proxy/engine/datagram_verdict.h"

#include <stdio.h>

#include "proxy/engine/sandbox.h"

static bool find_host(const struct sandbox *sandbox, const struct address *remote,
		      struct host *host)
{
	const struct host *name = names_find(sandbox->names, remote->bytes, remote->length);

	if (name) {
		*host = *name;
		return true;
	}
	if (names_is_synthetic(remote->bytes, remote->length))
		return false;
	host_from_address(remote->bytes, remote->length, host);
	return true;
}

static void deny(struct datagram_verdict *verdict, const char *reason)
{
	verdict->policy.allow = false;
	verdict->policy.rule = NULL;
	verdict->policy.reason = reason;
}

/* Of a range the policy has no word on each address: one of the host's own is not meant by it. */
static bool is_own_by_range(const struct policy *policy, const struct address *remote,
			    struct datagram_verdict *verdict)
{
	char text[ADDRESS_TEXT_BYTES];
	const char *why;

	if (!verdict->policy.by_range || address_check_resolved(remote, policy, &why) == 0)
		return false;
	address_format(remote, text);
	snprintf(verdict->policy.text, sizeof(verdict->policy.text), "%s may not be dialled: %s",
		 text, why);
	deny(verdict, verdict->policy.text);
	return true;
}

void datagram_judge(const struct sandbox *sandbox, const struct address *remote, uint16_t port,
		    struct datagram_verdict *verdict)
{
	const struct policy *policy = sandbox->policy;

	verdict->allow = false;
	verdict->would_deny = false;
	verdict->has_host = find_host(sandbox, remote, &verdict->host);
	if (!verdict->has_host) {
		deny(verdict, "the address stands for no name");
		return;
	}
	if (sandbox->killed) {
		deny(verdict, "the sandbox has ended");
		return;
	}
	verdict->allow = policy_decide_flow(policy, POLICY_UDP, &verdict->host, port,
					    &verdict->policy);
	if (verdict->allow && is_own_by_range(policy, remote, verdict))
		verdict->allow = false;
	else if (!verdict->allow && policy->mode == POLICY_OBSERVE)
		verdict->allow = verdict->would_deny = true;
}
