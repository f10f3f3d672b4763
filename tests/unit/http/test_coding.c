/* Content codings: what is encoded and decoded comes back, in whatever pieces, at once, and within
 * its memory. */
#include "proxy/http/coding.h"

#include <stdio.h>

#include <zlib.h>

#include "tests/unit/allocation.h"
#include "tests/unit/http/stage_drive.h"

enum { BODY_BYTES = 150000 };

static char text[BODY_BYTES], noise[BODY_BYTES], zeros[BODY_BYTES];

static int make_bodies(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (size_t i = 0; i < BODY_BYTES; i++) {
		random = random * 1664525 + 1013904223;
		noise[i] = (char)(random >> 24);
		text[i] = "{\"id\": 0123456789, \"name\": \"value\"},\n"[(random >> 20) % 37];
	}
	return 0;
}

static struct buffer encode(enum coding coding, struct slice body, size_t cut)
{
	struct drive drive = drive_of(coding_encoder(coding, NULL), cut, STAGE_OUT_BYTES);
	struct buffer out;

	assert_non_null(drive.stage);
	assert_int_equal(drive_all(&drive, body), STAGE_END);
	out = drive.out;
	buffer_init(&drive.out, 0);
	drive_free(&drive);
	return out;
}

static void assert_decodes(enum coding coding, struct slice encoded, struct slice body, size_t cut,
			   size_t room)
{
	struct wiped_budget budget = {.max_bytes = SIZE_MAX};
	struct drive drive = drive_of(coding_decoder(coding, &budget), cut, room);

	drive.end_apart = cut & 1;
	drive_all(&drive, encoded);
	if (drive.rc != STAGE_END)
		print_error("%s in %zu, %zu: %s\n", coding_name(coding), cut, room,
			    drive.stage->why);
	assert_int_equal(drive.rc, STAGE_END);
	assert_true(slice_equal(buffer_slice(&drive.out), body));
	drive_free(&drive);
	assert_int_equal(budget.used_bytes, 0);
}

static void what_was_encoded_is_decoded(void **state)
{
	const char *const contents[] = {text, noise, zeros};
	static const size_t lengths[] = {0, 1, 2, 4096, 65537, BODY_BYTES};
	static const size_t cuts[] = {100, 4097, STAGE_OUT_BYTES, BODY_BYTES};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) * 3; i++) {
		struct slice body = slice_of(contents[i % 3], lengths[i / 3]);

		for (size_t j = 0; j < 4 * CODING_COUNT; j++) {
			enum coding coding = (enum coding)(j / 4);
			struct buffer encoded = encode(coding, body, cuts[j % 4]);

			assert_decodes(coding, buffer_slice(&encoded), body, cuts[j % 4],
				       STAGE_OUT_BYTES);
			buffer_free(&encoded);
		}
	}
}

static void a_body_is_the_same_however_it_is_cut(void **state)
{
	const struct slice bodies[] = {slice_of(text, 300), slice_of(noise, 70),
				       slice_of(zeros, 1000)};

	(void)state;
	for (size_t i = 0; i < 3 * CODING_COUNT; i++) {
		enum coding coding = (enum coding)(i / 3);
		struct buffer encoded = encode(coding, bodies[i % 3], 97);

		for (size_t cut = 1; cut <= buffer_length(&encoded); cut += cut < 40 ? 1 : 31) {
			for (size_t room = 1; room < 20; room += room < 4 ? 1 : 5)
				assert_decodes(coding, buffer_slice(&encoded), bodies[i % 3], cut,
					       room);
		}
		buffer_free(&encoded);
	}
}

static struct buffer join(struct slice a, struct slice b, struct slice c)
{
	struct buffer joined;

	buffer_init(&joined, 1 << 20);
	assert_int_equal(buffer_append(&joined, a), 0);
	assert_int_equal(buffer_append(&joined, b), 0);
	assert_int_equal(buffer_append(&joined, c), 0);
	return joined;
}

