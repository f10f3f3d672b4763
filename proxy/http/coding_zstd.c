/*
 * zstd (RFC 8878) by the zstd library.
 *
 * The library is given each frame's header whole, and alone. It would take a frame that lies whole
 * before it by a shorter way, on which the window is not looked at; so what it accepts would depend
 * on how the body was cut. And the header is looked at first: the library also reads the formats of
 * zstd's early versions, which are not the coding, with code that nobody uses any more.
 */
/* For allocators of our own. */
#define ZSTD_STATIC_LINKING_ONLY
#include "proxy/http/coding_stage.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "base/list.h"

enum {
	LEVEL = 1,
	WINDOW_BITS = 18,
	MAGIC_BYTES = 4,
	DESCRIPTOR_END = 5,
	SKIPPABLE_HEADER_BYTES = 8,
	HEADER_MAX_BYTES = 18,
};

struct zstd_decoder {
	struct coding_decoder decoder;
	ZSTD_DCtx *context;
	uint8_t header[HEADER_MAX_BYTES]; /* of this frame, as far as it has come */
	size_t header_length;
	bool in_frame; /* the library has the header */
};

struct zstd_encoder {
	struct coding_encoder encoder;
	ZSTD_CCtx *context;
};

static void *allocate(void *budget, size_t size)
{
	return wiped_alloc(budget, size);
}

static void release(void *budget, void *memory)
{
	wiped_free(budget, memory);
}

static int fail(struct zstd_decoder *zstd, size_t result)
{
	struct stage *stage = &zstd->decoder.stage;

	switch (ZSTD_getErrorCode(result)) {
	case ZSTD_error_memory_allocation:
		return coding_fail_memory(stage);
	case ZSTD_error_frameParameter_windowTooLarge:
		return coding_fail(stage, ERROR_LIMIT, "its window is larger than 8 MiB");
	case ZSTD_error_dictionary_wrong:
		return coding_fail(stage, ERROR_UNSUPPORTED, "it needs a dictionary");
	default:
		return coding_fail(stage, ERROR_SYNTAX, ZSTD_getErrorName(result));
	}
}

/* Whether the byte at INDEX of a frame may stand there, little endian: 0xfd2fb528, or 0x184d2a50 to
 * 0x184d2a5f of frames that are skipped. */
static bool is_magic(const uint8_t *header, size_t index)
{
	static const uint8_t magic[MAGIC_BYTES] = {0x28, 0xb5, 0x2f, 0xfd};
	static const uint8_t skippable[MAGIC_BYTES] = {0x50, 0x2a, 0x4d, 0x18};

	if (header[0] == magic[0])
		return header[index] == magic[index];
	return (index == 0 ? header[0] & 0xf0 : header[index]) == skippable[index];
}

/* The length of a header whose descriptor is known (RFC 8878 section 3.1.1.1). */
static size_t header_size(const uint8_t *header)
{
	static const size_t dictionary_bytes[] = {0, 1, 2, 4}, content_bytes[] = {0, 2, 4, 8};
	uint8_t descriptor = header[MAGIC_BYTES];
	bool single_segment = descriptor >> 5 & 1;
	size_t size = DESCRIPTOR_END + dictionary_bytes[descriptor & 3] +
		      content_bytes[descriptor >> 6];

	if (header[0] != 0x28)
		return SKIPPABLE_HEADER_BYTES;
	/* Either the window is given, or the content's size, in one byte if no more are asked for.
	 */
	if (!single_segment || descriptor >> 6 == 0)
		size++;
	return size;
}

static bool header_is_whole(const struct zstd_decoder *zstd)
{
	return zstd->header_length >= DESCRIPTOR_END &&
	       zstd->header_length == header_size(zstd->header);
}

static int read_header(struct zstd_decoder *zstd, struct slice *in)
{
	while (in->len && !header_is_whole(zstd)) {
		size_t at = zstd->header_length++;

		zstd->header[at] = (uint8_t)in->ptr[0];
		*in = slice_from(*in, 1);
		if (at < MAGIC_BYTES && !is_magic(zstd->header, at))
			return coding_fail(&zstd->decoder.stage, ERROR_SYNTAX,
					   "bytes that are not a zstd frame");
	}
	return 0;
}

