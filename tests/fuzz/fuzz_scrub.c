/* A body from arbitrary bytes, with secrets in forms and spellings put in where the bytes say so:
 * no form of a secret comes out, and the same comes out however the body is cut, through the stage
 * and as one text. */
#include "proxy/secret/scrub.h"

#include <stdio.h>

#include "tests/unit/secret/stage_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SECRETS = 3,
	TEXT_BYTES = 512, /* many short texts tell more than few long ones */
	/* Bytes that begin an order to put a secret in: the next two say which, and how. */
	ORDER_FIRST = 0xf0,
	SPELLINGS = 8,
};

/* The placeholders' characters, in every form, make no secret together with the secrets'. */
static const struct scrub_item items[SECRETS] = {
	{SLICE_LITERAL("sk-T3st/with+all=kinds"), SLICE_LITERAL("zzzzzzzzzzzzzzzzzzzzzz")},
	{SLICE_LITERAL("aabbaabbab"), SLICE_LITERAL("zzzzzzzzzz")},
	{SLICE_LITERAL("q\"uo\\te%&;"), SLICE_LITERAL("zzzzzzzzzz")},
};

static const char *const spellings[SPELLINGS] = {
	"%%%02x", "\\u%04x", "&#%u;", "%%25%02X", "\\\\u%04X", "&amp;#x%x;", "\\x%02x", "&#%u",
};

static size_t spell(unsigned char c, unsigned int how, char *out)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return (size_t)sprintf(out, spellings[how % SPELLINGS], c);
#pragma GCC diagnostic pop
}

/* WHAT: the secret and the form. HOW: the spelling, of which characters, and where a line ends. */
static size_t put_secret(uint8_t what, uint8_t how, char *out)
{
	char form[256];
	size_t len = form_write((enum form_kind)(what / SECRETS % FORM_KIND_COUNT),
				items[what % SECRETS].value, form);
	size_t used = 0, every = 1 + how / SPELLINGS % 8;

	for (size_t i = 0; i < len; i++) {
		if (how >= 64 && i % 8 == 7)
			out[used++] = '\n';
		if (every < 8 && i % every == 0)
			used += spell((unsigned char)form[i], how, out + used);
		else
			out[used++] = form[i];
	}
	return used;
}

static struct slice make_text(struct slice orders)
{
	static char text[TEXT_BYTES + 4096];
	size_t used = 0;

	for (size_t i = 0; i < orders.len && used < TEXT_BYTES; i++) {
		const unsigned char *next = (const unsigned char *)orders.ptr + i;

		if (*next < ORDER_FIRST || orders.len - i < 3) {
			text[used++] = (char)*next;
			continue;
		}
		used += put_secret(next[1], next[2], text + used);
		i += 2;
	}
	return slice_of(text, used);
}

static void run(const struct scrubber *scrubber, struct slice text, size_t first, size_t cut,
		struct buffer *out, uint64_t *count)
{
	struct stage *stage = scrub_stage(scrubber, count);
	int rc;

	assert(stage);
	buffer_init(out, 16 << 20);
	rc = drive(stage, text, first, cut, first & 1, out);
	assert(rc == STAGE_END);
	stage->ops->free(stage);
}

/* Made once: locked memory takes its time. */
static const struct scrubber *the_scrubber(void)
{
	static struct scrubber *scrubber;
	int rc = scrubber ? 0 : scrubber_create(items, SECRETS, &scrubber, NULL);

	assert(rc == 0);
	return scrubber;
}

static const struct finder *the_finder(void)
{
	static struct finder *finder;
	struct slice values[SECRETS];
	int rc;

	for (size_t i = 0; i < SECRETS; i++)
		values[i] = items[i].value;
	rc = finder ? 0 : finder_create(values, SECRETS, FORMS_OF_SECRET, false, &finder, NULL);
	assert(rc == 0);
	return finder;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t counts[2] = {0, 0}, count = 0;
	const struct scrubber *scrubber = the_scrubber();
	struct slice text, whole;
	struct find_hit hit;
	struct buffer out[2];
	struct arena arena;

	if (size < 2)
		return 0;
	text = make_text(slice_of(data + 2, size - 2));
	arena_init(&arena, 16 << 20);
	whole = scrub_text(scrubber, text, &arena, &count);
	run(scrubber, text, text.len + 1, 1, &out[0], &counts[0]);
	run(scrubber, text, data[0], 1 + data[1], &out[1], &counts[1]);
	for (size_t i = 0; i < 2; i++) {
		assert(slice_equal(buffer_slice(&out[i]), whole));
		assert(counts[i] == count);
		buffer_free(&out[i]);
	}
	assert(whole.len == text.len);
	assert(!finder_find(the_finder(), whole, 0, true, &hit));
	arena_free(&arena);
	return 0;
}
