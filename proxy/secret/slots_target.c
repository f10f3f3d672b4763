/* Slots in the head of a request: fields, cookies, the query, the path. */
#include "base/error.h"
#include "policy/slot.h"
#include "proxy/secret/percent.h"
#include "proxy/secret/slots.h"

struct walk;

/* What stands in a place, and how. */
struct syntax {
	/* Says which slot the LENGTH bytes at START stand in: kind, and name. */
	void (*locate)(struct walk *walk, size_t start, size_t length, struct slots_place *place);
	bool (*is_safe)(char c); /* percent-encodes what is not; NULL: a value stands as it is */
	bool plus;
};

struct walk {
	const struct slots_owner *owner;
	const struct syntax *syntax;
	const struct slots_place *fixed; /* of text that is all in one place */
	struct slice text;
	struct secret_output *out;
	char name[SLOT_NAME_MAX_BYTES];
};

static int put(struct secret_output *out, struct slice bytes)
{
	if (!out || bytes.len == 0)
		return 0;
	if (out->size - out->length < bytes.len)
		return ERROR_LIMIT;
	memcpy(out->bytes + out->length, bytes.ptr, bytes.len);
	out->length += bytes.len;
	return 0;
}

static int put_value(struct walk *walk, struct slice value)
{
	char encoded[3];
	int rc = 0;

	if (!walk->syntax->is_safe)
		return put(walk->out, value);
	for (size_t i = 0; i < value.len && rc == 0; i++) {
		size_t length = percent_encode(value.ptr[i], walk->syntax->is_safe, encoded);

		rc = put(walk->out, slice_of(encoded, length));
	}
	explicit_bzero(encoded, sizeof(encoded));
	return rc;
}

/* Whether the bytes of HIT are the placeholder to whoever reads this place. */
static bool is_read(const struct walk *walk, const struct find_hit *hit, struct slice placeholder)
{
	struct slice bytes = slice_of(walk->text.ptr + hit->start, hit->length);

	if (!walk->syntax->is_safe)
		return slice_equal(bytes, placeholder);
	return percent_reads_as(bytes, walk->syntax->plus, placeholder);
}

static int rewrite_hit(struct walk *walk, const struct find_hit *hit)
{
	const struct secret_entry *entry = &walk->owner->store->entries[hit->form->owner];
	struct slots_place place = {.kind = POLICY_SLOT_COUNT, .name = SLICE_EMPTY};

	walk->syntax->locate(walk, hit->start, hit->length, &place);
	place.disguised = !is_read(walk, hit, entry->placeholder);
	switch (walk->owner->judge(walk->owner->owner, entry, &place)) {
	case SLOTS_KEEP:
		return put(walk->out, slice_of(walk->text.ptr + hit->start, hit->length));
	case SLOTS_PUT_IN:
		return put_value(walk, entry->value);
	case SLOTS_TAKE_OUT:
		return 0;
	default:
		return ERROR_DENIED;
	}
}

static int rewrite(struct walk *walk)
{
	struct find_hit hit;
	size_t done = 0;
	int rc = 0;

	while (rc == 0 && finder_find(walk->owner->store->finder, walk->text, done, true, &hit)) {
		rc = put(walk->out, slice_of(walk->text.ptr + done, hit.start - done));
		if (rc == 0)
			rc = rewrite_hit(walk, &hit);
		done = hit.start + hit.length;
	}
	return rc < 0 ? rc : put(walk->out, slice_from(walk->text, done));
}

/* The part of TEXT between SEPARATORs that holds all of the LENGTH bytes at START; *AT: where it
 * begins. False: they are in several. */
static bool find_part(struct slice text, char separator, size_t start, size_t length, size_t *at,
		      struct slice *part)
{
	size_t begin = start;

	while (begin > 0 && text.ptr[begin - 1] != separator)
		begin--;
	*at = begin;
	*part = slice_from(text, begin);
	*part = slice_first(*part, slice_find_char(*part, separator));
	return start + length <= begin + part->len;
}

/* A name and a value with "=" between them: whether the bytes at START are all in the value. */
static bool find_name(struct slice text, char separator, size_t start, size_t length,
		      struct slice *name)
{
	struct slice part;
	size_t at, equals;

	if (!find_part(text, separator, start, length, &at, &part))
		return false;
	equals = slice_find_char(part, '=');
	*name = slice_first(part, equals);
	return at + equals < start;
}

static void locate_in_query(struct walk *walk, size_t start, size_t length,
			    struct slots_place *place)
{
	struct slice text = slice_from(walk->text, 1), name;

	if (start == 0 || !find_name(text, '&', start - 1, length, &name) ||
	    name.len > 3 * sizeof(walk->name))
		return;
	/* Encoded it may be three times as long; a name that is too long is none of a slot's. */
	if (name.len > sizeof(walk->name)) {
		char decoded[3 * sizeof(walk->name)];
		size_t len = percent_decode(name, true, decoded);

		if (len > sizeof(walk->name))
			return;
		memcpy(walk->name, decoded, len);
		place->name = slice_of(walk->name, len);
	} else {
		place->name = slice_of(walk->name, percent_decode(name, true, walk->name));
	}
	place->kind = POLICY_SLOT_QUERY;
}

int slots_rewrite_query(const struct slots_owner *owner, struct slice query,
			struct secret_output *out)
{
	static const struct syntax syntax = {locate_in_query, percent_is_unreserved, true};
	struct walk walk = {.owner = owner, .syntax = &syntax, .text = query, .out = out};

	return rewrite(&walk);
}

static void locate_in_cookie(struct walk *walk, size_t start, size_t length,
			     struct slots_place *place)
{
	struct slice name;

	if (!find_name(walk->text, ';', start, length, &name))
		return;
	place->kind = POLICY_SLOT_COOKIE;
	place->name = slice_trim(name);
}

int slots_rewrite_cookie(const struct slots_owner *owner, struct slice value,
			 struct secret_output *out)
{
	static const struct syntax syntax = {.locate = locate_in_cookie};
	struct walk walk = {.owner = owner, .syntax = &syntax, .text = value, .out = out};

	return rewrite(&walk);
}

static void locate_in_path(struct walk *walk, size_t start, size_t length,
			   struct slots_place *place)
{
	struct slice segment;
	size_t at;

	if (find_part(walk->text, '/', start, length, &at, &segment) && at == start &&
	    segment.len == length)
		place->kind = POLICY_SLOT_PATH;
}

int slots_rewrite_path(const struct slots_owner *owner, struct slice path,
		       struct secret_output *out)
{
	static const struct syntax syntax = {locate_in_path, percent_is_segment_char, false};
	struct walk walk = {.owner = owner, .syntax = &syntax, .text = path, .out = out};

	return rewrite(&walk);
}

static void locate_as_told(struct walk *walk, size_t start, size_t length,
			   struct slots_place *place)
{
	(void)start;
	(void)length;
	*place = *walk->fixed;
}

int slots_rewrite_text(const struct slots_owner *owner, const struct slots_place *place,
		       struct slice text, struct secret_output *out)
{
	static const struct syntax syntax = {.locate = locate_as_told};
	struct walk walk = {
		.owner = owner, .syntax = &syntax, .fixed = place, .text = text, .out = out};

	return rewrite(&walk);
}
