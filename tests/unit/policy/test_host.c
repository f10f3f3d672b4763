/* Threats H1, H4, H6 to H11, H14 to H16. */
#include "policy/host.h"

#include "base/error.h"
#include "tests/unit/allocation.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void takes_what_is_a_host(void **state)
{
	static const struct {
		const char *text, *canonical;
		enum host_kind kind;
	} rows[] = {
		{"example.com", "example.com", HOST_NAME},
		{"EXAMPLE.Com", "example.com", HOST_NAME},  /* H8 */
		{"example.com.", "example.com", HOST_NAME}, /* H6 */
		{"a", "a", HOST_NAME},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", HOST_NAME}, /* H9 */
		{"r3---sn-4g5e6nez.googlevideo.com", "r3---sn-4g5e6nez.googlevideo.com", HOST_NAME},
		{"1.2.3.4a", "1.2.3.4a", HOST_NAME},
		{"3com.com", "3com.com", HOST_NAME},
		{"1.0xg", "1.0xg", HOST_NAME},
		{"192.0.2.1", "192.0.2.1", HOST_IPV4},
		{"0.0.0.0", "0.0.0.0", HOST_IPV4},
		{"255.255.255.255", "255.255.255.255", HOST_IPV4},
		{"[2001:DB8::1]", "2001:db8::1", HOST_IPV6},
		{"[::]", "::", HOST_IPV6},
		{"[::1]", "::1", HOST_IPV6},
		{"[1::]", "1::", HOST_IPV6},
		{"[2001:db8:0:0:1:0:0:1]", "2001:db8::1:0:0:1", HOST_IPV6},
		{"[2001:0db8:0:1:1:1:1:1]", "2001:db8:0:1:1:1:1:1", HOST_IPV6},
		{"[1:0:0:2:0:0:0:3]", "1:0:0:2::3", HOST_IPV6},
		{"[64:ff9b::c000:201]", "64:ff9b::c000:201", HOST_IPV6},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct host host, again;

		assert_int_equal(host_parse(slice_from_text(rows[i].text), &host), 0);
		assert_int_equal(host.kind, rows[i].kind);
		assert_string_equal(host.text, rows[i].canonical);
		assert_int_equal(host.length, strlen(rows[i].canonical));
		if (host.kind == HOST_IPV6)
			continue;
		assert_int_equal(host_parse(host_slice(&host), &again), 0);
		assert_true(host_equal(&host, &again));
	}
}

static void refuses_every_other_spelling(void **state)
{
	static const struct slice rows[] = {
		SLICE_LITERAL(""),
		SLICE_LITERAL("."),
		SLICE_LITERAL(".."),
		SLICE_LITERAL(".example.com"),
		SLICE_LITERAL("example..com"),
		SLICE_LITERAL("example.com.."),
		SLICE_LITERAL("allowed.example\0.evil.example"), /* H1 */
		SLICE_LITERAL("exa mple.com"),
		SLICE_LITERAL("example.com "),
		SLICE_LITERAL("example.com\n"),
		SLICE_LITERAL("ex_ample.com"), /* H11 */
		SLICE_LITERAL("-example.com"),
		SLICE_LITERAL("example-.com"),
		SLICE_LITERAL("b\xc3\xbc"
			      "cher.example"), /* H9 */
		SLICE_LITERAL("example\xe3\x80\x82"
			      "com"), /* ideographic full stop */
		SLICE_LITERAL("*.example.com"),
		SLICE_LITERAL("user@example.com"), /* H10 */
		SLICE_LITERAL("example.com\\x"),
		SLICE_LITERAL("example.com/x"),
		SLICE_LITERAL("example.com:443"),
		SLICE_LITERAL("%65xample.com"),
		SLICE_LITERAL("[example.com]"), /* H7 */
		SLICE_LITERAL("[192.0.2.1]"),
		SLICE_LITERAL("[]"),
		SLICE_LITERAL("["),
		SLICE_LITERAL("]"),
		SLICE_LITERAL("[::1"),
		SLICE_LITERAL("::1"),
		SLICE_LITERAL("2001:db8::1"),
		/* H16 */
		SLICE_LITERAL("2130706433"),
		SLICE_LITERAL("0x7f000001"),
		SLICE_LITERAL("0x7f.1"),
		SLICE_LITERAL("127.1"),
		SLICE_LITERAL("127.0.1"),
		SLICE_LITERAL("0177.0.0.1"),
		SLICE_LITERAL("127.0.0.01"),
		SLICE_LITERAL("127.0.0.1."),
		SLICE_LITERAL("127.0.0.0x1"),
		SLICE_LITERAL("1.2.3.0X1F"),
		SLICE_LITERAL("host.0x"),
		SLICE_LITERAL("1.2.3.4.5"),
		SLICE_LITERAL("256.0.0.1"),
		SLICE_LITERAL("1.2.3."),
		SLICE_LITERAL("host.123"),
		SLICE_LITERAL("[::ffff:127.0.0.1]"),
		SLICE_LITERAL("[::ffff:7f00:1]"),
		SLICE_LITERAL("[::127.0.0.1]"),
		SLICE_LITERAL("[fe80::1%eth0]"),
		SLICE_LITERAL("[fe80::1%25eth0]"),
		SLICE_LITERAL("[1:2:3:4:5:6:7]"),
		SLICE_LITERAL("[1:2:3:4:5:6:7:8:9]"),
		SLICE_LITERAL("[1::2::3]"),
		SLICE_LITERAL("[12345::]"),
		SLICE_LITERAL("[00001::]"),
		SLICE_LITERAL("[:1]"),
		SLICE_LITERAL("[0000:0000:0000:0000:0000:0000:0000:00000001]"),
	};
	struct host host;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(host_parse(rows[i], &host), ERROR_SYNTAX);
}