static int run(struct zstd_decoder *zstd, struct slice *in, struct writer *out)
{
	ZSTD_inBuffer from = {in->ptr, in->len, 0};
	ZSTD_outBuffer to = {out->next, writer_room(out), 0};
	size_t result = ZSTD_decompressStream(zstd->context, &to, &from);

	*in = slice_from(*in, from.pos);
	out->next += to.pos;
	if (ZSTD_isError(result))
		return fail(zstd, result);
	return result == 0 ? CODING_MEMBER_END : CODING_DECODED;
}

static int decode(struct coding_decoder *decoder, struct slice *in, struct writer *out)
{
	struct zstd_decoder *zstd = container_of(decoder, struct zstd_decoder, decoder);

	if (!zstd->in_frame) {
		struct slice header = slice_of(zstd->header, 0);
		int rc = read_header(zstd, in);

		if (rc < 0 || !header_is_whole(zstd))
			return rc;
		header.len = zstd->header_length;
		zstd->in_frame = true;
		rc = run(zstd, &header, out);
		if (rc != CODING_DECODED)
			return rc;
	}
	return run(zstd, in, out);
}

static int restart(struct coding_decoder *decoder)
{
	struct zstd_decoder *zstd = container_of(decoder, struct zstd_decoder, decoder);

	zstd->header_length = 0;
	zstd->in_frame = false;
	return 0;
}

static void close_decoder(struct coding_decoder *decoder)
{
	ZSTD_freeDCtx(container_of(decoder, struct zstd_decoder, decoder)->context);
}

static const struct coding_decoding decoding = {decode, restart, close_decoder};

struct coding_decoder *coding_zstd_decoder(struct wiped_budget *budget)
{
	struct zstd_decoder *zstd = wiped_alloc(budget, sizeof(*zstd));
	const ZSTD_customMem memory = {allocate, release, budget};

	if (!zstd)
		return NULL;
	*zstd = (struct zstd_decoder){.context = ZSTD_createDCtx_advanced(memory)};
	if (!zstd->context ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(zstd->context, ZSTD_d_windowLogMax,
						CODING_WINDOW_MAX_BITS))) {
		ZSTD_freeDCtx(zstd->context);
		wiped_free(budget, zstd);
		return NULL;
	}
	coding_decoder_init(&zstd->decoder, CODING_ZSTD, &decoding, budget);
	return &zstd->decoder;
}

static int encode(struct coding_encoder *encoder, struct slice *in, bool end, struct writer *out)
{
	struct zstd_encoder *zstd = container_of(encoder, struct zstd_encoder, encoder);
	ZSTD_inBuffer from = {in->ptr, in->len, 0};
	ZSTD_outBuffer to = {out->next, writer_room(out), 0};
	size_t left = ZSTD_compressStream2(zstd->context, &to, &from,
					   end ? ZSTD_e_end : ZSTD_e_flush);

	*in = slice_from(*in, from.pos);
	out->next += to.pos;
	if (ZSTD_isError(left))
		return coding_fail_memory(&encoder->stage);
	return left == 0 ? CODING_ENCODED_ALL : CODING_ENCODED_PART;
}

static void close_encoder(struct coding_encoder *encoder)
{
	ZSTD_freeCCtx(container_of(encoder, struct zstd_encoder, encoder)->context);
}

static const struct coding_encoding encoding = {encode, close_encoder};

static bool set_parameters(ZSTD_CCtx *context)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, WINDOW_BITS));
}

struct coding_encoder *coding_zstd_encoder(struct wiped_budget *budget)
{
	struct zstd_encoder *zstd = wiped_alloc(budget, sizeof(*zstd));
	const ZSTD_customMem memory = {allocate, release, budget};

	if (!zstd)
		return NULL;
	*zstd = (struct zstd_encoder){.context = ZSTD_createCCtx_advanced(memory)};
	if (!zstd->context || !set_parameters(zstd->context)) {
		ZSTD_freeCCtx(zstd->context);
		wiped_free(budget, zstd);
		return NULL;
	}
	coding_encoder_init(&zstd->encoder, CODING_ZSTD, &encoding, budget);
	return &zstd->encoder;
}
