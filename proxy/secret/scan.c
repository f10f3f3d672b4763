#include "proxy/secret/scan.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	GRAM_BYTES = 4,
	STRIDE_MAX = 64, /* bounds the table; a longer stride would gain nothing */
	/* The bit table has this many bits for each gram, so that few texts pass it by chance, and
	 * fits into a processor's first cache when the secrets are few. */
	FILTER_BITS_PER_GRAM = 24,
	FILTER_MIN_BITS = 13,
	FILTER_MAX_BITS = 21,
	BITS_PER_BUCKET = 5, /* of the filter, as a power of two */
	WORD_BITS = 64,
	UNROLL = 4,
};

/* Where a gram comes from: a pattern, and how far into it. */
struct origin {
	uint16_t pattern;
	uint16_t offset;
};

struct scanner {
	size_t count;
	size_t window; /* length of the shortest pattern */
	size_t stride;
	size_t longest;
	unsigned int shift; /* from a hash of 32 bits to an index into the filter */
	const struct slice *patterns;
	const uint64_t *filter;	      /* a bit for each hash */
	const uint32_t *starts;	      /* of each bucket's origins, and the end of the last */
	const struct origin *origins; /* by bucket */
	const uint16_t *order;	      /* the patterns, sorted */
};

/* How much the tables need. */
struct sizes {
	size_t stride;
	size_t grams;
	unsigned int filter_bits;
	size_t buckets;
};

static struct sizes measure(const struct slice patterns[], size_t count)
{
	struct sizes sizes = {.filter_bits = FILTER_MIN_BITS};
	size_t window = SCAN_PATTERN_MAX_BYTES;

	for (size_t i = 0; i < count; i++)
		window = patterns[i].len < window ? patterns[i].len : window;
	sizes.stride = window - GRAM_BYTES + 1;
	if (sizes.stride > STRIDE_MAX)
		sizes.stride = STRIDE_MAX;
	sizes.grams = count * sizes.stride;
	while (sizes.filter_bits < FILTER_MAX_BITS &&
	       (size_t)1 << sizes.filter_bits < sizes.grams * FILTER_BITS_PER_GRAM)
		sizes.filter_bits++;
	sizes.buckets = (size_t)1 << (sizes.filter_bits - BITS_PER_BUCKET);
	return sizes;
}

/* The tables lie behind the scanner, in the order of their alignment. */
size_t scanner_bytes(const struct slice patterns[], size_t count)
{
	struct sizes sizes = measure(patterns, count);

	return sizeof(struct scanner) + count * sizeof(struct slice) +
	       ((size_t)1 << sizes.filter_bits) / 8 + (sizes.buckets + 1) * sizeof(uint32_t) +
	       sizes.grams * sizeof(struct origin) + count * sizeof(uint16_t);
}

static uint32_t hash_at(const struct scanner *scanner, const char *text)
{
	uint32_t gram;

	memcpy(&gram, text, GRAM_BYTES);
	return gram * UINT32_C(2654435761) >> scanner->shift;
}

/* 1 if TEXT may begin with a gram, else 0. */
static uint64_t gram_bit(const struct scanner *scanner, const char *text)
{
	uint32_t hash = hash_at(scanner, text);

	return scanner->filter[hash / WORD_BITS] >> hash % WORD_BITS & 1;
}

static bool may_be_gram(const struct scanner *scanner, const char *text)
{
	return gram_bit(scanner, text);
}

static uint32_t bucket_at(const struct scanner *scanner, const char *text)
{
	return hash_at(scanner, text) >> BITS_PER_BUCKET;
}

/* Counts the grams of each bucket, turns counts into ends, and fills from the ends down. */
static void fill_tables(struct scanner *scanner, struct sizes sizes, uint64_t *filter,
			uint32_t *starts, struct origin *origins)
{
	for (size_t i = 0; i < scanner->count; i++) {
		for (size_t offset = 0; offset < sizes.stride; offset++) {
			const char *gram = scanner->patterns[i].ptr + offset;
			uint32_t hash = hash_at(scanner, gram);

			filter[hash / WORD_BITS] |= UINT64_C(1) << hash % WORD_BITS;
			starts[hash >> BITS_PER_BUCKET]++;
		}
	}
	for (size_t i = 1; i <= sizes.buckets; i++)
		starts[i] += starts[i - 1];
	for (size_t i = scanner->count; i > 0; i--) {
		for (size_t offset = sizes.stride; offset > 0; offset--) {
			const char *gram = scanner->patterns[i - 1].ptr + offset - 1;

			origins[--starts[bucket_at(scanner, gram)]] = (struct origin){
				(uint16_t)(i - 1), (uint16_t)(offset - 1)};
		}
	}
}

static int compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

	if (order)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

static int compare_patterns(const void *a, const void *b, void *opaque)
{
	const struct slice *patterns = opaque;

	return compare(patterns[*(const uint16_t *)a], patterns[*(const uint16_t *)b]);
}

static void copy_patterns(struct scanner *scanner, struct slice *copies, uint16_t *order,
			  const struct slice patterns[])
{
	for (size_t i = 0; i < scanner->count; i++) {
		size_t len = patterns[i].len;

		assert(len >= SCAN_PATTERN_MIN_BYTES && len <= SCAN_PATTERN_MAX_BYTES);
		if (scanner->window == 0 || len < scanner->window)
			scanner->window = len;
		if (len > scanner->longest)
			scanner->longest = len;
		copies[i] = patterns[i];
		order[i] = (uint16_t)i;
	}
	qsort_r(order, scanner->count, sizeof(*order), compare_patterns, copies);
}

