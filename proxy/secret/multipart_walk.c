#include "proxy/secret/multipart_walk.h"

#include <assert.h>

#include "proxy/http/message.h"
#include "proxy/secret/media_type.h"

static const char line_end[2] = "\r\n";

/* The failure function of Knuth, Morris and Pratt: of each beginning of the needle, how much of its
 * end is a beginning of the needle again. */
static void make_fallback(struct multipart_walk *walk)
{
	size_t length = 0;

	for (size_t i = 1; i < walk->needle_bytes; i++) {
		while (length && walk->needle[i] != walk->needle[length])
			length = walk->fallback[length - 1];
		if (walk->needle[i] == walk->needle[length])
			length++;
		walk->fallback[i] = (uint8_t)length;
	}
}

/* A line begins here. */
static void begin_text(struct multipart_walk *walk, enum multipart_state state)
{
	walk->state = state;
	walk->matched = 0;
	memcpy(walk->last, line_end, sizeof(line_end));
}

void multipart_walk_init(struct multipart_walk *walk, struct slice boundary)
{
	assert(boundary.len && boundary.len <= SLOTS_BOUNDARY_MAX_BYTES);
	memset(walk, 0, sizeof(*walk));
	memcpy(walk->needle, "--", 2);
	memcpy(walk->needle + 2, boundary.ptr, boundary.len);
	walk->needle_bytes = boundary.len + 2;
	make_fallback(walk);
	begin_text(walk, MULTIPART_PREAMBLE);
}

void multipart_walk_blur(struct multipart_walk *walk)
{
	walk->matched = 0;
	memset(walk->last, 0, sizeof(walk->last));
	switch (walk->state) {
	case MULTIPART_HEAD:
		walk->head_known = false;
		break;
	case MULTIPART_DELIMITER:
	case MULTIPART_DASH:
	case MULTIPART_LINE_FEED:
		walk->state = MULTIPART_LOST;
		break;
	default:
		break;
	}
}

static bool follows_line_end(const struct multipart_walk *walk)
{
	return memcmp(walk->last, line_end, sizeof(line_end)) == 0;
}

/* Whether C completes the boundary. */
static bool match(struct multipart_walk *walk, char c)
{
	while (walk->matched && walk->needle[walk->matched] != c) {
		walk->matched = walk->fallback[walk->matched - 1];
		walk->at_line = false;
	}
	if (walk->needle[walk->matched] == c) {
		if (walk->matched == 0)
			walk->at_line = follows_line_end(walk);
		walk->matched++;
	}
	walk->last[0] = walk->last[1];
	walk->last[1] = c;
	return walk->matched == walk->needle_bytes;
}

/* Passes over what cannot begin the boundary. */
static size_t skip_text(struct multipart_walk *walk, struct slice text)
{
	size_t run = slice_find_char(text, '-');

	if (run == 1)
		walk->last[0] = walk->last[1];
	else if (run > 1)
		walk->last[0] = text.ptr[run - 2];
	if (run)
		walk->last[1] = text.ptr[run - 1];
	return run;
}

static size_t take_text(struct multipart_walk *walk, struct slice text)
{
	size_t at = 0;

	while (at < text.len) {
		if (walk->matched == 0)
			at += skip_text(walk, slice_from(text, at));
		if (at == text.len || !match(walk, text.ptr[at++]))
			continue;
		walk->matched = 0;
		walk->padded = false;
		walk->state = walk->at_line ? MULTIPART_DELIMITER : MULTIPART_LOST;
		return at;
	}
	return at;
}

/* The value of a Content-Disposition field. */
static bool take_disposition(struct multipart_walk *walk, struct slice value)
{
	struct slice parameters, name, file;
	int rc;

	if (!slice_equal_nocase(media_type_of(value, &parameters), SLICE_LITERAL("form-data")) ||
	    media_type_parameter(parameters, SLICE_LITERAL("name"), &name) != 1 ||
	    name.len > sizeof(walk->name))
		return false;
	memcpy(walk->name, name.ptr, name.len);
	walk->name_bytes = name.len;
	rc = media_type_parameter(parameters, SLICE_LITERAL("filename"), &file);
	walk->is_file = rc > 0;
	return rc >= 0;
}

