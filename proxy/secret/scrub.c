#include "proxy/secret/scrub.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "proxy/secret/rewrite.h"
#include "proxy/secret/scrub_instead.h"

enum { EARLY_MIN_BYTES = 2, EARLY_MAX_BYTES = 8 };

struct scrubber {
	struct finder *finder;
	bool keeps_length;
	size_t early_bytes;	/* what may go out of a form before it is known for one */
	char *texts;		/* of INSTEAD */
	struct slice instead[]; /* of each form */
};

static int no_memory(struct error *err)
{
	return error_set_code(err, -ENOMEM, "cannot prepare the scrubbing of responses");
}

static int make_finder(const struct scrub_item items[], size_t count, struct finder **finder,
		       struct error *err)
{
	cleanup_free struct slice *values = calloc(count + 1, sizeof(*values));

	if (!values)
		return no_memory(err);
	for (size_t i = 0; i < count; i++)
		values[i] = items[i].value;
	return finder_create(values, count, FORMS_OF_SECRET, true, finder, err);
}

static bool all_keep_length(const struct scrub_item items[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (items[i].value.len != items[i].placeholder.len)
			return false;
	}
	return true;
}

/* An eighth of the shortest value, but not so few that most bytes would have to wait. */
static size_t early_bytes(const struct scrub_item items[], size_t count)
{
	size_t shortest = EARLY_MAX_BYTES * 8;

	for (size_t i = 0; i < count; i++) {
		if (items[i].value.len < shortest)
			shortest = items[i].value.len;
	}
	return shortest / 8 < EARLY_MIN_BYTES ? EARLY_MIN_BYTES : shortest / 8;
}

static int make_instead(struct scrubber *scrubber, const struct scrub_item items[])
{
	size_t count = finder_count(scrubber->finder), size = 1, used = 0;

	for (size_t i = 0; i < count; i++) {
		const struct form *form = finder_form(scrubber->finder, i);

		size += scrub_form_bytes(form, items[form->owner].placeholder);
	}
	scrubber->texts = malloc(size);
	if (!scrubber->texts)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct form *form = finder_form(scrubber->finder, i);
		char *out = scrubber->texts + used;
		size_t length = scrub_write_form(form, items[form->owner].placeholder,
						 scrubber->keeps_length, out);

		scrubber->instead[i] = slice_of(out, length);
		used += length;
	}
	return 0;
}

int scrubber_create(const struct scrub_item items[], size_t count, struct scrubber **scrubber,
		    struct error *err)
{
	struct scrubber *made;
	struct finder *finder;
	int rc = make_finder(items, count, &finder, err);

	if (rc < 0)
		return rc;
	made = calloc(1, sizeof(*made) + finder_count(finder) * sizeof(made->instead[0]));
	if (!made) {
		finder_free(finder);
		return no_memory(err);
	}
	made->finder = finder;
	made->keeps_length = all_keep_length(items, count);
	made->early_bytes = early_bytes(items, count);
	if (make_instead(made, items) < 0) {
		scrubber_free(made);
		return no_memory(err);
	}
	*scrubber = made;
	return 0;
}

void scrubber_free(struct scrubber *scrubber)
{
	if (!scrubber)
		return;
	finder_free(scrubber->finder);
	free(scrubber->texts);
	free(scrubber);
}

bool scrubber_keeps_length(const struct scrubber *scrubber)
{
	return scrubber->keeps_length;
}

/* The next secret in TEXT from *AT on, and those that overlap it: *SPAN is all of it, and *AT is
 * moved behind it. */
static bool next_hit(const struct scrubber *scrubber, struct slice text, size_t *at,
		     struct find_hit *hit, struct slice *span)
{
	size_t end;

	if (!finder_find(scrubber->finder, text, *at, true, hit))
		return false;
	end = rewrite_join(scrubber->finder, text, true, hit);
	*span = slice_of(text.ptr + hit->start, end - hit->start);
	*at = end;
	return true;
}