struct scanner *scanner_build(void *memory, const struct slice patterns[], size_t count)
{
	struct sizes sizes = measure(patterns, count);
	struct scanner *scanner = memory;
	struct slice *copies = (struct slice *)(scanner + 1);
	uint64_t *filter = (uint64_t *)(void *)(copies + count);
	uint32_t *starts = (uint32_t *)(void *)(filter +
						((size_t)1 << sizes.filter_bits) / WORD_BITS);
	struct origin *origins = (struct origin *)(void *)(starts + sizes.buckets + 1);
	uint16_t *order = (uint16_t *)(void *)(origins + sizes.grams);

	assert(count <= SCAN_PATTERNS_MAX);
	*scanner = (struct scanner){
		.count = count,
		.stride = sizes.stride,
		.shift = 32 - sizes.filter_bits,
		.patterns = copies,
		.filter = filter,
		.starts = starts,
		.origins = origins,
		.order = order,
	};
	copy_patterns(scanner, copies, order, patterns);
	fill_tables(scanner, sizes, filter, starts, origins);
	return scanner;
}

struct scanner *scanner_create(const struct slice patterns[], size_t count)
{
	void *memory = calloc(1, scanner_bytes(patterns, count));

	return memory ? scanner_build(memory, patterns, count) : NULL;
}

void scanner_free(struct scanner *scanner)
{
	free(scanner);
}

/* The best of the patterns of which a gram stands at AT: the first to begin, then the longest. */
static bool check(const struct scanner *scanner, struct slice text, size_t from, size_t at,
		  struct scan_hit *hit)
{
	uint32_t bucket = bucket_at(scanner, text.ptr + at);
	bool found = false;

	for (uint32_t i = scanner->starts[bucket]; i < scanner->starts[bucket + 1]; i++) {
		struct origin origin = scanner->origins[i];
		struct slice pattern = scanner->patterns[origin.pattern];
		size_t start = at - origin.offset;

		if (at - from < origin.offset)
			continue;
		if (found &&
		    (start > hit->start || (start == hit->start && pattern.len <= hit->length)))
			continue;
		if (!slice_starts_with(slice_from(text, start), pattern))
			continue;
		*hit = (struct scan_hit){origin.pattern, start, pattern.len};
		found = true;
	}
	return found;
}

/* The first position of AT, AT + stride and so on that may have a gram, or one past LAST. */
static size_t skip(const struct scanner *scanner, const char *text, size_t at, size_t last)
{
	size_t stride = scanner->stride;

	while (at + (UNROLL - 1) * stride <= last) {
		/* All four, without a branch between them. */
		uint64_t any = gram_bit(scanner, text + at) |
			       gram_bit(scanner, text + at + stride) |
			       gram_bit(scanner, text + at + 2 * stride) |
			       gram_bit(scanner, text + at + 3 * stride);

		if (any)
			break;
		at += UNROLL * stride;
	}
	while (at <= last && !may_be_gram(scanner, text + at))
		at += stride;
	return at;
}

bool scanner_find(const struct scanner *scanner, struct slice text, size_t from,
		  struct scan_hit *hit)
{
	size_t last;

	if (scanner->count == 0 || text.len < scanner->window || from > text.len - scanner->window)
		return false;
	last = text.len - GRAM_BYTES;
	for (size_t at = from;; at += scanner->stride) {
		at = skip(scanner, text.ptr, at, last);
		if (at > last)
			return false;
		if (check(scanner, text, from, at, hit))
			return true;
	}
}

size_t scanner_match(const struct scanner *scanner, struct slice text, size_t first)
{
	uint32_t bucket;

	if (text.len < GRAM_BYTES || scanner->count == 0 || !may_be_gram(scanner, text.ptr))
		return SCAN_PATTERNS_MAX;
	bucket = bucket_at(scanner, text.ptr);
	/* A bucket's origins are in the order of their patterns. */
	for (uint32_t i = scanner->starts[bucket]; i < scanner->starts[bucket + 1]; i++) {
		struct origin origin = scanner->origins[i];

		if (origin.pattern >= first && origin.offset == 0 &&
		    slice_starts_with(text, scanner->patterns[origin.pattern]))
			return origin.pattern;
	}
	return SCAN_PATTERNS_MAX;
}

/* Whether some pattern begins with END and goes on behind it. */
static bool goes_on(const struct scanner *scanner, struct slice end)
{
	size_t low = 0, high = scanner->count;

	/* The first pattern that sorts behind END; those that begin with END are there. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(scanner->patterns[scanner->order[middle]], end) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < scanner->count &&
	       slice_starts_with(scanner->patterns[scanner->order[low]], end);
}

size_t scanner_partial(const struct scanner *scanner, struct slice text)
{
	size_t most = scanner->longest ? scanner->longest - 1 : 0;

	if (most > text.len)
		most = text.len;
	for (size_t len = most; len > 0; len--) {
		struct slice end = slice_from(text, text.len - len);

		if (len >= GRAM_BYTES && !may_be_gram(scanner, end.ptr))
			continue;
		if (goes_on(scanner, end))
			return len;
	}
	return 0;
}

size_t scanner_longest(const struct scanner *scanner)
{
	return scanner->longest;
}