static void names_and_labels_have_their_limits(void **state)
{
	char text[300];
	struct host host;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(host_parse(slice_of(text, 63), &host), 0);
	assert_int_equal(host_parse(slice_of(text, 64), &host), ERROR_SYNTAX);
	for (size_t i = 63; i < sizeof(text); i += 64)
		text[i] = '.';
	assert_int_equal(host_parse(slice_of(text, 253), &host), 0);
	assert_int_equal(host.length, 253);
	assert_int_equal(host_parse(slice_of(text, 254), &host), ERROR_SYNTAX);
	text[253] = '.';
	assert_int_equal(host_parse(slice_of(text, 254), &host), 0);
	assert_int_equal(host.length, 253);
}

static void a_server_name_is_never_an_address(void **state)
{
	struct host host;

	(void)state;
	assert_int_equal(host_parse_name(SLICE_LITERAL("a.example"), &host), 0);
	assert_int_equal(host_parse_name(SLICE_LITERAL("192.0.2.1"), &host), ERROR_SYNTAX);
	assert_int_equal(host_parse_name(SLICE_LITERAL("[::1]"), &host), ERROR_SYNTAX);
}

static void an_authority_has_one_spelling_of_its_port(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} good[] = {
		{"a.example", "a.example", 443},
		{"a.example:1", "a.example", 1},
		{"a.example:65535", "a.example", 65535},
		{"[::1]:80", "::1", 80},
		{"[::1]", "::1", 443},
		{"192.0.2.1:8443", "192.0.2.1", 8443},
	};
	static const char *const bad[] = {
		"a.example:",	  "a.example:0",    "a.example:65536", "a.example:00443",
		"a.example:0443", "a.example:+443", "a.example:44x",   "a.example:443:443",
		"a.example:4 43", ":443",	    "u@a.example:443", "u:p@a.example",
		"[::1]:",	  "[::1]443",	    "[::1]:0",	       "::1:443",
		"[::1]x:443",	  "a.example:443/", "a.example:-1",    "a.example:999999",
	};
	struct host host;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < ROWS(good); i++) {
		assert_int_equal(
			host_parse_authority(slice_from_text(good[i].text), 443, &host, &port), 0);
		assert_string_equal(host.text, good[i].host);
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_int_equal(host_parse_authority(slice_from_text(bad[i]), 443, &host, &port),
				 ERROR_SYNTAX);
}

static void names_are_below_others_label_by_label(void **state)
{
	static const struct {
		const char *name;
		bool below;
	} rows[] = {
		{"a.x.example", true}, {"a.b.x.example", true},	   {"x.example", false},
		{"ax.example", false}, {"a.x.example.org", false}, {"example", false},
		{"192.0.2.1", false},
	};
	struct host suffix, name;

	(void)state;
	assert_int_equal(host_parse(SLICE_LITERAL("x.example"), &suffix), 0);
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(host_parse(slice_from_text(rows[i].name), &name), 0);
		assert_int_equal(host_is_below(&name, &suffix), rows[i].below);
	}
}

static void addresses_go_to_text_and_back(void **state)
{
	static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
	static const uint8_t compatible[16] = {[12] = 192, 0, 2, 1};
	uint8_t bytes[16];
	struct host host;

	(void)state;
	host_from_address(mapped, 16, &host);
	assert_int_equal(host.kind, HOST_IPV4);
	assert_string_equal(host.text, "192.0.2.1");
	assert_int_equal(host_address(&host, bytes), 4);
	assert_memory_equal(bytes, mapped + 12, 4);
	host_from_address(compatible, 16, &host);
	assert_string_equal(host.text, "::c000:201");
	assert_int_equal(host_address(&host, bytes), 16);
	assert_memory_equal(bytes, compatible, 16);
	assert_int_equal(host_parse_name(SLICE_LITERAL("a"), &host), 0);
	assert_int_equal(host_address(&host, bytes), 0);
}

static void an_authority_is_written_as_a_url_needs_it(void **state)
{
	char out[HOST_AUTHORITY_MAX + 1];
	struct host host;

	(void)state;
	assert_int_equal(host_parse(SLICE_LITERAL("[::1]"), &host), 0);
	assert_int_equal(host_format_authority(&host, 443, 443, out), 5);
	assert_string_equal(out, "[::1]");
	assert_int_equal(host_format_authority(&host, 80, 443, out), 8);
	assert_string_equal(out, "[::1]:80");
	assert_int_equal(host_parse(SLICE_LITERAL("a.example"), &host), 0);
	assert_int_equal(host_format_authority(&host, 65535, 443, out), 15);
	assert_string_equal(out, "a.example:65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_a_host),
		cmocka_unit_test(refuses_every_other_spelling),
		cmocka_unit_test(names_and_labels_have_their_limits),
		cmocka_unit_test(a_server_name_is_never_an_address),
		cmocka_unit_test(an_authority_has_one_spelling_of_its_port),
		cmocka_unit_test(names_are_below_others_label_by_label),
		cmocka_unit_test(addresses_go_to_text_and_back),
		cmocka_unit_test(an_authority_is_written_as_a_url_needs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
