/* Drives a stage over a whole body, in pieces and rooms of any size. */
#ifndef TESTS_UNIT_SECRET_STAGE_DRIVE_H
#define TESTS_UNIT_SECRET_STAGE_DRIVE_H

#include <assert.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "proxy/http/stage.h"

/* Runs STAGE over PIECE until nothing more comes out, which is added to OUT. Each piece is in
 * memory of its own, so that a look past its end is seen. Returns what the last step did. */
static inline int drive_piece(struct stage *stage, struct slice piece, bool end, struct buffer *out)
{
	static uint8_t room[STAGE_OUT_BYTES];
	char *copy = calloc(1, piece.len + 1);
	struct slice rest = slice_of(copy, piece.len);
	int rc;

	assert(copy);
	memcpy(copy, piece.ptr, piece.len);
	do {
		struct writer writer = writer_of(room, sizeof(room));

		rc = stage->ops->step(stage, &rest, end, &writer);
		if (rc >= 0)
			assert(buffer_append(out, slice_of(room, writer_length(&writer))) == 0);
		assert(writer.error == 0);
	} while (rc == STAGE_FULL);
	assert(rc < 0 || (rest.len == 0 && rc == (end ? STAGE_END : STAGE_MORE)));
	free(copy);
	return rc;
}

/* Runs STAGE over TEXT, cut before offset FIRST and then every CUT bytes; the end comes with the
 * last piece, or with AFTER in a step of its own. */
static inline int drive(struct stage *stage, struct slice text, size_t first, size_t cut,
			bool after, struct buffer *out)
{
	int rc = 0;

	do {
		struct slice piece = slice_first(text, first);

		text = slice_from(text, piece.len);
		rc = drive_piece(stage, piece, text.len == 0 && !after, out);
		first = cut;
	} while (text.len && rc >= 0);
	if (rc >= 0 && after)
		rc = drive_piece(stage, SLICE_EMPTY, true, out);
	return rc;
}

#endif
