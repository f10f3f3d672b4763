#include "proxy/secret/rewrite.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/list.h"

enum {
	BLOCK_BYTES = 16 << 10, /* looked at at once: it stays in the first cache */
	HELD_FIRST_BYTES = 1024,
	STUCK = 2, /* of look(): more text is needed */
};

void rewrite_init(struct rewrite *rewrite, const struct stage_ops *stage,
		  const struct rewrite_ops *ops, const struct finder *finder)
{
	*rewrite = (struct rewrite){.stage.ops = stage, .ops = ops, .finder = finder};
}

void rewrite_clear(struct rewrite *rewrite)
{
	if (rewrite->held)
		explicit_bzero(rewrite->held, rewrite->held_room);
	free(rewrite->held);
	rewrite->held = NULL;
}

void rewrite_put(struct rewrite *rewrite, struct slice text, rewrite_encode *encode)
{
	rewrite->instead = text;
	rewrite->encode = encode;
}

int rewrite_fail(struct rewrite *rewrite, int code, const char *why)
{
	rewrite->stage.why = why;
	return code;
}

static int grow(struct rewrite *rewrite, size_t needed)
{
	size_t room = rewrite->held_room ? rewrite->held_room : HELD_FIRST_BYTES;
	char *bytes;

	while (room < needed)
		room *= 2;
	bytes = malloc(room);
	if (!bytes)
		return rewrite_fail(rewrite, -ENOMEM, "out of memory");
	if (rewrite->held_bytes)
		memcpy(bytes, rewrite->held, rewrite->held_bytes);
	rewrite_clear(rewrite);
	rewrite->held = bytes;
	rewrite->held_room = room;
	return 0;
}

static int hold(struct rewrite *rewrite, struct slice *in, size_t len)
{
	size_t needed = rewrite->held_bytes + len;
	int rc = needed > rewrite->held_room ? grow(rewrite, needed) : 0;

	if (rc < 0)
		return rc;
	memcpy(rewrite->held + rewrite->held_bytes, in->ptr, len);
	rewrite->held_bytes = needed;
	*in = slice_from(*in, len);
	return 0;
}

/* Drops LEN bytes at the front: of what is held, or if nothing is, of IN. */
static void consume(struct rewrite *rewrite, struct slice *in, size_t len)
{
	rewrite->seen = len <= rewrite->sure ? rewrite->seen - len : 0;
	rewrite->sure -= len <= rewrite->sure ? len : rewrite->sure;
	if (rewrite->held_bytes == 0) {
		*in = slice_from(*in, len);
		return;
	}
	rewrite->held_bytes -= len;
	memmove(rewrite->held, rewrite->held + len, rewrite->held_bytes);
}

/* Takes off the front of PART what has gone out early. */
static struct slice without_early(struct rewrite *rewrite, struct slice part)
{
	size_t len = part.len < rewrite->early ? part.len : rewrite->early;

	rewrite->early -= len;
	return slice_from(part, len);
}

size_t rewrite_release(struct rewrite *rewrite, size_t limit, struct writer *out)
{
	size_t early = rewrite->early;

	if (!rewrite->stuck || rewrite->held_bytes > limit || rewrite->held_bytes <= early)
		return 0;
	if (out) {
		writer_bytes(out, slice_of(rewrite->held + early, rewrite->held_bytes - early));
		rewrite->early = rewrite->held_bytes;
	}
	return rewrite->held_bytes - early;
}

/* False: OUT is full. */
static bool write_encoded(struct rewrite *rewrite, struct writer *out)
{
	struct slice *rest = &rewrite->instead;
	char unit[REWRITE_UNIT_MAX_BYTES];

	while (rest->len) {
		size_t len = rewrite->encode((unsigned char)rest->ptr[0], unit);

		if (len > writer_room(out))
			break;
		writer_bytes(out, slice_of(unit, len));
		*rest = slice_from(*rest, 1);
	}
	explicit_bzero(unit, sizeof(unit));
	return rest->len == 0;
}

static bool write_instead(struct rewrite *rewrite, struct writer *out)
{
	struct slice *rest = &rewrite->instead, part;

	if (rest->len == 0)
		return true;
	if (rewrite->encode)
		return write_encoded(rewrite, out);
	part = slice_first(*rest, writer_room(out));
	writer_bytes(out, part);
	*rest = slice_from(*rest, part.len);
	return rest->len == 0;
}

static int let_pass(struct rewrite *rewrite, struct slice *in, struct writer *out)
{
	struct slice view = rewrite->held_bytes ? slice_of(rewrite->held, rewrite->held_bytes)
						: *in;
	struct slice part = slice_first(slice_first(view, rewrite->clean), writer_room(out));
	int rc = rewrite->ops->pass ? rewrite->ops->pass(rewrite, part) : 0;

	if (rc < 0)
		return rc;
	assert(part.len); /* what was left of the input was given again */
	writer_bytes(out, without_early(rewrite, part));
	rewrite->clean -= part.len;
	consume(rewrite, in, part.len);
	return 0;
}

