#include "proxy/secret/find_look.h"
#include "proxy/secret/find_table.h"

/* How a form goes with the text from some place on. */
enum fit {
	FIT_NO,
	FIT_YES,
	FIT_OPEN, /* as far as the text goes */
};

static const struct escape_reading plain_reading = {ESCAPE_NONE, 0};

static const struct escape_reading readings[] = {
	{ESCAPE_PERCENT, 1}, {ESCAPE_PERCENT, 2}, {ESCAPE_BACKSLASH, 1}, {ESCAPE_BACKSLASH, 2},
	{ESCAPE_ENTITY, 1},  {ESCAPE_ENTITY, 2},  {ESCAPE_ALL, 1},	 {ESCAPE_ALL, 2},
};

enum { READINGS = sizeof(readings) / sizeof(readings[0]) };

/* Where a form is tried: so much of it as is before AT is there plain; then UNIT, up to NEXT. */
struct trial {
	size_t at;
	struct escape_unit unit;
	size_t next;
	bool behind_break; /* UNIT is */
};

enum { AHEAD_BYTES = 16 };

/* What a reader sees from some place on, up to a line break. It is the same for all forms that are
 * tried there, and few go on with it. */
struct ahead {
	bool is_read;
	size_t count;
	char bytes[AHEAD_BYTES];
};

/* Those who read a text in some of the ways. */
struct readers {
	const struct escape_reading *readings;
	size_t count;
	struct ahead ahead[READINGS]; /* of a trial's NEXT */
};

static bool is_spelling(char c)
{
	return escape_kind_of(c) != ESCAPE_NONE;
}

static bool is_break_char(char c)
{
	return c == '\n' || c == '\r';
}

static bool is_break(const struct escape_unit *unit)
{
	return unit->count == 1 && is_break_char(unit->bytes[0]);
}

/* One line break: a line feed, perhaps behind a carriage return. *LAST is the part of it that was
 * read last, or NUL. */
static bool skips_break(const struct escape_unit *unit, char *last)
{
	if (!is_break(unit) || *last == '\n' || *last == unit->bytes[0])
		return false;
	*last = unit->bytes[0];
	return true;
}

/* FORM has been met up to its character K; the next one is read at *AT, which ends behind it. */
static enum fit read_on(const struct search *search, const struct form *form, size_t k, size_t *at,
			struct escape_reading reading)
{
	size_t end = *at + form->text.len * ESCAPE_UNIT_MAX_BYTES; /* line breaks and all */
	struct escape_unit unit;
	char last = 0;

	while (k < form->text.len) {
		size_t length = escape_read(reading, search->text, *at, search->whole, &unit);

		if (length == 0)
			return search->whole ? FIT_NO : FIT_OPEN;
		*at += length;
		if (length > ESCAPE_UNIT_MAX_BYTES || *at > end)
			return FIT_NO;
		if (form->breaks && k >= FIND_BREAK_MIN_BYTES && skips_break(&unit, &last))
			continue;
		if (unit.count > form->text.len - k ||
		    memcmp(unit.bytes, form->text.ptr + k, unit.count) != 0)
			return FIT_NO;
		k += unit.count;
		last = 0;
	}
	return FIT_YES;
}

static void offer(struct search *search, const struct find_hit *hit)
{
	const struct find_hit *best = &search->best;

	if (hit->start >= search->before)
		return;
	if (search->found && (hit->start > best->start ||
			      (hit->start == best->start && hit->length <= best->length)))
		return;
	search->best = *hit;
	search->found = true;
}

/* Form INDEX begins at START, and has been met up to its character K; what follows is at AT. */
static void try_form(struct search *search, size_t index, size_t start, size_t k, size_t at,
		     struct escape_reading reading)
{
	const struct form *form = &search->finder->forms[index];
	enum fit fit = read_on(search, form, k, &at, reading);

	if (fit == FIT_OPEN && start < search->open)
		search->open = start;
	if (fit == FIT_YES)
		offer(search, &(struct find_hit){form, index, start, at - start,
						 at - start != form->text.len, reading});
}

/* Whether what is at AT may be what FORM goes on with behind its first K characters. */
static bool may_go_on(const struct search *search, const struct form *form, size_t k, size_t at)
{
	struct find_look look;
	char c;

	if (k == form->text.len || at >= search->text.len)
		return true;
	c = search->text.ptr[at];
	if (c == form->text.ptr[k] || is_break_char(c))
		return true;
	if (!is_spelling(c))
		return false;
	look = find_look(slice_from(search->text, at));
	for (int i = 0; i < look.count; i++) {
		c = (char)look.bytes[i];
		if (c == form->text.ptr[k] || is_break_char(c))
			return true;
	}
	return look.closer;
}

