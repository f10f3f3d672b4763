/* br (RFC 7932) by the brotli library. The format of large windows is not part of it. */
#include "proxy/http/coding_stage.h"

#include <setjmp.h>
#include <stdalign.h>

#include <brotli/decode.h>
#include <brotli/encode.h>

#include "base/list.h"

enum {
	/* By measure: below 3, giving everything out after each step makes the body half as large
	   again; above, it takes three times the memory. */
	QUALITY = 3,
	WINDOW_BITS = 18,
};

struct brotli_decoder {
	struct coding_decoder decoder;
	BrotliDecoderState *state;
};

/*
 * The encoder ends the process when an allocation fails (BROTLI_ENCODER_EXIT_ON_OOM, as Debian
 * builds it), and with it every sandbox of the worker. So our allocator does not return then: it
 * jumps back to before the call, and the state is not touched again. As nobody knows what the state
 * still holds, the blocks are in a list of ours, and released by it.
 */
struct brotli_encoder {
	struct coding_encoder encoder;
	BrotliEncoderState *state;
	struct list blocks;
	jmp_buf no_memory;
};

struct brotli_block {
	struct list node;
	alignas(max_align_t) char bytes[];
};

static void *allocate(void *budget, size_t size)
{
	return wiped_alloc(budget, size);
}

static void release(void *budget, void *memory)
{
	wiped_free(budget, memory);
}

static int fail(struct brotli_decoder *brotli)
{
	struct stage *stage = &brotli->decoder.stage;
	BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(brotli->state);

	if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
	    code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
		return coding_fail_memory(stage);
	if (code == BROTLI_DECODER_ERROR_FORMAT_WINDOW_BITS)
		return coding_fail(stage, ERROR_UNSUPPORTED, "it asks for a large window");
	return coding_fail(stage, ERROR_SYNTAX, "it is malformed");
}

static int decode(struct coding_decoder *decoder, struct slice *in, struct writer *out)
{
	struct brotli_decoder *brotli = container_of(decoder, struct brotli_decoder, decoder);
	const uint8_t *next = (const uint8_t *)in->ptr;
	size_t left = in->len, room = writer_room(out);
	BrotliDecoderResult result;

	result = BrotliDecoderDecompressStream(brotli->state, &left, &next, &room, &out->next,
					       NULL);
	*in = slice_from(*in, in->len - left);
	if (result == BROTLI_DECODER_RESULT_ERROR)
		return fail(brotli);
	return result == BROTLI_DECODER_RESULT_SUCCESS ? CODING_MEMBER_END : CODING_DECODED;
}

static void close_decoder(struct coding_decoder *decoder)
{
	BrotliDecoderDestroyInstance(container_of(decoder, struct brotli_decoder, decoder)->state);
}

static const struct coding_decoding decoding = {decode, NULL, close_decoder};

struct coding_decoder *coding_brotli_decoder(struct wiped_budget *budget)
{
	struct brotli_decoder *brotli = wiped_alloc(budget, sizeof(*brotli));

	if (!brotli)
		return NULL;
	brotli->state = BrotliDecoderCreateInstance(allocate, release, budget);
	if (!brotli->state) {
		wiped_free(budget, brotli);
		return NULL;
	}
	coding_decoder_init(&brotli->decoder, CODING_BR, &decoding, budget);
	return &brotli->decoder;
}

static void *encoder_allocate(void *opaque, size_t size)
{
	struct brotli_encoder *brotli = opaque;
	struct brotli_block *block = NULL;
	size_t total;

	if (!__builtin_add_overflow(size, sizeof(*block), &total))
		block = wiped_alloc(brotli->encoder.budget, total);
	if (!block)
		longjmp(brotli->no_memory, 1);
	list_append(&brotli->blocks, &block->node);
	return block->bytes;
}

static void release_block(struct brotli_encoder *brotli, struct brotli_block *block)
{
	list_remove(&block->node);
	wiped_free(brotli->encoder.budget, block);
}

static void encoder_release(void *opaque, void *memory)
{
	if (memory)
		release_block(opaque, container_of(memory, struct brotli_block, bytes));
}

struct brotli_call {
	BrotliEncoderOperation operation;
	size_t left;
	const uint8_t *next;
	size_t room;
	uint8_t *out;
};

/* False without memory; what is in CALL is worth nothing then. */
static bool run_encoder(struct brotli_encoder *brotli, struct brotli_call *call)
{
	if (setjmp(brotli->no_memory))
		return false;
	return BrotliEncoderCompressStream(brotli->state, call->operation, &call->left, &call->next,
					   &call->room, &call->out, NULL);
}

static int encode(struct coding_encoder *encoder, struct slice *in, bool end, struct writer *out)
{
	struct brotli_encoder *brotli = container_of(encoder, struct brotli_encoder, encoder);
	struct brotli_call call = {
		.operation = end ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH,
		.left = in->len,
		.next = (const uint8_t *)in->ptr,
		.room = writer_room(out),
		.out = out->next,
	};

	if (!run_encoder(brotli, &call))
		return coding_fail_memory(&encoder->stage);
	*in = slice_from(*in, in->len - call.left);
	out->next = call.out;
	if (in->len || BrotliEncoderHasMoreOutput(brotli->state))
		return CODING_ENCODED_PART;
	return CODING_ENCODED_ALL;
}

static void close_encoder(struct coding_encoder *encoder)
{
	struct brotli_encoder *brotli = container_of(encoder, struct brotli_encoder, encoder);

	list_for_each_safe(node, &brotli->blocks)
		release_block(brotli, container_of(node, struct brotli_block, node));
}

static const struct coding_encoding encoding = {encode, close_encoder};

static bool create_state(struct brotli_encoder *brotli)
{
	if (setjmp(brotli->no_memory))
		return false;
	brotli->state = BrotliEncoderCreateInstance(encoder_allocate, encoder_release, brotli);
	return brotli->state &&
	       BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_QUALITY, QUALITY) &&
	       BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_LGWIN, WINDOW_BITS);
}

struct coding_encoder *coding_brotli_encoder(struct wiped_budget *budget)
{
	struct brotli_encoder *brotli = wiped_alloc(budget, sizeof(*brotli));

	if (!brotli)
		return NULL;
	list_init(&brotli->blocks);
	coding_encoder_init(&brotli->encoder, CODING_BR, &encoding, budget);
	if (!create_state(brotli)) {
		brotli->encoder.stage.ops->free(&brotli->encoder.stage);
		return NULL;
	}
	return &brotli->encoder;
}
