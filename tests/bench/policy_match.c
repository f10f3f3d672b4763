/*
 * What a verdict costs by the number of rules. Policies of 10 to 10,000 rules, each for a host of
 * its own, are asked about hosts that they name, about names below their wildcards, and about hosts
 * that they do not know. Processor time, the best of several rounds, in nanoseconds a verdict.
 *
 * With --check the program fails if a verdict by 10,000 rules costs many times one by 10, as it
 * would if the rules were walked (that is a factor of hundreds). The factor allowed leaves room for
 * the rules no longer fitting into the processor's cache.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "policy/match.h"

enum {
	REQUESTS = 4096, /* of each kind, over which a round goes */
	ROUNDS = 15,
	LINE_BYTES = 128,
	FACTOR_MAX = 12,
};

enum kind {
	KIND_EXACT,
	KIND_WILDCARD,
	KIND_UNKNOWN,
	KIND_COUNT,
};

struct bench {
	struct arena arena;
	struct policy *policy;
	struct host hosts[REQUESTS];
	struct policy_request requests[REQUESTS];
	struct path path;
};

/* Every fourth rule is a wildcard. */
static bool is_wildcard(size_t rule)
{
	return rule % 4 == 3;
}

static char *write_policy(size_t rules)
{
	size_t size = (rules + 2) * LINE_BYTES, used;
	char *text = malloc(size);

	if (!text)
		return NULL;
	used = (size_t)snprintf(text, size, "sallyport: 1\nrules:\n");
	for (size_t i = 0; i < rules; i++)
		used += (size_t)snprintf(text + used, size - used,
					 "- {allow: \"https://%sservice%zu.example.org/v1/**\", "
					 "methods: [GET, POST]}\n",
					 is_wildcard(i) ? "*." : "", i);
	return text;
}

static int load(struct bench *bench, size_t rules)
{
	static struct diagnostics diagnostics;
	cleanup_free char *text = write_policy(rules);

	if (!text)
		return -1;
	return policy_load_text("bench", slice_from_text(text), &bench->policy, &diagnostics);
}

/* A host for the I-th request of KIND, spread over the rules. */
static void make_host(struct host *host, enum kind kind, size_t i, size_t rules)
{
	size_t rule = (i * 2654435761u) % rules;
	char text[LINE_BYTES];

	while (kind != KIND_UNKNOWN && is_wildcard(rule) != (kind == KIND_WILDCARD))
		rule = (rule + 1) % rules;
	snprintf(text, sizeof(text), "%s%s%zu.example.org", kind == KIND_WILDCARD ? "a." : "",
		 kind == KIND_UNKNOWN ? "other" : "service", rule);
	host_parse(slice_from_text(text), host);
}

static void make_requests(struct bench *bench, enum kind kind, size_t rules)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		make_host(&bench->hosts[i], kind, i, rules);
		bench->requests[i] = (struct policy_request){
			.scheme = POLICY_HTTPS,
			.host = &bench->hosts[i],
			.port = 443,
			.method = SLICE_LITERAL("POST"),
			.path = &bench->path,
		};
	}
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds for one verdict; negative if a verdict is wrong. */
static double measure(struct bench *bench, enum kind kind)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns(), each;
		size_t allowed = 0;

		for (size_t i = 0; i < REQUESTS; i++) {
			struct policy_verdict verdict;

			policy_decide_request(bench->policy, &bench->requests[i], &verdict);
			allowed += verdict.allow;
		}
		each = (now_ns() - start) / REQUESTS;
		best = each < best ? each : best;
		if (allowed != (kind == KIND_UNKNOWN ? 0 : REQUESTS))
			return -1;
	}
	return best;
}

static int run(struct bench *bench, size_t rules, double results[KIND_COUNT])
{
	if (load(bench, rules) < 0)
		return -1;
	printf("%8zu", rules);
	for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
		make_requests(bench, kind, rules);
		results[kind] = measure(bench, kind);
		printf("%12.0f", results[kind]);
	}
	printf("\n");
	policy_free(bench->policy);
	for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
		if (results[kind] < 0)
			return -1;
	}
	return 0;
}

static int run_all(struct bench *bench, bool check)
{
	static const size_t sizes[] = {10, 100, 1000, 10000};
	double results[4][KIND_COUNT];

	printf("   rules   exact ns wildcard ns unknown ns\n");
	for (size_t i = 0; i < 4; i++) {
		if (run(bench, sizes[i], results[i]) < 0) {
			fprintf(stderr, "a verdict is wrong\n");
			return EXIT_FAILURE;
		}
	}
	for (enum kind kind = 0; check && kind < KIND_COUNT; kind++) {
		if (results[3][kind] > FACTOR_MAX * results[0][kind]) {
			fprintf(stderr, "verdicts cost by the number of rules\n");
			return EXIT_FAILURE;
		}
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	const char *why;
	int status;

	arena_init(&bench.arena, 1 << 20);
	if (path_canonicalise(SLICE_LITERAL("/v1/chat/completions"), &bench.arena, &bench.path,
			      &why) < 0)
		return EXIT_FAILURE;
	status = run_all(&bench, argc > 1 && strcmp(argv[1], "--check") == 0);
	arena_free(&bench.arena);
	return status;
}