size_t rewrite_join(const struct finder *finder, struct slice text, bool whole,
		    const struct find_hit *hit)
{
	size_t end = hit->start + hit->length, at = hit->start + 1;
	struct find_hit other;

	while (finder_find_before(finder, text, at, end, whole, &other)) {
		if (other.start + other.length > end)
			end = other.start + other.length;
		at = other.start + 1;
	}
	return end;
}

/* How much of VIEW does not hang on what follows. Many secrets in one view need this once. */
static size_t sure_of(struct rewrite *rewrite, struct slice view, bool whole)
{
	if (whole)
		return view.len;
	if (rewrite->seen != view.len) {
		rewrite->seen = view.len;
		rewrite->sure = view.len - finder_partial(rewrite->finder, view);
	}
	return rewrite->sure;
}

/* HIT is at the front of VIEW, of which SURE bytes do not hang on what follows. */
static int meet(struct rewrite *rewrite, struct slice *in, const struct find_hit *hit,
		struct slice view, size_t sure, bool whole)
{
	size_t span = hit->length;
	int rc;

	if (rewrite->ops->joins)
		span = rewrite_join(rewrite->finder, view, whole, hit);
	/* One that begins within this one may go on. */
	if (rewrite->ops->joins && span > sure)
		return STUCK;
	if (!whole && view.len - span < rewrite->lookahead)
		return STUCK;
	rc = rewrite->ops->meet(rewrite, hit, view, span);
	if (rc == REWRITE_KEEP)
		rewrite->clean = span;
	if (rc == REWRITE_REPLACE) {
		rewrite->instead = without_early(rewrite, rewrite->instead);
		rewrite->early = 0;
		consume(rewrite, in, span);
	}
	return rc < 0 ? rc : 0;
}

/* The first hit in VIEW. If there is none, it is known then what is sure. */
static bool find_first(struct rewrite *rewrite, struct slice view, bool whole, struct find_hit *hit)
{
	size_t partial;

	if (whole || rewrite->seen == view.len)
		return finder_find(rewrite->finder, view, 0, whole, hit);
	if (finder_look(rewrite->finder, view, hit, &partial))
		return true;
	rewrite->seen = view.len;
	rewrite->sure = view.len - partial;
	return false;
}

/* Says of the front of VIEW that it goes on, or deals with a hit there. WHOLE: nothing follows. */
static int look(struct rewrite *rewrite, struct slice *in, struct slice view, bool whole)
{
	struct find_hit hit;
	bool found = find_first(rewrite, view, whole, &hit);
	size_t sure = sure_of(rewrite, view, whole);

	if (!found || hit.start >= sure)
		rewrite->clean = sure;
	else if (hit.start > 0)
		rewrite->clean = hit.start;
	else
		return meet(rewrite, in, &hit, view, sure, whole);
	return rewrite->clean ? 0 : STUCK;
}

/* Looks at what is held, adding to it as needed. */
static int look_at_held(struct rewrite *rewrite, struct slice *in, bool end)
{
	int rc = 0;

	if (rewrite->stuck && in->len) {
		size_t more = rewrite->held_bytes < HELD_FIRST_BYTES / 4 ? HELD_FIRST_BYTES / 4
									 : rewrite->held_bytes;

		rc = hold(rewrite, in, more < in->len ? more : in->len);
	} else if (rewrite->stuck && !end) {
		return STUCK;
	}
	if (rc < 0)
		return rc;
	rc = look(rewrite, in, slice_of(rewrite->held, rewrite->held_bytes), end && in->len == 0);
	rewrite->stuck = rc == STUCK;
	return rc == STUCK && in->len ? 0 : rc;
}

/* Looks at IN itself: a block of it, or more if that does not tell. What cannot be told from all of
 * it is held. */
static int look_at_input(struct rewrite *rewrite, struct slice *in, bool end)
{
	size_t block = rewrite->seen ? rewrite->seen : BLOCK_BYTES;
	int rc = STUCK;

	for (; rc == STUCK; block = block < BLOCK_BYTES ? BLOCK_BYTES : block * 2) {
		struct slice view = slice_first(*in, block);

		rc = look(rewrite, in, view, end && view.len == in->len);
		if (rc == STUCK && view.len == in->len) {
			rewrite->stuck = true;
			rc = hold(rewrite, in, in->len);
			return rc < 0 ? rc : STUCK;
		}
	}
	return rc;
}

static int finish(struct rewrite *rewrite, bool end)
{
	int rc = end && rewrite->ops->end ? rewrite->ops->end(rewrite) : 0;

	if (rc < 0)
		return rc;
	return end ? STAGE_END : STAGE_MORE;
}

int rewrite_step(struct stage *stage, struct slice *in, bool end, struct writer *out)
{
	struct rewrite *rewrite = container_of(stage, struct rewrite, stage);
	int rc = 0;

	while (rc == 0) {
		if (!write_instead(rewrite, out))
			return STAGE_FULL;
		if (rewrite->clean && writer_room(out) == 0)
			return STAGE_FULL;
		if (rewrite->clean)
			rc = let_pass(rewrite, in, out);
		else if (rewrite->held_bytes)
			rc = look_at_held(rewrite, in, end);
		else if (in->len)
			rc = look_at_input(rewrite, in, end);
		else
			return finish(rewrite, end);
	}
	return rc == STUCK ? STAGE_MORE : rc;
}
