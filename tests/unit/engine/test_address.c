#include "proxy/engine/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "proxy/dns/names.h"
#include "tests/unit/allocation.h"

static struct address parse(const char *text)
{
	struct address address = {.length = strchr(text, ':') ? 16 : 4};

	assert_int_equal(inet_pton(address.length == 4 ? AF_INET : AF_INET6, text, address.bytes),
			 1);
	return address;
}

static struct policy_cidr range(const char *text, uint8_t bits)
{
	struct address address = parse(text);
	struct policy_cidr cidr = {.address_bytes = address.length, .prefix_bits = bits};

	memcpy(cidr.address, address.bytes, sizeof(cidr.address));
	return cidr;
}

/* NULL when TEXT may be dialled under POLICY, or else why not. */
static const char *verdict(const char *text, const struct policy *policy)
{
	struct address address = parse(text);
	const char *why = NULL;
	int rc = address_check(&address, policy, &why);

	assert_true(rc == 0 ? why == NULL : rc == ERROR_DENIED && why != NULL);
	return why;
}

static const char *const public_addresses[] = {
	"1.1.1.1",
	"8.8.8.8",
	"9.255.255.255",
	"11.0.0.0",
	"100.63.255.255",
	"100.128.0.0",
	"126.255.255.255",
	"128.0.0.0",
	"169.253.255.255",
	"169.255.0.0",
	"172.15.255.255",
	"172.32.0.0",
	"192.0.0.9",
	"192.0.0.10",
	"192.0.1.0",
	"192.0.3.0",
	"192.167.255.255",
	"192.169.0.0",
	"198.17.255.255",
	"198.20.0.0",
	"203.0.112.255",
	"203.0.114.0",
	"223.255.255.255",
	"168.63.129.15",
	"168.63.129.17",
	"2606:4700:4700::1111",
	"2001:4860:4860::8888",
	"2001:200::1",
	"2001:1::1",
	"2001:1::2",
	"2001:3::1",
	"2001:4:112::1",
	"2003::1",
	"2a00:1450:4001::1",
	"3ffe::1",
	"64:ff9b::8.8.8.8",
	"64:ff9b::1.1.1.1",
};

static void public_addresses_may_be_dialled(void **state)
{
	const struct policy policy = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(public_addresses) / sizeof(public_addresses[0]); i++) {
		const char *why = verdict(public_addresses[i], &policy);

		if (why)
			fail_msg("%s: %s", public_addresses[i], why);
	}
}

