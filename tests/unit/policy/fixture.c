#include "tests/unit/policy/fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void print_all(const struct diagnostics *diagnostics)
{
	char *text = diagnostics_render(diagnostics);

	print_error("%s", text);
	free(text);
}

struct policy *fixture_load(const char *text)
{
	struct diagnostics diagnostics;
	struct policy *policy;

	if (policy_load_text("p.yaml", slice_from_text(text), &policy, &diagnostics) < 0)
		print_all(&diagnostics);
	assert_non_null(policy);
	assert_int_equal(diagnostics.errors, 0);
	return policy;
}

char *fixture_diagnose(const char *text)
{
	struct diagnostics diagnostics;
	struct policy *policy;
	char *shown;
	int rc = policy_load_text("p.yaml", slice_from_text(text), &policy, &diagnostics);

	assert_int_equal(rc<0, diagnostics.errors> 0);
	assert_int_equal(rc < 0, policy == NULL);
	policy_free(policy);
	shown = diagnostics_render(&diagnostics);
	assert_non_null(shown);
	return shown;
}

void fixture_assert_says(const char *text, const char *part, bool warns)
{
	char *shown = fixture_diagnose(text);

	if (!strstr(shown, part) || !strstr(shown, "error:") != warns)
		print_error("in:\n%s\nexpected: %s\nfound:\n%s", text, part, shown);
	assert_non_null(strstr(shown, part));
	assert_int_equal(!strstr(shown, "error:"), warns);
	free(shown);
}

const struct policy_request *fixture_request(const char *text)
{
	static struct policy_request request;
	static struct arena arena;
	static struct host host;
	static struct path path;
	struct slice rest = slice_from_text(text), authority;
	const char *why;
	size_t end = slice_find_char(rest, ' ');

	arena_free(&arena);
	arena_init(&arena, 1 << 20);
	request.method = slice_first(rest, end);
	rest = slice_from(rest, end + 1);
	request.scheme = slice_starts_with(rest, SLICE_LITERAL("https://")) ? POLICY_HTTPS
									    : POLICY_HTTP;
	rest = slice_from(rest, slice_find(rest, SLICE_LITERAL("://")) + 3);
	authority = slice_first(rest, slice_find_char(rest, '/'));
	assert_int_equal(host_parse_authority(authority, policy_scheme_port(request.scheme), &host,
					      &request.port),
			 0);
	assert_int_equal(path_canonicalise(slice_from(rest, authority.len), &arena, &path, &why),
			 0);
	request.host = &host;
	request.path = &path;
	return &request;
}

void fixture_decide(const struct policy *policy, const char *request,
		    struct policy_verdict *verdict)
{
	policy_decide_request(policy, fixture_request(request), verdict);
	if (!verdict->allow)
		assert_non_null(verdict->reason);
}
