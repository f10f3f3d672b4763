#include "proxy/tls/quic.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "proxy/tls/quic_seal.h"
#include "tests/unit/allocation.h"
#include "tests/unit/tls/quic_sample.h"
#include "tests/unit/tls/quic_vectors.h"
#include "tests/unit/tls/sample.h"

#define NAME SLICE_LITERAL("quic.example.org")

static uint8_t message[SAMPLE_MAX_BYTES];
static struct quic_initial initial;

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(ascii_hex_value(hex[2 * i]) << 4 |
				   ascii_hex_value(hex[2 * i + 1]));
	return len;
}

static void assert_hex(const uint8_t *bytes, const char *hex)
{
	uint8_t expected[QUIC_SAMPLE_MAX_BYTES];
	size_t len = from_hex(hex, expected);

	assert_memory_equal(bytes, expected, len);
}

/* Feeds a copy without room behind it, so that the sanitizers see a read past the end. */
static enum quic_status feed(struct slice datagram)
{
	char *copy = malloc(datagram.len ? datagram.len : 1);
	enum quic_status status;

	assert_non_null(copy);
	memcpy(copy, datagram.ptr, datagram.len);
	status = quic_initial_read(&initial, slice_of(copy, datagram.len));
	free(copy);
	return status;
}

static enum quic_status feed_first(struct slice datagram)
{
	quic_initial_init(&initial);
	return feed(datagram);
}

static void assert_named(struct slice name)
{
	assert_int_equal(initial.status, QUIC_DONE);
	assert_true(initial.hello.has_sni);
	assert_true(slice_equal(host_slice(&initial.hello.sni), name));
}

/* A browser's ClientHello, of over 1,700 bytes. */
static struct slice browser_message(void)
{
	static uint8_t extensions[8 << 10];
	size_t len = sample_browser_extensions(NAME, extensions, sizeof(extensions));
	struct sample sample = {.extensions = slice_of(extensions, len)};

	return slice_of(message, sample_message(&sample, message, sizeof(message)));
}

static struct slice small_message(void)
{
	static uint8_t extensions[512];
	size_t len = sample_server_name(NAME, extensions, sizeof(extensions));
	struct sample sample = {.extensions = slice_of(extensions, len)};

	return slice_of(message, sample_message(&sample, message, sizeof(message)));
}

static void put_crypto(struct writer *w, struct slice stream, size_t from, size_t len)
{
	struct slice part = slice_first(slice_from(stream, from), len);

	w->next += quic_sample_crypto((uint16_t)from, part, w->next, writer_room(w));
}

/* PAYLOAD in a packet of its own. */
static struct slice packet_of(struct slice payload, uint32_t number)
{
	static uint8_t packets[4][QUIC_SAMPLE_MAX_BYTES];
	uint8_t *out = packets[number % 4];
	struct quic_sample sample = {.payload = payload, .number = number};

	return slice_of(out, quic_sample_initial(&sample, out, QUIC_SAMPLE_MAX_BYTES));
}

static void keys_and_seals_are_those_of_the_rfcs(void **state)
{
	uint8_t payload[VECTOR_PAYLOAD_BYTES] = {0}, packet[QUIC_SAMPLE_MAX_BYTES], id[8];
	struct slice key_id = slice_of(id, from_hex("8394c8f03e515708", id));

	(void)state;
	from_hex(vector_frame, payload);
	for (size_t i = 0; i < 2; i++) {
		const struct quic_vector *vector = &quic_vectors[i];
		struct quic_sample sample = {
			.version = i == 0 ? QUIC_VERSION_1 : QUIC_VERSION_2,
			.number = 2,
			.payload = slice_of(payload, sizeof(payload)),
		};
		struct quic_keys keys;

		assert_int_equal(quic_keys_derive(sample.version, key_id, &keys), QUIC_OK);
		assert_hex(keys.key, vector->key);
		assert_hex(keys.iv, vector->iv);
		assert_hex(keys.header_key, vector->header_key);
		assert_int_equal(quic_sample_initial(&sample, packet, sizeof(packet)),
				 VECTOR_PACKET_BYTES);
		assert_hex(packet, vector->start);
		assert_hex(packet + VECTOR_PACKET_BYTES - 48, vector->end);
		assert_int_equal(feed_first(slice_of(packet, VECTOR_PACKET_BYTES)), QUIC_DONE);
		assert_named(SLICE_LITERAL("example.com"));
		assert_int_equal(initial.header.version, sample.version);
		assert_memory_equal(initial.hello.alpn,
				    "\x04"
				    "alpn",
				    initial.hello.alpn_bytes);
	}
}

