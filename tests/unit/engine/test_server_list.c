#include "proxy/engine/server_list.h"

#include <stdio.h>

#include "tests/unit/allocation.h"

static void lists_are_read_in_order(void **state)
{
	struct server_list list;
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	assert_int_equal(server_list_parse(
				 SLICE_LITERAL("192.0.2.1,[2001:db8::1]:5353,127.0.0.1:54"), &list),
			 0);
	assert_int_equal(list.count, 3);
	address_format(&list.servers[0].address, text);
	assert_string_equal(text, "192.0.2.1");
	assert_int_equal(list.servers[0].port, 53);
	address_format(&list.servers[1].address, text);
	assert_string_equal(text, "2001:db8::1");
	assert_int_equal(list.servers[1].port, 5353);
	assert_int_equal(list.servers[2].port, 54);
}

static void other_lists_are_refused(void **state)
{
	static const struct {
		struct slice text;
		int rc;
	} rows[] = {
		{SLICE_LITERAL(""), ERROR_SYNTAX},
		{SLICE_LITERAL(","), ERROR_SYNTAX},
		{SLICE_LITERAL("192.0.2.1,"), ERROR_SYNTAX},
		{SLICE_LITERAL(",192.0.2.1"), ERROR_SYNTAX},
		{SLICE_LITERAL("192.0.2.1, 192.0.2.2"), ERROR_SYNTAX},
		{SLICE_LITERAL("dns.example.com"), ERROR_SYNTAX},
		{SLICE_LITERAL("2001:db8::1"), ERROR_SYNTAX},
		{SLICE_LITERAL("[fe80::1%eth0]"), ERROR_SYNTAX},
		{SLICE_LITERAL("192.0.2.1:0"), ERROR_SYNTAX},
		{SLICE_LITERAL("192.0.2.1:65536"), ERROR_SYNTAX},
		{SLICE_LITERAL("192.0.2.1:53x"), ERROR_SYNTAX},
		{SLICE_LITERAL("192.0.2"), ERROR_SYNTAX},
		{SLICE_LITERAL("192.0.2.1\0,x"), ERROR_SYNTAX},
		{SLICE_LITERAL("192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4"), ERROR_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server_list list;

		if (server_list_parse(rows[i].text, &list) != rows[i].rc)
			fail_msg("%s", rows[i].text.ptr);
	}
}

static void resolv_conf_is_read_however_odd(void **state)
{
	static const struct {
		struct slice conf;
		const char *servers;
	} rows[] = {
		{SLICE_LITERAL("nameserver 192.0.2.1\n"), "192.0.2.1"},
		{SLICE_LITERAL("nameserver 192.0.2.1"), "192.0.2.1"},
		{SLICE_LITERAL("# c\n; c\nsearch x.example\noptions rotate ndots:5\n"
			       "nameserver\t192.0.2.1  \nnameserver 2001:DB8:0::1 # c\n"),
		 "192.0.2.1,[2001:db8::1]"},
		{SLICE_LITERAL("nameserver 192.0.2.1\r\nnameserver 192.0.2.2\r\n"),
		 "192.0.2.1,192.0.2.2"},
		{SLICE_LITERAL("  nameserver   192.0.2.1"), "192.0.2.1"},
		{SLICE_LITERAL("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n"
			       "nameserver 4.4.4.4\n"),
		 "1.1.1.1,2.2.2.2,3.3.3.3"},
		{SLICE_LITERAL("nameserver fe80::1%eth0\nnameserver 192.0.2.1\n"), "192.0.2.1"},
		{SLICE_LITERAL("nameserver ::1\n"), "[::1]"},
		{SLICE_LITERAL("nameserver dns.example\nnameserver 0x7f000001\nnameserver 127.1\n"
			       "nameserver\nnameserver \nnameservers 192.0.2.1\n"
			       "nameserver192.0.2.1\nnameserver 192.0.2.1:53\n"
			       "#nameserver 192.0.2.1\nnameserver [2001:db8::1]\n"
			       "NAMESERVER 192.0.2.1\nnameserver ::ffff:192.0.2.1\n"),
		 "127.0.0.1"},
		{SLICE_LITERAL(""), "127.0.0.1"},
		{SLICE_LITERAL("\n\n\n"), "127.0.0.1"},
		{SLICE_LITERAL("\0\0nameserver 192.0.2.1\n"), "127.0.0.1"},
		{SLICE_LITERAL("nameserver 192.0.2.1\0\nnameserver 192.0.2.2"), "192.0.2.2"},
		{SLICE_LITERAL("nameserver "
			       "1111111111111111111111111111111111111111111111111111111111111111\n"
			       "nameserver ::::::::::::::::::::::::::::::::::::::::::::::::::::\n"),
		 "127.0.0.1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char servers[RESOLVER_SERVERS_TEXT_BYTES];
		struct server_list list;

		resolver_servers_from_conf(rows[i].conf, servers, sizeof(servers));
		assert_string_equal(servers, rows[i].servers);
		assert_int_equal(server_list_parse(slice_from_text(servers), &list), 0);
	}
}

static void the_longest_list_fits(void **state)
{
	char servers[RESOLVER_SERVERS_TEXT_BYTES];
	struct server_list list;

	(void)state;
	resolver_servers_from_conf(
		SLICE_LITERAL("nameserver 2001:1db8:1111:2222:3333:4444:5555:6661\n"
			      "nameserver 2001:1db8:1111:2222:3333:4444:5555:6662\n"
			      "nameserver 2001:1db8:1111:2222:3333:4444:5555:6663\n"),
		servers, sizeof(servers));
	assert_int_equal(server_list_parse(slice_from_text(servers), &list), 0);
	assert_int_equal(list.count, 3);
}

/* With too little room, whole servers are left out. */
static void less_room_means_fewer_servers(void **state)
{
	static const struct slice conf = SLICE_LITERAL(
		"nameserver 192.0.2.1\nnameserver 192.0.2.2\n");
	char servers[32];

	(void)state;
	resolver_servers_from_conf(conf, servers, 20);
	assert_string_equal(servers, "192.0.2.1,192.0.2.2");
	resolver_servers_from_conf(conf, servers, 19);
	assert_string_equal(servers, "192.0.2.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read_in_order),
		cmocka_unit_test(other_lists_are_refused),
		cmocka_unit_test(resolv_conf_is_read_however_odd),
		cmocka_unit_test(the_longest_list_fits),
		cmocka_unit_test(less_room_means_fewer_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
