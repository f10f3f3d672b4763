#include "proxy/tls/hello.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "tests/unit/allocation.h"
#include "tests/unit/tls/sample.h"

#define EXAMPLE SLICE_LITERAL("api.example.com")

static uint8_t wire[SAMPLE_MAX_BYTES];
static uint8_t extensions[64 << 10];

/* A fresh copy without room behind it, so that the sanitizers see a read past the end. */
static struct hello read_at_once(struct slice bytes)
{
	char *copy = malloc(bytes.len ? bytes.len : 1);
	struct hello hello;

	assert_non_null(copy);
	memcpy(copy, bytes.ptr, bytes.len);
	hello_init(&hello);
	hello_read(&hello, slice_of(copy, bytes.len));
	free(copy);
	return hello;
}

static struct slice browser_hello(struct slice name)
{
	size_t len = sample_browser_extensions(name, extensions, sizeof(extensions));
	struct sample sample = {.extensions = slice_of(extensions, len)};

	return slice_of(wire, sample_hello(&sample, wire, sizeof(wire)));
}

static void reads_what_a_browser_sends(void **state)
{
	struct slice bytes = browser_hello(SLICE_LITERAL("API.Example.com."));
	struct hello hello = read_at_once(bytes);

	(void)state;
	assert_true(bytes.len > 1700);
	assert_int_equal(hello.status, HELLO_DONE);
	assert_int_equal(hello.raw_bytes, bytes.len);
	assert_int_equal(hello.body_bytes, bytes.len - 9);
	assert_true(hello.has_sni);
	assert_string_equal(hello.sni.text, "api.example.com");
	assert_true(hello.has_alpn && hello.offers_h2 && hello.offers_http11);
	assert_int_equal(hello.alpn_bytes, 12);
	assert_memory_equal(hello.alpn, "\x02h2\x08http/1.1", 12);
	assert_false(hello.alpn_cut);
	assert_true(hello.has_supported_versions && hello.offers_tls12 && hello.offers_tls13);
	assert_true(hello.has_ech);
	assert_int_equal(hello.ech.config_id, 0x5a);
	assert_int_equal(hello.ech.kdf, 1);
	assert_int_equal(hello.ech.aead, 1);
	assert_int_equal(hello.ech.enc_bytes, 32);
	assert_int_equal(hello.ech.payload_bytes, 240);
	assert_true(hello.has_renegotiation_info);
	assert_false(hello.has_early_data || hello.has_pre_shared_key || hello.has_cookie ||
		     hello.has_fallback_scsv);
}

static void a_client_without_extensions_has_no_name(void **state)
{
	struct sample sample = {.without_extensions = true,
				.legacy_version = 0x0301,
				.ciphers = SLICE_LITERAL("\x00\x2f\x00\xff\x56\x00")};
	struct hello hello = read_at_once(
		slice_of(wire, sample_hello(&sample, wire, sizeof(wire))));

	(void)state;
	assert_int_equal(hello.status, HELLO_DONE);
	assert_false(hello.has_sni || hello.has_alpn || hello.has_ech);
	assert_false(hello.offers_tls12 || hello.offers_tls13);
	assert_int_equal(hello.legacy_version, 0x0301);
	assert_true(hello.has_renegotiation_info && hello.has_fallback_scsv);
}

static void supported_versions_overrule_the_legacy_version(void **state)
{
	struct sample sample = {.extensions = SLICE_LITERAL("\x00\x2b\x00\x03\x02\x03\x04")};
	struct hello hello = read_at_once(
		slice_of(wire, sample_hello(&sample, wire, sizeof(wire))));

	(void)state;
	assert_int_equal(hello.status, HELLO_DONE);
	assert_true(hello.offers_tls13);
	assert_false(hello.offers_tls12);
}

static void resumption_and_early_data_are_seen(void **state)
{
	struct sample sample = {
		.extensions = SLICE_LITERAL("\x00\x2c\x00\x03\x00\x01Z"
					    "\x00\x2a\x00\x00"
					    "\x00\x29\x00\x0f\x00\x07\x00\x01i\x00\x00\x00\x00"
					    "\x00\x04\x03ppp")};
	struct hello hello = read_at_once(
		slice_of(wire, sample_hello(&sample, wire, sizeof(wire))));

	(void)state;
	assert_int_equal(hello.status, HELLO_DONE);
	assert_true(hello.has_early_data && hello.has_pre_shared_key && hello.has_cookie);
}