static const struct {
	const char *address;
	const char *class;
	bool never; /* even if all of both families is listed */
} special[] = {
	{"0.0.0.0", "unspecified", true},
	{"0.0.0.1", "this network", true},
	{"0.255.255.255", "this network", true},
	{"10.0.0.0", "private", false},
	{"10.0.0.5", "private", false},
	{"10.255.255.255", "private", false},
	{"100.64.0.0", "shared", false},
	{"100.127.255.255", "shared", false},
	{"100.100.100.200", "metadata", true},
	{"127.0.0.0", "loopback", false},
	{"127.0.0.1", "loopback", false},
	{"127.255.255.255", "loopback", false},
	{"168.63.129.16", "metadata", true},
	{"169.254.0.0", "link-local", true},
	{"169.254.169.253", "link-local", true},
	{"169.254.169.254", "metadata", true},
	{"169.254.170.2", "metadata", true},
	{"169.254.170.23", "metadata", true},
	{"169.254.255.255", "link-local", true},
	{"172.16.0.0", "private", false},
	{"172.31.255.255", "private", false},
	{"192.0.0.0", "for protocols", false},
	{"192.0.0.8", "for protocols", false},
	{"192.0.0.11", "for protocols", false},
	{"192.0.0.170", "for protocols", false},
	{"192.0.0.192", "metadata", true},
	{"192.0.2.1", "documentation", false},
	{"192.88.99.1", "6to4", false},
	{"192.168.0.0", "private", false},
	{"192.168.255.255", "private", false},
	{"198.18.0.0", "synthetic", true},
	{"198.19.255.255", "synthetic", true},
	{"198.51.100.7", "documentation", false},
	{"203.0.113.7", "documentation", false},
	{"224.0.0.1", "multicast", true},
	{"239.255.255.255", "multicast", true},
	{"240.0.0.0", "reserved", false},
	{"255.255.255.254", "reserved", false},
	{"255.255.255.255", "broadcast", true},
	{"::", "unspecified", true},
	{"::1", "loopback", false},
	{"::2", "this network", true},
	{"::8.8.8.8", "IPv4-compatible", false},
	{"::127.0.0.1", "loopback", false},
	{"::169.254.169.254", "metadata", true},
	{"::ffff:8.8.8.8", "IPv4-mapped", false},
	{"::ffff:10.0.0.5", "private", false},
	{"::ffff:127.0.0.1", "loopback", false},
	{"::ffff:0.0.0.0", "unspecified", true},
	{"::ffff:169.254.169.254", "metadata", true},
	{"::ffff:198.18.1.0", "synthetic", true},
	{"::ffff:0:8.8.8.8", "IPv4-translated", false},
	{"::ffff:0:169.254.169.254", "metadata", true},
	{"64:ff9b::10.0.0.5", "private", false},
	{"64:ff9b::127.0.0.1", "loopback", false},
	{"64:ff9b::169.254.169.254", "metadata", true},
	{"64:ff9b::224.0.0.1", "multicast", true},
	{"64:ff9b::1:0:0", "not allocated", false},
	{"64:ff9b:1::8.8.8.8", "local NAT64", false},
	{"64:ff9b:1::169.254.169.254", "metadata", true},
	{"64:ff9b:1:a9fe:a9:fe00::", "metadata", true},
	{"64:ff9b:1:a9:fe:a9fe::", "metadata", true},
	{"64:ff9b:1:0:a9:fea9:fe00:0", "metadata", true},
	{"64:ff9b:1:a00:0:500::", "private", false},
	{"100::1", "discard", false},
	{"2001::1", "unspecified", true},
	/* Teredo: server 8.8.8.8, client 8.8.8.8, then either one private or worse. */
	{"2001:0:808:808:8000:1:f7f7:f7f7", "Teredo", false},
	{"2001:0:a00:5:8000:1:f7f7:f7f7", "private", false},
	{"2001:0:808:808:8000:1:f5ff:fffa", "private", false},
	{"2001:0:808:808:8000:1:5601:5601", "metadata", true},
	{"2001:0:a9fe:a9fe:8000:1:f7f7:f7f7", "metadata", true},
	{"2001:1::4", "for protocols", false},
	{"2001:2::1", "for protocols", false},
	{"2001:10::1", "for protocols", false},
	{"2001:20::1", "ORCHIDv2", false},
	{"2001:2f:ffff::1", "ORCHIDv2", false},
	{"2001:1ff::1", "for protocols", false},
	{"2001:db8::1", "documentation", false},
	{"2002:808:808::1", "6to4", false},
	{"2002:a00:5::1", "private", false},
	{"2002:7f00:1::1", "loopback", false},
	{"2002:a9fe:a9fe::1", "metadata", true},
	{"2002:6464:64c8::1", "metadata", true},
	{"3fff::1", "documentation", false},
	{"4000::1", "not allocated", false},
	{"5f00::1", "segment routing", false},
	{"8000::1", "not allocated", false},
	{"fc00::1", "private", false},
	{"fd00::1", "private", false},
	{"fdff:ffff::1", "private", false},
	{"fd00:ec2::254", "metadata", true},
	{"fd00:ec2::23", "metadata", true},
	{"fd20:ce::254", "metadata", true},
	{"fd00:c1::a9fe:a9fe", "metadata", true},
	{"fd00:42::42", "metadata", true},
	{"fd73:616c:6c79::", "synthetic", true},
	{"fd73:616c:6c79::1", "synthetic", true},
	{"fd73:616c:6c79::198.18.1.0", "synthetic", true},
	{"fd73:616c:6c79:0:0:1::", "private", false},
	{"fe00::1", "not allocated", false},
	{"fe80::1", "link-local", true},
	{"fe80::a9fe:a9fe", "link-local", true},
	{"febf:ffff::1", "link-local", true},
	{"fec0::1", "site-local", false},
	{"ff02::1", "multicast", true},
	{"ffff::1", "multicast", true},
};