static void what_a_real_client_sends_is_opened(void **state)
{
	uint8_t packet[QUIC_SAMPLE_MAX_BYTES];
	size_t len = from_hex(vector_ngtcp2, packet);

	(void)state;
	assert_int_equal(feed_first(slice_of(packet, len)), QUIC_DONE);
	assert_named(NAME);
	assert_int_equal(initial.header.number, 1);
	assert_memory_equal(initial.hello.alpn, "\x02h3", 3);
	assert_true(initial.hello.offers_tls13);
}

/* Pieces of STEP bytes; in order, or the last first; other frames between them. */
static void scatter(struct slice stream, size_t step, bool backwards)
{
	static uint8_t payload[QUIC_PACKET_MAX_BYTES];
	struct writer w = writer_of(payload, sizeof(payload));
	size_t count = (stream.len + step - 1) / step;

	for (size_t i = 0; i < count; i++) {
		size_t n = backwards ? count - 1 - i : i;

		put_crypto(&w, stream, n * step, step);
		writer_bytes(&w, SLICE_LITERAL("\x01\x00\x00")); /* PING, PADDING */
		if (i % 8 == 0) {
			writer_bytes(&w, SLICE_LITERAL("\x02\x05\x00\x01\x01\x00\x00"));
			writer_bytes(&w, SLICE_LITERAL("\x03\x05\x00\x00\x00\x01\x02\x03"));
			writer_bytes(&w, SLICE_LITERAL("\x1c\x00\x06\x02no"));
		}
	}
	assert_int_equal(w.error, 0);
	feed_first(packet_of(slice_of(payload, writer_length(&w)), 0));
	assert_named(NAME);
}

static void a_clienthello_may_be_scattered_over_frames(void **state)
{
	struct slice stream = small_message();

	(void)state;
	for (size_t step = 3; step <= stream.len; step++) {
		scatter(stream, step, false);
		scatter(stream, step, true);
	}
	scatter(browser_message(), 40, true);
}

static void the_same_bytes_may_come_again(void **state)
{
	uint8_t payload[QUIC_PACKET_MAX_BYTES];
	struct slice stream = small_message();
	struct writer w = writer_of(payload, sizeof(payload));

	(void)state;
	put_crypto(&w, stream, 10, 30);
	put_crypto(&w, stream, 20, 50);
	put_crypto(&w, stream, 0, stream.len);
	feed_first(packet_of(slice_of(payload, writer_length(&w)), 0));
	assert_named(NAME);
}

static void a_clienthello_may_span_datagrams_in_any_order(void **state)
{
	static const size_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}};
	struct slice stream = browser_message();
	struct slice other = SLICE_LITERAL("\xc0\x00\x00\x00\x01\x08other id\x00\x00\x00\x00");

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		quic_initial_init(&initial);
		for (size_t n = 0; n < 3; n++) {
			uint8_t payload[QUIC_PACKET_MAX_BYTES] = {0};
			struct writer w = writer_of(payload, sizeof(payload));
			struct slice datagram;

			put_crypto(&w, stream, orders[i][n] * 700, 700);
			datagram = packet_of(slice_of(payload, 1162), (uint32_t)n);
			assert_int_equal(quic_initial_continues(&initial, datagram), n > 0);
			assert_int_equal(feed(datagram), n < 2 ? QUIC_MORE : QUIC_DONE);
		}
		assert_named(NAME);
		assert_false(quic_initial_continues(&initial, other));
	}
	assert_true(stream.len > 1400);
}

