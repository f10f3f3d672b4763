#include "proxy/steer/interior.h"

#include <string.h>
#include <unistd.h>

#include "proxy/steer/control.h"
#include "proxy/steer/namespaces.h"
#include "proxy/steer/network.h"
#include "proxy/steer/ruleset.h"
#include "proxy/steer/sockets.h"
#include "proxy/steer/view.h"

static int hand_out(struct steer_sockets *sockets, int control, struct error *err)
{
	struct control_message message = {.kind = CONTROL_SOCKETS};
	int fds[STEER_SOCKETS];
	size_t count;
	int rc;

	message.value = (int)steer_sockets_list(sockets, fds, &count);
	rc = control_send(control, &message, fds, count);
	steer_sockets_close(sockets);
	if (rc < 0)
		return error_set_code(err, rc, "cannot hand the sandbox's sockets out");
	return 0;
}

static int make_network(const struct steer_plan *plan, struct identity inner, bool *ipv6,
			int control, struct error *err)
{
	struct steer_sockets sockets;
	int rc;

	/* The rules come before the interface is up: no packet is ever without them. */
	rc = ruleset_load(plan->datagram_ports, plan->datagram_port_count, err);
	if (rc == 0)
		rc = network_configure(inner, ipv6, err);
	if (rc == 0)
		rc = sockets_open(&sockets, *ipv6, plan->datagram_port_count > 0, err);
	if (rc == 0)
		rc = hand_out(&sockets, control, err);
	return rc;
}

/* AppArmor lets user namespaces be made and then refuses what they are for. */
static int explain(int rc, struct error *err)
{
	struct namespace_limits limits;

	if (rc != -EPERM && rc != -EACCES)
		return rc;
	namespaces_read_limits(&limits);
	return limits.apparmor_restricts ? namespaces_explain(rc, &limits, err) : rc;
}

int interior_make(const struct steer_plan *plan, const struct surroundings *surroundings,
		  int control, struct error *err)
{
	struct view view = {.plan = plan, .surroundings = surroundings};
	struct identity inner = namespaces_inner(surroundings->caller);
	int rc;

	rc = namespaces_map(inner, surroundings->caller, err);
	if (rc == 0 && sethostname(plan->sandbox, strlen(plan->sandbox)) < 0)
		rc = error_set_code(err, -errno, "cannot set the sandbox's host name");
	if (rc == 0)
		rc = make_network(plan, inner, &view.ipv6, control, err);
	if (rc == 0)
		rc = view_arrange(&view, err);
	return rc < 0 ? explain(rc, err) : 0;
}
