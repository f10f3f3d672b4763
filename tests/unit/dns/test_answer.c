#include "proxy/dns/answer.h"

#include "tests/unit/allocation.h"
#include "tests/unit/dns/message.h"

static struct names *names;

static int create_names(void **state)
{
	(void)state;
	names = names_create(4);
	return names ? 0 : -1;
}

static int free_names(void **state)
{
	(void)state;
	names_free(names);
	return 0;
}

static struct dns_answer answer_to(const char *name, uint16_t type)
{
	static uint8_t query[MESSAGE_MAX_BYTES];
	struct dns_question question;
	struct dns_answer answer;

	assert_int_equal(
		dns_read_query(slice_of(query, message_query(name, type, 0, query)), &question), 0);
	dns_decide_answer(names, &question, &answer);
	return answer;
}

static void names_get_synthetic_addresses(void **state)
{
	struct dns_answer a = answer_to("Api.Example.com", DNS_TYPE_A);
	struct dns_answer aaaa = answer_to("api.example.com", DNS_TYPE_AAAA);

	(void)state;
	assert_int_equal(a.rcode, DNS_NOERROR);
	assert_int_equal(a.address_count, 1);
	assert_int_equal(aaaa.address_count, 1);
	assert_string_equal(names_find(names, a.addresses[0], 4)->text, "api.example.com");
	assert_ptr_equal(names_find(names, a.addresses[0], 4),
			 names_find(names, aaaa.addresses[0], 16));
	assert_int_equal(answer_to("printer", DNS_TYPE_A).address_count, 1);
	assert_int_equal(answer_to("printer.local", DNS_TYPE_A).address_count, 1);
}

