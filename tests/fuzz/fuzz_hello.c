/*
 * The ClientHello parser. The input's first byte sets the pace at which the rest arrives. Whatever
 * the bytes, the result must not depend on how they were split over segments, nor, for those that
 * are accepted, over records.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "proxy/tls/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static struct hello read_in_pieces(struct slice bytes, size_t step)
{
	struct hello hello;

	hello_init(&hello);
	for (size_t len = 0; hello.status == HELLO_MORE && len < bytes.len;) {
		char *copy;

		len = bytes.len - len > step ? len + step : bytes.len;
		copy = malloc(len);
		require(copy);
		memcpy(copy, bytes.ptr, len);
		hello_read(&hello, slice_of(copy, len));
		free(copy);
	}
	return hello;
}

static void require_same(const struct hello *a, const struct hello *b)
{
	require(a->status == b->status && a->problem == b->problem);
	if (a->status != HELLO_DONE)
		return;
	require(a->body_bytes == b->body_bytes && a->has_sni == b->has_sni);
	require(!a->has_sni || host_equal(&a->sni, &b->sni));
	require(a->alpn_bytes == b->alpn_bytes && a->alpn_cut == b->alpn_cut);
	require(memcmp(a->alpn, b->alpn, a->alpn_bytes) == 0);
	require(a->offers_h2 == b->offers_h2 && a->offers_http11 == b->offers_http11);
	require(a->offers_tls12 == b->offers_tls12 && a->offers_tls13 == b->offers_tls13);
	require(a->has_ech == b->has_ech && a->has_early_data == b->has_early_data);
}

/* What is accepted has a canonical name, whole ALPN vectors, and stayed within its bounds. */
static void require_sound(const struct hello *hello, size_t received)
{
	struct host again;
	struct reader alpn = reader_of(slice_of(hello->alpn, hello->alpn_bytes));

	require(hello->raw_bytes <= received && hello->raw_bytes <= HELLO_RAW_MAX_BYTES);
	require(hello->body_bytes <= HELLO_MAX_BYTES);
	if (hello->has_sni) {
		require(host_parse_name(host_slice(&hello->sni), &again) == 0);
		require(host_equal(&again, &hello->sni));
	}
	while (reader_left(&alpn) > 0)
		require(reader_vector8(&alpn).len > 0);
	require(reader_done(&alpn));
}

/* The same message in records of FRAGMENT bytes each. */
static void require_same_in_records(struct slice raw, const struct hello *whole, size_t fragment)
{
	struct reader r = reader_of(raw);
	size_t size = whole->body_bytes + 4;
	uint8_t *message = malloc(size);
	uint8_t *records = malloc(size * 6);
	struct writer joined = writer_of(message, size), w = writer_of(records, size * 6);
	struct hello hello;

	require(message && records);
	while (reader_left(&r) > 0) {
		reader_skip(&r, 3);
		writer_bytes(&joined, reader_vector16(&r));
	}
	for (size_t at = 0; at < size; at += fragment) {
		struct slice part = slice_first(slice_of(message + at, size - at), fragment);

		writer_u8(&w, 22);
		writer_u16(&w, 0x0303);
		writer_u16(&w, (uint16_t)part.len);
		writer_bytes(&w, part);
	}
	require(!joined.error && !w.error);
	hello_init(&hello);
	hello_read(&hello, slice_of(records, writer_length(&w)));
	if (hello.problem != HELLO_TOO_LARGE)
		require_same(&hello, whole);
	free(message);
	free(records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hello whole, pieces;
	struct slice bytes;
	size_t step;

	if (size < 1)
		return 0;
	/* Small steps over large inputs would spend the time on copying. */
	step = 1 + data[0] + size / 64;
	bytes = slice_of(data + 1, size - 1);
	whole = read_in_pieces(bytes, bytes.len ? bytes.len : 1);
	pieces = read_in_pieces(bytes, step);
	require_same(&whole, &pieces);
	if (whole.status == HELLO_DONE) {
		require_sound(&whole, bytes.len);
		require_same_in_records(slice_first(bytes, whole.raw_bytes), &whole, step);
	}
	return 0;
}