struct slice scrub_text(const struct scrubber *scrubber, struct slice text, struct arena *arena,
			uint64_t *count)
{
	size_t size = text.len, used = 0, at = 0, done = 0;
	struct find_hit hit;
	struct slice span;
	char *out;

	while (next_hit(scrubber, text, &at, &hit, &span))
		size += scrub_hit_bytes(span, scrubber->instead[hit.index]);
	if (at == 0)
		return text;
	out = arena_alloc_bytes(arena, size);
	if (!out)
		return (struct slice){NULL, 0};
	for (at = 0; next_hit(scrubber, text, &at, &hit, &span); done = at) {
		memcpy(out + used, text.ptr + done, hit.start - done);
		used += hit.start - done;
		used += scrub_write_hit(&hit, span, scrubber->instead[hit.index],
					scrubber->keeps_length, out + used);
		++*count;
	}
	memcpy(out + used, text.ptr + done, text.len - done);
	return slice_of(out, used + text.len - done);
}

struct scrub_stage {
	struct rewrite rewrite;
	const struct scrubber *scrubber;
	uint64_t *count;
	char *written; /* in the place of the last secret */
};

static int meet(struct rewrite *rewrite, const struct find_hit *hit, struct slice text, size_t span)
{
	struct scrub_stage *stage = container_of(rewrite, struct scrub_stage, rewrite);
	struct slice instead = stage->scrubber->instead[hit->index], all = slice_first(text, span);

	++*stage->count;
	if (!hit->spelled && span == hit->length) {
		rewrite_put(rewrite, instead, NULL);
		return REWRITE_REPLACE;
	}
	free(stage->written);
	stage->written = malloc(scrub_hit_bytes(all, instead));
	if (!stage->written)
		return rewrite_fail(rewrite, -ENOMEM, "out of memory");
	rewrite_put(rewrite,
		    slice_of(stage->written,
			     scrub_write_hit(hit, all, instead, stage->scrubber->keeps_length,
					     stage->written)),
		    NULL);
	return REWRITE_REPLACE;
}

static void free_stage(struct stage *stage)
{
	struct rewrite *rewrite = container_of(stage, struct rewrite, stage);
	struct scrub_stage *scrub = container_of(rewrite, struct scrub_stage, rewrite);

	rewrite_clear(rewrite);
	free(scrub->written);
	free(scrub);
}

static bool is_spelled(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (memchr("%\\&\r\n", text.ptr[i], 5))
			return true;
	}
	return false;
}

/* Whether each form that begins with TEXT is replaced by what begins with TEXT, too: a key's known
 * prefix is the placeholder's. */
static bool is_common(const struct scrubber *scrubber, struct slice text)
{
	for (size_t i = 0; i < finder_count(scrubber->finder); i++) {
		struct slice form = finder_form(scrubber->finder, i)->text;

		if (slice_starts_with_nocase(form, text) &&
		    !slice_starts_with(scrubber->instead[i], text))
			return false;
	}
	return true;
}

/* How much of HELD, which could be the beginning of a form, tells next to nothing of it, wherever
 * in HELD that begins: all or nothing. */
static size_t harmless_bytes(const struct scrubber *scrubber, struct slice held)
{
	for (size_t at = 0; at + scrubber->early_bytes < held.len; at++) {
		struct slice end = slice_from(held, at);

		if (is_spelled(end) || !is_common(scrubber, end))
			return 0;
	}
	return held.len;
}

static size_t release(struct stage *stage, struct writer *out)
{
	struct rewrite *rewrite = container_of(stage, struct rewrite, stage);
	struct scrub_stage *scrub = container_of(rewrite, struct scrub_stage, rewrite);
	struct slice held = slice_of(rewrite->held ? rewrite->held : "", rewrite->held_bytes);

	return rewrite_release(rewrite, harmless_bytes(scrub->scrubber, held), out);
}

struct stage *scrub_stage(const struct scrubber *scrubber, uint64_t *count)
{
	static const struct stage_ops ops = {"scrub", rewrite_step, free_stage, release};
	static const struct rewrite_ops rewrite_ops = {.meet = meet, .joins = true};
	struct scrub_stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		return NULL;
	rewrite_init(&stage->rewrite, &ops, &rewrite_ops, scrubber->finder);
	stage->scrubber = scrubber;
	stage->count = count;
	return &stage->rewrite.stage;
}