static void localhost_is_loopback_and_takes_no_name(void **state)
{
	struct dns_answer a = answer_to("x.LocalHost", DNS_TYPE_A);
	struct dns_answer aaaa = answer_to("localhost", DNS_TYPE_AAAA);

	(void)state;
	assert_int_equal(a.address_count, 1);
	assert_memory_equal(a.addresses[0], "\177\0\0\1", 4);
	assert_int_equal(aaaa.address_count, 1);
	assert_memory_equal(aaaa.addresses[0], "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	assert_int_equal(names_count(names), 0);
}

static void what_is_not_a_host_name_does_not_exist(void **state)
{
	struct dns_answer answer = answer_to("_under.example", DNS_TYPE_A);

	(void)state;
	assert_int_equal(answer.rcode, DNS_NXDOMAIN);
	assert_int_equal(answer.extended, DNS_EDE_OTHER);
	assert_int_equal(answer_to("192.0.2.1", DNS_TYPE_A).rcode, DNS_NXDOMAIN);
	assert_int_equal(answer_to("", DNS_TYPE_AAAA).rcode, DNS_NXDOMAIN);
	assert_int_equal(names_count(names), 0);
}

/* Neither ECH keys nor HTTP/3 hints, whatever the name. */
static void service_bindings_are_empty(void **state)
{
	static const char *const texts[] = {"example.com", "_dns.resolver.arpa",
					    "_8443._https.example.com", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (uint16_t type = DNS_TYPE_SVCB; type <= DNS_TYPE_HTTPS; type++) {
			struct dns_answer answer = answer_to(texts[i], type);

			assert_int_equal(answer.rcode, DNS_NOERROR);
			assert_int_equal(answer.address_count, 0);
			assert_null(answer.target);
		}
	}
	assert_int_equal(names_count(names), 0);
}

static void every_other_type_is_refused(void **state)
{
	unsigned int answered = 0;

	(void)state;
	for (unsigned int type = 0; type <= 0xffff; type++) {
		struct dns_answer answer = answer_to("a.example", (uint16_t)type);

		if (answer.rcode != DNS_REFUSED) {
			answered++;
			continue;
		}
		assert_int_equal(answer.extended, DNS_EDE_NOT_SUPPORTED);
		assert_int_equal(answer.address_count, 0);
	}
	assert_int_equal(answered, 5);
}

static void other_classes_are_refused(void **state)
{
	uint8_t query[MESSAGE_MAX_BYTES];
	size_t len = message_query("version.bind", DNS_TYPE_A, 0, query);
	struct dns_question question;
	struct dns_answer answer;

	(void)state;
	for (unsigned int class = 0; class < 256; class ++) {
		query[len - 1] = (uint8_t) class;
		dns_read_query(slice_of(query, len), &question);
		dns_decide_answer(names, &question, &answer);
		assert_int_equal(answer.rcode, class == 1 ? DNS_NOERROR : DNS_REFUSED);
	}
}

static void pointers_lead_back_to_the_name(void **state)
{
	(void)state;
	answer_to("a.example", DNS_TYPE_A);
	assert_string_equal(answer_to("0.1.18.198.in-addr.arpa", DNS_TYPE_PTR).target->text,
			    "a.example");
	assert_string_equal(answer_to("0.0.1.0.2.1.6.c.0.0.0.0.0.0.0.0.0.0.0.0.9.7.c.6.c.6.1.6.3."
				      "7.D.F.IP6.ARPA",
				      DNS_TYPE_PTR)
				    .target->text,
			    "a.example");
}

static void other_pointers_do_not_exist(void **state)
{
	static const char *const texts[] = {
		"1.1.18.198.in-addr.arpa",
		"1.0.18.198.in-addr.arpa",
		"1.0.0.127.in-addr.arpa",
		"0.0.1.18.198.in-addr.arpa",
		"1.18.198.in-addr.arpa",
		"256.1.18.198.in-addr.arpa",
		"x.1.18.198.in-addr.arpa",
		"in-addr.arpa",
		"ip6.arpa",
		"0.ip6.arpa",
		("0.0.1.0.2.1.6.c.0.0.0.0.0.0.0.0.0.0.0.0.9.7.c.6.c.6.1.6.3.7.d.f.ip6.arpa"
		 ".in-addr.arpa"),
		"0.0.0.1.0.2.1.6.c.0.0.0.0.0.0.0.0.0.0.0.0.9.7.c.6.c.6.1.6.3.7.d.f.ip6.arpa",
		"00.1.0.2.1.6.c.0.0.0.0.0.0.0.0.0.0.0.0.9.7.c.6.c.6.1.6.3.7.d.f.ip6.arpa",
		"g.0.1.0.2.1.6.c.0.0.0.0.0.0.0.0.0.0.0.0.9.7.c.6.c.6.1.6.3.7.d.f.ip6.arpa",
		"a.example",
		"0/25.2.0.192.in-addr.arpa",
		"",
	};

	(void)state;
	answer_to("a.example", DNS_TYPE_A);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct dns_answer answer = answer_to(texts[i], DNS_TYPE_PTR);

		assert_int_equal(answer.rcode, DNS_NXDOMAIN);
		assert_null(answer.target);
	}
}

static void too_many_names_are_a_failure_that_says_so(void **state)
{
	static const char *const texts[] = {"a.example", "b.example", "c.example", "d.example"};
	struct dns_answer answer;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(answer_to(texts[i], DNS_TYPE_A).rcode, DNS_NOERROR);
	answer = answer_to("e.example", DNS_TYPE_A);
	assert_int_equal(answer.rcode, DNS_SERVFAIL);
	assert_non_null(strstr(answer.extended_text, "too many names"));
	assert_int_equal(answer_to("d.example", DNS_TYPE_AAAA).rcode, DNS_NOERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_NAMES(test) cmocka_unit_test_setup_teardown(test, create_names, free_names)
		WITH_NAMES(names_get_synthetic_addresses),
		WITH_NAMES(localhost_is_loopback_and_takes_no_name),
		WITH_NAMES(what_is_not_a_host_name_does_not_exist),
		WITH_NAMES(service_bindings_are_empty),
		WITH_NAMES(every_other_type_is_refused),
		WITH_NAMES(other_classes_are_refused),
		WITH_NAMES(pointers_lead_back_to_the_name),
		WITH_NAMES(other_pointers_do_not_exist),
		WITH_NAMES(too_many_names_are_a_failure_that_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