static void a_long_alpn_list_is_kept_up_to_a_bound(void **state)
{
	struct writer w = writer_of(extensions, sizeof(extensions));
	struct sample sample;
	struct hello hello;

	(void)state;
	writer_u16(&w, 16);
	writer_u16(&w, 2 + 40 * 10 + 3);
	writer_u16(&w, 40 * 10 + 3);
	for (int i = 0; i < 40; i++)
		writer_text(&w, "\x09protocol.");
	writer_text(&w, "\x02h2");
	sample = (struct sample){.extensions = slice_of(extensions, writer_length(&w))};
	hello = read_at_once(slice_of(wire, sample_hello(&sample, wire, sizeof(wire))));
	assert_int_equal(hello.status, HELLO_DONE);
	assert_true(hello.alpn_cut && hello.offers_h2);
	assert_int_equal(hello.alpn_bytes, 250);
}

/* The results of two readings; how they came about is none of it. */
static void assert_same(const struct hello *a, const struct hello *b)
{
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->problem, b->problem);
	assert_int_equal(a->raw_bytes, b->raw_bytes);
	assert_int_equal(a->body_bytes, b->body_bytes);
	assert_int_equal(a->has_sni, b->has_sni);
	if (a->has_sni)
		assert_true(host_equal(&a->sni, &b->sni));
	assert_int_equal(a->alpn_bytes, b->alpn_bytes);
	assert_int_equal(a->has_ech, b->has_ech);
}

static void every_split_into_two_segments_reads_the_same(void **state)
{
	struct slice bytes = browser_hello(EXAMPLE);
	struct hello whole = read_at_once(bytes);

	(void)state;
	for (size_t cut = 0; cut < bytes.len; cut++) {
		struct hello hello;
		char *first = malloc(cut ? cut : 1);

		assert_non_null(first);
		memcpy(first, bytes.ptr, cut);
		hello_init(&hello);
		assert_int_equal(hello_read(&hello, slice_of(first, cut)), HELLO_MORE);
		free(first);
		assert_int_equal(hello_read(&hello, bytes), HELLO_DONE);
		assert_same(&hello, &whole);
	}
}

static void one_byte_at_a_time_reads_the_same(void **state)
{
	struct slice bytes = browser_hello(EXAMPLE);
	struct hello whole = read_at_once(bytes), hello;

	(void)state;
	hello_init(&hello);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(hello_read(&hello, slice_of(bytes.ptr, len)), HELLO_MORE);
	assert_int_equal(hello_read(&hello, bytes), HELLO_DONE);
	assert_same(&hello, &whole);
}

static void every_record_size_reads_the_same(void **state)
{
	static uint8_t records[SAMPLE_MAX_BYTES];
	struct slice bytes = browser_hello(EXAMPLE), message = slice_from(bytes, 5);
	struct hello whole = read_at_once(bytes);

	(void)state;
	for (size_t fragment = 1; fragment <= message.len; fragment++) {
		size_t len = sample_records(message, fragment, records, sizeof(records));
		struct hello hello = read_at_once(slice_of(records, len));

		assert_int_equal(hello.raw_bytes, len);
		hello.raw_bytes = whole.raw_bytes;
		assert_same(&hello, &whole);
	}
}

static void one_byte_records_one_byte_at_a_time(void **state)
{
	static uint8_t records[SAMPLE_MAX_BYTES];
	struct slice bytes = browser_hello(EXAMPLE);
	size_t len = sample_records(slice_from(bytes, 5), 1, records, sizeof(records));
	struct hello hello;

	(void)state;
	hello_init(&hello);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(hello_read(&hello, slice_of(records, i)), HELLO_MORE);
	assert_int_equal(hello_read(&hello, slice_of(records, len)), HELLO_DONE);
	assert_string_equal(hello.sni.text, "api.example.com");
}

/* An extension that nobody knows makes a ClientHello as large as may be. */
static struct slice large_hello(size_t body_bytes)
{
	static uint8_t padding[64 << 10];
	const size_t around = 2 + 32 + 1 + 16 + 2 + 6 + 2 + 2 + 4;
	size_t name = sample_server_name(EXAMPLE, extensions, sizeof(extensions));
	size_t pad = body_bytes - around - name;
	size_t len = name + sample_extension(21, slice_of(padding, pad), extensions + name,
					     sizeof(extensions) - name);
	struct sample sample = {.extensions = slice_of(extensions, len)};

	return slice_of(wire, sample_hello(&sample, wire, sizeof(wire)));
}

static void reads_up_to_64_kib(void **state)
{
	struct slice bytes = large_hello(HELLO_MAX_BYTES - 64);
	struct hello hello = read_at_once(bytes);

	(void)state;
	assert_int_equal(hello.status, HELLO_DONE);
	assert_int_equal(hello.body_bytes, HELLO_MAX_BYTES - 64);
	assert_string_equal(hello.sni.text, "api.example.com");
}

