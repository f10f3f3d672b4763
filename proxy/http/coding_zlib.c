/*
 * gzip (RFC 1952) and deflate (RFC 1950, RFC 1951) by zlib, which verifies the checksums and
 * lengths of both, and the header checksum of gzip where there is one.
 */
#define ZLIB_CONST
#include "proxy/http/coding_stage.h"

#include <limits.h>

#include <zlib.h>

#include "base/list.h"

enum {
	WINDOW_BITS = 15,
	GZIP_WINDOW_BITS = WINDOW_BITS + 16, /* how zlib is asked for gzip, and nothing else */
	/* By measure: level 2 is as fast as level 1 and makes 5 to 10 % less; with tables one size
	   below zlib's own a small body takes 30 us instead of 44, and becomes no larger. */
	LEVEL = 2,
	TABLES = 7,
	WRAPPER_BYTES = 2,
};

struct zlib_decoder {
	struct coding_decoder decoder;
	z_stream z;
	/* deflate: whether there is a wrapper is known by the first two bytes. */
	bool wrapper_unknown;
	uint8_t beginning[WRAPPER_BYTES];
	struct slice held; /* of the beginning: not yet taken by zlib */
};

struct zlib_encoder {
	struct coding_encoder encoder;
	z_stream z;
};

static void *allocate(void *budget, unsigned int count, unsigned int size)
{
	return wiped_alloc(budget, (size_t)count * size);
}

static void release(void *budget, void *memory)
{
	wiped_free(budget, memory);
}

static uInt cut_to_uint(size_t len)
{
	return len < UINT_MAX ? (uInt)len : UINT_MAX;
}

/* Points Z at IN and OUT before a call, and these behind what was used after it. */
static void lend(z_stream *z, const struct slice *in, const struct writer *out)
{
	z->next_in = (const uint8_t *)in->ptr;
	z->avail_in = cut_to_uint(in->len);
	z->next_out = out->next;
	z->avail_out = cut_to_uint(writer_room(out));
}

static void take_back(const z_stream *z, struct slice *in, struct writer *out)
{
	*in = slice_from(*in, (size_t)((const char *)z->next_in - in->ptr));
	out->next = z->next_out;
}

static int run_inflate(struct zlib_decoder *zlib, struct slice *in, struct writer *out)
{
	struct stage *stage = &zlib->decoder.stage;
	z_stream *z = &zlib->z;
	int rc;

	lend(z, in, out);
	rc = inflate(z, Z_SYNC_FLUSH);
	take_back(z, in, out);
	switch (rc) {
	case Z_STREAM_END:
		return CODING_MEMBER_END;
	case Z_OK:
	case Z_BUF_ERROR: /* nothing could be done without more input, or more room */
		return CODING_DECODED;
	case Z_NEED_DICT:
		return coding_fail(stage, ERROR_UNSUPPORTED, "it needs a dictionary");
	case Z_MEM_ERROR:
		return coding_fail_memory(stage);
	default:
		return coding_fail(stage, ERROR_SYNTAX, z->msg ? z->msg : "it is malformed");
	}
}

/* RFC 1950 section 2.2. A bare stream that looks like this would have to begin with a stored block
 * whose padding is not zero; no compressor makes one. */
static bool is_wrapper(const uint8_t bytes[WRAPPER_BYTES])
{
	return (bytes[0] & 0x0f) == Z_DEFLATED && bytes[0] >> 4 <= WINDOW_BITS - 8 &&
	       (bytes[0] << 8 | bytes[1]) % 31 == 0;
}

static void find_wrapper(struct zlib_decoder *zlib, struct slice *in)
{
	while (zlib->held.len < WRAPPER_BYTES) {
		if (in->len == 0)
			return;
		zlib->beginning[zlib->held.len] = (uint8_t)in->ptr[0];
		zlib->held = slice_of(zlib->beginning, zlib->held.len + 1);
		*in = slice_from(*in, 1);
	}
	zlib->wrapper_unknown = false;
	if (!is_wrapper(zlib->beginning))
		inflateReset2(&zlib->z, -WINDOW_BITS);
}

