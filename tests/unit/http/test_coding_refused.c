/* Threats P14 and C14: bodies in codings that are malformed, cut off, followed by something, or
 * grow beyond bounds; and fields that name what is not known. */
#include "proxy/http/coding.h"

#include <zlib.h>

#include "tests/unit/allocation.h"
#include "tests/unit/http/stage_drive.h"

#define GZIP_HEAD   "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03"
#define GZIP_DATA   "\xcb\x48\xcd\xc9\xc9\xd7\x51\xc8\x40\xa2\x00"
#define GZIP_CRC    "\x9f\xa1\xca\x09"
#define GZIP_LENGTH "\x13\x00\x00\x00"
#define GZIP	    GZIP_HEAD GZIP_DATA GZIP_CRC GZIP_LENGTH
#define WRAPPED	    "\x78\x9c" GZIP_DATA "\x44\x28\x06\xd5"
#define BROTLI                                                                                     \
	"\x1b\x12\x00\xf8\x8d\x94\x6e\xde\x44\x09\x52\x86\x96\x6c\x2c\x6f\x11\x4f\x24\xd0\x71\x00"
#define ZSTD_MAGIC "\x28\xb5\x2f\xfd"
#define ZSTD_BLOCK "\x6d\x00\x00\x38\x68\x65\x6c\x6c\x6f\x2c\x20\x01\x00\xe2\x8a\x11"
#define ZSTD	   ZSTD_MAGIC "\x24\x13" ZSTD_BLOCK "\x75\xf3\x98\x8e"

static const struct slice sound[CODING_COUNT] = {
	[CODING_GZIP] = SLICE_LITERAL(GZIP),
	[CODING_DEFLATE] = SLICE_LITERAL(WRAPPED),
	[CODING_BR] = SLICE_LITERAL(BROTLI),
	[CODING_ZSTD] = SLICE_LITERAL(ZSTD),
};

static const struct slice content = SLICE_LITERAL("hello, hello, hello");

static struct drive decode_cut(enum coding coding, struct slice encoded, size_t cut, size_t room)
{
	struct drive drive = drive_of(coding_decoder(coding, NULL), cut, room);

	assert_non_null(drive.stage);
	drive.end_apart = cut & 1;
	drive_all(&drive, encoded);
	return drive;
}

static void assert_outcome(enum coding coding, struct slice encoded, int rc)
{
	for (size_t cut = 1; cut <= encoded.len; cut++) {
		static const size_t rooms[] = {1, 7, 1000};

		for (size_t i = 0; i < 3; i++) {
			struct drive drive = decode_cut(coding, encoded, cut, rooms[i]);

			if (drive.rc != rc)
				print_error("%s, %zu bytes, in %zu, %zu: %d %s\n",
					    coding_name(coding), encoded.len, cut, rooms[i],
					    drive.rc, drive.stage->why);
			assert_int_equal(drive.rc, rc);
			if (rc < 0)
				assert_non_null(drive.stage->why);
			else
				assert_true(slice_equal(buffer_slice(&drive.out), content));
			drive_free(&drive);
		}
	}
}

