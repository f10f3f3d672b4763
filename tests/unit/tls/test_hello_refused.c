/* Tables of what is refused, and for which reason. */
#include "proxy/tls/hello.h"

#include <stdio.h>

#include "tests/unit/allocation.h"
#include "tests/unit/tls/sample.h"

#define BYTES(text) SLICE_LITERAL(text)

static void expect(const char *label, struct slice bytes, enum hello_problem problem)
{
	struct hello at_once, slowly;

	hello_init(&at_once);
	hello_read(&at_once, bytes);
	if (at_once.problem != problem) {
		print_error("%s: %s\n", label, hello_problem_text(at_once.problem));
		fail();
	}
	assert_int_equal(at_once.status, HELLO_REFUSED);
	hello_init(&slowly);
	for (size_t len = 1; len <= bytes.len && slowly.status == HELLO_MORE; len++)
		hello_read(&slowly, slice_first(bytes, len));
	assert_int_equal(slowly.problem, problem);
}

/* Told from the first bytes alone: nobody waits for more. */
static void beginnings(void **state)
{
	static const struct {
		const char *label;
		struct slice bytes;
		enum hello_problem problem;
	} rows[] = {
		{"HTTP", BYTES("G"), HELLO_NOT_TLS},
		{"SSH", BYTES("S"), HELLO_NOT_TLS},
		{"a NUL byte", BYTES("\0"), HELLO_NOT_TLS},
		{"a heartbeat", BYTES("\x18"), HELLO_NOT_TLS},
		{"SSL 2.0", BYTES("\x80\x2e\x01"), HELLO_SSLV2},
		{"SSL 2.0, long", BYTES("\xff\xff\x01\x00\x02"), HELLO_SSLV2},
		{"high bit, not SSL 2.0", BYTES("\x80\x2e\x04"), HELLO_NOT_TLS},
		{"an alert", BYTES("\x15"), HELLO_RECORD_TYPE},
		{"a change of cipher", BYTES("\x14"), HELLO_RECORD_TYPE},
		{"application data", BYTES("\x17"), HELLO_RECORD_TYPE},
		{"SSL 3.0", BYTES("\x16\x03\x00\x00\x10"), HELLO_RECORD_VERSION},
		{"record version 3.4", BYTES("\x16\x03\x04\x00\x10"), HELLO_RECORD_VERSION},
		{"major version 2", BYTES("\x16\x02\x01\x00\x10"), HELLO_RECORD_VERSION},
		{"DTLS", BYTES("\x16\xfe\xfd\x00\x10"), HELLO_RECORD_VERSION},
		{"an empty record", BYTES("\x16\x03\x01\x00\x00"), HELLO_RECORD_LENGTH},
		{"a record of 2^14 + 1", BYTES("\x16\x03\x01\x40\x01"), HELLO_RECORD_LENGTH},
		{"an empty second record", BYTES("\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x00"),
		 HELLO_RECORD_LENGTH},
		{"an alert in between", BYTES("\x16\x03\x01\x00\x01\x01\x15"), HELLO_RECORD_TYPE},
		{"HTTP in between", BYTES("\x16\x03\x01\x00\x01\x01GET /"), HELLO_RECORD_TYPE},
		{"SSL 2.0 in between", BYTES("\x16\x03\x01\x00\x01\x01\x80\x2e\x01"),
		 HELLO_RECORD_TYPE},
		{"a ServerHello", BYTES("\x16\x03\x01\x00\x09\x02\x00\x00\x05"),
		 HELLO_MESSAGE_TYPE},
		{"a HelloRequest", BYTES("\x16\x03\x01\x00\x04\x00\x00\x00\x00"),
		 HELLO_MESSAGE_TYPE},
		{"16 MiB promised", BYTES("\x16\x03\x01\x40\x00\x01\xff\xff\xff"), HELLO_TOO_LARGE},
		{"an empty ClientHello", BYTES("\x16\x03\x01\x00\x04\x01\x00\x00\x00"),
		 HELLO_MALFORMED},
		{"a byte behind it", BYTES("\x16\x03\x01\x00\x05\x01\x00\x00\x00"), HELLO_TRAILING},
		{"a second one behind it", BYTES("\x16\x03\x01\x00\x08\x01\x00\x00\x00\x01"),
		 HELLO_TRAILING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(rows[i].label, rows[i].bytes, rows[i].problem);
}

static void messages(void **state)
{
	static const struct {
		const char *label;
		struct sample sample;
		enum hello_problem problem;
	} rows[] = {
		{"SSL 3.0 inside", {.legacy_version = 0x0300}, HELLO_VERSION},
		{"TLS 1.3 as legacy_version", {.legacy_version = 0x0304}, HELLO_VERSION},
		{"version 2.0 inside", {.legacy_version = 0x0002}, HELLO_VERSION},
		{"a session id of 33",
		 {.session_id = BYTES("0123456789abcdef0123456789abcdefX")},
		 HELLO_MALFORMED},
		{"no ciphers", {.ciphers = BYTES("")}, HELLO_MALFORMED},
		{"half a cipher", {.ciphers = BYTES("\x13\x01\x13")}, HELLO_MALFORMED},
		{"no compression methods", {.compression = BYTES("")}, HELLO_MALFORMED},
		{"compression only", {.compression = BYTES("\x01")}, HELLO_COMPRESSION},
		{"bytes behind the extensions", {.behind = BYTES("x")}, HELLO_MALFORMED},
		{"one byte for extensions",
		 {.without_extensions = true, .behind = BYTES("\0")},
		 HELLO_MALFORMED},
		{"extensions cut short",
		 {.without_extensions = true, .behind = BYTES("\x00\x05\x00")},
		 HELLO_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static uint8_t wire[SAMPLE_MAX_BYTES];

		expect(rows[i].label,
		       slice_of(wire, sample_hello(&rows[i].sample, wire, sizeof(wire))),
		       rows[i].problem);
	}
}

/* The server name's extension is 00 00, its length, the list's length, the type, the name's. */
static void extensions(void **state)
{
	static const struct {
		const char *label;
		struct slice bytes;
		enum hello_problem problem;
	} rows[] = {
		{"half a header", BYTES("\x00\x17\x00"), HELLO_MALFORMED},
		{"a body past the end", BYTES("\x00\x17\x00\x02x"), HELLO_MALFORMED},
		{"an unknown one twice", BYTES("\x99\x99\x00\x00\x99\x99\x00\x00"),
		 HELLO_DUPLICATE},
		{"server_name twice",
		 BYTES("\x00\x00\x00\x06\x00\x04\x00\x00\x01"
		       "a\x00\x00\x00\x06\x00\x04\x00\x00\x01"
		       "a"),
		 HELLO_DUPLICATE},
		{"server_name twice, apart",
		 BYTES("\x00\x00\x00\x06\x00\x04\x00\x00\x01"
		       "a\x00\x17\x00\x00\x00\x00\x00\x06\x00\x04\x00\x00\x01"
		       "b"),
		 HELLO_DUPLICATE},
		{"server_name without body", BYTES("\x00\x00\x00\x00"), HELLO_MALFORMED},
		{"server_name without names", BYTES("\x00\x00\x00\x02\x00\x00"), HELLO_NAME_COUNT},
		{"an empty name", BYTES("\x00\x00\x00\x05\x00\x03\x00\x00\x00"), HELLO_NAME_EMPTY},
		{"two names",
		 BYTES("\x00\x00\x00\x0a\x00\x08\x00\x00\x01"
		       "a\x00\x00\x01"
		       "b"),
		 HELLO_NAME_COUNT},
		{"two names of two types",
		 BYTES("\x00\x00\x00\x0a\x00\x08\x00\x00\x01"
		       "a\x01\x00\x01"
		       "b"),
		 HELLO_NAME_COUNT},
		{"a name of another type",
		 BYTES("\x00\x00\x00\x06\x00\x04\x01\x00\x01"
		       "a"),
		 HELLO_NAME_TYPE},
		{"a name past its list",
		 BYTES("\x00\x00\x00\x06\x00\x04\x00\x00\x02"
		       "a"),
		 HELLO_MALFORMED},
		{"a list past its extension",
		 BYTES("\x00\x00\x00\x06\x00\x05\x00\x00\x01"
		       "a"),
		 HELLO_MALFORMED},
		{"bytes behind the list",
		 BYTES("\x00\x00\x00\x07\x00\x04\x00\x00\x01"
		       "ax"),
		 HELLO_MALFORMED},
		{"ALPN without names", BYTES("\x00\x10\x00\x02\x00\x00"), HELLO_MALFORMED},
		{"ALPN with an empty name", BYTES("\x00\x10\x00\x06\x00\x04\x02h2\x00"),
		 HELLO_MALFORMED},
		{"ALPN cut short", BYTES("\x00\x10\x00\x05\x00\x03\x05h2"), HELLO_MALFORMED},
		{"ALPN with a byte behind", BYTES("\x00\x10\x00\x06\x00\x03\x02h2x"),
		 HELLO_MALFORMED},
		{"no supported versions", BYTES("\x00\x2b\x00\x01\x00"), HELLO_MALFORMED},
		{"half a supported version", BYTES("\x00\x2b\x00\x02\x01\x03"), HELLO_MALFORMED},
		{"early_data with a body", BYTES("\x00\x2a\x00\x01x"), HELLO_MALFORMED},
		{"pre_shared_key without binders",
		 BYTES("\x00\x29\x00\x09\x00\x07\x00\x01i\x00\x00\x00\x00"), HELLO_MALFORMED},
		{"pre_shared_key not last",
		 BYTES("\x00\x29\x00\x0f\x00\x07\x00\x01i\x00\x00\x00\x00\x00\x04\x03ppp"
		       "\x00\x17\x00\x00"),
		 HELLO_PSK_NOT_LAST},
		{"an empty cookie", BYTES("\x00\x2c\x00\x02\x00\x00"), HELLO_MALFORMED},
		{"a renegotiation", BYTES("\xff\x01\x00\x03\x02xy"), HELLO_RENEGOTIATION},
		{"renegotiation_info without body", BYTES("\xff\x01\x00\x00"), HELLO_MALFORMED},
		{"ECH inner", BYTES("\xfe\x0d\x00\x01\x01"), HELLO_ECH_INNER},
		{"ECH of an unknown form",
		 BYTES("\xfe\x0d\x00\x0c\x02\x00\x01\x00\x01\x07\x00\x01k\x00\x01p"),
		 HELLO_MALFORMED},
		{"ECH without body", BYTES("\xfe\x0d\x00\x00"), HELLO_MALFORMED},
		{"ECH without payload",
		 BYTES("\xfe\x0d\x00\x0b\x00\x00\x01\x00\x01\x07\x00\x01k\x00\x00"),
		 HELLO_MALFORMED},
		{"ECH with a byte behind",
		 BYTES("\xfe\x0d\x00\x0d\x00\x00\x01\x00\x01\x07\x00\x01k\x00\x01px"),
		 HELLO_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static uint8_t wire[SAMPLE_MAX_BYTES];
		struct sample sample = {.extensions = rows[i].bytes};

		expect(rows[i].label, slice_of(wire, sample_hello(&sample, wire, sizeof(wire))),
		       rows[i].problem);
	}
}

static void names(void **state)
{
	static const struct {
		struct slice name;
		enum hello_problem problem;
	} rows[] = {
		{BYTES("api.example.com\0.evil.test"), HELLO_NAME_NUL},
		{BYTES("\0"), HELLO_NAME_NUL},
		{BYTES("192.0.2.1"), HELLO_NAME_IS_ADDRESS},
		{BYTES("3221225985"), HELLO_NAME_IS_ADDRESS},
		{BYTES("2001:db8::1"), HELLO_NAME_IS_ADDRESS},
		{BYTES("[2001:db8::1]"), HELLO_NAME_IS_ADDRESS},
		{BYTES("example.com:443"), HELLO_NAME_IS_ADDRESS},
		{BYTES("under_score.example.com"), HELLO_NAME_INVALID},
		{BYTES("*.example.com"), HELLO_NAME_INVALID},
		{BYTES("-a.example.com"), HELLO_NAME_INVALID},
		{BYTES("a..example.com"), HELLO_NAME_INVALID},
		{BYTES("example.com.."), HELLO_NAME_INVALID},
		{BYTES(" example.com"), HELLO_NAME_INVALID},
		{BYTES("ex\xc3\xa4mple.com"), HELLO_NAME_INVALID},
		{BYTES("user@example.com"), HELLO_NAME_INVALID},
	};
	static uint8_t wire[SAMPLE_MAX_BYTES], extension[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = sample_server_name(rows[i].name, extension, sizeof(extension));
		struct sample sample = {.extensions = slice_of(extension, len)};

		expect(rows[i].name.ptr, slice_of(wire, sample_hello(&sample, wire, sizeof(wire))),
		       rows[i].problem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beginnings),
		cmocka_unit_test(messages),
		cmocka_unit_test(extensions),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
