#include "proxy/secret/escape.h"

#include <stdio.h>

#include "proxy/secret/escape_name.h"

/* Where characters of one level come from: depth 0 is the text itself, each further one what a
 * decoder makes of the level below. */
struct source {
	struct slice text;
	bool whole;
	unsigned int kinds;
};

/* A walk along one level. */
struct walk {
	const struct source *source;
	unsigned int depth;
	size_t at;
	bool cut; /* the text ended, and might go on */
};

static size_t read_unit(const struct source *source, unsigned int depth, size_t at,
			struct escape_unit *unit);

/* The next character, if it is a single byte; else -1, and the walk stays where it is. */
static int peek(struct walk *walk, size_t *length)
{
	struct escape_unit unit;

	*length = read_unit(walk->source, walk->depth, walk->at, &unit);
	if (*length == 0)
		walk->cut = !walk->source->whole;
	return *length && unit.count == 1 ? (unsigned char)unit.bytes[0] : -1;
}

static int next(struct walk *walk)
{
	size_t length;
	int c = peek(walk, &length);

	if (c >= 0)
		walk->at += length;
	return c;
}

static bool skip_char(struct walk *walk, char wanted)
{
	size_t length;

	if (peek(walk, &length) != wanted)
		return false;
	walk->at += length;
	return true;
}

/* Up to MOST digits of BASE; how many there were. */
static size_t read_number(struct walk *walk, unsigned int base, size_t most,
			  struct escape_unit *unit, uint32_t *number)
{
	size_t length;

	*number = 0;
	for (unit->digits = 0; unit->digits < most; unit->digits++) {
		int c = peek(walk, &length), value = c < 0 ? -1 : ascii_hex_value((char)c);

		if (value < 0 || value >= (int)base)
			break;
		*number = *number * base + (uint32_t)value;
		walk->at += length;
	}
	return unit->digits;
}

static bool is_surrogate(uint32_t code_point)
{
	return code_point >= 0xd800 && code_point <= 0xdfff;
}

/* Stores CODE_POINT as UTF-8. False if it is none. */
static bool put_code_point(struct escape_unit *unit, uint32_t code_point)
{
	unsigned char out[4];
	size_t count = code_point < 0x80      ? 1
		       : code_point < 0x800   ? 2
		       : code_point < 0x10000 ? 3
					      : 4;
	static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

	if (code_point > 0x10ffff || is_surrogate(code_point))
		return false;
	for (size_t i = count - 1; i > 0; i--) {
		out[i] = (unsigned char)(0x80 | (code_point & 0x3f));
		code_point >>= 6;
	}
	out[0] = (unsigned char)(marks[count] | code_point);
	memcpy(unit->bytes, out, count);
	unit->count = count;
	return true;
}

static bool read_percent(struct walk *walk, struct escape_unit *unit)
{
	uint32_t number;

	if (skip_char(walk, 'u')) {
		unit->style = ESCAPE_PERCENT_U;
		return read_number(walk, 16, 4, unit, &number) == 4 && put_code_point(unit, number);
	}
	unit->style = ESCAPE_PERCENT_XX;
	if (read_number(walk, 16, 2, unit, &number) != 2)
		return false;
	unit->bytes[0] = (char)number;
	unit->count = 1;
	return true;
}

