/*
 * The loader: whatever the text, it loads or says why not; and what has loaded gives verdicts.
 *
 * The input is a policy, or several files: behind a line "%%% NAME" one starts that can be included
 * by that name.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "policy/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	TARGETS_TRIED_MAX = 200,
	USES_MAX = 4,
	REASON_MAX = POLICY_REASON_BYTES,
};

static const struct slice separator = SLICE_LITERAL("\n%%% ");

/* The text of the file NAME in ALL, or a slice without a pointer. */
static struct slice find_file(struct slice all, struct slice name)
{
	struct slice rest = all;

	for (;;) {
		size_t at = slice_find(rest, separator);
		struct slice line;

		if (at == rest.len)
			return (struct slice){NULL, 0};
		rest = slice_from(rest, at + separator.len);
		line = slice_first(rest, slice_find_char(rest, '\n'));
		if (slice_equal(line, name)) {
			rest = slice_from(rest, line.len);
			return slice_first(rest, slice_find(rest, separator));
		}
	}
}

static int read_file(void *context, const char *path, size_t max_bytes, char **bytes, size_t *len,
		     struct error *err)
{
	const struct slice *all = context;
	struct slice text = strcmp(path, "p.yaml") == 0
				    ? slice_first(*all, slice_find(*all, separator))
				    : find_file(*all, slice_from_text(path));

	if (!text.ptr || text.len > max_bytes)
		return error_set(err, -ENOENT, "there is no %s", path);
	*bytes = slice_copy_text(text);
	*len = text.len;
	return *bytes ? 0 : error_set(err, -ENOMEM, "no memory");
}

static void check_verdict(const struct policy_verdict *verdict)
{
	assert(verdict->allow || (verdict->reason && strlen(verdict->reason) < REASON_MAX));
	assert(!verdict->allow || (verdict->rule && verdict->rule->allow));
}

static void check_rule(const struct policy *policy, const struct policy_rule *rule)
{
	assert(rule->target_count > 0 && rule->place.file < policy->file_count);
	assert(rule->allow || (!rule->websocket && !rule->set_count && !rule->credentials));
	for (size_t i = 0; i < rule->set_count; i++) {
		const struct policy_set *set = &rule->sets[i];

		assert(set->part_count > 0 && set->parts[0].secret->is_set);
		for (size_t j = 0; j + 1 < set->part_count; j++)
			assert(set->parts[j].secret);
	}
	for (size_t i = 0; rule->set_count && i < rule->target_count; i++)
		assert(rule->targets[i].scheme == POLICY_HTTPS && !rule->targets[i].any_host);
}

static void check_use(const struct policy_use *use)
{
	const struct policy_slot *slot = &use->slot;
	bool named = slot->kind == POLICY_SLOT_HEADER || slot->kind == POLICY_SLOT_COOKIE ||
		     slot->kind == POLICY_SLOT_QUERY || slot->kind == POLICY_SLOT_FORM;

	assert(use->at.scheme == POLICY_HTTPS && !use->at.any_host);
	assert((slot->name.len > 0) == named);
	assert(slot->has_pointer == (slot->pointer.count > 0));
	assert(slot->kind != POLICY_SLOT_JSON || slot->has_pointer);
}

static void check_secret(const struct policy_secret *secret)
{
	assert(secret->name && (secret->use_count > 0 || secret->is_set));
	assert(secret->is_hidden == (secret->use_count == 0));
	for (size_t i = 0; i < secret->use_count; i++)
		check_use(&secret->uses[i]);
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
	for (enum policy_scheme scheme = POLICY_TCP; scheme <= POLICY_UDP; scheme++) {
		assert(policy_decide_flow(policy, scheme, request->host, request->port, &verdict) ==
		       verdict.allow);
		check_verdict(&verdict);
		policy_suggest_flow(scheme, request->host, request->port, suggestion,
				    sizeof(suggestion));
	}
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
	for (unsigned int i = 0; i < 4; i++) {
		request.scheme = i < 2 ? POLICY_HTTPS : POLICY_HTTP;
		request.websocket = i % 2;
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

		assert(rule->index == i);
		check_rule(policy, rule);
		for (size_t j = 0; j < rule->target_count && tried < TARGETS_TRIED_MAX;
		     j++, tried++)
			ask_about(policy, &rule->targets[j], path);
	}
	for (size_t i = 0; i < policy->resolve_count; i++)
		assert(policy_find_resolve(policy, &policy->resolve[i].name) ==
		       &policy->resolve[i]);
	for (size_t i = 0; i < policy->secret_count; i++)
		check_secret(&policy->secrets[i]);
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
	struct slice all = slice_of(data, size);
	struct policy_reader reader = {read_file, &all};
	int rc = policy_load_from(&reader, "p.yaml", &policy, &diagnostics);

	assert((rc < 0) == (diagnostics.errors > 0) && (rc < 0) == (policy == NULL));
	shown = diagnostics_render(&diagnostics);
	assert(shown && (diagnostics.count == 0) == (shown[0] == '\0'));
	free(shown);
	diagnostics_release(&diagnostics);
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
