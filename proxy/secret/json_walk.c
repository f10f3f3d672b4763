#include "proxy/secret/json_walk.h"

#include <stdio.h>

enum {
	STEP_BYTES = 16,
	HEX_DIGITS = 4,
	CONTROLS_END = 0x20,
};

typedef unsigned char vector __attribute__((vector_size(STEP_BYTES)));

void json_walk_init(struct json_walk *walk)
{
	memset(walk, 0, sizeof(*walk));
	walk->state = JSON_VALUE;
}

void json_walk_lose(struct json_walk *walk)
{
	walk->state = JSON_LOST;
}

static struct json_level *top_of(struct json_walk *walk)
{
	return &walk->levels[walk->depth - 1];
}

void json_walk_blur(struct json_walk *walk)
{
	if (walk->in_name && walk->depth)
		top_of(walk)->known = false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_scalar_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '+' || c == '.';
}

/* Ends a run of a string's characters that stand for themselves. */
static bool ends_run(char c)
{
	return c == '"' || c == '\\' || (unsigned char)c < CONTROLS_END;
}

static size_t run_length(struct slice text)
{
	size_t at = 0;

	for (; text.len - at >= STEP_BYTES; at += STEP_BYTES) {
		uint64_t words[2];
		vector bytes, marks;

		memcpy(&bytes, text.ptr + at, sizeof(bytes));
		marks = (vector)(bytes == '"') | (vector)(bytes == '\\') |
			(vector)(bytes < CONTROLS_END);
		memcpy(words, &marks, sizeof(words));
		if (words[0] | words[1])
			break;
	}
	while (at < text.len && !ends_run(text.ptr[at]))
		at++;
	return at;
}

/* Bytes of a name, decoded. */
static void add_to_name(struct json_walk *walk, struct slice bytes)
{
	struct json_level *level;
	size_t used;

	if (!walk->in_name)
		return;
	level = top_of(walk);
	used = (size_t)level->start + level->length;
	if (!level->known || bytes.len > sizeof(walk->names) - used) {
		level->known = false;
		return;
	}
	memcpy(walk->names + used, bytes.ptr, bytes.len);
	level->length = (uint16_t)(level->length + bytes.len);
}

/* CODE_POINT is no surrogate. */
static void add_code_point(struct json_walk *walk, uint32_t code_point)
{
	unsigned char out[4];
	size_t count = code_point < 0x80      ? 1
		       : code_point < 0x800   ? 2
		       : code_point < 0x10000 ? 3
					      : 4;
	static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = count - 1; i > 0; i--) {
		out[i] = (unsigned char)(0x80 | (code_point & 0x3f));
		code_point >>= 6;
	}
	out[0] = (unsigned char)(marks[count] | code_point);
	add_to_name(walk, slice_of(out, count));
}

/* A first half without its second stood there. */
static void check_surrogate(struct json_walk *walk)
{
	if (walk->surrogate)
		json_walk_blur(walk);
	walk->surrogate = 0;
}

static void add_unit(struct json_walk *walk, uint16_t unit)
{
	bool is_high = unit >= 0xd800 && unit <= 0xdbff, is_low = unit >= 0xdc00 && unit <= 0xdfff;

	if (is_low && walk->surrogate) {
		add_code_point(walk, 0x10000 + ((uint32_t)(walk->surrogate - 0xd800) << 10) +
					     (uint32_t)(unit - 0xdc00));
		walk->surrogate = 0;
		return;
	}
	check_surrogate(walk);
	if (is_high)
		walk->surrogate = unit;
	else if (is_low)
		json_walk_blur(walk);
	else
		add_code_point(walk, unit);
}

/* What the character C stands for behind a backslash, or 0. */
static char short_escape(char c)
{
	static const char letters[] = "\"\\/bfnrt", chars[] = "\"\\/\b\f\n\r\t";
	const char *letter = c ? strchr(letters, c) : NULL;

	return letter ? chars[letter - letters] : 0;
}

static void take_escape(struct json_walk *walk, char c)
{
	char decoded = short_escape(c);

	if (c == 'u') {
		walk->state = JSON_HEX;
		walk->digits = 0;
		walk->unit = 0;
	} else if (decoded) {
		check_surrogate(walk);
		add_to_name(walk, slice_of(&decoded, 1));
		walk->state = JSON_STRING;
	} else {
		walk->state = JSON_LOST;
	}
}

static void take_hex(struct json_walk *walk, char c)
{
	int value = ascii_hex_value(c);

	if (value < 0) {
		walk->state = JSON_LOST;
		return;
	}
	walk->unit = (uint16_t)(walk->unit << 4 | value);
	if (++walk->digits < HEX_DIGITS)
		return;
	add_unit(walk, walk->unit);
	walk->state = JSON_STRING;
}

/* Takes what it can of a string; returns how much. */
static size_t take_string(struct json_walk *walk, struct slice text)
{
	size_t run = run_length(text);

	if (run) {
		check_surrogate(walk);
		add_to_name(walk, slice_first(text, run));
	}
	if (run == text.len)
		return run;
	switch (text.ptr[run]) {
	case '\\':
		walk->state = JSON_ESCAPE;
		break;
	case '"':
		check_surrogate(walk);
		walk->state = walk->in_name ? JSON_COLON : JSON_BEHIND;
		walk->in_name = false;
		break;
	default:
		walk->state = JSON_LOST;
	}
	return run + 1;
}