static void malformed_bodies_are_refused_wherever_they_are_cut(void **state)
{
	static const struct {
		enum coding coding;
		struct slice body;
		int rc;
	} rows[] = {
		/* Not gzip; another method; flags that nobody knows; a wrong header checksum. */
		{CODING_GZIP, SLICE_LITERAL(WRAPPED), ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL("hello, hello, hello"), ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL("\x1f\x9d\x90hello"), ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL("\x1f\x8b\x07\0\0\0\0\0\2\3" GZIP_DATA), ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL("\x1f\x8b\x08\x20\0\0\0\0\2\3" GZIP_DATA),
		 ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL("\x1f\x8b\x08\x02\0\0\0\0\2\3\0\0" GZIP_DATA),
		 ERROR_SYNTAX},
		/* A wrong checksum; a wrong length; no more than data. */
		{CODING_GZIP, SLICE_LITERAL(GZIP_HEAD GZIP_DATA "\x9f\xa1\xca\x08" GZIP_LENGTH),
		 ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL(GZIP_HEAD GZIP_DATA GZIP_CRC "\x14\0\0\0"),
		 ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL(GZIP_HEAD GZIP_DATA), ERROR_TRUNCATED},
		/* A block type that does not exist; a distance before the beginning. */
		{CODING_GZIP, SLICE_LITERAL(GZIP_HEAD "\x07\0\0\0"), ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL(GZIP_HEAD "\x4b\x04\x12\x00\0\0"), ERROR_SYNTAX},
		/* Behind the end: anything, a NUL, another member that is broken or cut off. */
		{CODING_GZIP, SLICE_LITERAL(GZIP "xy"), ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL(GZIP "\0\0"), ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL(GZIP "x"), ERROR_TRUNCATED},
		{CODING_GZIP, SLICE_LITERAL(GZIP WRAPPED), ERROR_SYNTAX},
		{CODING_GZIP, SLICE_LITERAL(GZIP "\x1f"), ERROR_TRUNCATED},
		{CODING_GZIP, SLICE_LITERAL(GZIP GZIP_HEAD "\x07\0\0\0"), ERROR_SYNTAX},

		{CODING_DEFLATE, SLICE_LITERAL(GZIP), ERROR_SYNTAX},
		{CODING_DEFLATE, SLICE_LITERAL("\x78\x9c" GZIP_DATA "\x44\x28\x06\xd6"),
		 ERROR_SYNTAX},
		{CODING_DEFLATE, SLICE_LITERAL("\x78\xbb\0\0\0\1" GZIP_DATA), ERROR_UNSUPPORTED},
		{CODING_DEFLATE, SLICE_LITERAL(WRAPPED "x"), ERROR_SYNTAX},
		{CODING_DEFLATE, SLICE_LITERAL(WRAPPED WRAPPED), ERROR_SYNTAX},
		{CODING_DEFLATE, SLICE_LITERAL(GZIP_DATA "x"), ERROR_SYNTAX},
		{CODING_DEFLATE, SLICE_LITERAL("\x03\0x"), ERROR_SYNTAX},
		{CODING_DEFLATE, SLICE_LITERAL("\x07\0"), ERROR_SYNTAX},
		{CODING_DEFLATE, SLICE_LITERAL("\x03"), ERROR_TRUNCATED},
		{CODING_DEFLATE, SLICE_LITERAL("\x78"), ERROR_TRUNCATED},

		{CODING_BR, SLICE_LITERAL(GZIP), ERROR_SYNTAX},
		{CODING_BR, SLICE_LITERAL(BROTLI "x"), ERROR_SYNTAX},
		{CODING_BR, SLICE_LITERAL(BROTLI BROTLI), ERROR_SYNTAX},
		{CODING_BR, SLICE_LITERAL("\x11\x98hello"), ERROR_UNSUPPORTED},
		/* Lengths of codes that do not fit; padding that is not zero. */
		{CODING_BR,
		 SLICE_LITERAL("\x1b\x12\x00\xf8\x8d\x94\x6e\xdf"
			       "\x44\x09\x52\x86\x96\x6c"),
		 ERROR_SYNTAX},
		{CODING_BR,
		 SLICE_LITERAL("\x1b\x12\x00\xf8\x8d\x94\x6e\xde\x44\x09\x52\x86\x96\x6c\x2c\x6f"
			       "\x11\x4f\x24\xd0\x71\x02"),
		 ERROR_SYNTAX},

		/* Not zstd; its old formats; a reserved bit; a reserved block. */
		{CODING_ZSTD, SLICE_LITERAL(GZIP), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL("\x28\xb5\x2f"), ERROR_TRUNCATED},
		{CODING_ZSTD, SLICE_LITERAL("\x28\xb5\x2f\xfc\x24\x13" ZSTD_BLOCK), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL("\x27\xb5\x2f\xfd\x24\x13" ZSTD_BLOCK), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL("\x26\xb5\x2f\xfd\x24\x13" ZSTD_BLOCK), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL("\x25\xb5\x2f\xfd\x24\x13" ZSTD_BLOCK), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL("\x37\xa4\x30\xec\x24\x13" ZSTD_BLOCK), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x2c\x13" ZSTD_BLOCK), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x20\x05\x2f\0\0hello"), ERROR_SYNTAX},
		/* A wrong checksum; content that is longer or shorter than said. */
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x24\x13" ZSTD_BLOCK "\x75\xf3\x98\x8f"),
		 ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x20\x12" ZSTD_BLOCK), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x20\x14" ZSTD_BLOCK), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD "x"), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD "\0"), ERROR_SYNTAX},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD "\x51\x2a\x4d\x18\5\0\0\0hell"), ERROR_TRUNCATED},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD "\x60\x2a\x4d\x18\0\0\0\0"), ERROR_SYNTAX},
		/* A dictionary; and one whose number is a frame, which the library would decode
		 * instead if the header came in two parts. */
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x21\x07\x13" ZSTD_BLOCK),
		 ERROR_UNSUPPORTED},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x23" ZSTD_MAGIC "\x20\x05\x29\0\0hello"),
		 ERROR_UNSUPPORTED},
		/* Windows of 16 MiB, 1 GiB, and of 1 GiB with 256 bytes of content, which the
		 * library would take if it lay before it whole. */
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x00\x70" ZSTD_BLOCK), ERROR_LIMIT},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x00\xa0" ZSTD_BLOCK), ERROR_LIMIT},
		{CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x40\xa0\0\0\x03\x08\0x"), ERROR_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_outcome(rows[i].coding, rows[i].body, rows[i].rc);
}

