#include "proxy/dns/names.h"

#include <stdio.h>

#include "base/error.h"
#include "tests/unit/allocation.h"

static struct host name_of(const char *text)
{
	struct host host;

	assert_int_equal(host_parse_name(slice_from_text(text), &host), 0);
	return host;
}

static struct host numbered(size_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "host-%zu.example", number);
	return name_of(text);
}

static void a_name_keeps_its_addresses(void **state)
{
	struct names *names = names_create(NAMES_MAX);
	struct host a = name_of("a.example"), b = name_of("b.example");
	uint8_t ipv4[3][4], ipv6[3][16];

	(void)state;
	assert_non_null(names);
	assert_int_equal(names_assign(names, &a, ipv4[0], ipv6[0]), 0);
	assert_int_equal(names_assign(names, &b, ipv4[1], ipv6[1]), 0);
	assert_int_equal(names_assign(names, &a, ipv4[2], ipv6[2]), 0);
	assert_int_equal(names_count(names), 2);
	assert_memory_equal(ipv4[0], "\306\022\001\0", 4);
	assert_memory_equal(ipv6[0],
			    "\xfd"
			    "sally\0\0\0\0\0\0\306\022\001\0",
			    16);
	assert_memory_equal(ipv4[1], "\306\022\001\1", 4);
	assert_memory_equal(ipv4[2], ipv4[0], 4);
	assert_memory_equal(ipv6[2], ipv6[0], 16);
	names_free(names);
}

static void the_name_is_found_by_either_address(void **state)
{
	struct names *names = names_create(NAMES_MAX);
	uint8_t ipv4[4], ipv6[16];

	(void)state;
	assert_non_null(names);
	for (size_t i = 0; i < 3000; i++) {
		struct host name = numbered(i);

		assert_int_equal(names_assign(names, &name, ipv4, ipv6), 0);
	}
	for (size_t i = 0; i < 3000; i++) {
		struct host name = numbered(i);

		assert_int_equal(names_assign(names, &name, ipv4, ipv6), 0);
		assert_true(host_equal(names_find(names, ipv4, 4), &name));
		assert_true(host_equal(names_find(names, ipv6, 16), &name));
		assert_true(names_is_synthetic(ipv4, 4) && names_is_synthetic(ipv6, 16));
	}
	assert_int_equal(names_count(names), 3000);
	names_free(names);
}

static void other_addresses_have_no_name(void **state)
{
	static const struct {
		uint8_t bytes[16];
		size_t len;
		bool synthetic;
	} rows[] = {
		{{198, 18, 0, 1}, 4, true}, /* the sandbox's own */
		{{198, 18, 0, 255}, 4, true},
		{{198, 18, 1, 1}, 4, true}, /* not assigned */
		{{198, 19, 255, 255}, 4, true},
		{{198, 17, 255, 255}, 4, false},
		{{198, 20, 0, 0}, 4, false},
		{{0, 0, 0, 0}, 4, false},
		{{255, 255, 255, 255}, 4, false},
		{{0xfd, 's', 'a', 'l', 'l', 'y', [15] = 1}, 16, true},
		{{0xfd, 's', 'a', 'l', 'l', 'y', [11] = 1, 198, 18, 1, 0}, 16, false},
		{{[10] = 0xff, 0xff, 198, 18, 1, 0}, 16, false},
		{{198, 18, 1, 0}, 0, false},
		{{198, 18, 1, 0}, 5, false},
	};
	struct names *names = names_create(NAMES_MAX);
	struct host name = name_of("a.example");
	uint8_t ipv4[4], ipv6[16];

	(void)state;
	assert_non_null(names);
	assert_int_equal(names_assign(names, &name, ipv4, ipv6), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(names_find(names, rows[i].bytes, rows[i].len));
		assert_int_equal(names_is_synthetic(rows[i].bytes, rows[i].len), rows[i].synthetic);
	}
	names_free(names);
}

static void names_beyond_the_bound_get_none(void **state)
{
	struct names *names = names_create(2);
	struct host a = name_of("a.example"), b = name_of("b.example"), c = name_of("c.example");
	uint8_t ipv4[4], ipv6[16];

	(void)state;
	assert_non_null(names);
	assert_int_equal(names_assign(names, &a, ipv4, ipv6), 0);
	assert_int_equal(names_assign(names, &b, ipv4, ipv6), 0);
	assert_int_equal(names_assign(names, &c, ipv4, ipv6), ERROR_LIMIT);
	assert_int_equal(names_assign(names, &a, ipv4, ipv6), 0);
	assert_int_equal(names_count(names), 2);
	names_free(names);
}

static void the_most_there_can_be_fit_the_range(void **state)
{
	struct names *names = names_create(NAMES_MAX + 1000);
	uint8_t ipv4[4], ipv6[16];
	struct host last;

	(void)state;
	assert_non_null(names);
	for (size_t i = 0; i < NAMES_MAX; i++) {
		last = numbered(i);
		assert_int_equal(names_assign(names, &last, ipv4, ipv6), 0);
	}
	assert_true(names_is_synthetic(ipv4, 4));
	assert_true(host_equal(names_find(names, ipv4, 4), &last));
	last = numbered(NAMES_MAX);
	assert_int_equal(names_assign(names, &last, ipv4, ipv6), ERROR_LIMIT);
	names_free(names);
}

static int assign_some(void *context)
{
	struct names *names = names_create(NAMES_MAX);
	uint8_t ipv4[4], ipv6[16];
	int rc = names ? 0 : -1;

	(void)context;
	for (size_t i = 0; i < 100 && rc == 0; i++) {
		struct host name = numbered(i);

		rc = names_assign(names, &name, ipv4, ipv6);
		assert_int_equal(names_count(names), rc == 0 ? i + 1 : i);
	}
	names_free(names);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(assign_some, NULL, false);
}

static void localhost_is_the_sandbox_itself(void **state)
{
	static const struct {
		const char *name;
		bool localhost;
	} rows[] = {
		{"localhost", true},	 {"LOCALHOST.", true},	       {"a.b.localhost", true},
		{"notlocalhost", false}, {"localhost.example", false}, {"localhost.local", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct host name = name_of(rows[i].name);

		assert_int_equal(names_is_localhost(&name), rows[i].localhost);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_keeps_its_addresses),
		cmocka_unit_test(the_name_is_found_by_either_address),
		cmocka_unit_test(other_addresses_have_no_name),
		cmocka_unit_test(names_beyond_the_bound_get_none),
		cmocka_unit_test(the_most_there_can_be_fit_the_range),
		cmocka_unit_test(running_out_of_memory_is_reported),
		cmocka_unit_test(localhost_is_the_sandbox_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
