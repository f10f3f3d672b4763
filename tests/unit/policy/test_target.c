/* Threats H3, H5, H7, H9 to H16, P11, S21, S22. */
#include "policy/target.h"

#include "base/error.h"
#include "tests/unit/policy/fixture.h"

static int parse(const char *text, enum target_role role, struct policy_target *target,
		 struct target_fault *fault)
{
	memset(fault, 0, sizeof(*fault));
	target->place = (struct diagnostic_place){0};
	return target_parse(slice_from_text(text), role, target, fault);
}

static void takes_every_form(void **state)
{
	static const struct {
		const char *text;
		enum policy_scheme scheme;
		bool wildcard, any_host;
		const char *host;
		uint16_t port;
		const char *path;
	} rows[] = {
		{"a.example", POLICY_HTTPS, false, false, "a.example", 443, "/**"},
		{"A.Example", POLICY_HTTPS, false, false, "a.example", 443, "/**"},
		{"a.example.", POLICY_HTTPS, false, false, "a.example", 443, "/**"},
		{"a.example:8443", POLICY_HTTPS, false, false, "a.example", 8443, "/**"},
		{"a.example/x/*", POLICY_HTTPS, false, false, "a.example", 443, "/x/*"},
		{"https://a.example", POLICY_HTTPS, false, false, "a.example", 443, "/**"},
		{"https://a.example/", POLICY_HTTPS, false, false, "a.example", 443, "/"},
		{"http://a.example", POLICY_HTTP, false, false, "a.example", 80, "/**"},
		{"http://a.example:8080/x", POLICY_HTTP, false, false, "a.example", 8080, "/x"},
		{"tls://a.example", POLICY_TLS, false, false, "a.example", 443, "/**"},
		{"tls://a.example:853", POLICY_TLS, false, false, "a.example", 853, "/**"},
		{"*.a.example", POLICY_HTTPS, true, false, "a.example", 443, "/**"},
		{"http://*.a.example:1/x", POLICY_HTTP, true, false, "a.example", 1, "/x"},
		{"*", POLICY_HTTPS, false, true, "", 443, "/**"},
		{"tls://*:8443", POLICY_TLS, false, true, "", 8443, "/**"},
		{"192.0.2.1", POLICY_HTTPS, false, false, "192.0.2.1", 443, "/**"},
		{"[2001:db8::1]:8443/x", POLICY_HTTPS, false, false, "2001:db8::1", 8443, "/x"},
		{"http://[::1]", POLICY_HTTP, false, false, "::1", 80, "/**"},
		{"xn--bcher-kva.example", POLICY_HTTPS, false, false, "xn--bcher-kva.example", 443,
		 "/**"},
		{"a.example/%C3%A9;x=1,2&(y)", POLICY_HTTPS, false, false, "a.example", 443,
		 "/%C3%A9;x=1,2&(y)"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy_target target;
		struct target_fault fault;

		assert_int_equal(parse(rows[i].text, TARGET_ALLOW, &target, &fault), 0);
		assert_int_equal(target.scheme, rows[i].scheme);
		assert_false(target.any_scheme || target.any_port);
		assert_int_equal(target.wildcard, rows[i].wildcard);
		assert_int_equal(target.any_host, rows[i].any_host);
		assert_string_equal(target.host.text, rows[i].host);
		assert_int_equal(target.port, rows[i].port);
		assert_true(slice_equal(target.path.text, slice_from_text(rows[i].path)));
	}
}

static void a_flow_may_be_to_a_range(void **state)
{
	static const struct {
		const char *text;
		enum policy_scheme scheme;
		const char *host;
		uint16_t port;
		int bits; /* -1: no range */
	} rows[] = {
		{"tcp://a.example:22", POLICY_TCP, "a.example", 22, -1},
		{"tcp://*.a.example:22", POLICY_TCP, "a.example", 22, -1},
		{"udp://192.0.2.1:53", POLICY_UDP, "192.0.2.1", 53, -1},
		{"tcp://[2001:db8::1]:22", POLICY_TCP, "2001:db8::1", 22, -1},
		{"tcp://192.0.2.0/24:5432", POLICY_TCP, "192.0.2.0", 5432, 24},
		{"udp://0.0.0.0/0:53", POLICY_UDP, "0.0.0.0", 53, 0},
		{"tcp://192.0.2.1/32:22", POLICY_TCP, "192.0.2.1", 22, 32},
		{"udp://[2001:db8::]/32:53", POLICY_UDP, "2001:db8::", 53, 32},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy_target target;
		struct target_fault fault;

		assert_int_equal(parse(rows[i].text, TARGET_ALLOW, &target, &fault), 0);
		assert_int_equal(target.scheme, rows[i].scheme);
		assert_string_equal(target.host.text, rows[i].host);
		assert_int_equal(target.port, rows[i].port);
		assert_false(target.any_port || target.any_scheme);
		assert_int_equal(target.is_range, rows[i].bits >= 0);
		if (target.is_range)
			assert_int_equal(target.range.prefix_bits, rows[i].bits);
		assert_true(target.path.matches_all);
	}
}

static void a_denial_without_a_scheme_is_for_all_of_them(void **state)
{
	struct policy_target target;
	struct target_fault fault;

	(void)state;
	assert_int_equal(parse("*.a.example", TARGET_DENY, &target, &fault), 0);
	assert_true(target.any_scheme && target.any_port);
	assert_int_equal(parse("a.example:8443/x", TARGET_DENY, &target, &fault), 0);
	assert_true(target.any_scheme && !target.any_port);
	assert_int_equal(target.port, 8443);
	assert_int_equal(parse("tcp://a.example", TARGET_DENY, &target, &fault), 0);
	assert_true(!target.any_scheme && target.any_port);
	assert_int_equal(parse("udp://[2001:db8::]/32", TARGET_DENY, &target, &fault), 0);
	assert_true(!target.any_scheme && target.any_port && target.is_range);
	assert_int_equal(parse("tcp://a.example:22", TARGET_DENY, &target, &fault), 0);
	assert_false(target.any_scheme || target.any_port);
	assert_int_equal(parse("https://a.example", TARGET_DENY, &target, &fault), 0);
	assert_false(target.any_scheme || target.any_port);
}

static void all_else_is_refused_at_its_place(void **state)
{
	static const struct {
		const char *text, *marked, *part;
	} rows[] = {
		{"://a.example", "", "unknown scheme"},
		{"HTTPS://a.example", "HTTPS", "unknown scheme"},
		{"htps://a.example", "htps", "unknown scheme"},
		{"ftp://a.example", "ftp", "unknown scheme"},
		{"TCP://a.example:1", "TCP", "unknown scheme"},
		{"tcp://", "tcp://", "no host"},
		{"tcp://:22", "tcp://:22", "no host"},
		{"tcp://a.example", "a.example", "needs a port"},
		{"udp://*.a.example", "*.a.example", "a udp:// target needs a port"},
		{"tcp://192.0.2.0/24", "192.0.2.0/24", "needs a port"},
		{"tcp://a.example:", ":", "no port"},
		{"tcp://a.example:0", "0", "from 1 to 65535"},
		{"tcp://a.example:022", "022", "from 1 to 65535"},
		{"tcp://a.example:*", "*", "a port is a number"},
		{"tcp://a.example:22/", "/", "no path"},
		{"tcp://a.example:22/x", "/x", "no path"},
		{"tcp://a.example/x:22", "/x", "no path"},
		{"tcp://192.0.2.0:22/24", "/24", "no path"},
		{"tcp://u@a.example:22", "u@", "user information"},
		{"tcp://a.example:22:23", "a.example:22:23", "two colons"},
		{"tcp://2001:db8::1:22", "2001:db8::1:22", "two colons"},
		{"tcp://a.example/24:22", "a.example/24", "a range is one of addresses"},
		{"tcp://*/24:22", "*", "a star can only"},
		{"tcp://192.0.2.0/:22", "/", "no path"},
		{"tcp://192.0.2.0/024:22", "192.0.2.0/024", "a prefix is a number"},
		{"tcp://192.0.2.0/33:22", "192.0.2.0/33", "a number from 0 to 32"},
		{"tcp://192.0.2.1/24:22", "192.0.2.1/24", "bits set behind its prefix"},
		{"tcp://192.0.2/24:22", "192.0.2", "not an IPv4 address"},
		{"tcp://[2001:db8::/32]:22", "/32]", "no path"},
		{"tcp://[2001:db8::1]/32:22", "[2001:db8::1]/32", "bits set behind its prefix"},
		{"postgres://a.example", "postgres", "not yet supported"},
		{"mysql://a.example", "mysql", "not yet supported"},
		{"redis://a.example", "redis", "not yet supported"},
		{"wss://a.example", "wss", "a WebSocket is opened by a request of HTTP"},
		{"https://", "https://", "no host"},
		{"/x", "/x", "no host"},
		{"https://user@a.example", "user@", "user information"},
		{"https://u:p@a.example/x", "u:p@", "user information"},
		{"a.example?x", "?", "query string"},
		{"a.example/x?y=z", "?", "query string"},
		{"a.example/x#y", "#", "fragment"},
		{"a.example, b.example", " ", "spaces"},
		{"a.example:", ":", "no port"},
		{"a.example:0", "0", "from 1 to 65535"},
		{"a.example:65536", "65536", "from 1 to 65535"},
		{"a.example:0443", "0443", "from 1 to 65535"},
		{"a.example:x", "x", "from 1 to 65535"},
		{"a.example:*", "*", "a port is a number"},
		{"https:/a.example", ":", "no port"},
		{"2001:db8::1", "2001:db8::1", "two colons"},
		{"[2001:db8::1", "[2001:db8::1", "not an IPv6 address"},
		{"[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", "not an IPv6 address"},
		{"[fe80::1%eth0]", "[fe80::1%eth0]", "not an IPv6 address"},
		{"127.1", "127.1", "not an IPv4 address"},
		{"0x7f.0.0.1", "0x7f.0.0.1", "not an IPv4 address"},
		{"0177.0.0.1", "0177.0.0.1", "not an IPv4 address"},
		{"127.0.0.1.", "127.0.0.1.", "not a host name"},
		{"2130706433", "2130706433", "not an IPv4 address"},
		{"10.0.0.0/8", "/8", "not a range"},
		{"[2001:db8::]/32", "/32", "not a range"},
		{"a_b.example", "_", "underscore"},
		{"-a.example", "-a.example", "not a host name"},
		{"a..example", "a..example", "not a host name"},
		{".a.example", ".a.example", "not a host name"},
		{"b\xc3\xbc"
		 "cher.example",
		 "\xc3", "ASCII"},
		{"a.example/\xc3\xa9", "\xc3", "ASCII"},
		{"*a.example", "*", "a star can only"},
		{"a.*.example", "*", "a star can only"},
		{"*.*.example", "*", "a star can only"},
		{"**.example", "*", "a star can only"},
		{"*.", "*", "a star can only"},
		{"*.192.0.2.1", "*.192.0.2.1", "below an address"},
		{"*.[::1]", "*.[::1]", "two colons"},
		{"tls://a.example/", "/", "no path"},
		{"tls://a.example/x", "/x", "no path"},
		{"a.example/a/../b", "/a/../b", "canonical form"},
		{"a.example/%61", "/%61", "canonical form"},
		{"a.example/a%2fb", "/a%2fb", "canonical form"},
		{"a.example/***", "/***", "two stars"},
		{"a.example/{x}", "/{x}", "percent-encoded"},
		{"a.example/..%2F", "/..%2F", "dot segment"},
		{"a.example\\x", "a.example\\x", "not a host name"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy_target target;
		struct target_fault fault;
		struct slice text = slice_from_text(rows[i].text), marked;
		int rc = parse(rows[i].text, TARGET_ALLOW, &target, &fault);

		marked = slice_first(slice_from(text, fault.offset), fault.length);
		if (rc >= 0 || !strstr(fault.text, rows[i].part) ||
		    !slice_equal(marked, slice_from_text(rows[i].marked)))
			print_error("%s: \"%.*s\": %s\n", rows[i].text, SLICE_ARGS(marked),
				    fault.text);
		assert_true(rc < 0);
		assert_int_equal(rc == ERROR_UNSUPPORTED, !!strstr(fault.text, "not yet"));
		assert_non_null(strstr(fault.text, rows[i].part));
		assert_true(slice_equal(marked, slice_from_text(rows[i].marked)));
	}
}

static void a_secret_goes_to_https_only(void **state)
{
	struct policy_target target;
	struct target_fault fault;

	(void)state;
	assert_int_equal(parse("a.example/v1/**", TARGET_USE, &target, &fault), 0);
	assert_int_equal(parse("http://a.example/v1/**", TARGET_USE, &target, &fault),
			 ERROR_SYNTAX);
	assert_non_null(strstr(fault.hint, "plain HTTP"));
	assert_int_equal(parse("tls://a.example", TARGET_USE, &target, &fault), ERROR_SYNTAX);
	assert_non_null(strstr(fault.hint, "passed through"));
}

static void width_is_what_others_can_register(void **state)
{
	static const struct {
		const char *text;
		enum target_width width;
	} rows[] = {
		{"a.example", TARGET_NARROW},	    {"*.a.example", TARGET_NARROW},
		{"*.github.com", TARGET_NARROW},    {"com", TARGET_NARROW},
		{"*", TARGET_EVERYTHING},	    {"*.com", TARGET_SUFFIX},
		{"*.internal", TARGET_SUFFIX},	    {"*.co.uk", TARGET_SUFFIX},
		{"*.kawasaki.jp", TARGET_SUFFIX},   {"*.city.kawasaki.jp", TARGET_NARROW},
		{"*.github.io", TARGET_SHARED},	    {"*.cloudfront.net", TARGET_SHARED},
		{"*.me.github.io", TARGET_NARROW},  {"*.s3.amazonaws.com", TARGET_SHARED},
		{"*.amazonaws.com", TARGET_SHARED}, {"*.googleapis.com", TARGET_SHARED},
		{"*.herokuapp.com", TARGET_SHARED}, {"192.0.2.1", TARGET_NARROW},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy_target target;
		struct target_fault fault;

		assert_int_equal(parse(rows[i].text, TARGET_ALLOW, &target, &fault), 0);
		assert_int_equal(target_width(&target), rows[i].width);
	}
}

static void storage_is_shared_until_the_bucket_is_named(void **state)
{
	static const struct {
		const char *text;
		bool shared;
	} rows[] = {
		{"s3.amazonaws.com", true},
		{"s3.amazonaws.com/**", true},
		{"s3.amazonaws.com/my*", true},
		{"s3.amazonaws.com/mine/**", false},
		{"s3.eu-west-1.amazonaws.com", true},
		{"s3-eu-west-1.amazonaws.com/*/x", true},
		{"storage.googleapis.com/mine/**", false},
		{"storage.googleapis.com", true},
		{"mine.s3.amazonaws.com", false},
		{"a.example", false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct policy_target target;
		struct target_fault fault;

		assert_int_equal(parse(rows[i].text, TARGET_ALLOW, &target, &fault), 0);
		assert_int_equal(target_is_shared_storage(&target), rows[i].shared);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_form),
		cmocka_unit_test(a_flow_may_be_to_a_range),
		cmocka_unit_test(a_denial_without_a_scheme_is_for_all_of_them),
		cmocka_unit_test(all_else_is_refused_at_its_place),
		cmocka_unit_test(a_secret_goes_to_https_only),
		cmocka_unit_test(width_is_what_others_can_register),
		cmocka_unit_test(storage_is_shared_until_the_bucket_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
