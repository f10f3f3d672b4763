/*
 * What bodies in codings and WebSocket messages cost: processor time, the best of several rounds.
 *
 * Bodies are records in JSON, of 8 MiB in steps of 16 KiB, and of 1 KiB with all that is needed to
 * begin and to end. Megabytes are those of the decoded body. Messages are masked, as from a client;
 * each is read, and written anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buffer.h"
#include "proxy/http/coding.h"
#include "proxy/http/websocket.h"

enum {
	BODY_BYTES = 8 << 20,
	SMALL_BYTES = 1 << 10,
	SMALL_COUNT = 500,
	MESSAGES = 2000,
	ROUNDS = 7,
};

static char body[BODY_BYTES];

static void make_body(void)
{
	static const char *const words[] = {"alpha", "bravo", "charlie", "delta",  "echo",
					    "golf",  "hotel", "india",	 "juliet", "kilo"};
	uint32_t random = 1;
	size_t used = 0;

	while (used < BODY_BYTES - 1) {
		random = random * 1664525 + 1013904223;
		used += (size_t)snprintf(body + used, BODY_BYTES - used,
					 "{\"id\": %u, \"name\": \"%s %s\", \"size\": %u},\n",
					 random >> 8, words[(random >> 12) % 10],
					 words[(random >> 20) % 10], random >> 26);
		if (used > BODY_BYTES - 1)
			used = BODY_BYTES - 1;
	}
	body[used] = '\n';
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* INPUT through a new stage to OUT (or nowhere); 0 or a negative code. */
static int run_stage(struct stage *stage, struct slice input, struct buffer *out)
{
	static uint8_t bytes[STAGE_OUT_BYTES];
	int rc = STAGE_MORE;

	while (stage && rc >= 0 && rc != STAGE_END) {
		struct slice piece = slice_first(input, STAGE_OUT_BYTES);

		input = slice_from(input, piece.len);
		do {
			struct writer w = writer_of(bytes, sizeof(bytes));

			rc = stage->ops->step(stage, &piece, input.len == 0, &w);
			if (rc >= 0 && out &&
			    buffer_append(out, slice_of(bytes, writer_length(&w))) < 0)
				rc = -ENOMEM;
		} while (rc == STAGE_FULL);
	}
	if (stage)
		stage->ops->free(stage);
	return rc < 0 || !stage ? -1 : 0;
}

static struct stage *make_stage(enum coding coding, bool encodes)
{
	return encodes ? coding_encoder(coding, NULL) : coding_decoder(coding, NULL);
}

/* The best time for one INPUT of COUNT, in nanoseconds; negative when it failed. */
static double time_stage(enum coding coding, bool encodes, struct slice input, int count)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns(), each;

		for (int i = 0; i < count; i++) {
			if (run_stage(make_stage(coding, encodes), input, NULL) < 0)
				return -1;
		}
		each = (now_ns() - start) / count;
		best = each < best ? each : best;
	}
	return best;
}

static int measure_coding(enum coding coding)
{
	struct slice large = slice_of(body, BODY_BYTES), small = slice_of(body, SMALL_BYTES);
	struct buffer large_encoded, small_encoded;
	double ns[4];

	buffer_init(&large_encoded, 2 * BODY_BYTES);
	buffer_init(&small_encoded, BODY_BYTES);
	if (run_stage(make_stage(coding, true), large, &large_encoded) < 0 ||
	    run_stage(make_stage(coding, true), small, &small_encoded) < 0)
		return -1;
	ns[0] = time_stage(coding, false, buffer_slice(&large_encoded), 1);
	ns[1] = time_stage(coding, true, large, 1);
	ns[2] = time_stage(coding, false, buffer_slice(&small_encoded), SMALL_COUNT);
	ns[3] = time_stage(coding, true, small, SMALL_COUNT);
	printf("%-8s %8.3f %12.0f %12.0f %12.1f %12.1f\n", coding_name(coding),
	       (double)buffer_length(&large_encoded) / BODY_BYTES, BODY_BYTES / ns[0] * 1e3,
	       BODY_BYTES / ns[1] * 1e3, ns[2] / 1e3, ns[3] / 1e3);
	buffer_free(&large_encoded);
	buffer_free(&small_encoded);
	return ns[0] < 0 || ns[1] < 0 || ns[2] < 0 || ns[3] < 0 ? -1 : 0;
}

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

/* MESSAGES texts of LENGTH bytes, masked, in WIRE. */
static int make_frames(size_t length, struct buffer *wire)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		uint8_t head[WEBSOCKET_FRAME_HEAD_MAX_BYTES];
		size_t len = websocket_write_head(WEBSOCKET_TEXT, length, mask, head);

		if (buffer_append(wire, slice_of(head, len)) < 0 ||
		    buffer_append(wire, slice_of(body, length)) < 0)
			return -1;
		websocket_mask((uint8_t *)wire->bytes + wire->end - length, length, mask, 0);
	}
	return 0;
}

/* Reads and writes anew what is in WIRE; the number of messages. */
static size_t pass_frames(struct websocket_reader *reader, struct slice wire, uint8_t *out)
{
	struct websocket_message message;
	uint16_t close_code;
	const char *why;
	size_t count = 0;

	while (websocket_read(reader, &wire, &message, &close_code, &why) == WEBSOCKET_MESSAGE) {
		size_t len = websocket_write_head(message.opcode, message.payload.len, mask, out);

		memcpy(out + len, message.payload.ptr, message.payload.len);
		websocket_mask(out + len, message.payload.len, mask, 0);
		count++;
	}
	return count;
}

static int measure_websocket(size_t length)
{
	static uint8_t out[(1 << 20) + WEBSOCKET_FRAME_HEAD_MAX_BYTES];
	struct websocket_reader *reader = websocket_reader_create(true, NULL);
	struct buffer wire;
	double best = 1e18;
	int rc = 0;

	buffer_init(&wire, SIZE_MAX / 2);
	if (!reader || make_frames(length, &wire) < 0)
		return -1;
	for (int round = 0; round < ROUNDS && rc == 0; round++) {
		double start = now_ns(), each;

		if (pass_frames(reader, buffer_slice(&wire), out) != MESSAGES)
			rc = -1;
		each = (now_ns() - start) / MESSAGES;
		best = each < best ? each : best;
	}
	printf("%8zu %12.0f %12.0f\n", length, best, (double)length / best * 1e3);
	buffer_free(&wire);
	websocket_reader_free(reader);
	return rc;
}

int main(void)
{
	static const size_t lengths[] = {0, 32, 1000, 16000, 100000};
	int rc = 0;

	make_body();
	printf("coding      ratio  decode MB/s  encode MB/s decode 1K us encode 1K us\n");
	for (enum coding coding = 0; coding < CODING_COUNT && rc == 0; coding++)
		rc = measure_coding(coding);
	printf("\n message ns, in, out         MB/s\n");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) && rc == 0; i++)
		rc = measure_websocket(lengths[i]);
	if (rc < 0)
		fprintf(stderr, "something failed\n");
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
