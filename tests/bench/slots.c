/*
 * What slots in bodies cost: processor time, the best of several rounds, for a body of 1 MB with
 * one placeholder near its end, in a sandbox of 10 secrets, and for a small one with all that is
 * needed to begin and to end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proxy/secret/slots.h"

enum {
	BODY_BYTES = 1000000,
	ROUNDS = 15,
	SMALL_COUNT = 2000,
	SECRETS = 10,
};

#define BOUNDARY    "----WebKitFormBoundaryAbCdEfGh0123"
#define PLACEHOLDER "sk-ph-0-AbCdEfGhIjKlMnOpQrStUvWxYz012345"

static char body[BODY_BYTES + 1000];
static uint32_t random_state = 1;

static uint32_t random_next(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

static const char *word(void)
{
	static const char *const words[] = {"alpha", "bravo", "charlie", "delta",  "echo",
					    "golf",  "hotel", "india",	 "juliet", "kilo"};

	return words[random_next() % 10];
}

/* A kind of body: how it begins, goes on, and ends with a slot in it. */
struct kind {
	const char *name;
	const char *begin;
	size_t (*go_on)(char *out);
	const char *end;
	struct stage *(*make)(const struct slots_owner *owner);
};

static size_t add_json(char *out)
{
	return (size_t)sprintf(out, "{\"id\": %u, \"name\": \"%s %s\", \"size\": %u},\n",
			       random_next(), word(), word(), random_next() >> 20);
}

static size_t add_chat(char *out)
{
	return (size_t)sprintf(
		out,
		"{\"role\":\"user\",\"content\":\"%s %s %s, \\\"%s\\\" %s %s %s %s %s "
		"%s.\\n\"},",
		word(), word(), word(), word(), word(), word(), word(), word(), word(), word());
}

static size_t add_field(char *out)
{
	return (size_t)sprintf(out, "%s%%5B%s%%5D=%s+%s%%2C&", word(), word(), word(), word());
}

static size_t add_bytes(char *out)
{
	for (size_t i = 0; i < 100; i++)
		out[i] = (char)(random_next() >> 8);
	return 100;
}

static struct stage *make_json(const struct slots_owner *owner)
{
	return slots_json_stage(owner, POLICY_SLOT_JSON);
}

static struct stage *make_multipart(const struct slots_owner *owner)
{
	return slots_multipart_stage(owner, SLICE_LITERAL(BOUNDARY));
}

static struct stage *make_text(const struct slots_owner *owner)
{
	return slots_text_stage(owner, POLICY_SLOT_BODY);
}

static const struct kind kinds[] = {
	{"JSON", "{\"items\": [", add_json, "{}], \"key\": \"" PLACEHOLDER "\"}", make_json},
	{"chat in JSON", "{\"messages\": [", add_chat, "{}], \"key\": \"" PLACEHOLDER "\"}",
	 make_json},
	{"form", "", add_field, "key=" PLACEHOLDER, slots_form_stage},
	{"file", "--" BOUNDARY "\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\n",
	 add_bytes,
	 "\r\n--" BOUNDARY "\r\nContent-Disposition: form-data; name=key\r\n\r\n" PLACEHOLDER
	 "\r\n--" BOUNDARY "--\r\n",
	 make_multipart},
	{"text", "", add_chat, PLACEHOLDER, make_text},
};

static struct slice make_body(const struct kind *kind, size_t size)
{
	size_t used = (size_t)sprintf(body, "%s", kind->begin);

	while (used < size)
		used += kind->go_on(body + used);
	used += (size_t)sprintf(body + used, "%s", kind->end);
	return slice_of(body, used);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static enum slots_verdict judge(void *owner, const struct secret_entry *entry,
				const struct slots_place *place)
{
	(void)entry;
	(void)place;
	++*(size_t *)owner;
	return SLOTS_PUT_IN;
}

static int run(struct stage *stage, struct slice rest)
{
	static uint8_t bytes[STAGE_OUT_BYTES];
	int rc = stage ? STAGE_MORE : -ENOMEM;

	while (rc >= 0 && rc != STAGE_END) {
		struct slice piece = slice_first(rest, STAGE_OUT_BYTES);

		rest = slice_from(rest, piece.len);
		do {
			struct writer out = writer_of(bytes, sizeof(bytes));

			rc = stage->ops->step(stage, &piece, rest.len == 0, &out);
		} while (rc == STAGE_FULL);
	}
	if (stage)
		stage->ops->free(stage);
	return rc < 0 ? -1 : 0;
}

/* The best time for one body, in nanoseconds; negative when it failed. */
static double measure(const struct kind *kind, const struct secret_store *store, size_t size,
		      int count)
{
	struct slice text = make_body(kind, size);
	size_t found = 0;
	struct slots_owner owner = {store, judge, &found};
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns(), each;

		found = 0;
		for (int i = 0; i < count; i++) {
			if (run(kind->make(&owner), text) < 0)
				return -1;
		}
		if (found != (size_t)count)
			return -1;
		each = (now_ns() - start) / count;
		best = each < best ? each : best;
	}
	return best;
}

static int make_store(struct policy **policy, struct secret_store *store)
{
	static struct diagnostics diagnostics;
	char text[4096] = "sallyport: 1\nname: bench\nsecrets:\n";
	size_t used = strlen(text);
	int rc;

	for (int i = 0; i < SECRETS; i++)
		used += (size_t)sprintf(text + used,
					"  KEY%d: {from: env, use: [{at: \"https://a.example/**\", "
					"methods: POST, slot: body}]}\n",
					i);
	sprintf(text + used, "rules: [{allow: a.example}]\n");
	rc = policy_load_text("bench", slice_from_text(text), policy, &diagnostics);
	if (rc == 0)
		rc = secret_store_init(store, NULL);
	for (size_t i = 0; i < SECRETS && rc == 0; i++) {
		char placeholder[] = PLACEHOLDER;

		placeholder[6] = (char)('0' + i);
		rc = secret_store_add(store, &(*policy)->secrets[i], slice_from_text(placeholder),
				      SLICE_LITERAL("sk-0123456789-0123456789-0123456789-0123"),
				      NULL);
	}
	return rc < 0 ? rc : secret_store_seal(store, NULL);
}

int main(void)
{
	struct policy *policy = NULL;
	struct secret_store store;
	int rc = make_store(&policy, &store);

	printf("                1 MB ns/byte    1 KB us\n");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && rc == 0; i++) {
		double large = measure(&kinds[i], &store, BODY_BYTES, 1);
		double small = measure(&kinds[i], &store, 1000, SMALL_COUNT);

		printf("%-14s %13.3f %10.2f\n", kinds[i].name, large / BODY_BYTES, small / 1e3);
		rc = large < 0 || small < 0 ? -1 : 0;
	}
	if (rc < 0)
		fprintf(stderr, "something failed\n");
	secret_store_free(&store);
	policy_free(policy);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