static void more_than_64_kib_is_refused_at_the_first_record(void **state)
{
	struct sample sample = {.extensions = SLICE_EMPTY};
	struct hello hello;

	(void)state;
	sample_hello(&sample, wire, sizeof(wire));
	memcpy(wire + 6, "\x01\x00\x01", 3);
	hello = read_at_once(slice_of(wire, 9));
	assert_int_equal(hello.status, HELLO_REFUSED);
	assert_int_equal(hello.problem, HELLO_TOO_LARGE);
	memcpy(wire + 6, "\x01\x00\x00", 3);
	hello = read_at_once(slice_of(wire, 9));
	assert_int_equal(hello.status, HELLO_MORE);
}

static void record_overhead_is_bounded_too(void **state)
{
	static uint8_t records[SAMPLE_MAX_BYTES];
	struct slice bytes = large_hello(HELLO_MAX_BYTES - 64);
	static uint8_t message[HELLO_MAX_BYTES];
	size_t len = 0;
	struct hello hello;

	(void)state;
	for (struct slice rest = bytes; rest.len > 0;) {
		size_t payload = (size_t)((uint8_t)rest.ptr[3] << 8 | (uint8_t)rest.ptr[4]);

		memcpy(message + len, rest.ptr + 5, payload);
		len += payload;
		rest = slice_from(rest, 5 + payload);
	}
	hello_init(&hello);
	hello_read(&hello, slice_of(records, sample_records(slice_of(message, len), 1, records,
							    sizeof(records))));
	assert_int_equal(hello.status, HELLO_REFUSED);
	assert_int_equal(hello.problem, HELLO_TOO_LARGE);
	assert_true(hello.next <= HELLO_RAW_MAX_BYTES);
}

static void what_follows_in_other_records_is_left_alone(void **state)
{
	struct slice bytes = browser_hello(EXAMPLE);
	struct hello hello;

	(void)state;
	memcpy(wire + bytes.len, "\x14\x03\x03\x00\x01\x01", 6);
	hello = read_at_once(slice_of(wire, bytes.len + 6));
	assert_int_equal(hello.status, HELLO_DONE);
	assert_int_equal(hello.raw_bytes, bytes.len);
}

static void the_verdict_is_final(void **state)
{
	struct hello hello = read_at_once(SLICE_LITERAL("GET / HTTP/1.1\r\n"));
	struct slice bytes = browser_hello(EXAMPLE);

	(void)state;
	assert_int_equal(hello.problem, HELLO_NOT_TLS);
	assert_int_equal(hello_read(&hello, bytes), HELLO_REFUSED);
	assert_int_equal(hello.problem, HELLO_NOT_TLS);
	hello = read_at_once(bytes);
	assert_int_equal(hello_read(&hello, SLICE_EMPTY), HELLO_DONE);
}

static int read_fragmented(void *context)
{
	struct hello hello = {.status = HELLO_MORE};
	struct slice *bytes = context;

	if (hello_read(&hello, *bytes) == HELLO_DONE)
		return 0;
	assert_int_equal(hello.problem, HELLO_NO_MEMORY);
	return -1;
}

static void running_out_of_memory_is_a_refusal(void **state)
{
	struct slice bytes = large_hello(20000);

	(void)state;
	allocation_try_all(read_fragmented, &bytes, false);
}

static void alerts_are_one_fatal_record(void **state)
{
	uint8_t alert[HELLO_ALERT_BYTES];

	(void)state;
	hello_write_alert(HELLO_ALERT_UNRECOGNIZED_NAME, alert);
	assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02\x70", HELLO_ALERT_BYTES);
	for (int i = 0; i < HELLO_PROBLEM_COUNT; i++) {
		assert_non_null(hello_problem_text((enum hello_problem)i));
		if (i > HELLO_NOT_TLS)
			assert_true(hello_problem_alert((enum hello_problem)i) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_a_browser_sends),
		cmocka_unit_test(a_client_without_extensions_has_no_name),
		cmocka_unit_test(supported_versions_overrule_the_legacy_version),
		cmocka_unit_test(resumption_and_early_data_are_seen),
		cmocka_unit_test(a_long_alpn_list_is_kept_up_to_a_bound),
		cmocka_unit_test(every_split_into_two_segments_reads_the_same),
		cmocka_unit_test(one_byte_at_a_time_reads_the_same),
		cmocka_unit_test(every_record_size_reads_the_same),
		cmocka_unit_test(one_byte_records_one_byte_at_a_time),
		cmocka_unit_test(reads_up_to_64_kib),
		cmocka_unit_test(more_than_64_kib_is_refused_at_the_first_record),
		cmocka_unit_test(record_overhead_is_bounded_too),
		cmocka_unit_test(what_follows_in_other_records_is_left_alone),
		cmocka_unit_test(the_verdict_is_final),
		cmocka_unit_test(running_out_of_memory_is_a_refusal),
		cmocka_unit_test(alerts_are_one_fatal_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