static void another_connection_is_not_the_same_attempt(void **state)
{
	struct quic_sample sample = {.payload = SLICE_LITERAL("\x01\x01\x01\x01"),
				     .id = SLICE_LITERAL("another one")};
	uint8_t packet[QUIC_SAMPLE_MAX_BYTES];
	size_t len = quic_sample_initial(&sample, packet, sizeof(packet));

	(void)state;
	assert_int_equal(feed_first(packet_of(sample.payload, 0)), QUIC_MORE);
	assert_true(quic_initial_continues(&initial, packet_of(sample.payload, 1)));
	assert_false(quic_initial_continues(&initial, slice_of(packet, len)));
	assert_false(quic_initial_continues(&initial, SLICE_LITERAL("no QUIC")));
}

static void packets_of_one_datagram_are_all_read(void **state)
{
	static const char zero_rtt[] = "\xd0\x00\x00\x00\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08"
				       "\x00\x05"
				       "12345";
	struct slice stream = browser_message();
	uint8_t datagram[3 * QUIC_SAMPLE_MAX_BYTES];
	struct writer w = writer_of(datagram, sizeof(datagram));

	(void)state;
	writer_bytes(&w, slice_of(zero_rtt, sizeof(zero_rtt) - 1));
	for (size_t n = 0; n < 2; n++) {
		uint8_t payload[QUIC_PACKET_MAX_BYTES];
		struct writer frames = writer_of(payload, sizeof(payload));

		put_crypto(&frames, stream, n * 1000, 1000);
		writer_bytes(&w, packet_of(slice_of(payload, writer_length(&frames)), (uint32_t)n));
		writer_bytes(&w, slice_of(zero_rtt, sizeof(zero_rtt) - 1));
	}
	writer_bytes(&w, SLICE_LITERAL("\x40 a short header"));
	feed_first(slice_of(datagram, writer_length(&w)));
	assert_named(NAME);
	assert_int_equal(initial.packets, 2);
}

static void a_packet_of_another_attempt_in_the_datagram_is_left_out(void **state)
{
	struct quic_sample other = {.payload = SLICE_LITERAL("\x01\x01\x01\x01"),
				    .id = SLICE_LITERAL("another one")};
	uint8_t datagram[2 * QUIC_SAMPLE_MAX_BYTES];
	size_t len = from_hex(vector_ngtcp2, datagram);

	(void)state;
	len += quic_sample_initial(&other, datagram + len, sizeof(datagram) - len);
	feed_first(slice_of(datagram, len));
	assert_named(NAME);
	assert_int_equal(initial.packets, 1);
}

static void a_packet_without_room_for_a_seal_is_refused(void **state)
{
	char packet[] = "\xc0\x00\x00\x00\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00\x00\x00"
			"1234567890123456789";

	(void)state;
	for (char length = 0; length < 20; length++) {
		packet[16] = length;
		assert_int_equal(feed_first(slice_of(packet, 17 + (size_t)length)),
				 QUIC_UNREADABLE);
		assert_int_equal(initial.problem, QUIC_CUT_OFF);
	}
}

static void a_token_and_any_length_of_number_are_read(void **state)
{
	uint8_t payload[QUIC_PACKET_MAX_BYTES], packet[QUIC_SAMPLE_MAX_BYTES];
	struct writer w = writer_of(payload, sizeof(payload));

	(void)state;
	put_crypto(&w, small_message(), 0, 4096);
	for (size_t bytes = 1; bytes <= 4; bytes++) {
		struct quic_sample sample = {
			.payload = slice_of(payload, writer_length(&w)),
			.number = 0xa1,
			.number_bytes = bytes,
			.token = SLICE_LITERAL("a token of a Retry"),
		};

		feed_first(slice_of(packet, quic_sample_initial(&sample, packet, sizeof(packet))));
		assert_named(NAME);
	}
}

