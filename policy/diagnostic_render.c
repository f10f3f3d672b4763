#include <stdarg.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "policy/diagnostic.h"
#include "policy/source.h"

enum {
	RENDERED_MAX_BYTES = 1 << 20,
	PIECE_BYTES = 2 * DIAGNOSTIC_TEXT_BYTES,
	SHOWN_COLUMNS = 90, /* of a line of the source */
	SHOWN_BEFORE = 60,  /* columns before the place, when the line is longer */
};

struct rendering {
	struct buffer text;
	int error; /* sticky */
};

static void put(struct rendering *r, struct slice piece)
{
	if (r->error == 0)
		r->error = buffer_append(&r->text, piece);
}

__attribute__((format(printf, 2, 3))) static void put_format(struct rendering *r,
							     const char *format, ...)
{
	char piece[PIECE_BYTES];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	put(r, slice_first(slice_of(piece, (size_t)length), sizeof(piece) - 1));
}

static struct slice find_line(struct slice source, uint32_t number)
{
	struct slice line = SLICE_EMPTY;

	while (number > 0 && slice_next_part(&source, '\n', &line))
		number--;
	return number > 0 ? SLICE_EMPTY : line;
}

/* Takes the first character off LINE and returns how it is shown. One column each. */
static struct slice take_character(struct slice *line)
{
	struct slice character = *line;
	uint32_t code_point;
	size_t len = utf8_decode(*line, &code_point);

	character.len = len ? len : 1;
	*line = slice_from(*line, character.len);
	if (len && code_point == '\t')
		return SLICE_LITERAL(" ");
	return len && source_is_visible(code_point) ? character : SLICE_LITERAL("?");
}

/* The line number, the line (as much of it as fits around the place), and the marks below it. */
static void put_excerpt(struct rendering *r, const struct diagnostic *d, struct slice line)
{
	uint32_t first = d->column > SHOWN_COLUMNS ? d->column - SHOWN_BEFORE : 1;
	uint32_t column = 1, marks = d->width ? d->width : 1;
	uint32_t end = first + SHOWN_COLUMNS;

	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	put_format(r, "%5u | %s", d->line, first > 1 ? "..." : "");
	for (; line.len && column < end; column++) {
		struct slice character = take_character(&line);

		if (column >= first)
			put(r, character);
	}
	put_format(r, "%s\n      | %*s", line.len ? "..." : "",
		   (int)(d->column - first + (first > 1 ? 3 : 0)), "");
	for (uint32_t i = 0; i < marks && d->column + i < end; i++)
		put_format(r, "^");
	put_format(r, "\n");
}

static void put_diagnostic(struct rendering *r, const struct diagnostics *all,
			   const struct diagnostic *d)
{
	const char *severity = d->severity == DIAGNOSTIC_ERROR ? "error" : "warning";
	const struct diagnostic_file *file = &all->files[d->file];

	put(r, slice_from_text(file->name));
	if (d->line > 0)
		put_format(r, ":%u:%u", d->line, d->column);
	put_format(r, ": %s: %s\n", severity, d->text);
	if (d->line > 0)
		put_excerpt(r, d, find_line(file->text, d->line));
	if (d->hint[0])
		put_format(r, "      = %s\n", d->hint);
}

static bool is_before(const struct diagnostic *a, const struct diagnostic *b)
{
	if (a->file != b->file)
		return a->file < b->file;
	return a->line < b->line || (a->line == b->line && a->column < b->column);
}

/* Fills ORDER with the list's indices by place; what is at one place stays in its order. */
static void sort_by_place(const struct diagnostics *diagnostics, size_t order[DIAGNOSTIC_MAX])
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		size_t at = i;

		while (at > 0 &&
		       is_before(&diagnostics->list[i], &diagnostics->list[order[at - 1]])) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
	}
}

static void free_rendering(struct rendering *r)
{
	buffer_free(&r->text);
}

char *diagnostics_render(const struct diagnostics *diagnostics)
{
	CLEANUP(free_rendering) struct rendering r = {0};
	size_t order[DIAGNOSTIC_MAX];

	buffer_init(&r.text, RENDERED_MAX_BYTES);
	sort_by_place(diagnostics, order);
	for (size_t i = 0; i < diagnostics->count; i++)
		put_diagnostic(&r, diagnostics, &diagnostics->list[order[i]]);
	if (diagnostics->dropped) {
		put(&r, slice_from_text(diagnostics->files[0].name));
		put_format(&r, ": %zu more not shown\n", diagnostics->dropped);
	}
	put(&r, SLICE_LITERAL("\0"));
	return r.error ? NULL : take_ptr(r.text.bytes);
}