static void special_addresses_are_refused_with_their_class(void **state)
{
	const struct policy policy = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		const char *why = verdict(special[i].address, &policy);

		if (!why || !strstr(why, special[i].class))
			fail_msg("%s: %s", special[i].address, why ? why : "allowed");
	}
}

static void listing_everything_opens_what_can_be_opened(void **state)
{
	const struct policy_cidr ranges[] = {range("0.0.0.0", 0), range("::", 0)};
	const struct policy policy = {.private_ranges = ranges, .private_count = 2};

	(void)state;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		const char *why = verdict(special[i].address, &policy);

		if (!why == special[i].never)
			fail_msg("%s: %s", special[i].address, why ? why : "allowed");
	}
}

static void only_the_listed_range_is_opened(void **state)
{
	const struct policy_cidr ranges[] = {range("10.0.0.0", 24), range("172.16.128.0", 17),
					     range("fd12:3456::", 33), range("127.0.0.1", 32)};
	const struct policy policy = {.private_ranges = ranges, .private_count = 4};

	(void)state;
	assert_null(verdict("10.0.0.0", &policy));
	assert_null(verdict("10.0.0.255", &policy));
	assert_non_null(verdict("10.0.1.0", &policy));
	assert_null(verdict("172.16.255.255", &policy));
	assert_non_null(verdict("172.16.127.255", &policy));
	assert_null(verdict("fd12:3456:7fff::1", &policy));
	assert_non_null(verdict("fd12:3456:8000::1", &policy));
	assert_null(verdict("127.0.0.1", &policy));
	assert_non_null(verdict("127.0.0.2", &policy));
}

/* A range of one family says nothing about the other, though its bytes may begin alike. */
static void families_are_not_mixed_up(void **state)
{
	const struct policy_cidr ipv6[] = {range("a00::", 8)};
	const struct policy_cidr ipv4[] = {range("252.0.0.0", 7)};
	const struct policy policy6 = {.private_ranges = ipv6, .private_count = 1};
	const struct policy policy4 = {.private_ranges = ipv4, .private_count = 1};

	(void)state;
	assert_non_null(verdict("10.0.0.5", &policy6));
	assert_non_null(verdict("fc00::1", &policy4));
}

/* To dial an address inside another, both must be listed. */
static void the_outer_and_the_inner_address_must_both_pass(void **state)
{
	const struct policy_cidr inner[] = {range("10.0.0.0", 8)};
	const struct policy_cidr both[] = {range("10.0.0.0", 8), range("2002::", 16)};
	const struct policy policy_inner = {.private_ranges = inner, .private_count = 1};
	const struct policy policy_both = {.private_ranges = both, .private_count = 2};

	(void)state;
	assert_non_null(verdict("2002:a00:5::1", &policy_inner));
	assert_null(verdict("2002:a00:5::1", &policy_both));
	assert_non_null(verdict("2002:c0a8:1::1", &policy_both));
	assert_null(verdict("64:ff9b::10.0.0.5", &policy_inner));
}

