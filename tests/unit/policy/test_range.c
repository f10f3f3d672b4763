/* Threats D3, N9, H16. */
#include "policy/range.h"

#include "base/error.h"
#include "tests/unit/policy/fixture.h"

static void addresses_have_their_standing(void **state)
{
	static const struct {
		const char *address;
		enum special_standing standing;
	} rows[] = {
		{"8.8.8.8", SPECIAL_PUBLIC},
		{"2606:4700::1111", SPECIAL_PUBLIC},
		{"[2606:4700::1111]", SPECIAL_PUBLIC},
		{"10.0.0.5", SPECIAL_LISTED},
		{"172.16.0.1", SPECIAL_LISTED},
		{"172.32.0.1", SPECIAL_PUBLIC},
		{"192.168.1.1", SPECIAL_LISTED},
		{"100.64.0.1", SPECIAL_LISTED},
		{"127.0.0.1", SPECIAL_LISTED},
		{"::1", SPECIAL_LISTED},
		{"169.254.1.1", SPECIAL_NEVER},
		{"203.0.113.1", SPECIAL_LISTED},
		{"2001:db8::1", SPECIAL_LISTED},
		{"fd12:3456::1", SPECIAL_LISTED},
		{"0.0.0.0", SPECIAL_NEVER},
		{"::", SPECIAL_NEVER},
		{"255.255.255.255", SPECIAL_NEVER},
		{"224.0.0.1", SPECIAL_NEVER},
		{"ff02::1", SPECIAL_NEVER},
		{"fe80::1", SPECIAL_NEVER},
		{"198.18.0.1", SPECIAL_NEVER},
		{"fd73:616c:6c79::1", SPECIAL_NEVER},
		{"64:ff9b::a00:5", SPECIAL_NEVER},
		{"64:ff9b:1::a00:5", SPECIAL_NEVER},
		{"2002:a00:5::1", SPECIAL_NEVER},
		{"2001::1", SPECIAL_NEVER},
		{"::a00:5", SPECIAL_NEVER},
		{"169.254.169.254", SPECIAL_METADATA},
		{"169.254.170.2", SPECIAL_METADATA},
		{"100.100.100.200", SPECIAL_METADATA},
		{"168.63.129.16", SPECIAL_METADATA},
		{"192.0.0.192", SPECIAL_METADATA},
		{"fd00:ec2::254", SPECIAL_METADATA},
		{"fd20:ce::254", SPECIAL_METADATA},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct host address;
		const char *what;

		assert_int_equal(range_parse_address(slice_from_text(rows[i].address), &address),
				 0);
		assert_int_equal(range_of_address(&address, &what), rows[i].standing);
		assert_non_null(what);
	}
}

static void ranges_have_one_spelling(void **state)
{
	static const struct {
		const char *text;
		unsigned int bits;
	} good[] = {
		{"10.0.0.0/8", 8},	{"10.0.0.5", 32},  {"10.0.0.5/32", 32}, {"0.0.0.0/0", 0},
		{"fd00:1234::/48", 48}, {"[fd00::]/8", 8}, {"::1", 128},
	};
	static const char *const bad[] = {
		"",	      "/8",	     "10.0.0.0/",    "10.0.0.0/33",  "10.0.0.0/08",
		"10.0.0.1/8", "10.0.0.0/-1", "10.0.0/8",     "fd00::1/64",   "fd00::/129",
		"name/8",     "10.0.0.0/8 ", "10.0.0.0/8/8", "0x0a.0.0.0/8", "::ffff:10.0.0.0/104",
	};
	struct policy_cidr cidr;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ROWS(good); i++) {
		assert_int_equal(range_parse_cidr(slice_from_text(good[i].text), &cidr, &why), 0);
		assert_int_equal(cidr.prefix_bits, good[i].bits);
	}
	for (size_t i = 0; i < ROWS(bad); i++)
		assert_int_equal(range_parse_cidr(slice_from_text(bad[i]), &cidr, &why),
				 ERROR_SYNTAX);
}

static void ranges_hold_what_their_prefix_says(void **state)
{
	struct policy_cidr cidr;
	struct host inside, outside, other;
	const char *why;

	(void)state;
	assert_int_equal(range_parse_cidr(SLICE_LITERAL("172.16.32.0/19"), &cidr, &why), 0);
	assert_int_equal(range_parse_address(SLICE_LITERAL("172.16.63.255"), &inside), 0);
	assert_int_equal(range_parse_address(SLICE_LITERAL("172.16.64.0"), &outside), 0);
	assert_int_equal(range_parse_address(SLICE_LITERAL("ac10:2000::"), &other), 0);
	assert_true(range_has_address(&cidr, &inside));
	assert_false(range_has_address(&cidr, &outside));
	assert_false(range_has_address(&cidr, &other));
	assert_int_equal(range_parse_cidr(SLICE_LITERAL("169.254.0.0/16"), &cidr, &why), 0);
	assert_non_null(range_find_metadata(&cidr));
	assert_int_equal(range_parse_cidr(SLICE_LITERAL("169.254.1.0/24"), &cidr, &why), 0);
	assert_null(range_find_metadata(&cidr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_their_standing),
		cmocka_unit_test(ranges_have_one_spelling),
		cmocka_unit_test(ranges_hold_what_their_prefix_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
