/*
 * A walk along a multipart/form-data body (RFC 2046 section 5.1, RFC 7578) that comes in pieces: in
 * which part the next byte is.
 *
 *   PREAMBLE   before the first delimiter
 *   DELIMITER  behind "--" and the boundary, up to the end of its line; DASH, LINE_FEED: within it
 *   HEAD       of a part
 *   PART       its content
 *   EPILOGUE   behind the last delimiter
 *   LOST       nothing is known any more
 *
 * It is strict, so that nobody who reads the same text can be elsewhere. Some parsers take a line
 * that ends in a bare line feed, or the boundary in the middle of a line or of a longer one, for a
 * delimiter: where one of those is, the walk is lost. So it is behind a head over its bound, or
 * with lines that end otherwise than in CRLF.
 */
#ifndef PROXY_SECRET_MULTIPART_WALK_H
#define PROXY_SECRET_MULTIPART_WALK_H

#include <stdbool.h>

#include "base/slice.h"
#include "policy/slot.h"
#include "proxy/secret/slots.h"

enum { MULTIPART_NEEDLE_MAX_BYTES = SLOTS_BOUNDARY_MAX_BYTES + 2 };

enum multipart_state {
	MULTIPART_PREAMBLE,
	MULTIPART_DELIMITER,
	MULTIPART_DASH,
	MULTIPART_LINE_FEED,
	MULTIPART_HEAD,
	MULTIPART_PART,
	MULTIPART_EPILOGUE,
	MULTIPART_LOST,
};

struct multipart_walk {
	enum multipart_state state;
	char needle[MULTIPART_NEEDLE_MAX_BYTES]; /* "--" and the boundary */
	uint8_t fallback[MULTIPART_NEEDLE_MAX_BYTES];
	size_t needle_bytes;
	size_t matched;
	bool at_line; /* what is matched began a line */
	bool padded;  /* white space was behind the delimiter */
	char last[2];
	char head[SLOTS_PART_HEAD_MAX_BYTES];
	size_t head_bytes;
	bool head_known;
	/* Of the part. */
	bool known; /* everybody reads it alike */
	bool is_file;
	char name[SLOT_NAME_MAX_BYTES];
	size_t name_bytes;
};

/* BOUNDARY has 1 to SLOTS_BOUNDARY_MAX_BYTES bytes. */
void multipart_walk_init(struct multipart_walk *walk, struct slice boundary);
void multipart_walk_feed(struct multipart_walk *walk, struct slice text);

/* Some text that is not fed stands here. */
void multipart_walk_blur(struct multipart_walk *walk);

#endif
