/* The loader: whatever the text, it loads or says why not; and what has loaded gives verdicts. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "policy/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	TARGETS_TRIED_MAX = 200,
	USES_MAX = 4,
	REASON_MAX = POLICY_REASON_BYTES,
};

static void check_verdict(const struct policy_verdict *verdict)
{
	assert(verdict->allow || (verdict->reason && strlen(verdict->reason) < REASON_MAX));
	assert(!verdict->allow || (verdict->rule && verdict->rule->allow));
}

static void ask(const struct policy *policy, const struct policy_request *request)
{
	const struct policy_use *uses[USES_MAX];
	struct policy_verdict verdict;
	char suggestion[256];
	enum policy_tls_route route;

	policy_decide_request(policy, request, &verdict);
	check_verdict(&verdict);
	assert(!verdict.allow || policy_names_port(policy, request->port));
	route = policy_decide_tls(policy, request->host, request->port, &verdict);
	assert((route == POLICY_TLS_PASS) == verdict.allow);
	check_verdict(&verdict);
	policy_may_http(policy, request->host, request->port);
	policy_find_uses(policy, request, uses, USES_MAX);
	assert(policy_suggest(request, suggestion, sizeof(suggestion)) < sizeof(suggestion));
}

/* The target itself, and a name below it. */
static void ask_about(const struct policy *policy, const struct policy_target *target,
		      const struct path *path)
{
	struct policy_request request = {
		.port = target->port,
		.method = SLICE_LITERAL("GET"),
		.path = path,
	};
	struct host below = {0};
	char text[HOST_TEXT_MAX + 3] = "a.";

	strcat(text, target->any_host ? "example" : target->host.text);
	for (unsigned int scheme = POLICY_HTTPS; scheme <= POLICY_HTTP; scheme++) {
		request.scheme = scheme;
		request.host = &target->host;
		if (!target->any_host)
			ask(policy, &request);
		request.host = &below;
		if (host_parse_name(slice_from_text(text), &below) == 0)
			ask(policy, &request);
	}
}

static void use_policy(const struct policy *policy, const struct path *path)
{
	size_t tried = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		assert(rule->index == i && rule->target_count > 0);
		for (size_t j = 0; j < rule->target_count && tried < TARGETS_TRIED_MAX;
		     j++, tried++)
			ask_about(policy, &rule->targets[j], path);
	}
	for (size_t i = 0; i < policy->resolve_count; i++)
		assert(policy_find_resolve(policy, &policy->resolve[i].name) ==
		       &policy->resolve[i]);
	for (size_t i = 0; i < policy->secret_count; i++)
		assert(policy->secrets[i].name && policy->secrets[i].use_count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct slice raw_path = {"/a%2Fb;c//d", 11};
	struct diagnostics diagnostics;
	struct policy *policy;
	struct arena arena;
	struct path path;
	const char *why;
	char *shown;
	int rc = policy_load_text("p.yaml", slice_of(data, size), &policy, &diagnostics);

	assert((rc < 0) == (diagnostics.errors > 0) && (rc < 0) == (policy == NULL));
	shown = diagnostics_render(&diagnostics);
	assert(shown && (diagnostics.count == 0) == (shown[0] == '\0'));
	free(shown);
	if (!policy)
		return 0;
	arena_init(&arena, 1 << 16);
	rc = path_canonicalise(raw_path, &arena, &path, &why);
	assert(rc == 0);
	use_policy(policy, &path);
	arena_free(&arena);
	policy_free(policy);
	return 0;
}
