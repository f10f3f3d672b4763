/* A body in a coding from arbitrary bytes: it is decoded to the same, or refused, however it is cut
 * and whatever room there is. What was decoded, and the bytes themselves, come back from encoder
 * and decoder as they were, step by step. No memory is kept, and never more than the bound is
 * taken. */
#include "proxy/http/coding.h"
#include "tests/unit/http/stage_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DECODER_MAX_BYTES = 28 << 20, LARGE_ROOM_BYTES = 256 << 10 };

static struct drive decode(enum coding coding, struct slice body, size_t cut, size_t room,
			   struct wiped_budget *budget)
{
	struct drive drive = drive_of(coding_decoder(coding, budget), cut, room);

	assert(drive.stage);
	drive.end_apart = cut & 1;
	drive_all(&drive, body);
	assert(budget->refused == 0);
	drive.stage->ops->free(drive.stage);
	assert(budget->used_bytes == 0);
	return drive;
}

/* After each step all that was given has come through. */
static void check_comes_back(enum coding coding, struct slice body, size_t cut)
{
	struct drive in = drive_of(coding_encoder(coding, NULL), cut, STAGE_OUT_BYTES);
	struct drive out = drive_of(coding_decoder(coding, NULL), cut, STAGE_OUT_BYTES);
	size_t given = 0;

	do {
		struct slice piece = slice_first(slice_from(body, given), cut), encoded;

		given += piece.len;
		drive_piece(&in, piece, given == body.len);
		encoded = buffer_slice(&in.out);
		drive_piece(&out, encoded, given == body.len);
		assert(out.rc >= 0);
		buffer_consume(&in.out, encoded.len);
		assert(slice_equal(buffer_slice(&out.out), slice_first(body, given)));
	} while (out.rc != STAGE_END);
	drive_free(&in);
	drive_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wiped_budget budget = {.max_bytes = DECODER_MAX_BYTES};
	struct drive whole, cut;
	enum coding coding;
	struct slice body;
	size_t piece;

	if (size < 2)
		return 0;
	coding = data[0] % CODING_COUNT;
	piece = 1 + data[0] / CODING_COUNT;
	body = slice_of(data + 2, size - 2);
	whole = decode(coding, body, body.len + 1, LARGE_ROOM_BYTES, &budget);
	cut = decode(coding, body, piece, 1 + (size_t)data[1] * data[1], &budget);
	assert((whole.rc == STAGE_END) == (cut.rc == STAGE_END));
	if (whole.rc == STAGE_END) {
		assert(slice_equal(buffer_slice(&whole.out), buffer_slice(&cut.out)));
		/* What is all alike may be encoded to less than the bound lets back in. */
		if (buffer_length(&whole.out) <= CODING_FREE_BYTES)
			check_comes_back(coding, buffer_slice(&whole.out), 16 * piece + 1000);
	}
	check_comes_back(coding, body, piece);
	buffer_free(&whole.out);
	buffer_free(&cut.out);
	return 0;
}