static void read_ahead(const struct search *search, size_t at, struct escape_reading reading,
		       struct ahead *ahead)
{
	ahead->is_read = true;
	ahead->count = 0;
	for (;;) {
		struct escape_unit unit;
		size_t length = escape_read(reading, search->text, at, search->whole, &unit);

		if (length == 0 || length > ESCAPE_UNIT_MAX_BYTES || is_break(&unit) ||
		    unit.count > AHEAD_BYTES - ahead->count)
			return;
		memcpy(ahead->bytes + ahead->count, unit.bytes, unit.count);
		ahead->count += unit.count;
		at += length;
	}
}

/* REST: what is left of a form. */
static bool goes_on(struct slice rest, const struct ahead *ahead)
{
	rest = slice_first(rest, ahead->count);
	return memcmp(rest.ptr, ahead->bytes, rest.len) == 0;
}

static void try_readers(struct search *search, size_t index, size_t k, const struct trial *trial,
			struct readers *readers)
{
	const struct form *form = &search->finder->forms[index];
	const struct escape_unit *unit = &trial->unit;

	if (unit->count > form->text.len - k ||
	    memcmp(form->text.ptr + k, unit->bytes, unit->count) != 0 ||
	    !may_go_on(search, form, k + unit->count, trial->next))
		return;
	for (size_t i = 0; i < readers->count; i++) {
		struct escape_reading reading = readers->readings[i];
		struct ahead *ahead = &readers->ahead[i];

		if (!ahead->is_read)
			read_ahead(search, trial->next, reading, ahead);
		if (goes_on(slice_from(form->text, k + unit->count), ahead))
			try_form(search, index, trial->at - k, k + unit->count, trial->next,
				 reading);
	}
}

/* Tries every form that TRIAL goes with, as it is read on by each reading of LIST. */
static void try_unit(struct search *search, const struct trial *trial,
		     const struct escape_reading list[], size_t count)
{
	const struct find_index *index = &search->finder->index;
	struct readers readers = {.readings = list, .count = count};
	unsigned char c = (unsigned char)trial->unit.bytes[0];
	size_t before = trial->at - search->from;
	const struct find_place *place, *end;

	if (index->begins[c] && !trial->behind_break) {
		for (size_t i = index->first_starts[c]; i < index->first_starts[c + 1]; i++)
			try_readers(search, index->firsts[i], 0, trial, &readers);
	}
	if (!index->follows[c] || before == 0)
		return;
	place = find_index_places(index, search->text.ptr[trial->at - 1], (char)c, &end);
	for (; place < end; place++) {
		const struct form *form = &search->finder->forms[place->form];
		size_t k = place->offset;

		if (k > before ||
		    (trial->behind_break && (!form->breaks || k < FIND_BREAK_MIN_BYTES)))
			continue;
		if (memcmp(search->text.ptr + trial->at - k, form->text.ptr, k) == 0)
			try_readers(search, place->form, k, trial, &readers);
	}
}

/* The longest end of TEXT that is the beginning of a form, plain. */
static size_t plain_partial(const struct finder *finder, struct slice text)
{
	size_t most = finder->longest ? finder->longest - 1 : 0;
	size_t at = text.len > most ? text.len - most : 0;
	struct scan_hit hit;

	for (; finder->longest > FIND_HEAD_BYTES && scanner_find(finder->scanner, text, at, &hit);
	     at = hit.start + 1) {
		struct slice rest = slice_from(text, hit.start);
		size_t i = 0;

		while ((i = scanner_match(finder->scanner, rest, i)) < SCAN_PATTERNS_MAX) {
			struct slice form = finder->forms[i++].text;

			if (form.len > rest.len && slice_starts_with(form, rest))
				return rest.len;
		}
	}
	return scanner_partial(finder->scanner, text);
}

void search_leave_open(struct search *search, size_t at, size_t least)
{
	size_t partial;

	if (!search->for_open)
		return;
	partial = plain_partial(search->finder, slice_first(search->text, at));
	if (partial >= least && at - partial < search->open)
		search->open = at - partial;
}

/* A line break at AT may stand in the middle of a form. */
static void try_break(struct search *search, size_t at, struct escape_reading reading)
{
	struct trial trial = {.at = at, .next = at, .behind_break = true};
	size_t length;
	char last = 0;

	if (at - search->from < FIND_BREAK_MIN_BYTES)
		return;
	do {
		length = escape_read(reading, search->text, trial.next, search->whole, &trial.unit);
		trial.next += length;
		if (length > ESCAPE_UNIT_MAX_BYTES)
			return;
	} while (length && skips_break(&trial.unit, &last));
	if (length == 0)
		search_leave_open(search, at, FIND_BREAK_MIN_BYTES);
	else
		try_unit(search, &trial, &reading, 1);
}

static void try_reading(struct search *search, size_t at, struct escape_reading reading)
{
	struct trial trial = {.at = at};
	size_t length = escape_read(reading, search->text, at, search->whole, &trial.unit);

	trial.next = at + length;
	if (length == 0)
		search_leave_open(search, at, 0);
	else if (is_break(&trial.unit))
		try_break(search, at, reading);
	if (length > 1 && length <= ESCAPE_UNIT_MAX_BYTES)
		try_unit(search, &trial, &reading, 1);
}