static void a_cut_datagram_never_gives_a_name(void **state)
{
	uint8_t packet[QUIC_SAMPLE_MAX_BYTES];
	size_t len = from_hex(vector_ngtcp2, packet);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		enum quic_status status = feed_first(slice_of(packet, cut));

		if (status == QUIC_UNREADABLE)
			assert_int_equal(initial.problem, QUIC_CUT_OFF);
		else
			assert_int_equal(status, QUIC_NOT_QUIC);
	}
}

static void an_altered_packet_never_gives_a_name(void **state)
{
	uint8_t packet[QUIC_SAMPLE_MAX_BYTES];
	size_t len = from_hex(vector_ngtcp2, packet);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			packet[i] ^= (uint8_t)(1 << bit);
			assert_int_not_equal(feed_first(slice_of(packet, len)), QUIC_DONE);
			packet[i] ^= (uint8_t)(1 << bit);
		}
	}
}

static void what_cannot_be_read_is_refused_for_its_reason(void **state)
{
	static const struct refused {
		struct slice payload;
		enum quic_problem problem;
		struct quic_sample sample;
	} refused[] = {
		{SLICE_LITERAL("\x01\x01\x01\x01"), QUIC_SHORT_ID, {.id = {"seven..", 7}}},
		{SLICE_LITERAL("\x01\x01\x01\x01"),
		 QUIC_UNAUTHENTIC,
		 {.key_id = {"others' id", 10}}},
		{SLICE_LITERAL("\x01\x01\x01\x01"), QUIC_RESERVED_BITS, {.reserved = 0x04}},
		{SLICE_LITERAL("\x01\x01\x01\x08"), QUIC_FRAME, {0}}, /* STREAM */
		{SLICE_LITERAL("\x01\x40\x01\x01"), QUIC_FRAME, {0}}, /* PING, too long */
		{SLICE_LITERAL("\x01\x1d\x00\x00"), QUIC_FRAME, {0}}, /* an application's */
		{SLICE_LITERAL("\x06\x00\x05"
			       "1234"),
		 QUIC_FRAME,
		 {0}},
		{SLICE_LITERAL("\x06\x00\xc0"), QUIC_FRAME, {0}},
		{SLICE_LITERAL("\x02\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00"),
		 QUIC_FRAME,
		 {0}},
		{SLICE_LITERAL("\x1c\x00\x00\x09no"), QUIC_FRAME, {0}},
		{SLICE_LITERAL("\x06\x60\x00\x01x"), QUIC_TOO_LARGE, {0}}, /* at 8,192 */
		{SLICE_LITERAL("\x06\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), QUIC_TOO_LARGE, {0}},
		{SLICE_LITERAL("\x06\x00\x02xy\x06\x01\x01z"), QUIC_CONFLICT, {0}},
		{SLICE_LITERAL("\x06\x00\x04\x01\x00\x1f\xfd"), QUIC_TOO_LARGE, {0}},
		{SLICE_LITERAL("\x06\x00\x04\x02\x00\x00\x00"), QUIC_HELLO, {0}},
		{SLICE_LITERAL("\x06\x00\x05\x01\x00\x00\x01\x03"), QUIC_HELLO, {0}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct quic_sample sample = refused[i].sample;
		uint8_t packet[QUIC_SAMPLE_MAX_BYTES];
		size_t len;

		sample.payload = refused[i].payload;
		len = quic_sample_initial(&sample, packet, sizeof(packet));
		assert_int_equal(feed_first(slice_of(packet, len)), QUIC_UNREADABLE);
		assert_int_equal(initial.problem, refused[i].problem);
		assert_true(strlen(quic_initial_problem_text(&initial)) > 5);
	}
}

static void the_last_byte_of_the_stream_may_be_used(void **state)
{
	(void)state;
	assert_int_equal(feed_first(packet_of(SLICE_LITERAL("\x06\x5f\xff\x01x"), 0)), QUIC_MORE);
	assert_int_equal(feed(packet_of(SLICE_LITERAL("\x06\x5f\xff\x02xy"), 1)), QUIC_UNREADABLE);
	assert_int_equal(initial.problem, QUIC_TOO_LARGE);
}

static void an_endless_clienthello_ends(void **state)
{
	(void)state;
	quic_initial_init(&initial);
	for (uint32_t n = 0; n < QUIC_PACKETS_MAX; n++)
		assert_int_equal(feed(packet_of(SLICE_LITERAL("\x01\x01\x01\x01"), n)), QUIC_MORE);
	assert_int_equal(feed(packet_of(SLICE_LITERAL("\x01\x01\x01\x01"), 99)), QUIC_UNREADABLE);
	assert_int_equal(initial.problem, QUIC_TOO_LARGE);
}

static void a_packet_without_frames_is_malformed(void **state)
{
	/* So short that the sample of header protection takes in the whole tag. */
	struct quic_sample sample = {.payload = SLICE_EMPTY, .number_bytes = 4};
	uint8_t packet[QUIC_SAMPLE_MAX_BYTES];

	(void)state;
	feed_first(slice_of(packet, quic_sample_initial(&sample, packet, sizeof(packet))));
	assert_int_equal(initial.status, QUIC_UNREADABLE);
	assert_int_equal(initial.problem, QUIC_FRAME);
}

static void a_name_stands_whatever_follows_it_in_the_datagram(void **state)
{
	uint8_t datagram[2 * QUIC_SAMPLE_MAX_BYTES];
	size_t len = from_hex(vector_ngtcp2, datagram);

	(void)state;
	memcpy(datagram + len, datagram, 100);
	feed_first(slice_of(datagram, len + 100));
	assert_named(NAME);
}

static void versions_are_told_apart(void **state)
{
	static const struct row {
		struct slice bytes;
		enum quic_version version;
		enum quic_type type;
	} rows[] = {
		{SLICE_LITERAL("\xc0\x00\x00\x00\x01\x00\x00"), QUIC_VERSION_1, QUIC_INITIAL},
		{SLICE_LITERAL("\xd0\x00\x00\x00\x01\x00\x00"), QUIC_VERSION_1, QUIC_0RTT},
		{SLICE_LITERAL("\xe0\x00\x00\x00\x01\x00\x00"), QUIC_VERSION_1, QUIC_HANDSHAKE},
		{SLICE_LITERAL("\xf0\x00\x00\x00\x01\x00\x00"), QUIC_VERSION_1, QUIC_RETRY},
		{SLICE_LITERAL("\xd0\x6b\x33\x43\xcf\x00\x00"), QUIC_VERSION_2, QUIC_INITIAL},
		{SLICE_LITERAL("\xe0\x6b\x33\x43\xcf\x00\x00"), QUIC_VERSION_2, QUIC_0RTT},
		{SLICE_LITERAL("\xf0\x6b\x33\x43\xcf\x00\x00"), QUIC_VERSION_2, QUIC_HANDSHAKE},
		{SLICE_LITERAL("\xc0\x6b\x33\x43\xcf\x00\x00"), QUIC_VERSION_2, QUIC_RETRY},
		{SLICE_LITERAL("\xc0\xff\x00\x00\x1d\x00\x00"), QUIC_VERSION_DRAFT,
		 QUIC_TYPE_UNKNOWN},
		{SLICE_LITERAL("\xd0\x70\x9a\x50\xc4\x00\x00"), QUIC_VERSION_DRAFT,
		 QUIC_TYPE_UNKNOWN},
		{SLICE_LITERAL("\xc0Q046\x00\x00"), QUIC_VERSION_GOOGLE, QUIC_TYPE_UNKNOWN},
		{SLICE_LITERAL("\xc0\x1a\x2a\xfa\x0a\x00\x00"), QUIC_VERSION_RESERVED,
		 QUIC_TYPE_UNKNOWN},
		{SLICE_LITERAL("\x80\x00\x00\x00\x00\x00\x00"), QUIC_VERSION_NONE,
		 QUIC_TYPE_UNKNOWN},
		{SLICE_LITERAL("\xc0\xfa\xce\xb0\x02\x00\x00"), QUIC_VERSION_OTHER,
		 QUIC_TYPE_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct quic_header header;

		assert_true(quic_read_header(rows[i].bytes, &header));
		assert_int_equal(header.version, rows[i].version);
		assert_int_equal(header.type, rows[i].type);
		assert_non_null(quic_version_name(header.version));
		if (header.type != QUIC_TYPE_UNKNOWN)
			continue;
		assert_int_equal(feed_first(rows[i].bytes), QUIC_UNREADABLE);
		assert_int_equal(initial.problem, QUIC_UNKNOWN_VERSION);
	}
}

static void other_protocols_are_not_quic(void **state)
{
	static const struct slice others[] = {
		SLICE_LITERAL(""),
		SLICE_LITERAL("\xc0"),
		SLICE_LITERAL("\xc0\x00\x00\x00\x01\x08"
			      "1234567"),
		SLICE_LITERAL("\xc0\x00\x00\x00\x01\x15"
			      "an id of twenty-one b\x00"),
		SLICE_LITERAL("\x80\x00\x00\x00\x01\x00\x00"), /* without the fixed bit */
		SLICE_LITERAL("\x40\x00\x00\x00\x01\x00\x00"), /* a short header */
		SLICE_LITERAL("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"), /* DNS */
		SLICE_LITERAL("\x00\x01\x00\x00\x21\x12\xa4\x42"),		   /* STUN */
		SLICE_LITERAL("\x16\xfe\xfd\x00\x00\x00\x00\x00\x00"),		   /* DTLS */
		SLICE_LITERAL("\x01\x00\x00\x00\xaa\xbb\xcc\xdd"),		   /* WireGuard */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(feed_first(others[i]), QUIC_NOT_QUIC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_and_seals_are_those_of_the_rfcs),
		cmocka_unit_test(what_a_real_client_sends_is_opened),
		cmocka_unit_test(a_clienthello_may_be_scattered_over_frames),
		cmocka_unit_test(the_same_bytes_may_come_again),
		cmocka_unit_test(a_clienthello_may_span_datagrams_in_any_order),
		cmocka_unit_test(another_connection_is_not_the_same_attempt),
		cmocka_unit_test(packets_of_one_datagram_are_all_read),
		cmocka_unit_test(a_packet_of_another_attempt_in_the_datagram_is_left_out),
		cmocka_unit_test(a_packet_without_room_for_a_seal_is_refused),
		cmocka_unit_test(a_token_and_any_length_of_number_are_read),
		cmocka_unit_test(a_cut_datagram_never_gives_a_name),
		cmocka_unit_test(an_altered_packet_never_gives_a_name),
		cmocka_unit_test(what_cannot_be_read_is_refused_for_its_reason),
		cmocka_unit_test(the_last_byte_of_the_stream_may_be_used),
		cmocka_unit_test(an_endless_clienthello_ends),
		cmocka_unit_test(a_packet_without_frames_is_malformed),
		cmocka_unit_test(a_name_stands_whatever_follows_it_in_the_datagram),
		cmocka_unit_test(versions_are_told_apart),
		cmocka_unit_test(other_protocols_are_not_quic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
