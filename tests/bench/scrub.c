/*
 * What scrubbing costs of text that has no secret in it, and of text that has some: processor time,
 * the best of several rounds, for 10 secrets of 40 characters, or one, or of 10.
 *
 * Bodies go through in slices of 16 KiB. A relay of TLS on both sides costs about 1 ns for a byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proxy/secret/scrub.h"

enum {
	BODY_BYTES = 8 << 20,
	ROUNDS = 7,
	SECRETS = 10,
	VALUE_BYTES = 56,
};

static char body[BODY_BYTES];
static uint32_t random_state = 1;

static uint32_t random_next(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

/* Writes one line of a body; each is under 200 bytes. */
typedef size_t make_line(char *out);

static const char *word(void)
{
	static const char *const words[] = {"alpha", "bravo", "charlie", "delta",  "echo",
					    "golf",  "hotel", "india",	 "juliet", "kilo"};

	return words[random_next() % 10];
}

static size_t make_json(char *out)
{
	return (size_t)sprintf(out, "{\"id\": %u, \"name\": \"%s %s\", \"size\": %u},\n",
			       random_next(), word(), word(), random_next() >> 20);
}

static size_t make_json_in_json(char *out)
{
	return (size_t)sprintf(
		out, "{\"content\": \"{\\\"id\\\": %u, \\\"name\\\": \\\"%s\\\"}\\n\\u2014 \"},\n",
		random_next(), word());
}

static size_t make_html(char *out)
{
	return (size_t)sprintf(out,
			       "<p class=\"%s\"><a href=\"/%s?a=%s&amp;b=%%2F%s\">%s&nbsp;&rarr;"
			       "</a></p>\n",
			       word(), word(), word(), word(), word());
}

static size_t make_events(char *out)
{
	return (size_t)sprintf(out, "data: {\"delta\":{\"content\":\"%s\"}}\n\n", word());
}

static size_t make_form(char *out)
{
	return (size_t)sprintf(out, "%s=%%7B%%22%s%%22%%3A%%20%u%%7D&", word(), word(),
			       random_next());
}

static size_t make_base64(char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < 76; i++)
		out[i] = digits[random_next() % 64];
	out[76] = '\n';
	return 77;
}

static size_t make_hex(char *out)
{
	return (size_t)sprintf(out, "%06x%06x%06x%06x%06x%06x%06x%06x\n", random_next(),
			       random_next(), random_next(), random_next(), random_next(),
			       random_next(), random_next(), random_next());
}

static size_t make_bytes(char *out)
{
	for (size_t i = 0; i < 100; i++)
		out[i] = (char)(random_next() >> 8);
	return 100;
}

static void make_body(make_line *line)
{
	char text[256];
	size_t used = 0;

	while (used < BODY_BYTES) {
		size_t len = line(text);

		len = len < BODY_BYTES - used ? len : BODY_BYTES - used;
		memcpy(body + used, text, len);
		used += len;
	}
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int run(const struct scrubber *scrubber, uint64_t *count)
{
	static uint8_t bytes[STAGE_OUT_BYTES];
	struct slice rest = slice_of(body, BODY_BYTES);
	struct stage *stage = scrub_stage(scrubber, count);
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

static int measure(const char *name, const struct scrubber *const scrubbers[], size_t count)
{
	uint64_t hits = 0;

	printf("%-14s", name);
	for (size_t i = 0; i < count; i++) {
		double best = 1e18;

		for (int round = 0; round < ROUNDS; round++) {
			double start = now_ns(), took;

			hits = 0;
			if (run(scrubbers[i], &hits) < 0)
				return -1;
			took = (now_ns() - start) / BODY_BYTES;
			best = took < best ? took : best;
		}
		printf(" %12.3f", best);
	}
	printf(" %9llu\n", (unsigned long long)hits);
	return 0;
}

static char values[SECRETS][VALUE_BYTES + 1], placeholders[SECRETS][VALUE_BYTES + 1];

static void make_secrets(struct scrub_item items[SECRETS], size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < SECRETS; i++) {
		for (size_t k = 0; k < length; k++) {
			values[i][k] = digits[random_next() % 64];
			placeholders[i][k] = digits[random_next() % 64];
		}
		items[i] = (struct scrub_item){slice_of(values[i], length),
					       slice_of(placeholders[i], length)};
	}
}

static size_t make_secret_json(char *out)
{
	return (size_t)sprintf(out, "{\"id\": %u, \"key\": \"%.*s\", \"size\": %u},\n",
			       random_next(), 40, values[random_next() % SECRETS],
			       random_next() >> 20);
}

int main(void)
{
	static const struct {
		const char *name;
		make_line *line;
	} bodies[] = {
		{"JSON", make_json},
		{"JSON in JSON", make_json_in_json},
		{"HTML", make_html},
		{"events", make_events},
		{"form", make_form},
		{"base64 lines", make_base64},
		{"hex lines", make_hex},
		{"random bytes", make_bytes},
		{"with secrets", make_secret_json},
	};
	struct scrub_item items[SECRETS];
	struct scrubber *scrubbers[4] = {0};
	int rc = scrubber_create(NULL, 0, &scrubbers[0], NULL);

	make_secrets(items, 16);
	if (rc == 0)
		rc = scrubber_create(items, SECRETS, &scrubbers[2], NULL);
	make_secrets(items, 40);
	if (rc == 0)
		rc = scrubber_create(items, 1, &scrubbers[1], NULL);
	if (rc == 0)
		rc = scrubber_create(items, SECRETS, &scrubbers[3], NULL);
	printf("ns per byte     none (copy)        1 of 40      10 of 16     10 of 40      hits\n");
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]) && rc == 0; i++) {
		make_body(bodies[i].line);
		rc = measure(bodies[i].name, (const struct scrubber *const *)scrubbers, 4);
	}
	for (size_t i = 0; i < 4; i++)
		scrubber_free(scrubbers[i]);
	if (rc < 0)
		fprintf(stderr, "something failed\n");
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