/* The readings that take what begins with KIND for a spelling. */
static size_t choose_readings(enum escape_kind kind, struct escape_reading list[READINGS])
{
	size_t count = 0;

	for (size_t i = 0; i < READINGS; i++) {
		if (readings[i].kinds & kind)
			list[count++] = readings[i];
	}
	return count;
}

static bool may_break(const struct search *search, size_t at, char behind)
{
	const char *before = search->text.ptr + at;

	return find_index_may_break(&search->finder->index, before[-2], before[-1], behind);
}

/* Whether the line break at AT, whose spelling ends at NEXT, is surely of no interest. Most are
 * not, by what is on either side of them. */
static bool is_dull_break(const struct search *search, size_t at, char c, size_t next)
{
	struct find_look look;
	char behind;

	if (at - search->from < FIND_BREAK_MIN_BYTES)
		return true;
	if (next >= search->text.len)
		return false;
	behind = search->text.ptr[next];
	if (may_break(search, at, behind) || (c == '\r' && behind == '\n'))
		return false;
	if (!is_spelling(behind))
		return true;
	look = find_look(slice_from(search->text, next));
	for (int i = 0; i < look.count; i++) {
		behind = (char)look.bytes[i];
		if (may_break(search, at, behind) || (c == '\r' && behind == '\n'))
			return false;
	}
	return !look.closer;
}

/* Whether what is spelled at AT is surely of no interest. */
static bool is_dull(const struct search *search, size_t at)
{
	const struct find_index *index = &search->finder->index;
	struct find_look look = find_look(slice_from(search->text, at));

	for (int i = 0; i < look.count; i++) {
		unsigned char c = look.bytes[i];

		if (index->begins[c] || index->follows[c])
			return false;
		if (is_break_char((char)c) &&
		    !is_dull_break(search, at, (char)c, at + look.lengths[i]))
			return false;
	}
	return !look.closer;
}

static void try_spelled(struct search *search, size_t at)
{
	enum escape_kind kind = escape_kind_of(search->text.ptr[at]);
	struct escape_reading list[READINGS];
	struct trial trial = {.at = at};
	size_t count, length;

	if (is_dull(search, at))
		return;
	length = escape_read((struct escape_reading){kind, 1}, search->text, at, search->whole,
			     &trial.unit);
	trial.next = at + length;
	count = choose_readings(kind, list);
	if (length > 1 && !is_break(&trial.unit) && !is_spelling(trial.unit.bytes[0])) {
		try_unit(search, &trial, list, count);
		return;
	}
	for (size_t i = 0; i < count; i++)
		try_reading(search, at, list[i]);
}

/* Nothing is spelled right behind the line break at AT, which ends at NEXT: every reader sees the
 * same there. */
static bool try_plain_break(struct search *search, size_t at, size_t next)
{
	struct trial trial = {.at = at, .next = next + 1, .behind_break = true};

	if (next >= search->text.len || is_break_char(search->text.ptr[next]) ||
	    is_spelling(search->text.ptr[next]))
		return false;
	trial.unit = (struct escape_unit){.length = 1, .count = 1};
	trial.unit.bytes[0] = search->text.ptr[next];
	try_unit(search, &trial, &plain_reading, 1);
	try_unit(search, &trial, readings, READINGS);
	return true;
}

/* The line break at AT: a line feed, a carriage return, or both, of which the first counts. */
static void try_line_break(struct search *search, size_t at)
{
	const char *text = search->text.ptr;
	char last = text[at];
	size_t next = at + 1;

	if (last == '\n' && at > 0 && text[at - 1] == '\r')
		return;
	if (last == '\r' && next < search->text.len && text[next] == '\n')
		last = text[next++];
	if (is_dull_break(search, at, last, next))
		return;
	if (next >= search->text.len) {
		search_leave_open(search, at, FIND_BREAK_MIN_BYTES);
		return;
	}
	if (try_plain_break(search, at, next))
		return;
	try_break(search, at, plain_reading);
	for (size_t i = 0; i < READINGS; i++)
		try_break(search, at, readings[i]);
}

void search_mark(struct search *search, size_t at)
{
	if (is_break_char(search->text.ptr[at]))
		try_line_break(search, at);
	else
		try_spelled(search, at);
}

void search_heads(struct search *search, size_t start)
{
	const struct finder *finder = search->finder;
	struct slice rest = slice_from(search->text, start);
	size_t i = 0;

	while ((i = scanner_match(finder->scanner, rest, i)) < SCAN_PATTERNS_MAX) {
		size_t len = finder->forms[i].text.len;
		size_t head = len < FIND_HEAD_BYTES ? len : FIND_HEAD_BYTES;

		try_form(search, i, start, head, start + head, plain_reading);
		for (size_t j = 0; head < len && j < READINGS; j++)
			try_form(search, i, start, head, start + head, readings[j]);
		i++;
	}
}
