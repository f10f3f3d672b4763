#include "proxy/secret/find.h"

#include "proxy/secret/find_table.h"
#include "proxy/secret/vector.h"

enum { STEP_BYTES = 2 * VECTOR_BYTES };

static vector marks_in(const char *text)
{
	vector bytes = vector_load(text);

	return (vector)(bytes == '%') | (vector)(bytes == '\\') | (vector)(bytes == '&') |
	       (vector)(bytes == '\n') | (vector)(bytes == '\r');
}

static bool is_mark(char c)
{
	static const bool marks[256] = {
		['%'] = true, ['\\'] = true, ['&'] = true, ['\n'] = true, ['\r'] = true,
	};

	return marks[(unsigned char)c];
}

/* The first mark from AT on, or the text's length. */
static size_t next_mark(struct slice text, size_t at)
{
	for (; text.len >= STEP_BYTES && at <= text.len - STEP_BYTES; at += STEP_BYTES) {
		vector low = marks_in(text.ptr + at);
		vector high = marks_in(text.ptr + at + VECTOR_BYTES);

		if (!vector_any(low | high))
			continue;
		return at +
		       (vector_any(low) ? vector_first(low) : VECTOR_BYTES + vector_first(high));
	}
	if (text.len >= VECTOR_BYTES && at <= text.len - VECTOR_BYTES) {
		vector marks = marks_in(text.ptr + at);

		if (vector_any(marks))
			return at + vector_first(marks);
		at += VECTOR_BYTES;
	}
	while (at < text.len && !is_mark(text.ptr[at]))
		at++;
	return at;
}

/* Whether what is spelled at AT is in no form, by its first bytes: most is, and quickly told. The
 * closer look (find_look.h) says the same of it. */
static bool is_of_no_form(const struct find_index *index, struct slice text, size_t at)
{
	const unsigned char *next = (const unsigned char *)text.ptr + at;
	int high, low;

	if (text.len - at < 3)
		return false;
	if (next[0] == '\\')
		return !ascii_is_alnum((char)next[1]) && index->strange[next[1]];
	if (next[0] != '%')
		return false;
	high = ascii_hex_value((char)next[1]);
	low = ascii_hex_value((char)next[2]);
	return high >= 0 && low >= 0 && index->strange[high << 4 | low];
}

/* One that begins before START has its first spelled character no further than this. */
static size_t limit_of(struct slice text, size_t start)
{
	return start < text.len && text.len - start > FIND_HEAD_BYTES ? start + FIND_HEAD_BYTES
								      : text.len;
}

static void search_text(struct search *search)
{
	const struct finder *finder = search->finder;
	struct slice text = search->text, searched = text;
	struct scan_hit head;
	size_t at = search->from;

	searched.len = limit_of(text, search->before);
	while (!search->found && scanner_find(finder->scanner, searched, at, &head)) {
		search_heads(search, head.start);
		at = head.start + 1;
	}
	if (search->found)
		searched.len = limit_of(text, search->best.start);
	for (at = next_mark(searched, search->from); at < searched.len;
	     at = next_mark(searched, at + 1)) {
		if (is_of_no_form(&finder->index, searched, at))
			continue;
		search_mark(search, at);
		if (search->found)
			searched.len = limit_of(text, search->best.start);
	}
}

bool finder_find_before(const struct finder *finder, struct slice text, size_t from, size_t before,
			bool whole, struct find_hit *hit)
{
	struct search search = {
		.finder = finder, .text = text, .from = from, .before = before, .whole = whole};

	if (finder->count == 0)
		return false;
	search_text(&search);
	*hit = search.best;
	return search.found;
}

bool finder_find(const struct finder *finder, struct slice text, size_t from, bool whole,
		 struct find_hit *hit)
{
	return finder_find_before(finder, text, from, text.len, whole, hit);
}

size_t finder_reach(const struct finder *finder)
{
	return finder->longest + finder->longest * ESCAPE_UNIT_MAX_BYTES;
}

size_t finder_partial(const struct finder *finder, struct slice text)
{
	size_t reach = finder_reach(finder), first, at;
	struct search search = {.finder = finder,
				.text = text,
				.before = text.len,
				.for_open = true,
				.open = text.len};
	struct scan_hit head;

	if (finder->count == 0 || text.len == 0)
		return 0;
	first = text.len > reach ? text.len - reach : 0;
	for (at = first;
	     finder->longest > FIND_HEAD_BYTES && scanner_find(finder->scanner, text, at, &head);
	     at = head.start + 1)
		search_heads(&search, head.start);
	for (at = next_mark(text, first); at < text.len; at = next_mark(text, at + 1))
		search_mark(&search, at);
	search_leave_open(&search, text.len, 0);
	return text.len - search.open;
}

bool finder_look(const struct finder *finder, struct slice text, struct find_hit *hit,
		 size_t *partial)
{
	struct search search = {.finder = finder,
				.text = text,
				.before = text.len,
				.for_open = true,
				.open = text.len};

	*partial = 0;
	if (finder->count == 0 || text.len == 0)
		return false;
	search_text(&search);
	if (search.found) {
		*hit = search.best;
		return true;
	}
	search_leave_open(&search, text.len, 0);
	*partial = text.len - search.open;
	return false;
}
