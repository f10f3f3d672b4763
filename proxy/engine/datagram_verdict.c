#include "proxy/engine/datagram_verdict.h"

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
	if (verdict->allow &&
	    address_check_flow(remote, policy, verdict->policy.by_range, verdict->policy.text,
			       sizeof(verdict->policy.text)) < 0) {
		verdict->allow = false;
		deny(verdict, verdict->policy.text);
	} else if (!verdict->allow && policy->mode == POLICY_OBSERVE) {
		verdict->allow = verdict->would_deny = true;
	}
}
