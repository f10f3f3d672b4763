/*
 * What it costs to look for placeholders in the head of a request, and to put secrets in: processor
 * time for a request, the best of several rounds, with 10 secrets and the head of a program that
 * uses an API. Nothing is to be found, one is put into a field, or there is one in disguise; and
 * credentials are checked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proxy/secret/credentials.h"

enum { SECRETS = 10, REQUESTS = 20000, ROUNDS = 7 };

static char scratch[SECRET_SCRATCH_BYTES];

struct field {
	const char *name, *value;
};

static const struct field common[] = {
	{"Accept", "application/json"},
	{"Accept-Encoding", "gzip, deflate, br, zstd"},
	{"Content-Type", "application/json"},
	{"User-Agent", "OpenAI/Python 1.58.1"},
	{"X-Stainless-Lang", "python"},
	{"X-Stainless-Package-Version", "1.58.1"},
	{"X-Stainless-OS", "Linux"},
	{"X-Stainless-Arch", "x64"},
	{"X-Stainless-Runtime", "CPython"},
	{"X-Stainless-Runtime-Version", "3.11.2"},
	{"X-Stainless-Async", "false"},
	{"X-Stainless-Retry-Count", "0"},
	{"Idempotency-Key", "stainless-python-retry-9f0a3c52-1d0b-4b7e-8f8e-2a1d7c9b0e44"},
};

struct bench {
	struct policy *policy;
	struct secret_store store;
	struct arena arena;
};

static void fail(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(1);
}

static void set_up(struct bench *bench)
{
	static char text[8192];
	struct diagnostics diagnostics = {0};
	size_t used = (size_t)sprintf(text, "sallyport: 1\nname: bench\nsecrets:\n");
	struct error err;

	for (int i = 0; i < SECRETS; i++)
		used += (size_t)sprintf(text + used,
					"  KEY%d: {from: env, use: [{at: api.example.com, slot: "
					"header %s}]}\n",
					i, i ? "X-Other" : "Authorization");
	sprintf(text + used, "rules: [{allow: api.example.com}]\n");
	if (policy_load_text("bench", slice_from_text(text), &bench->policy, &diagnostics) < 0 ||
	    secret_store_init(&bench->store, &err) < 0)
		fail("no policy");
	for (int i = 0; i < SECRETS; i++) {
		snprintf(text, sizeof(text), "sk-proj-%d0123456789abcdefghijklmnopqrstuvwxyz", i);
		if (secret_store_add(&bench->store, &bench->policy->secrets[i],
				     slice_from_text(text), SLICE_LITERAL("real-value-0123456789"),
				     &err) < 0)
			fail(err.text);
	}
	if (secret_store_seal(&bench->store, &err) < 0)
		fail(err.text);
	arena_init(&bench->arena, 1 << 20);
}

static void ask(struct bench *bench, const char *authorization, bool check)
{
	struct secret_plan plan = {0};
	struct credentials_foreign foreign;
	struct http_message message;
	struct path path;
	const char *why;

	arena_reset(&bench->arena);
	http_message_init(&message, &bench->arena);
	host_parse(SLICE_LITERAL("api.example.com"), &message.host);
	path_canonicalise(SLICE_LITERAL("/v1/chat/completions"), &bench->arena, &path, &why);
	message.path = path.text;
	message.query = SLICE_LITERAL("?stream=true&limit=50&order=desc");
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		http_fields_add(&message.fields, &bench->arena, slice_from_text(common[i].name),
				slice_from_text(common[i].value));
	http_fields_add(&message.fields, &bench->arena, SLICE_LITERAL("Authorization"),
			slice_from_text(authorization));
	secret_plan_begin(&plan, bench->policy,
			  &(struct policy_request){.scheme = POLICY_HTTPS,
						   .host = &message.host,
						   .port = 443,
						   .method = SLICE_LITERAL("POST"),
						   .path = &path});
	if (secret_plan_path(&bench->store, &message, &plan) < 0 ||
	    secret_plan_make(&bench->store, &message, &plan) < 0)
		fail("it cannot be planned for");
	if (check)
		credentials_find_foreign(&plan, &message, &foreign);
	if (!secret_plan_has_secrets(&plan))
		return;
	secret_plan_apply(&bench->store, &plan, &message, scratch);
	secret_plan_undo(&plan, &message, scratch);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(struct bench *bench, const char *what, const char *authorization, bool check)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns(), taken;

		for (int i = 0; i < REQUESTS; i++)
			ask(bench, authorization, check);
		taken = (now_ns() - start) / REQUESTS;
		if (round == 0 || taken < best)
			best = taken;
	}
	printf("%-44s %7.0f ns\n", what, best);
}

int main(void)
{
	static const struct secret_store none = {.count = 0};
	struct bench bench = {.policy = NULL};
	struct secret_store store;

	set_up(&bench);
	store = bench.store;
	bench.store = none;
	measure(&bench, "no secrets: to make and to forget a head", "Bearer x", false);
	bench.store = store;
	measure(&bench, "nothing to be found", "Bearer sk-proj-someotherkeysomeotherkey", false);
	measure(&bench, "the same, and credentials are checked",
		"Bearer sk-proj-someotherkeysomeotherkey", true);
	measure(&bench, "one is put into a field",
		"Bearer sk-proj-00123456789abcdefghijklmnopqrstuvwxyz", false);
	measure(&bench, "one in disguise", "Bearer %73k-proj-00123456789abcdefghijklmnopqrstuvwxyz",
		false);
	secret_store_free(&bench.store);
	arena_free(&bench.arena);
	policy_free(bench.policy);
	return 0;
}
