/* The scanner against a simple search: the first half of the input gives patterns, the rest is the
 * text. */
#include <assert.h>
#include <stdlib.h>

#include "proxy/secret/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATTERNS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice patterns[PATTERNS] = {0}, text;
	struct scanner *scanner;
	struct scan_hit hit;
	size_t count, at = 0, used = 1;

	if (size < 1)
		return 0;
	count = data[0] % (PATTERNS + 1);
	for (size_t i = 0; i < count; i++) {
		size_t len;

		if (used >= size)
			return 0;
		len = SCAN_PATTERN_MIN_BYTES + data[used++] % 32;
		if (size - used < len)
			return 0;
		patterns[i] = slice_of(data + used, len);
		used += len;
	}
	text = slice_of(data + used, size - used);
	scanner = scanner_create(patterns, count);
	if (!scanner)
		return 0;
	while (at <= text.len) {
		bool found = scanner_find(scanner, text, at, &hit);
		size_t first = text.len;

		for (size_t i = 0; i < count; i++) {
			size_t start = at + slice_find(slice_from(text, at), patterns[i]);

			if (start < first)
				first = start;
		}
		assert(found == (first < text.len));
		if (!found)
			break;
		assert(hit.start == first);
		assert(slice_starts_with(slice_from(text, hit.start), patterns[hit.pattern]));
		at = hit.start + 1;
	}
	assert(scanner_partial(scanner, text) <= text.len);
	scanner_free(scanner);
	return 0;
}