static void begin_string(struct json_walk *walk, bool is_name)
{
	walk->state = JSON_STRING;
	walk->in_name = is_name;
	if (is_name) {
		top_of(walk)->known = true;
		top_of(walk)->length = 0;
	}
}

static void enter(struct json_walk *walk, bool is_object)
{
	uint16_t start = 0;

	if (walk->depth == SLOTS_DEPTH_MAX) {
		walk->state = JSON_LOST;
		return;
	}
	if (walk->depth)
		start = (uint16_t)(top_of(walk)->start + top_of(walk)->length);
	walk->levels[walk->depth++] = (struct json_level){.is_object = is_object, .start = start};
	walk->state = is_object ? JSON_FIRST_NAME : JSON_FIRST_ITEM;
}

static void leave(struct json_walk *walk, bool is_object)
{
	if (walk->depth == 0 || top_of(walk)->is_object != is_object) {
		walk->state = JSON_LOST;
		return;
	}
	walk->depth--;
	walk->state = JSON_BEHIND;
}

static void begin_value(struct json_walk *walk, char c)
{
	if (c == '"')
		begin_string(walk, false);
	else if (c == '{' || c == '[')
		enter(walk, c == '{');
	else
		walk->state = is_scalar_char(c) ? JSON_SCALAR : JSON_LOST;
}

static void take_behind(struct json_walk *walk, char c)
{
	if (c == '}' || c == ']') {
		leave(walk, c == '}');
	} else if (c != ',' || walk->depth == 0) {
		walk->state = JSON_LOST;
	} else if (top_of(walk)->is_object) {
		walk->state = JSON_NAME;
	} else {
		top_of(walk)->index++;
		walk->state = JSON_VALUE;
	}
}

/* C, which is not white space, between strings. */
static void take_mark(struct json_walk *walk, char c)
{
	switch (walk->state) {
	case JSON_FIRST_ITEM:
		if (c == ']')
			leave(walk, false);
		else
			begin_value(walk, c);
		break;
	case JSON_VALUE:
		begin_value(walk, c);
		break;
	case JSON_FIRST_NAME:
	case JSON_NAME:
		if (c == '"')
			begin_string(walk, true);
		else if (c == '}' && walk->state == JSON_FIRST_NAME)
			leave(walk, true);
		else
			walk->state = JSON_LOST;
		break;
	case JSON_COLON:
		walk->state = c == ':' ? JSON_VALUE : JSON_LOST;
		break;
	default:
		take_behind(walk, c);
	}
}

void json_walk_feed(struct json_walk *walk, struct slice text)
{
	size_t at = 0;

	while (at < text.len && walk->state != JSON_LOST) {
		char c = text.ptr[at];

		if (walk->state == JSON_STRING) {
			at += take_string(walk, slice_from(text, at));
			continue;
		}
		at++;
		if (walk->state == JSON_ESCAPE) {
			take_escape(walk, c);
		} else if (walk->state == JSON_HEX) {
			take_hex(walk, c);
		} else if (walk->state == JSON_SCALAR) {
			if (is_scalar_char(c))
				continue;
			walk->state = JSON_BEHIND;
			if (!is_space(c))
				take_behind(walk, c);
		} else if (!is_space(c)) {
			take_mark(walk, c);
		}
	}
}

bool json_walk_in_string(const struct json_walk *walk)
{
	return walk->state == JSON_STRING;
}

bool json_walk_in_escape(const struct json_walk *walk)
{
	return walk->state == JSON_ESCAPE || walk->state == JSON_HEX;
}

int json_walk_pointer(struct json_walk *walk)
{
	if (walk->state != JSON_STRING || walk->in_name || walk->depth > POINTER_TOKENS_MAX)
		return -1;
	for (size_t i = 0; i < walk->depth; i++) {
		const struct json_level *level = &walk->levels[i];
		char *index = walk->indices[i];

		if (level->is_object && !level->known)
			return -1;
		if (level->is_object) {
			walk->pointer[i] = slice_of(walk->names + level->start, level->length);
		} else {
			char digits[JSON_INDEX_MAX_BYTES + 1];
			int length = snprintf(digits, sizeof(digits), "%llu",
					      (unsigned long long)level->index);

			memcpy(index, digits, (size_t)length);
			walk->pointer[i] = slice_of(index, (size_t)length);
		}
	}
	return (int)walk->depth;
}

/* The character that TEXT begins with, if it is of ASCII; else -1. */
static int read_char(struct slice text, size_t *length)
{
	int value = 0;

	*length = 1;
	if (text.ptr[0] != '\\')
		return ends_run(text.ptr[0]) ? -1 : (unsigned char)text.ptr[0];
	*length = 2;
	if (text.len < 2)
		return -1;
	if (text.ptr[1] != 'u')
		return short_escape(text.ptr[1]) ? (unsigned char)short_escape(text.ptr[1]) : -1;
	*length = 2 + HEX_DIGITS;
	for (size_t i = 2; i < *length; i++) {
		int digit = i < text.len ? ascii_hex_value(text.ptr[i]) : -1;

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value < 0x80 ? value : -1;
}

bool json_reads_as(struct slice text, struct slice wanted)
{
	while (text.len && wanted.len) {
		size_t length;

		if (read_char(text, &length) != (unsigned char)wanted.ptr[0])
			return false;
		text = slice_from(text, length);
		wanted = slice_from(wanted, 1);
	}
	return text.len == 0 && wanted.len == 0;
}
