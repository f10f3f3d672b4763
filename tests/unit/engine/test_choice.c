#include "proxy/engine/choice.h"

#include <arpa/inet.h>

#include "tests/unit/allocation.h"

static void add(struct choice *choice, const char *text)
{
	struct address address = {.length = strchr(text, ':') ? 16 : 4};

	assert_int_equal(inet_pton(address.length == 4 ? AF_INET : AF_INET6, text, address.bytes),
			 1);
	choice_add(choice, &address);
}

/* The result of choosing from the addresses in TEXTS, which end in NULL. */
static struct resolver_result choose(const char *const *texts, char why[CHOICE_WHY_BYTES])
{
	const struct policy policy = {0};
	struct resolver_result result = {0};
	struct choice choice = {0};

	for (; *texts; texts++)
		add(&choice, *texts);
	choice_make(&choice, &policy, &result, why);
	return result;
}

static void families_alternate_and_ipv6_begins(void **state)
{
	static const char *const given[] = {"1.1.1.1", "1.1.1.2", "1.1.1.3",
					    "2600::1", "2600::2", NULL};
	static const char *const wanted[] = {"2600::1", "1.1.1.1", "2600::2", "1.1.1.2", "1.1.1.3"};
	char why[CHOICE_WHY_BYTES], text[ADDRESS_TEXT_BYTES];
	struct resolver_result result = choose(given, why);

	(void)state;
	assert_int_equal(result.error, 0);
	assert_int_equal(result.count, 5);
	for (size_t i = 0; i < 5; i++) {
		address_format(&result.addresses[i], text);
		assert_string_equal(text, wanted[i]);
	}
}

static void one_family_alone_keeps_its_order(void **state)
{
	static const char *const given[] = {"1.1.1.1", "1.1.1.2", NULL};
	char why[CHOICE_WHY_BYTES], text[ADDRESS_TEXT_BYTES];
	struct resolver_result result = choose(given, why);

	(void)state;
	assert_int_equal(result.count, 2);
	address_format(&result.addresses[0], text);
	assert_string_equal(text, "1.1.1.1");
}

static void what_may_not_be_dialled_is_dropped(void **state)
{
	static const char *const given[] = {"10.0.0.5", "1.1.1.1", "127.0.0.1", "fe80::1", NULL};
	char why[CHOICE_WHY_BYTES], text[ADDRESS_TEXT_BYTES];
	struct resolver_result result = choose(given, why);

	(void)state;
	assert_int_equal(result.error, 0);
	assert_int_equal(result.count, 1);
	address_format(&result.addresses[0], text);
	assert_string_equal(text, "1.1.1.1");
}

static void nothing_left_says_why(void **state)
{
	static const char *const given[] = {"10.0.0.5", "169.254.169.254", NULL};
	char why[CHOICE_WHY_BYTES];
	struct resolver_result result = choose(given, why);

	(void)state;
	assert_int_equal(result.error, ERROR_DENIED);
	assert_int_equal(result.count, 0);
	assert_string_equal(why, "10.0.0.5 may not be dialled: private (RFC 1918)");
}

static void the_result_is_bounded(void **state)
{
	struct resolver_result result = {0};
	const struct policy policy = {0};
	struct choice choice = {0};
	char why[CHOICE_WHY_BYTES];

	(void)state;
	for (int i = 0; i < 40; i++) {
		add(&choice, "1.1.1.1");
		add(&choice, "2600::1");
	}
	choice_make(&choice, &policy, &result, why);
	assert_int_equal(result.count, RESOLVER_ADDRESSES_MAX);
	assert_int_equal(result.addresses[RESOLVER_ADDRESSES_MAX - 1].length, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_alternate_and_ipv6_begins),
		cmocka_unit_test(one_family_alone_keeps_its_order),
		cmocka_unit_test(what_may_not_be_dialled_is_dropped),
		cmocka_unit_test(nothing_left_says_why),
		cmocka_unit_test(the_result_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