/* What the sandbox's resolver gives out must never be dialled, or a connection would come back. */
static void the_addresses_of_names_are_never_dialled(void **state)
{
	const struct policy_cidr ranges[] = {range("0.0.0.0", 0), range("::", 0)};
	const struct policy policy = {.private_ranges = ranges, .private_count = 2};
	struct address ipv4 = {.length = 4}, ipv6 = {.length = 16};
	struct names *names = names_create(1);
	struct host name;
	const char *why;

	(void)state;
	assert_non_null(names);
	assert_int_equal(host_parse_name(SLICE_LITERAL("a.example"), &name), 0);
	assert_int_equal(names_assign(names, &name, ipv4.bytes, ipv6.bytes), 0);
	assert_int_equal(address_check(&ipv4, &policy, &why), ERROR_DENIED);
	assert_int_equal(address_check(&ipv6, &policy, &why), ERROR_DENIED);
	names_free(names);
}

static void an_address_of_no_length_is_refused(void **state)
{
	const struct policy policy = {0};
	struct address address = {.bytes = {8, 8, 8, 8}};
	const char *why = NULL;

	(void)state;
	assert_int_equal(address_check(&address, &policy, &why), ERROR_DENIED);
	address.length = 5;
	assert_int_equal(address_check(&address, &policy, &why), ERROR_DENIED);
}

static void socket_addresses_go_there_and_back(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8::1"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct address address = parse(texts[i]), back;
		struct sockaddr_storage storage;
		char text[ADDRESS_TEXT_BYTES];
		uint16_t port;
		socklen_t len = address_to_sockaddr(&address, 443, &storage);

		assert_int_equal(len,
				 i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		back = address_from_sockaddr((const struct sockaddr *)&storage, &port);
		assert_int_equal(port, 443);
		assert_memory_equal(&back, &address, sizeof(address));
		address_format(&back, text);
		assert_string_equal(text, texts[i]);
	}
}

static void other_families_have_no_address(void **state)
{
	const struct sockaddr local = {.sa_family = AF_UNIX};
	uint16_t port = 7;

	(void)state;
	assert_int_equal(address_from_sockaddr(&local, &port).length, 0);
	assert_int_equal(port, 0);
}

static void an_ipv4_address_is_written_as_the_library_writes_it(void **state)
{
	struct address address = {.length = 4};
	char text[ADDRESS_TEXT_BYTES], expected[ADDRESS_TEXT_BYTES];

	(void)state;
	for (int n = 0; n < 256; n++) {
		address.bytes[0] = (uint8_t)n;
		address.bytes[1] = (uint8_t)(n * 7);
		address.bytes[2] = (uint8_t)(255 - n);
		address.bytes[3] = (uint8_t)(n + 100);
		address_format(&address, text);
		assert_non_null(inet_ntop(AF_INET, address.bytes, expected, sizeof(expected)));
		assert_string_equal(text, expected);
	}
}

/* Whoever is inside can take all descriptors, and give one back between the check and the dialling.
 */
static void what_cannot_be_told_from_the_hosts_own_addresses_for_want_of_descriptors_is_refused(
	void **state)
{
	const struct policy policy = {0};
	struct address address = parse("93.184.216.34");
	struct rlimit before, none;
	const char *why = NULL;
	int rc;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(address_check_resolved(&address, &policy, &why), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = address_check_resolved(&address, &policy, &why);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(rc, ERROR_DENIED);
	assert_non_null(strstr(why, "cannot be told"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_addresses_may_be_dialled),
		cmocka_unit_test(special_addresses_are_refused_with_their_class),
		cmocka_unit_test(listing_everything_opens_what_can_be_opened),
		cmocka_unit_test(only_the_listed_range_is_opened),
		cmocka_unit_test(families_are_not_mixed_up),
		cmocka_unit_test(the_outer_and_the_inner_address_must_both_pass),
		cmocka_unit_test(the_addresses_of_names_are_never_dialled),
		cmocka_unit_test(an_address_of_no_length_is_refused),
		cmocka_unit_test(socket_addresses_go_there_and_back),
		cmocka_unit_test(other_families_have_no_address),
		cmocka_unit_test(an_ipv4_address_is_written_as_the_library_writes_it),
		cmocka_unit_test(
			what_cannot_be_told_from_the_hosts_own_addresses_for_want_of_descriptors_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