static void sound_bodies_are_taken_and_every_part_of_them_is_cut_off(void **state)
{
	static const struct slice others[] = {
		SLICE_LITERAL(GZIP_DATA), /* deflate without its wrapper */
		/* The same, beginning as a wrapper might. */
		SLICE_LITERAL("\x08\x13\0\xec\xffhello, hello, hello\x03\0"),
		SLICE_LITERAL(ZSTD_MAGIC "\x00\x58" ZSTD_BLOCK), /* no length, no checksum */
		SLICE_LITERAL(ZSTD_MAGIC "\x00\x68" ZSTD_BLOCK), /* the largest window */
	};

	(void)state;
	for (size_t i = 0; i < CODING_COUNT + 4; i++) {
		struct slice body = i < CODING_COUNT ? sound[i] : others[i - CODING_COUNT];
		enum coding coding = i < CODING_COUNT	    ? (enum coding)i
				     : i < CODING_COUNT + 2 ? CODING_DEFLATE
							    : CODING_ZSTD;

		assert_outcome(coding, body, STAGE_END);
		for (size_t len = 1; len < body.len; len++)
			assert_outcome(coding, slice_first(body, len), ERROR_TRUNCATED);
	}
}

/* Each bit of what has a checksum: what is still taken has the same content. */
static void damage_is_found(void **state)
{
	static const enum coding codings[] = {CODING_GZIP, CODING_DEFLATE, CODING_ZSTD};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char body[64];
		size_t len = sound[codings[i]].len, taken = 0;

		for (size_t bit = 0; bit < len * 8; bit++) {
			struct drive drive;

			memcpy(body, sound[codings[i]].ptr, len);
			body[bit / 8] = (char)(body[bit / 8] ^ 1 << bit % 8);
			drive = decode_cut(codings[i], slice_of(body, len), len, 100);
			if (drive.rc == STAGE_END) {
				assert_true(slice_equal(buffer_slice(&drive.out), content));
				taken++;
			}
			drive_free(&drive);
		}
		/* The time, the system and hints in the head of gzip; the unused bit of zstd. */
		assert_in_range(taken, 0, 8 * 8);
	}
}

static struct buffer encode(enum coding coding, struct slice body, size_t cut)
{
	struct drive drive = drive_of(coding_encoder(coding, NULL), cut, STAGE_OUT_BYTES);
	struct buffer out;

	assert_int_equal(drive_all(&drive, body), STAGE_END);
	out = drive.out;
	buffer_init(&drive.out, 0);
	drive_free(&drive);
	return out;
}

/* By zlib itself, as small as it can; FLUSH is how the last byte of BODY is dealt with. */
static struct buffer squeeze(struct slice body, int window_bits, int flush)
{
	struct buffer out;
	z_stream z = {0};
	int rc;

	buffer_init(&out, 16 << 20);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)body.ptr;
	z.avail_in = (unsigned int)body.len;
	z.next_out = (unsigned char *)buffer_reserve(&out, body.len + 1000);
	z.avail_out = (unsigned int)body.len + 1000;
	rc = deflate(&z, flush);
	assert_int_equal(rc, flush == Z_FINISH ? Z_STREAM_END : Z_OK);
	buffer_commit(&out, z.total_out);
	deflateEnd(&z);
	return out;
}

