#include "policy/diagnostic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "policy/source.h"

enum { NEAREST_WORD_MAX = 32 };

void diagnostics_init(struct diagnostics *diagnostics, const char *name, struct slice text)
{
	diagnostics->files[0] = (struct diagnostic_file){.name = name, .text = text};
	diagnostics->file_count = 1;
	diagnostics->reading = 0;
	diagnostics->count = 0;
	diagnostics->errors = 0;
	diagnostics->dropped = 0;
}

void diagnostics_release(struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->file_count; i++) {
		free(diagnostics->files[i].owned_name);
		free(diagnostics->files[i].owned_text);
	}
	diagnostics->file_count = 0;
}

/* Text that was cut ends in an ellipsis; what is not visible becomes a question mark. */
static void make_presentable(char text[DIAGNOSTIC_TEXT_BYTES], int length)
{
	struct slice rest;

	if (length >= DIAGNOSTIC_TEXT_BYTES)
		memcpy(text + DIAGNOSTIC_TEXT_BYTES - 4, "...", 4);
	for (rest = slice_from_text(text); rest.len;) {
		size_t visible = source_find_invisible(rest);

		if (visible < rest.len)
			text[rest.ptr - text + (ptrdiff_t)visible] = '?';
		rest = slice_from(rest, visible + 1);
	}
}

static bool is_same(const struct diagnostic *a, const struct diagnostic *b)
{
	return a->severity == b->severity && a->file == b->file && a->line == b->line &&
	       a->column == b->column && strcmp(a->text, b->text) == 0;
}

static bool is_known(const struct diagnostics *diagnostics, const struct diagnostic *new)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		if (is_same(&diagnostics->list[i], new))
			return true;
	}
	return false;
}

/* Where a new one goes: when the list is full, an error takes the place of the last warning. */
static struct diagnostic *find_room(struct diagnostics *diagnostics,
				    enum diagnostic_severity severity)
{
	if (diagnostics->count < DIAGNOSTIC_MAX)
		return &diagnostics->list[diagnostics->count++];
	diagnostics->dropped++;
	if (severity != DIAGNOSTIC_ERROR)
		return NULL;
	for (size_t i = DIAGNOSTIC_MAX; i-- > 0;) {
		if (diagnostics->list[i].severity == DIAGNOSTIC_WARNING)
			return &diagnostics->list[i];
	}
	return NULL;
}

void diagnostics_add(struct diagnostics *diagnostics, enum diagnostic_severity severity,
		     struct diagnostic_place place, const char *hint, const char *format, ...)
{
	struct diagnostic new = {.severity = severity,
				 .file = place.file,
				 .line = place.line,
				 .column = place.column,
				 .width = place.width},
			  *room;
	va_list args;

	va_start(args, format);
	make_presentable(new.text, vsnprintf(new.text, sizeof(new.text), format, args));
	va_end(args);
	make_presentable(new.hint, snprintf(new.hint, sizeof(new.hint), "%s", hint ? hint : ""));
	if (is_known(diagnostics, &new))
		return;
	diagnostics->errors += severity == DIAGNOSTIC_ERROR;
	room = find_room(diagnostics, severity);
	if (room)
		*room = new;
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, changes and swaps of neighbours that lead from A to B, without regard to
 * case. Both are at most NEAREST_WORD_MAX long. */
static unsigned int edit_distance(struct slice a, struct slice b)
{
	unsigned int rows[3][NEAREST_WORD_MAX + 1];
	unsigned int *before_last = rows[0], *last = rows[1], *row = rows[2];

	for (unsigned int j = 0; j <= b.len; j++)
		last[j] = j;
	for (unsigned int i = 1; i <= a.len; i++) {
		unsigned int *spare = before_last;

		row[0] = i;
		for (unsigned int j = 1; j <= b.len; j++) {
			char x = ascii_lower(a.ptr[i - 1]), y = ascii_lower(b.ptr[j - 1]);

			row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == ascii_lower(b.ptr[j - 2]) &&
			    y == ascii_lower(a.ptr[i - 2]))
				row[j] = least(row[j], before_last[j - 2] + 1);
		}
		before_last = last;
		last = row;
		row = spare;
	}
	return last[b.len];
}

const char *diagnostic_nearest(struct slice word, const char *const words[], size_t count)
{
	/* A third of the word may be wrong: "alow" is near "allow", "x" is near nothing. */
	unsigned int best = (unsigned int)least(NEAREST_WORD_MAX, (unsigned int)word.len) / 3 + 1;
	const char *nearest = NULL;

	if (word.len < 2 || word.len > NEAREST_WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct slice candidate = slice_from_text(words[i]);
		unsigned int distance;

		if (candidate.len > NEAREST_WORD_MAX)
			continue;
		distance = edit_distance(word, candidate);
		if (distance < best) {
			best = distance;
			nearest = words[i];
		}
	}
	return nearest;
}
