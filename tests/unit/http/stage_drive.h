/* Drives a stage over a whole body, in pieces and rooms of any size. */
#ifndef TESTS_UNIT_HTTP_STAGE_DRIVE_H
#define TESTS_UNIT_HTTP_STAGE_DRIVE_H

#include <assert.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/wiped.h"
#include "proxy/http/stage.h"

struct drive {
	struct stage *stage;
	size_t cut;	/* bytes of a piece */
	size_t room;	/* bytes of OUT */
	bool end_apart; /* END is given by a step of its own, not with the last piece */
	const struct wiped_budget *budget; /* or NULL */
	struct buffer out;
	size_t peak_bytes; /* of the budget */
	int rc;		   /* of the last step */
};

static inline struct drive drive_of(struct stage *stage, size_t cut, size_t room)
{
	struct drive drive = {.stage = stage, .cut = cut, .room = room};

	buffer_init(&drive.out, 256 << 20);
	return drive;
}

static inline void drive_watch(struct drive *drive)
{
	if (drive->budget && drive->budget->used_bytes > drive->peak_bytes)
		drive->peak_bytes = drive->budget->used_bytes;
}

/* One piece, until nothing more comes out. */
static inline int drive_piece(struct drive *drive, struct slice piece, bool end)
{
	uint8_t *bytes = malloc(drive->room);

	assert(bytes);
	do {
		struct writer out = writer_of(bytes, drive->room);
		size_t before = piece.len;

		drive->rc = drive->stage->ops->step(drive->stage, &piece, end, &out);
		assert(out.next <= out.end && piece.len <= before);
		drive_watch(drive);
		if (drive->rc >= 0)
			assert(buffer_append(&drive->out, slice_of(bytes, writer_length(&out))) ==
			       0);
	} while (drive->rc == STAGE_FULL);
	assert(drive->rc < 0 || piece.len == 0);
	assert(drive->rc < 0 || drive->rc == (end ? STAGE_END : STAGE_MORE));
	free(bytes);
	return drive->rc;
}

static inline int drive_all(struct drive *drive, struct slice input)
{
	do {
		struct slice piece = slice_first(input, drive->cut);

		input = slice_from(input, piece.len);
		drive_piece(drive, piece, input.len == 0 && !drive->end_apart);
	} while (input.len && drive->rc >= 0);
	if (drive->rc >= 0 && drive->end_apart)
		drive_piece(drive, SLICE_EMPTY, true);
	return drive->rc;
}

static inline void drive_free(struct drive *drive)
{
	drive->stage->ops->free(drive->stage);
	buffer_free(&drive->out);
}

#endif