static void several_members_or_frames_are_one_body(void **state)
{
	static const enum coding codings[] = {CODING_GZIP, CODING_ZSTD};
	struct buffer body = join(slice_of(text, 100), SLICE_EMPTY, slice_of(text, 50));

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buffer first = encode(codings[i], slice_of(text, 100), 100);
		struct buffer none = encode(codings[i], SLICE_EMPTY, 1);
		struct buffer last = encode(codings[i], slice_of(text, 50), 50);
		struct buffer all = join(buffer_slice(&first), buffer_slice(&none),
					 buffer_slice(&last));

		for (size_t cut = 1; cut < buffer_length(&all); cut++) {
			for (size_t room = 1; room < 10; room += 4)
				assert_decodes(codings[i], buffer_slice(&all), buffer_slice(&body),
					       cut, room);
		}
		buffer_free(&first);
		buffer_free(&none);
		buffer_free(&last);
		buffer_free(&all);
	}
	buffer_free(&body);
}

/* Compressed by zlib itself, with what only it can be told. */
static struct slice deflate_by_zlib(struct slice body, int window_bits, gz_header *header)
{
	static unsigned char out[4096];
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	if (header)
		assert_int_equal(deflateSetHeader(&z, header), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)body.ptr;
	z.avail_in = (unsigned int)body.len;
	z.next_out = out;
	z.avail_out = sizeof(out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return slice_of(out, z.total_out);
}

static void all_that_a_gzip_head_may_hold_is_taken(void **state)
{
	unsigned char extra[] = "AB\x04\0data", name[] = "body.json", comment[] = "no comment";
	gz_header header = {
		.text = 1,
		.time = 1700000000,
		.extra = extra,
		.extra_len = 8,
		.name = name,
		.comment = comment,
		.hcrc = 1,
	};
	struct slice body = slice_of(text, 100), encoded = deflate_by_zlib(body, 31, &header);

	(void)state;
	for (size_t cut = 1; cut <= encoded.len; cut++)
		assert_decodes(CODING_GZIP, encoded, body, cut, cut);
}

static void deflate_is_taken_with_its_wrapper_and_without(void **state)
{
	static const int window_bits[] = {15, 9, -15, -9};
	static const struct slice bodies[] = {{zeros, 0}, {text, 1}, {text, 200}, {zeros, 200}};

	(void)state;
	for (size_t i = 0; i < 4 * 4; i++) {
		struct slice body = bodies[i % 4];
		struct slice encoded = deflate_by_zlib(body, window_bits[i / 4], NULL);

		for (size_t cut = 1; cut <= encoded.len; cut++) {
			for (size_t room = 1; room < 10; room += 4)
				assert_decodes(CODING_DEFLATE, encoded, body, cut, room);
		}
	}
}

static void zstd_frames_that_are_skipped_give_nothing(void **state)
{
	struct slice skipped = SLICE_LITERAL("\x5a\x2a\x4d\x18\x05\0\0\0hello");
	struct slice empty = SLICE_LITERAL("\x50\x2a\x4d\x18\0\0\0\0");
	struct buffer frame = encode(CODING_ZSTD, slice_of(text, 60), 60);
	struct buffer all = join(skipped, buffer_slice(&frame), empty);

	(void)state;
	for (size_t cut = 1; cut <= buffer_length(&all); cut++)
		assert_decodes(CODING_ZSTD, buffer_slice(&all), slice_of(text, 60), cut, 7);
	assert_decodes(CODING_ZSTD, skipped, SLICE_EMPTY, 3, 1);
	buffer_free(&all);
	buffer_free(&frame);
}

static void an_empty_body_is_empty_in_any_coding(void **state)
{
	(void)state;
	for (enum coding coding = 0; coding < CODING_COUNT; coding++) {
		assert_decodes(coding, SLICE_EMPTY, SLICE_EMPTY, 1, 1);
		assert_decodes(coding, SLICE_EMPTY, SLICE_EMPTY, 2, 1);
	}
}

/* Server-sent events: each must arrive before the next is sent. */
static void what_is_given_to_an_encoder_comes_out_at_once(void **state)
{
	(void)state;
	for (enum coding coding = 0; coding < CODING_COUNT; coding++) {
		struct drive in = drive_of(coding_encoder(coding, NULL), 1, STAGE_OUT_BYTES);
		struct drive out = drive_of(coding_decoder(coding, NULL), 1, STAGE_OUT_BYTES);

		drive_piece(&in, SLICE_EMPTY, false);
		assert_int_equal(buffer_length(&in.out), 0);
		for (int i = 0; i < 200; i++) {
			size_t sent;
			char event[32];
			int len = snprintf(event, sizeof(event), "data: %d\n\n", i);

			drive_piece(&in, slice_of(event, (size_t)len), false);
			sent = buffer_length(&in.out);
			assert_true(sent > 0);
			drive_piece(&in, SLICE_EMPTY, false);
			assert_int_equal(buffer_length(&in.out), sent);
			drive_piece(&out, buffer_slice(&in.out), false);
			buffer_consume(&in.out, sent);
			assert_true(
				slice_equal(buffer_slice(&out.out), slice_of(event, (size_t)len)));
			buffer_consume(&out.out, (size_t)len);
		}
		assert_int_equal(drive_piece(&in, SLICE_EMPTY, true), STAGE_END);
		assert_int_equal(drive_piece(&out, buffer_slice(&in.out), true), STAGE_END);
		assert_int_equal(buffer_length(&out.out), 0);
		drive_free(&in);
		drive_free(&out);
	}
}

/* What comes while a flush waits for room is not mixed up with it. */
static void more_input_may_come_while_an_encoder_is_full(void **state)
{
	(void)state;
	for (enum coding coding = 0; coding < CODING_COUNT; coding++) {
		struct stage *stage = coding_encoder(coding, NULL);
		struct slice body = slice_of(noise, 20000), left = slice_first(body, 0);
		struct buffer encoded;
		size_t given = 0;
		int rc;

		buffer_init(&encoded, 1 << 20);
		do {
			uint8_t bytes[64];
			struct writer out = writer_of(bytes, sizeof(bytes));

			left.len += body.len - given < 70 ? body.len - given : 70;
			given = (size_t)(left.ptr + left.len - body.ptr);
			rc = stage->ops->step(stage, &left, given == body.len, &out);
			assert_true(rc >= 0);
			assert_int_equal(
				buffer_append(&encoded, slice_of(bytes, writer_length(&out))), 0);
		} while (rc != STAGE_END);
		assert_decodes(coding, buffer_slice(&encoded), body, 1000, 1000);
		buffer_free(&encoded);
		stage->ops->free(stage);
	}
}

static void memory_stays_within_what_the_header_says(void **state)
{
	static const size_t decoder_max[] = {40 << 10, 40 << 10, 28 << 20, 8704 << 10};
	static const size_t encoder_max[] = {200 << 10, 200 << 10, 2560 << 10, 1228 << 10};
	static const size_t cuts[] = {1, 1000, BODY_BYTES};

	(void)state;
	for (size_t i = 0; i < 3 * CODING_COUNT; i++) {
		enum coding coding = (enum coding)(i / 3);
		struct wiped_budget budget = {.max_bytes = SIZE_MAX};
		struct drive in = drive_of(coding_encoder(coding, &budget), cuts[i % 3],
					   STAGE_OUT_BYTES);
		struct drive out;

		in.budget = &budget;
		assert_int_equal(drive_all(&in, slice_of(noise, BODY_BYTES)), STAGE_END);
		assert_in_range(in.peak_bytes, 1, encoder_max[coding]);
		in.stage->ops->free(in.stage);
		assert_int_equal(budget.used_bytes, 0);
		out = drive_of(coding_decoder(coding, &budget), cuts[i % 3], STAGE_OUT_BYTES);
		out.budget = &budget;
		assert_int_equal(drive_all(&out, buffer_slice(&in.out)), STAGE_END);
		assert_in_range(out.peak_bytes, 32 << 10, decoder_max[coding]);
		drive_free(&out);
		assert_int_equal(budget.used_bytes, 0);
		buffer_free(&in.out);
	}
}

static void the_largest_window_is_within_the_bound(void **state)
{
	struct wiped_budget budget = {.max_bytes = SIZE_MAX};
	struct drive drive = drive_of(coding_decoder(CODING_ZSTD, &budget), 1, STAGE_OUT_BYTES);

	(void)state;
	drive.budget = &budget;
	drive_piece(&drive, SLICE_LITERAL("\x28\xb5\x2f\xfd\0\x68\x29\0\0hello"), true);
	assert_int_equal(drive.rc, STAGE_END);
	assert_in_range(drive.peak_bytes, 8 << 20, 8704 << 10);
	drive_free(&drive);
}

struct attempt {
	enum coding coding;
	struct wiped_budget *budget;
	struct slice encoded;
};

static int run_stage(struct stage *stage, struct slice input)
{
	struct drive drive;
	int rc;

	if (!stage)
		return -ENOMEM;
	drive = drive_of(stage, input.len, STAGE_OUT_BYTES);
	/* The test's own memory shall not fail. */
	if (!buffer_reserve(&drive.out, 4096)) {
		drive_free(&drive);
		return -ENOMEM;
	}
	rc = drive_all(&drive, input);
	if (rc < 0) {
		assert_int_equal(rc, -ENOMEM);
		assert_non_null(drive.stage->why);
	}
	drive_free(&drive);
	return rc;
}

static int encode_and_decode(void *context)
{
	const struct attempt *attempt = context;
	int rc = run_stage(coding_encoder(attempt->coding, attempt->budget), slice_of(text, 2000));

	if (rc < 0)
		return rc;
	return run_stage(coding_decoder(attempt->coding, attempt->budget), attempt->encoded);
}

static void a_budget_that_is_spent_is_reported(void **state)
{
	(void)state;
	for (enum coding coding = 0; coding < CODING_COUNT; coding++) {
		struct buffer encoded = encode(coding, slice_of(text, 2000), 500);
		struct wiped_budget budget = {0};
		struct attempt attempt = {coding, &budget, buffer_slice(&encoded)};

		while (encode_and_decode(&attempt) < 0) {
			assert_int_equal(budget.used_bytes, 0);
			assert_true(budget.refused > 0);
			budget.refused = 0;
			budget.max_bytes += 500;
		}
		assert_int_equal(budget.used_bytes, 0);
		assert_int_equal(budget.refused, 0);
		buffer_free(&encoded);
	}
}

static int make_decoders(void *context)
{
	static const enum coding codings[] = {CODING_GZIP, CODING_BR, CODING_ZSTD};
	struct stage *stages[CODING_CHAIN_MAX];
	int rc = coding_decoders(codings, 3, context, stages);

	for (size_t i = 0; i < 3 && rc == 0; i++)
		stages[i]->ops->free(stages[i]);
	return rc;
}

static void running_out_of_memory_leaves_nothing_behind(void **state)
{
	struct wiped_budget budget = {0};

	(void)state;
	allocation_try_all(make_decoders, NULL, false);
	while (make_decoders(&budget) < 0) {
		assert_int_equal(budget.used_bytes, 0);
		budget.max_bytes += 1000;
	}
	assert_int_equal(budget.used_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_encoded_is_decoded),
		cmocka_unit_test(a_body_is_the_same_however_it_is_cut),
		cmocka_unit_test(several_members_or_frames_are_one_body),
		cmocka_unit_test(all_that_a_gzip_head_may_hold_is_taken),
		cmocka_unit_test(deflate_is_taken_with_its_wrapper_and_without),
		cmocka_unit_test(zstd_frames_that_are_skipped_give_nothing),
		cmocka_unit_test(an_empty_body_is_empty_in_any_coding),
		cmocka_unit_test(what_is_given_to_an_encoder_comes_out_at_once),
		cmocka_unit_test(more_input_may_come_while_an_encoder_is_full),
		cmocka_unit_test(memory_stays_within_what_the_header_says),
		cmocka_unit_test(the_largest_window_is_within_the_bound),
		cmocka_unit_test(a_budget_that_is_spent_is_reported),
		cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, make_bodies, NULL);
}