/* The second half of a character beyond the first plane. */
static bool read_low_surrogate(struct walk *walk, struct escape_unit *unit, uint32_t *code_point)
{
	uint32_t low;

	if (!skip_char(walk, '\\') || !skip_char(walk, 'u') ||
	    read_number(walk, 16, 4, unit, &low) != 4 || low < 0xdc00 || low > 0xdfff)
		return false;
	*code_point = 0x10000 + ((*code_point - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

static bool read_backslash_u(struct walk *walk, struct escape_unit *unit)
{
	uint32_t number;

	if (skip_char(walk, '{')) {
		unit->style = ESCAPE_BRACES;
		return read_number(walk, 16, ESCAPE_DIGITS_MAX, unit, &number) &&
		       skip_char(walk, '}') && put_code_point(unit, number);
	}
	unit->style = ESCAPE_U;
	if (read_number(walk, 16, 4, unit, &number) != 4)
		return false;
	if (number >= 0xd800 && number <= 0xdbff && !read_low_surrogate(walk, unit, &number))
		return false;
	return put_code_point(unit, number);
}

static bool read_backslash(struct walk *walk, struct escape_unit *unit)
{
	static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
	const char *letter;
	uint32_t number;
	int c = next(walk);

	if (c == 'u')
		return read_backslash_u(walk, unit);
	if (c == 'x') {
		unit->style = ESCAPE_X;
		return read_number(walk, 16, 2, unit, &number) == 2 && put_code_point(unit, number);
	}
	if (c <= 0)
		return false;
	letter = strchr(letters, c);
	if (!letter && (ascii_is_alnum((char)c) || c <= ' ' || c >= 0x7f))
		return false;
	unit->bytes[0] = letter ? controls[letter - letters] : (char)c;
	unit->count = 1;
	unit->style = ESCAPE_SHORT;
	return true;
}

static bool read_entity_name(struct walk *walk, struct escape_unit *unit)
{
	char name[ESCAPE_NAME_MAX_BYTES];
	size_t len = 0, length;
	int c;

	while ((c = peek(walk, &length)) != ';') {
		if (c < 0 || !ascii_is_alpha((char)c) || len == sizeof(name))
			return false;
		name[len++] = (char)c;
		if (!escape_begins_name(slice_of(name, len)))
			return false;
		walk->at += length;
	}
	walk->at += length;
	unit->bytes[0] = escape_char_named(slice_of(name, len));
	unit->count = 1;
	unit->style = ESCAPE_NAMED;
	return unit->bytes[0] != 0;
}

/* Browsers take a number without its semicolon, too. */
static bool read_entity(struct walk *walk, struct escape_unit *unit)
{
	uint32_t number;
	bool hex;

	if (!skip_char(walk, '#'))
		return read_entity_name(walk, unit);
	hex = skip_char(walk, 'x') || skip_char(walk, 'X');
	unit->style = hex ? ESCAPE_HEX : ESCAPE_DECIMAL;
	if (!read_number(walk, hex ? 16 : 10, ESCAPE_DIGITS_MAX + 1, unit, &number) ||
	    unit->digits > ESCAPE_DIGITS_MAX)
		return false;
	unit->open = !skip_char(walk, ';');
	return !walk->cut && put_code_point(unit, number);
}

static bool read_spelling(enum escape_kind kind, struct walk *walk, struct escape_unit *unit)
{
	switch (kind) {
	case ESCAPE_PERCENT:
		return read_percent(walk, unit);
	case ESCAPE_BACKSLASH:
		return read_backslash(walk, unit);
	case ESCAPE_ENTITY:
		return read_entity(walk, unit);
	default:
		return false;
	}
}

/* The unit at AT as DEPTH decoders see it. Its length, or 0 when the text ends before it is sure.
 */
static size_t read_unit(const struct source *source, unsigned int depth, size_t at,
			struct escape_unit *unit)
{
	struct walk walk = {source, depth - 1, at, false};
	struct escape_unit spelled = {0};
	size_t length;

	if (depth == 0) {
		if (at >= source->text.len)
			return 0;
		*unit = (struct escape_unit){.length = 1, .count = 1};
		unit->bytes[0] = source->text.ptr[at];
		return 1;
	}
	length = read_unit(source, depth - 1, at, unit);
	if (length == 0 || unit->count != 1 || !(source->kinds & escape_kind_of(unit->bytes[0])))
		return length;
	walk.at += length;
	spelled.lead = unit->style;
	if (read_spelling(escape_kind_of(unit->bytes[0]), &walk, &spelled)) {
		spelled.length = walk.at - at;
		*unit = spelled;
		return spelled.length;
	}
	return walk.cut ? 0 : length;
}

size_t escape_read(struct escape_reading reading, struct slice text, size_t at, bool whole,
		   struct escape_unit *unit)
{
	struct source source = {text, whole, reading.kinds};

	if (at < text.len && (reading.depth == 0 || !escape_kind_of(text.ptr[at]))) {
		*unit = (struct escape_unit){.length = 1, .count = 1};
		unit->bytes[0] = text.ptr[at];
		return 1;
	}
	return read_unit(&source, reading.depth, at, unit);
}

/* DIGITS: how many there should be at least. */
static size_t write_styled(enum escape_style style, char c, unsigned int digits, bool open,
			   char out[ESCAPE_WRITTEN_MAX_BYTES])
{
	unsigned int byte = (unsigned char)c;
	const char *end = open ? "" : ";";
	int width = (int)digits;
	int length;

	switch (style) {
	case ESCAPE_PERCENT_XX:
		length = snprintf(out, ESCAPE_WRITTEN_MAX_BYTES, "%%%02X", byte);
		break;
	case ESCAPE_PERCENT_U:
		length = snprintf(out, ESCAPE_WRITTEN_MAX_BYTES, "%%u%04X", byte);
		break;
	case ESCAPE_X:
		length = snprintf(out, ESCAPE_WRITTEN_MAX_BYTES, "\\x%02x", byte);
		break;
	case ESCAPE_U:
		length = snprintf(out, ESCAPE_WRITTEN_MAX_BYTES, "\\u%04x", byte);
		break;
	case ESCAPE_BRACES:
		length = snprintf(out, ESCAPE_WRITTEN_MAX_BYTES, "\\u{%0*x}", width, byte);
		break;
	case ESCAPE_HEX:
		length = snprintf(out, ESCAPE_WRITTEN_MAX_BYTES, "&#x%0*x%s", width, byte, end);
		break;
	case ESCAPE_DECIMAL:
	case ESCAPE_NAMED:
		length = snprintf(out, ESCAPE_WRITTEN_MAX_BYTES, "&#%0*u%s", width, byte, end);
		break;
	default:
		out[0] = c;
		return 1;
	}
	return (size_t)length;
}

size_t escape_write(const struct escape_unit *unit, char c, char out[ESCAPE_WRITTEN_MAX_BYTES])
{
	char inner[ESCAPE_WRITTEN_MAX_BYTES];
	size_t used, length = write_styled(unit->style, c, unit->digits, unit->open, inner);

	if (unit->lead == ESCAPE_PLAIN || length == 1) {
		memcpy(out, inner, length);
		return length;
	}
	/* What begins the inner spelling is spelled once more. */
	if (unit->lead == ESCAPE_SHORT) {
		out[0] = '\\';
		out[1] = inner[0];
		used = 2;
	} else {
		used = write_styled(unit->lead, inner[0], 0, false, out);
	}
	memcpy(out + used, inner + 1, length - 1);
	return used + length - 1;
}