/* Whether the content stands as it is. */
static bool is_identity(struct slice encoding)
{
	static const char *const names[] = {"7bit", "8bit", "binary"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal_nocase(encoding, slice_from_text(names[i])))
			return true;
	}
	return false;
}

/* False: not everybody reads the part alike for this line. */
static bool take_field(struct multipart_walk *walk, struct slice line, size_t *dispositions)
{
	size_t colon = slice_find_char(line, ':');
	struct slice name = slice_first(line, colon), value = slice_from(line, colon + 1);

	value = slice_trim(value);
	if (colon == 0 || colon == line.len || !http_is_token(name))
		return false;
	if (slice_equal_nocase(name, SLICE_LITERAL("Content-Disposition"))) {
		++*dispositions;
		return take_disposition(walk, value);
	}
	if (slice_equal_nocase(name, SLICE_LITERAL("Content-Transfer-Encoding")))
		return is_identity(value);
	return !slice_equal_nocase(name, SLICE_LITERAL("Content-Type")) ||
	       !slice_starts_with_nocase(value, SLICE_LITERAL("multipart/"));
}

/* The head is whole, with the empty line. */
static void take_head(struct multipart_walk *walk)
{
	struct slice rest = slice_of(walk->head, walk->head_bytes);
	size_t dispositions = 0;

	walk->known = walk->head_known;
	walk->is_file = false;
	for (;;) {
		size_t end = slice_find_char(rest, '\r');
		struct slice line = slice_first(rest, end);

		if (line.len == 0)
			break;
		walk->known &= take_field(walk, line, &dispositions);
		rest = slice_from(rest, end + sizeof(line_end));
	}
	walk->known &= dispositions == 1;
	begin_text(walk, MULTIPART_PART);
}

static bool head_ends(const struct multipart_walk *walk)
{
	struct slice head = slice_of(walk->head, walk->head_bytes);

	return slice_equal(head, SLICE_LITERAL("\r\n")) ||
	       slice_ends_with(head, SLICE_LITERAL("\r\n\r\n"));
}

static void take_head_byte(struct multipart_walk *walk, char c)
{
	bool in_line_end = walk->head_bytes && walk->head[walk->head_bytes - 1] == '\r';

	/* Who looks for the boundary first does not see a head here. */
	if (match(walk, c) || in_line_end != (c == '\n') || c == 0 ||
	    walk->head_bytes == sizeof(walk->head)) {
		walk->state = MULTIPART_LOST;
		return;
	}
	walk->head[walk->head_bytes++] = c;
	if (c == '\n' && head_ends(walk))
		take_head(walk);
}

static void begin_head(struct multipart_walk *walk)
{
	begin_text(walk, MULTIPART_HEAD);
	walk->head_bytes = 0;
	walk->head_known = true;
}

static void take_delimiter(struct multipart_walk *walk, char c)
{
	if (walk->state == MULTIPART_DASH) {
		walk->state = c == '-' ? MULTIPART_EPILOGUE : MULTIPART_LOST;
	} else if (walk->state == MULTIPART_LINE_FEED) {
		if (c == '\n')
			begin_head(walk);
		else
			walk->state = MULTIPART_LOST;
	} else if (c == ' ' || c == '\t') {
		walk->padded = true;
	} else if (c == '\r') {
		walk->state = MULTIPART_LINE_FEED;
	} else {
		walk->state = c == '-' && !walk->padded ? MULTIPART_DASH : MULTIPART_LOST;
	}
}

void multipart_walk_feed(struct multipart_walk *walk, struct slice text)
{
	size_t at = 0;

	while (at < text.len) {
		switch (walk->state) {
		case MULTIPART_PREAMBLE:
		case MULTIPART_PART:
			at += take_text(walk, slice_from(text, at));
			break;
		case MULTIPART_HEAD:
			take_head_byte(walk, text.ptr[at++]);
			break;
		case MULTIPART_EPILOGUE:
		case MULTIPART_LOST:
			return;
		default:
			take_delimiter(walk, text.ptr[at++]);
		}
	}
}