static int decode(struct coding_decoder *decoder, struct slice *in, struct writer *out)
{
	struct zlib_decoder *zlib = container_of(decoder, struct zlib_decoder, decoder);

	if (zlib->wrapper_unknown)
		find_wrapper(zlib, in);
	if (zlib->wrapper_unknown)
		return CODING_DECODED;
	if (zlib->held.len) {
		int rc = run_inflate(zlib, &zlib->held, out);

		if (rc != CODING_DECODED || zlib->held.len)
			return rc;
	}
	return run_inflate(zlib, in, out);
}

static int restart(struct coding_decoder *decoder)
{
	struct zlib_decoder *zlib = container_of(decoder, struct zlib_decoder, decoder);

	inflateReset(&zlib->z);
	return 0;
}

static void close_decoder(struct coding_decoder *decoder)
{
	inflateEnd(&container_of(decoder, struct zlib_decoder, decoder)->z);
}

static const struct coding_decoding gzip_decoding = {decode, restart, close_decoder};
static const struct coding_decoding deflate_decoding = {decode, NULL, close_decoder};

struct coding_decoder *coding_zlib_decoder(enum coding coding, struct wiped_budget *budget)
{
	struct zlib_decoder *zlib = wiped_alloc(budget, sizeof(*zlib));
	bool gzip = coding == CODING_GZIP;

	if (!zlib)
		return NULL;
	*zlib = (struct zlib_decoder){
		.z = {.zalloc = allocate, .zfree = release, .opaque = budget},
		.wrapper_unknown = !gzip,
	};
	if (inflateInit2(&zlib->z, gzip ? GZIP_WINDOW_BITS : WINDOW_BITS) != Z_OK) {
		wiped_free(budget, zlib);
		return NULL;
	}
	coding_decoder_init(&zlib->decoder, coding, gzip ? &gzip_decoding : &deflate_decoding,
			    budget);
	return &zlib->decoder;
}

/* A flush that ends where OUT ends cannot be told from one that is cut off there, and is done once
 * more; OUT is always larger than one. */
static int encode(struct coding_encoder *encoder, struct slice *in, bool end, struct writer *out)
{
	z_stream *z = &container_of(encoder, struct zlib_encoder, encoder)->z;
	bool last = in->len <= UINT_MAX;
	int rc;

	lend(z, in, out);
	rc = deflate(z, !last ? Z_NO_FLUSH : end ? Z_FINISH : Z_SYNC_FLUSH);
	take_back(z, in, out);
	if (rc == Z_STREAM_END)
		return CODING_ENCODED_ALL;
	return last && !end && z->avail_out ? CODING_ENCODED_ALL : CODING_ENCODED_PART;
}

static void close_encoder(struct coding_encoder *encoder)
{
	deflateEnd(&container_of(encoder, struct zlib_encoder, encoder)->z);
}

static const struct coding_encoding encoding = {encode, close_encoder};

struct coding_encoder *coding_zlib_encoder(enum coding coding, struct wiped_budget *budget)
{
	struct zlib_encoder *zlib = wiped_alloc(budget, sizeof(*zlib));
	int bits = coding == CODING_GZIP ? GZIP_WINDOW_BITS : WINDOW_BITS;

	if (!zlib)
		return NULL;
	*zlib = (struct zlib_encoder){
		.z = {.zalloc = allocate, .zfree = release, .opaque = budget},
	};
	if (deflateInit2(&zlib->z, LEVEL, Z_DEFLATED, bits, TABLES, Z_DEFAULT_STRATEGY) != Z_OK) {
		wiped_free(budget, zlib);
		return NULL;
	}
	coding_encoder_init(&zlib->encoder, coding, &encoding, budget);
	return &zlib->encoder;
}