/* HEAD, and then PART for COUNT times. */
static void assert_bomb_stops(enum coding coding, struct slice head, struct slice part,
			      size_t count)
{
	struct wiped_budget budget = {.max_bytes = SIZE_MAX};
	struct drive drive = drive_of(coding_decoder(coding, &budget), 0, STAGE_OUT_BYTES);
	size_t given = head.len;

	drive.budget = &budget;
	drive_piece(&drive, head, false);
	for (size_t i = 0; i < count && drive.rc >= 0; i++) {
		drive_piece(&drive, part, false);
		given += part.len;
	}
	assert_int_equal(drive.rc, ERROR_LIMIT);
	assert_true(given <= head.len + part.len * count);
	assert_true(buffer_length(&drive.out) <
		    CODING_FREE_BYTES + CODING_RATIO_MAX * (given + CODING_RATIO_UNIT_BYTES));
	assert_true(buffer_length(&drive.out) < 4 << 20);
	assert_in_range(drive.peak_bytes, 1, 8 << 20);
	drive_free(&drive);
}

static void a_gibibyte_of_zeros_is_stopped_early(void **state)
{
	static char zeros[16 << 20];
	struct buffer part = squeeze(slice_of(zeros, 1 << 20), -15, Z_FULL_FLUSH);
	struct buffer brotli = encode(CODING_BR, slice_of(zeros, sizeof(zeros)), sizeof(zeros));

	(void)state;
	assert_bomb_stops(CODING_GZIP, SLICE_LITERAL(GZIP_HEAD), buffer_slice(&part), 1024);
	assert_bomb_stops(CODING_DEFLATE, SLICE_LITERAL("\x78\x9c"), buffer_slice(&part), 1024);
	assert_bomb_stops(CODING_DEFLATE, SLICE_EMPTY, buffer_slice(&part), 1024);
	assert_bomb_stops(CODING_BR, SLICE_EMPTY, buffer_slice(&brotli), 64);
	/* Blocks of 128 KiB in four bytes. */
	assert_bomb_stops(CODING_ZSTD, SLICE_LITERAL(ZSTD_MAGIC "\x00\x38"),
			  SLICE_LITERAL("\x02\x00\x10\x00"), 8192);
	buffer_free(&part);
	buffer_free(&brotli);
}

enum { NOISE_BYTES = 1 << 10, STRETCH_BYTES = 100 << 10, STRETCHES = 100 };

static void fill_noise(char *bytes, size_t len)
{
	uint32_t random = 1;

	for (size_t i = 0; i < len; i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = (char)(random >> 24);
	}
}

/* A body that becomes a hundredth: stretches of a little noise and many zeros. */
static struct slice make_long_body(void)
{
	static char body[STRETCHES * STRETCH_BYTES];

	for (size_t i = 0; i < STRETCHES; i++)
		fill_noise(body + i * STRETCH_BYTES, NOISE_BYTES);
	return slice_of(body, sizeof(body));
}

static void a_body_that_is_merely_well_compressed_is_taken(void **state)
{
	struct slice body = make_long_body();

	(void)state;
	for (enum coding coding = CODING_GZIP; coding <= CODING_DEFLATE; coding++) {
		struct buffer encoded = encode(coding, body, STRETCH_BYTES);
		struct drive drive = decode_cut(coding, buffer_slice(&encoded), 1000,
						STAGE_OUT_BYTES);

		assert_true(buffer_length(&encoded) * 50 < body.len);
		assert_int_equal(drive.rc, STAGE_END);
		assert_true(slice_equal(buffer_slice(&drive.out), body));
		drive_free(&drive);
		buffer_free(&encoded);
	}
}

