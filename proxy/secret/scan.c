#include "proxy/secret/scan.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	BLOCK_BYTES = 2,
	TABLE_SIZE = 1 << 16, /* one entry for each block: exact, no collisions */
};

/* Patterns that share the last block of their window, in a list through NEXT; longest first. */
struct candidate {
	uint32_t pattern;
	uint32_t next; /* index + 1; 0 ends the list */
};

struct scanner {
	const struct slice *patterns;
	size_t count;
	size_t window; /* length of the shortest pattern */
	size_t longest;
	uint16_t shift[TABLE_SIZE];
	uint32_t first[TABLE_SIZE]; /* index + 1 into candidates */
	struct slice *copies;
	struct candidate candidates[];
};

static size_t block_at(const char *text)
{
	return (size_t)(unsigned char)text[0] << 8 | (unsigned char)text[1];
}

static void add_candidate(struct scanner *scanner, size_t index)
{
	struct slice pattern = scanner->patterns[index];
	size_t block = block_at(pattern.ptr + scanner->window - BLOCK_BYTES);
	uint32_t *link = &scanner->first[block];

	while (*link &&
	       scanner->patterns[scanner->candidates[*link - 1].pattern].len >= pattern.len)
		link = &scanner->candidates[*link - 1].next;
	scanner->candidates[index] = (struct candidate){(uint32_t)index, *link};
	*link = (uint32_t)index + 1;
}

static void add_shifts(struct scanner *scanner, struct slice pattern)
{
	for (size_t end = BLOCK_BYTES; end <= scanner->window; end++) {
		uint16_t *shift = &scanner->shift[block_at(pattern.ptr + end - BLOCK_BYTES)];
		size_t distance = scanner->window - end;

		if (distance < *shift)
			*shift = (uint16_t)distance;
	}
}

struct scanner *scanner_create(const struct slice patterns[], size_t count)
{
	struct scanner *scanner = calloc(1, sizeof(*scanner) + count * sizeof(struct candidate));

	assert(count <= SCAN_PATTERNS_MAX);
	if (!scanner)
		return NULL;
	scanner->count = count;
	scanner->copies = calloc(count + 1, sizeof(struct slice));
	if (!scanner->copies) {
		free(scanner);
		return NULL;
	}
	scanner->patterns = scanner->copies;
	for (size_t i = 0; i < count; i++) {
		size_t len = patterns[i].len;

		assert(len >= SCAN_PATTERN_MIN_BYTES && len <= SCAN_PATTERN_MAX_BYTES);
		scanner->copies[i] = patterns[i];
		if (scanner->window == 0 || len < scanner->window)
			scanner->window = len;
		if (len > scanner->longest)
			scanner->longest = len;
	}
	if (count == 0)
		return scanner;
	for (size_t i = 0; i < TABLE_SIZE; i++)
		scanner->shift[i] = (uint16_t)(scanner->window - BLOCK_BYTES + 1);
	for (size_t i = 0; i < count; i++) {
		add_shifts(scanner, patterns[i]);
		add_candidate(scanner, i);
	}
	return scanner;
}

void scanner_free(struct scanner *scanner)
{
	if (!scanner)
		return;
	free(scanner->copies);
	free(scanner);
}

static bool check_candidates(const struct scanner *scanner, struct slice text, size_t start,
			     size_t block, struct scan_hit *hit)
{
	for (uint32_t link = scanner->first[block]; link;) {
		const struct candidate *candidate = &scanner->candidates[link - 1];
		struct slice pattern = scanner->patterns[candidate->pattern];

		if (slice_starts_with(slice_from(text, start), pattern)) {
			*hit = (struct scan_hit){candidate->pattern, start, pattern.len};
			return true;
		}
		link = candidate->next;
	}
	return false;
}

bool scanner_find(const struct scanner *scanner, struct slice text, size_t from,
		  struct scan_hit *hit)
{
	size_t end;

	if (scanner->count == 0 || text.len < scanner->window || from > text.len - scanner->window)
		return false;
	end = from + scanner->window;
	while (end <= text.len) {
		size_t block = block_at(text.ptr + end - BLOCK_BYTES);
		size_t shift = scanner->shift[block];

		if (shift == 0) {
			if (check_candidates(scanner, text, end - scanner->window, block, hit))
				return true;
			shift = 1;
		}
		end += shift;
	}
	return false;
}

size_t scanner_partial(const struct scanner *scanner, struct slice text)
{
	size_t most = scanner->longest ? scanner->longest - 1 : 0;

	if (most > text.len)
		most = text.len;
	for (size_t len = most; len > 0; len--) {
		struct slice end = slice_from(text, text.len - len);

		for (size_t i = 0; i < scanner->count; i++) {
			if (scanner->patterns[i].len > len &&
			    slice_starts_with(scanner->patterns[i], end))
				return len;
		}
	}
	return 0;
}

size_t scanner_longest(const struct scanner *scanner)
{
	return scanner->longest;
}
