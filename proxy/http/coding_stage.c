#include "proxy/http/coding_stage.h"

#include "base/list.h"

int coding_fail(struct stage *stage, int code, const char *why)
{
	stage->why = why;
	return code;
}

int coding_fail_memory(struct stage *stage)
{
	return coding_fail(stage, -ENOMEM,
			   "no memory for it, within the bound of the sandbox or of the machine");
}

/* The bound is that for the input up to the end of its unit: the same wherever within the unit it
 * is looked at. */
static bool grew_too_much(const struct coding_decoder *decoder)
{
	uint64_t units = (decoder->first->in_bytes + CODING_RATIO_UNIT_BYTES - 1) /
			 CODING_RATIO_UNIT_BYTES;

	return decoder->out_bytes >
	       CODING_FREE_BYTES + units * CODING_RATIO_UNIT_BYTES * CODING_RATIO_MAX;
}

/* One call of the library, within one unit of input. */
static int decode_piece(struct coding_decoder *decoder, struct slice *in, struct writer *out)
{
	size_t unit = CODING_RATIO_UNIT_BYTES - decoder->in_bytes % CODING_RATIO_UNIT_BYTES;
	/* What was held back for want of room belongs to the input before. */
	struct slice piece = slice_first(*in, decoder->full ? 0 : unit);
	size_t given = piece.len, written = writer_length(out);
	int rc = decoder->library->decode(decoder, &piece, out);

	decoder->full = false;
	decoder->in_bytes += given - piece.len;
	decoder->out_bytes += writer_length(out) - written;
	*in = slice_from(*in, given - piece.len);
	if (rc >= 0 && grew_too_much(decoder))
		return coding_fail(&decoder->stage, ERROR_LIMIT,
				   "it grows by more than 200 times when it is decoded");
	return rc;
}

static int begin_member(struct coding_decoder *decoder)
{
	decoder->at_border = false;
	if (decoder->members++ == 0)
		return 0;
	if (!decoder->library->restart)
		return coding_fail(&decoder->stage, ERROR_SYNTAX, "bytes behind its end");
	return decoder->library->restart(decoder);
}

static int decode(struct stage *stage, struct slice *in, bool end, struct writer *out)
{
	struct coding_decoder *decoder = container_of(stage, struct coding_decoder, stage);

	while (in->len || decoder->full) {
		int rc = decoder->at_border ? begin_member(decoder) : 0;

		if (rc == 0)
			rc = decode_piece(decoder, in, out);
		if (rc < 0)
			return rc;
		decoder->at_border = rc == CODING_MEMBER_END;
		if (!decoder->at_border && writer_room(out) == 0) {
			decoder->full = true;
			return STAGE_FULL;
		}
	}
	if (!end)
		return STAGE_MORE;
	if (!decoder->at_border)
		return coding_fail(stage, ERROR_TRUNCATED, "it ends in the middle");
	return STAGE_END;
}

static void free_decoder(struct stage *stage)
{
	struct coding_decoder *decoder = container_of(stage, struct coding_decoder, stage);

	decoder->library->close(decoder);
	wiped_free(decoder->budget, decoder);
}

static const struct stage_ops decoder_ops[CODING_COUNT] = {
	[CODING_GZIP] = {"gzip decoder", decode, free_decoder, NULL},
	[CODING_DEFLATE] = {"deflate decoder", decode, free_decoder, NULL},
	[CODING_BR] = {"br decoder", decode, free_decoder, NULL},
	[CODING_ZSTD] = {"zstd decoder", decode, free_decoder, NULL},
};

void coding_decoder_init(struct coding_decoder *decoder, enum coding coding,
			 const struct coding_decoding *library, struct wiped_budget *budget)
{
	*decoder = (struct coding_decoder){
		.stage.ops = &decoder_ops[coding],
		.library = library,
		.budget = budget,
		.first = decoder,
		.at_border = true,
	};
}

/* A flush that has begun is brought to its end before more input is taken: the libraries ask for
 * that. */
static int finish_flush(struct coding_encoder *encoder, struct writer *out)
{
	struct slice none = SLICE_EMPTY;
	int rc = encoder->library->encode(encoder, &none, false, out);

	encoder->flushing = rc == CODING_ENCODED_PART;
	return rc;
}

static int encode(struct stage *stage, struct slice *in, bool end, struct writer *out)
{
	struct coding_encoder *encoder = container_of(stage, struct coding_encoder, stage);
	int rc = CODING_ENCODED_ALL;

	if (encoder->flushing)
		rc = finish_flush(encoder, out);
	if (rc == CODING_ENCODED_ALL && (in->len || end)) {
		rc = encoder->library->encode(encoder, in, end, out);
		encoder->flushing = rc == CODING_ENCODED_PART && in->len == 0 && !end;
	}
	if (rc < 0)
		return rc;
	if (rc == CODING_ENCODED_PART)
		return STAGE_FULL;
	return end ? STAGE_END : STAGE_MORE;
}

static void free_encoder(struct stage *stage)
{
	struct coding_encoder *encoder = container_of(stage, struct coding_encoder, stage);

	encoder->library->close(encoder);
	wiped_free(encoder->budget, encoder);
}

static const struct stage_ops encoder_ops[CODING_COUNT] = {
	[CODING_GZIP] = {"gzip encoder", encode, free_encoder, NULL},
	[CODING_DEFLATE] = {"deflate encoder", encode, free_encoder, NULL},
	[CODING_BR] = {"br encoder", encode, free_encoder, NULL},
	[CODING_ZSTD] = {"zstd encoder", encode, free_encoder, NULL},
};

void coding_encoder_init(struct coding_encoder *encoder, enum coding coding,
			 const struct coding_encoding *library, struct wiped_budget *budget)
{
	*encoder = (struct coding_encoder){
		.stage.ops = &encoder_ops[coding],
		.library = library,
		.budget = budget,
	};
}