/* Where the bound is passed, and made up for by what follows. */
static void the_bound_falls_in_the_same_place_however_a_body_is_cut(void **state)
{
	enum { LIMIT = CODING_FREE_BYTES + CODING_RATIO_UNIT_BYTES * CODING_RATIO_MAX };
	static char body[LIMIT + (200 << 10)];
	static const size_t cuts[][2] = {{1, 100000}, {100, 1000}, {sizeof(body), sizeof(body)}};
	size_t taken = 0, refused = 0;

	(void)state;
	for (size_t zeros = LIMIT - 5000; zeros < LIMIT + 500; zeros += 250) {
		struct buffer encoded;
		int first = 0;

		memset(body, 0, zeros);
		fill_noise(body + zeros, 100 << 10);
		encoded = squeeze(slice_of(body, zeros + (100 << 10)), 31, Z_FINISH);
		for (size_t i = 0; i < 3; i++) {
			struct drive drive = decode_cut(CODING_GZIP, buffer_slice(&encoded),
							cuts[i][0], cuts[i][1]);

			first = i == 0 ? drive.rc : first;
			assert_int_equal(drive.rc, first);
			drive_free(&drive);
		}
		taken += first == STAGE_END;
		refused += first == ERROR_LIMIT;
		buffer_free(&encoded);
	}
	assert_true(taken > 0);
	assert_true(refused > 0);
	assert_int_equal(taken + refused, 22);
}

/* The block that goes too far ends with a unit of the input, and more follows while it comes out.
 */
static void what_waits_for_room_is_counted_where_it_came_from(void **state)
{
	static const size_t cuts[] = {1, CODING_RATIO_UNIT_BYTES, 1 << 20};
	static const char head[] = ZSTD_MAGIC "\x00\x38";
	static const char rle_128k[] = "\x02\x00\x10\x00", rle_32k_and_100[] = "\x22\x03\x04\x00";
	enum { BLOCKS = 14, FRAME_BYTES = 6 + 4 * (BLOCKS + 1) };
	static char body[CODING_RATIO_UNIT_BYTES + 5000] = "\x50\x2a\x4d\x18";
	size_t at = CODING_RATIO_UNIT_BYTES - FRAME_BYTES;

	(void)state;
	body[4] = (char)((at - 8) & 0xff);
	body[5] = (char)((at - 8) >> 8);
	memcpy(body + at, head, 6);
	at += 6;
	for (size_t i = 0; i < BLOCKS; i++, at += 4)
		memcpy(body + at, rle_128k, 4);
	memcpy(body + at, rle_32k_and_100, 4);
	at += 4;
	assert_int_equal(at, CODING_RATIO_UNIT_BYTES);
	/* The last block: 4997 bytes as they are. */
	memcpy(body + at, "\x29\x9c\0", 3);
	for (size_t i = 0; i < 3; i++) {
		struct drive drive = decode_cut(CODING_ZSTD, slice_of(body, sizeof(body)), cuts[i],
						STAGE_OUT_BYTES);

		assert_int_equal(drive.rc, ERROR_LIMIT);
		drive_free(&drive);
	}
}

/* BODY through two decoders, one behind the other. */
static int decode_twice(struct stage *const stages[2], struct slice body)
{
	struct drive outer = drive_of(stages[0], 0, STAGE_OUT_BYTES);
	struct drive inner = drive_of(stages[1], 0, STAGE_OUT_BYTES);

	inner.rc = 0;
	while (body.len && inner.rc >= 0) {
		struct slice piece = slice_first(body, 10), middle;

		body = slice_from(body, piece.len);
		assert_true(drive_piece(&outer, piece, body.len == 0) >= 0);
		middle = buffer_slice(&outer.out);
		drive_piece(&inner, middle, body.len == 0);
		buffer_consume(&outer.out, middle.len);
	}
	drive_free(&outer);
	drive_free(&inner);
	return inner.rc;
}

static void the_bound_is_that_of_all_codings_together(void **state)
{
	static const enum coding codings[] = {CODING_DEFLATE, CODING_GZIP};
	struct buffer once = encode(CODING_DEFLATE, make_long_body(), STRETCH_BYTES);
	struct buffer twice = encode(CODING_GZIP, buffer_slice(&once), 1 << 20);
	struct stage *stages[CODING_CHAIN_MAX];

	(void)state;
	stages[0] = coding_decoder(CODING_GZIP, NULL);
	stages[1] = coding_decoder(CODING_DEFLATE, NULL);
	assert_int_equal(decode_twice(stages, buffer_slice(&twice)), STAGE_END);
	assert_int_equal(coding_decoders(codings, 2, NULL, stages), 0);
	assert_int_equal(decode_twice(stages, buffer_slice(&twice)), ERROR_LIMIT);
	buffer_free(&once);
	once = encode(CODING_DEFLATE, content, 100);
	buffer_free(&twice);
	twice = encode(CODING_GZIP, buffer_slice(&once), 100);
	assert_int_equal(coding_decoders(codings, 2, NULL, stages), 0);
	assert_int_equal(decode_twice(stages, buffer_slice(&twice)), STAGE_END);
	buffer_free(&once);
	buffer_free(&twice);
}

