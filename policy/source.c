#include "policy/source.h"

#include "base/error.h"
#include "base/utf8.h"

/* A file that has more of them is not text, and need not be read to its end. */
enum { FAULTS_MAX = 1000 };

struct span {
	uint32_t first, last;
};

/* In ascending order. Joiners and variation selectors are left alone: scripts and emoji in comments
 * need them, and no name in a policy may hold one. */
static const struct span invisible[] = {
	{0x0000, 0x001f},    /* controls */
	{0x007f, 0x009f},    /* DEL, C1 controls */
	{0x00ad, 0x00ad},    /* soft hyphen */
	{0x061c, 0x061c},    /* Arabic letter mark */
	{0x200b, 0x200b},    /* zero-width space */
	{0x200e, 0x200f},    /* direction marks */
	{0x2028, 0x202e},    /* separators, direction embeddings and overrides */
	{0x2060, 0x206f},    /* invisible operators, direction isolates */
	{0xfeff, 0xfeff},    /* byte order mark */
	{0xfff0, 0xfffb},    /* specials */
	{0xfffe, 0xffff},    /* noncharacters */
	{0xe0000, 0x10ffff}, /* tags, private planes */
};

bool source_is_visible(uint32_t code_point)
{
	for (size_t i = 0; i < sizeof(invisible) / sizeof(invisible[0]); i++) {
		if (code_point <= invisible[i].last)
			return code_point < invisible[i].first;
	}
	return true;
}

size_t source_find_invisible(struct slice s)
{
	size_t i = 0;

	while (i < s.len) {
		uint32_t code_point;
		size_t len = utf8_decode(slice_from(s, i), &code_point);

		if (len == 0 || !source_is_visible(code_point))
			break;
		i += len;
	}
	return i;
}

static void check_line(struct slice line, uint32_t number, struct diagnostics *diagnostics)
{
	struct diagnostic_place place = {
		.line = number, .column = 1, .width = 1, .file = diagnostics->reading};
	uint32_t code_point = 0;

	while (line.len) {
		size_t len = utf8_decode(line, &code_point);

		if (len == 0) {
			diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, place,
					"save the file as UTF-8",
					"byte 0x%02X is not part of a UTF-8 character",
					(unsigned char)line.ptr[0]);
			return;
		}
		if (code_point != '\t' && !source_is_visible(code_point)) {
			diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, place, "remove it",
					"control or invisible character U+%04X", code_point);
			return;
		}
		line = slice_from(line, len);
		place.column++;
	}
}

/* Text in two-byte characters would be a fault in every line. */
static const char *wrong_encoding(struct slice source)
{
	if (slice_starts_with(source, SLICE_LITERAL("\xef\xbb\xbf")))
		return "the file starts with a byte order mark";
	if (slice_starts_with(source, SLICE_LITERAL("\xff\xfe")) ||
	    slice_starts_with(source, SLICE_LITERAL("\xfe\xff")) ||
	    memchr(source.ptr, '\0', source.len < 4 ? source.len : 4))
		return "the file is UTF-16 or UTF-32";
	return NULL;
}

int source_check(struct slice source, struct diagnostics *diagnostics)
{
	size_t errors = diagnostics->errors;
	const char *encoding = source.len ? wrong_encoding(source) : NULL;
	struct slice line;
	uint32_t number = 0;

	if (encoding) {
		struct diagnostic_place place = {1, 1, 1, diagnostics->reading};

		diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, place,
				"save the file as UTF-8 without a byte order mark", "%s", encoding);
		return ERROR_SYNTAX;
	}
	while (diagnostics->errors - errors < FAULTS_MAX && slice_next_part(&source, '\n', &line)) {
		bool ends_in_break = source.ptr;

		number++;
		if (ends_in_break && line.len && line.ptr[line.len - 1] == '\r')
			line.len--;
		check_line(line, number, diagnostics);
	}
	return diagnostics->errors > errors ? ERROR_SYNTAX : 0;
}
