/* A policy with secrets of every misuse setting, and a store with known values, for the tests of
 * this folder. */
#ifndef TESTS_UNIT_SECRET_FIXTURE_H
#define TESTS_UNIT_SECRET_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "proxy/secret/inject.h"
#include "tests/unit/allocation.h"

static const char fixture_policy[] =
	"sallyport: 1\n"
	"name: test\n"
	"secrets:\n"
	"  KEY:\n"
	"    from: env\n"
	"    use: [{at: \"https://api.example.com/v1/**\", methods: [GET, POST], slot: header "
	"Authorization}]\n"
	"  LOGIN:\n"
	"    from: env\n"
	"    use: [{at: git.example.com, slot: basic user}]\n"
	"  PASS:\n"
	"    from: env\n"
	"    use: [{at: git.example.com, slot: basic password}]\n"
	"  STRICT:\n"
	"    from: env\n"
	"    misuse: strict\n"
	"    use: [{at: api.example.com, slot: header X-Strict}]\n"
	"  STRIP:\n"
	"    from: env\n"
	"    misuse: strip\n"
	"    use: [{at: api.example.com, slot: header X-Strip}]\n"
	"  PASSING:\n"
	"    from: env\n"
	"    misuse: pass\n"
	"    use: [{at: api.example.com, slot: header X-Pass}]\n"
	"  KILL:\n"
	"    from: env\n"
	"    misuse: kill\n"
	"    use: [{at: api.example.com, slot: header X-Kill}]\n"
	"rules:\n"
	"  - allow: [api.example.com, git.example.com, other.example.com]\n";

#define PLACEHOLDER(name) "ph-" name "-0123456789abcdef"

struct fixture {
	struct policy *policy;
	struct secret_store store;
	struct arena arena;
	struct http_message message;
	struct path path;
	struct policy_request request;
	struct secret_plan plan;
	char *scratch;
};

static inline struct policy *fixture_load(const char *text)
{
	static struct diagnostics diagnostics;
	struct policy *policy = NULL;
	char *rendered;

	if (policy_load_text("test", slice_from_text(text), &policy, &diagnostics) < 0) {
		rendered = diagnostics_render(&diagnostics);
		print_error("%s", rendered);
		free(rendered);
	}
	assert_non_null(policy);
	return policy;
}

/* Secret NAME has the placeholder PLACEHOLDER(NAME) and the value "real-NAME-value". */
static inline void fixture_set_up_with(struct fixture *fixture, const char *text)
{
	struct error err;

	*fixture = (struct fixture){.policy = fixture_load(text)};
	assert_int_equal(secret_store_init(&fixture->store, &err), 0);
	for (size_t i = 0; i < fixture->policy->secret_count; i++) {
		const struct policy_secret *secret = &fixture->policy->secrets[i];
		char placeholder[128], value[128];

		snprintf(placeholder, sizeof(placeholder), "ph-%s-0123456789abcdef", secret->name);
		snprintf(value, sizeof(value), "real-%s-value", secret->name);
		assert_int_equal(secret_store_add(&fixture->store, secret,
						  slice_from_text(placeholder),
						  slice_from_text(value), &err),
				 0);
	}
	assert_int_equal(secret_store_seal(&fixture->store, &err), 0);
	arena_init(&fixture->arena, 1 << 20);
	fixture->scratch = malloc(SECRET_SCRATCH_BYTES);
}

static inline void fixture_set_up(struct fixture *fixture)
{
	fixture_set_up_with(fixture, fixture_policy);
}

static inline void fixture_tear_down(struct fixture *fixture)
{
	free(fixture->scratch);
	arena_free(&fixture->arena);
	secret_store_free(&fixture->store);
	policy_free(fixture->policy);
}

/* A request without fields. */
static inline void fixture_request(struct fixture *fixture, const char *method, const char *host,
				   const char *path, const char *query)
{
	const char *why;

	arena_reset(&fixture->arena);
	http_message_init(&fixture->message, &fixture->arena);
	fixture->message.method = slice_from_text(method);
	fixture->message.scheme = POLICY_HTTPS;
	assert_int_equal(host_parse(slice_from_text(host), &fixture->message.host), 0);
	fixture->message.port = 443;
	assert_int_equal(
		path_canonicalise(slice_from_text(path), &fixture->arena, &fixture->path, &why), 0);
	fixture->message.path = fixture->path.text;
	fixture->message.query = slice_from_text(query);
	fixture->request = (struct policy_request){
		.scheme = POLICY_HTTPS,
		.host = &fixture->message.host,
		.port = 443,
		.method = fixture->message.method,
		.path = &fixture->path,
	};
}

static inline void fixture_field(struct fixture *fixture, const char *name, const char *value)
{
	assert_int_equal(http_fields_add(&fixture->message.fields, &fixture->arena,
					 slice_from_text(name),
					 arena_copy(&fixture->arena, slice_from_text(value))),
			 0);
}

static inline void fixture_plan(struct fixture *fixture)
{
	int rc;

	fixture->plan = (struct secret_plan){0};
	assert_int_equal(secret_plan_begin(&fixture->plan, fixture->policy, &fixture->request), 0);
	while ((rc = secret_plan_path(&fixture->store, &fixture->message, &fixture->plan)) == 1)
		;
	assert_int_equal(rc, 0);
	assert_int_equal(secret_plan_make(&fixture->store, &fixture->message, &fixture->plan), 0);
}

/* The value of field INDEX as it would be sent. */
static inline void assert_sent(struct fixture *fixture, size_t index, const char *expected)
{
	struct slice before = fixture->message.fields.list[index].value, sent;

	assert_int_equal(secret_plan_apply(&fixture->store, &fixture->plan, &fixture->message,
					   fixture->scratch),
			 0);
	sent = fixture->message.fields.list[index].value;
	if (!slice_equal(sent, slice_from_text(expected)))
		print_error("sent: %.*s\n", SLICE_ARGS(sent));
	assert_true(slice_equal(sent, slice_from_text(expected)));
	secret_plan_undo(&fixture->plan, &fixture->message, fixture->scratch);
	assert_true(slice_equal(fixture->message.fields.list[index].value, before));
	for (size_t i = 0; i < SECRET_SCRATCH_BYTES / 2; i++)
		assert_int_equal(fixture->scratch[i], 0);
}

#endif
