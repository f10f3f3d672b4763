#include "proxy/secret/find_index.h"

#include "proxy/secret/escape.h"

enum {
	BUCKET_MIN_BITS = 6,
	BUCKET_MAX_BITS = 14,
	/* Bits of the table of triples for each place, so that few line breaks pass by chance. */
	TRIPLES_PER_PLACE = 16,
	TRIPLE_MIN_BITS = 10,
	TRIPLE_MAX_BITS = 20,
	WORD_BITS = 64,
};

static size_t indexed(struct slice text, size_t head)
{
	return text.len < head ? text.len : head;
}

static size_t count_places(const struct form forms[], size_t count, size_t head)
{
	size_t places = 0;

	for (size_t i = 0; i < count; i++)
		places += indexed(forms[i].text, head) - 1;
	return places;
}

static unsigned int bits_for(size_t wanted, unsigned int min, unsigned int max)
{
	while (min < max && (size_t)1 << min < wanted)
		min++;
	return min;
}

static unsigned int bucket_bits(size_t places)
{
	return bits_for(places, BUCKET_MIN_BITS, BUCKET_MAX_BITS);
}

static unsigned int triple_bits(size_t places)
{
	return bits_for(places * TRIPLES_PER_PLACE, TRIPLE_MIN_BITS, TRIPLE_MAX_BITS);
}

size_t find_index_bytes(const struct form forms[], size_t count, size_t head)
{
	size_t places = count_places(forms, count, head);
	size_t buckets = (size_t)1 << bucket_bits(places);

	return ((size_t)1 << triple_bits(places)) / 8 + (buckets + 1) * sizeof(uint32_t) +
	       places * sizeof(struct find_place) + count * sizeof(uint16_t);
}

static uint32_t bucket_of(const struct find_index *index, char before, char c)
{
	uint32_t pair = (uint32_t)(unsigned char)before << 8 | (unsigned char)c;

	return pair * UINT32_C(2654435761) >> index->shift;
}

static uint32_t hash_triple(const struct find_index *index, char a, char b, char c)
{
	uint32_t triple = (uint32_t)(unsigned char)a << 16 | (uint32_t)(unsigned char)b << 8 |
			  (unsigned char)c;

	return triple * UINT32_C(2654435761) >> index->triple_shift;
}

static void fill_triples(struct find_index *index, size_t count, size_t head, uint64_t *triples)
{
	for (size_t i = 0; i < count; i++) {
		const char *text = index->forms[i].text.ptr;

		for (size_t k = 2;
		     index->forms[i].breaks && k < indexed(index->forms[i].text, head); k++) {
			uint32_t hash = hash_triple(index, text[k - 2], text[k - 1], text[k]);

			triples[hash / WORD_BITS] |= UINT64_C(1) << hash % WORD_BITS;
		}
	}
}

/* Counts, turns counts into ends, and fills from the ends down. */
static void fill_places(struct find_index *index, size_t count, size_t head, uint32_t *starts,
			struct find_place *places)
{
	size_t buckets = (size_t)1 << (32 - index->shift);

	for (size_t i = 0; i < count; i++) {
		const char *text = index->forms[i].text.ptr;

		for (size_t k = 1; k < indexed(index->forms[i].text, head); k++) {
			starts[bucket_of(index, text[k - 1], text[k])]++;
			index->follows[(unsigned char)text[k]] = true;
		}
	}
	for (size_t i = 1; i <= buckets; i++)
		starts[i] += starts[i - 1];
	for (size_t i = 0; i < count; i++) {
		const char *text = index->forms[i].text.ptr;

		for (size_t k = 1; k < indexed(index->forms[i].text, head); k++)
			places[--starts[bucket_of(index, text[k - 1], text[k])]] =
				(struct find_place){(uint16_t)i, (uint16_t)k};
	}
}

static void fill_firsts(struct find_index *index, size_t count, uint16_t *firsts)
{
	uint32_t *starts = index->first_starts;

	for (size_t i = 0; i < count; i++) {
		unsigned char c = (unsigned char)index->forms[i].text.ptr[0];

		starts[c]++;
		index->begins[c] = true;
	}
	for (size_t i = 1; i <= 256; i++)
		starts[i] += starts[i - 1];
	for (size_t i = 0; i < count; i++)
		firsts[--starts[(unsigned char)index->forms[i].text.ptr[0]]] = (uint16_t)i;
}

static void fill_strange(struct find_index *index)
{
	for (size_t c = 0; c < 256; c++)
		index->strange[c] = !index->begins[c] && !index->follows[c] && c != '\n' &&
				    c != '\r' && !escape_kind_of((char)c);
}

void find_index_build(struct find_index *index, void *memory, const struct form forms[],
		      size_t count, size_t head)
{
	size_t places = count_places(forms, count, head);
	unsigned int bits = bucket_bits(places);
	unsigned int triple = triple_bits(places);
	uint64_t *triples = memory;
	uint32_t *starts = (uint32_t *)(void *)(triples + ((size_t)1 << triple) / WORD_BITS);
	struct find_place *list = (struct find_place *)(void *)(starts + ((size_t)1 << bits) + 1);
	uint16_t *firsts = (uint16_t *)(void *)(list + places);

	index->forms = forms;
	index->shift = 32 - bits;
	index->starts = starts;
	index->places = list;
	index->firsts = firsts;
	index->triples = triples;
	index->triple_shift = 32 - triple;
	fill_triples(index, count, head, triples);
	fill_places(index, count, head, starts, list);
	fill_firsts(index, count, firsts);
	fill_strange(index);
}

const struct find_place *find_index_places(const struct find_index *index, char before, char c,
					   const struct find_place **end)
{
	uint32_t bucket = bucket_of(index, before, c);

	*end = index->places + index->starts[bucket + 1];
	return index->places + index->starts[bucket];
}

bool find_index_may_break(const struct find_index *index, char a, char b, char c)
{
	uint32_t hash = hash_triple(index, a, b, c);

	return index->triples[hash / WORD_BITS] >> hash % WORD_BITS & 1;
}