static void the_field_is_read_as_a_list(void **state)
{
	static const struct {
		const char *value;
		int rc;
		size_t count;
		enum coding codings[CODING_CHAIN_MAX];
	} rows[] = {
		{"gzip", 0, 1, {CODING_GZIP}},
		{"X-GZip", 0, 1, {CODING_GZIP}},
		{"deflate", 0, 1, {CODING_DEFLATE}},
		{"br", 0, 1, {CODING_BR}},
		{" zstd\t", 0, 1, {CODING_ZSTD}},
		{"identity", 0, 0, {0}},
		{"", 0, 0, {0}},
		{", ,", 0, 0, {0}},
		{"gzip, identity,br", 0, 2, {CODING_GZIP, CODING_BR}},
		{"zstd,zstd ,, zstd", 0, 3, {CODING_ZSTD, CODING_ZSTD, CODING_ZSTD}},
		{"gzip,gzip,gzip,gzip", ERROR_LIMIT, 0, {0}},
		{"compress", ERROR_UNSUPPORTED, 0, {0}},
		{"aws-chunked", ERROR_UNSUPPORTED, 0, {0}},
		{"dcz", ERROR_UNSUPPORTED, 0, {0}},
		{"gzipx", ERROR_UNSUPPORTED, 0, {0}},
		{"*", ERROR_UNSUPPORTED, 0, {0}},
		{"gzip;q=1", ERROR_SYNTAX, 0, {0}},
		{"gzip br", ERROR_SYNTAX, 0, {0}},
		{"\"gzip\"", ERROR_SYNTAX, 0, {0}},
		{"gzip\x0b", ERROR_SYNTAX, 0, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum coding codings[CODING_CHAIN_MAX];
		size_t count = 0;

		assert_int_equal(coding_parse(slice_from_text(rows[i].value), codings, &count),
				 rows[i].rc);
		if (rows[i].rc == 0)
			assert_int_equal(count, rows[i].count);
		for (size_t j = 0; j < rows[i].count; j++)
			assert_int_equal(codings[j], rows[i].codings[j]);
	}
}

static void several_fields_are_one_list(void **state)
{
	static const struct slice name = SLICE_LITERAL("Content-Encoding");
	enum coding codings[CODING_CHAIN_MAX];
	struct http_fields fields = {0};
	struct arena arena;
	size_t count = 99;

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_int_equal(coding_of_fields(&fields, codings, &count), 0);
	assert_int_equal(count, 0);
	http_fields_add(&fields, &arena, name, SLICE_LITERAL("gzip"));
	http_fields_add(&fields, &arena, SLICE_LITERAL("Accept-Encoding"), SLICE_LITERAL("x"));
	http_fields_add(&fields, &arena, name, SLICE_LITERAL("br, zstd"));
	assert_int_equal(coding_of_fields(&fields, codings, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(codings[0], CODING_GZIP);
	assert_int_equal(codings[2], CODING_ZSTD);
	http_fields_add(&fields, &arena, name, SLICE_LITERAL("gzip"));
	assert_int_equal(coding_of_fields(&fields, codings, &count), ERROR_LIMIT);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_bodies_are_refused_wherever_they_are_cut),
		cmocka_unit_test(sound_bodies_are_taken_and_every_part_of_them_is_cut_off),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(a_gibibyte_of_zeros_is_stopped_early),
		cmocka_unit_test(a_body_that_is_merely_well_compressed_is_taken),
		cmocka_unit_test(the_bound_falls_in_the_same_place_however_a_body_is_cut),
		cmocka_unit_test(what_waits_for_room_is_counted_where_it_came_from),
		cmocka_unit_test(the_bound_is_that_of_all_codings_together),
		cmocka_unit_test(the_field_is_read_as_a_list),
		cmocka_unit_test(several_fields_are_one_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
