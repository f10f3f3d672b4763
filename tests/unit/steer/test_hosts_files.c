#include "proxy/steer/hosts_files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "tests/unit/allocation.h"

static char directory[] = "/tmp/sallyport-test-XXXXXX";
static struct buffer text;

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static int start(void **state)
{
	(void)state;
	buffer_init(&text, HOSTS_FILE_MAX_BYTES);
	return 0;
}

static int end(void **state)
{
	(void)state;
	buffer_free(&text);
	return 0;
}

static void expect(const char *wanted)
{
	struct slice got = buffer_slice(&text);

	assert_int_equal(got.len, strlen(wanted));
	assert_memory_equal(got.ptr, wanted, got.len);
}

static void resolv_conf_names_one_server_and_no_domain(void **state)
{
	(void)state;
	assert_int_equal(hosts_files_resolv_conf(&text), 0);
	expect("nameserver 198.18.0.1\n");
}

static void hosts_knows_itself(void **state)
{
	(void)state;
	assert_int_equal(hosts_files_hosts("box", true, &text), 0);
	expect("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
	       "198.18.0.1\tbox\nfd73:616c:6c79::1\tbox\n");
}

static void hosts_has_no_ipv6_where_there_is_none(void **state)
{
	(void)state;
	assert_int_equal(hosts_files_hosts("box", false, &text), 0);
	expect("127.0.0.1\tlocalhost\n198.18.0.1\tbox\n");
}

static void nsswitch_keeps_all_but_hosts(void **state)
{
	(void)state;
	assert_int_equal(hosts_files_nsswitch(SLICE_LITERAL("# by hand\n"
							    "passwd: files sss\n"
							    "hosts: resolve [!UNAVAIL=return] dns\n"
							    " hosts\t:mdns4\n"
							    "hosts_extra: files\n"
							    "networks: files\n"),
					      &text),
			 0);
	expect("hosts: files dns\n# by hand\npasswd: files sss\nhosts_extra: files\n"
	       "networks: files\n");
}

static void nsswitch_without_a_last_newline(void **state)
{
	(void)state;
	assert_int_equal(
		hosts_files_nsswitch(SLICE_LITERAL("passwd: files\nhosts: myhostname"), &text), 0);
	expect("hosts: files dns\npasswd: files\n");
}

static void nsswitch_of_a_host_without_one(void **state)
{
	(void)state;
	assert_int_equal(hosts_files_nsswitch(SLICE_EMPTY, &text), 0);
	expect("hosts: files dns\n");
}

static void nsswitch_is_bounded(void **state)
{
	(void)state;
	buffer_init(&text, 20);
	assert_int_equal(hosts_files_nsswitch(SLICE_LITERAL("passwd: files\n"), &text),
			 ERROR_LIMIT);
}

/* LINK, in the test's directory, is a link to TARGET; the place is WANTED. */
static void resolve_link(const char *target, const char *wanted)
{
	char link[PATH_MAX], place[PATH_MAX];

	snprintf(link, sizeof(link), "%s/link", directory);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(hosts_files_resolve(link, place, sizeof(place)), 0);
	assert_string_equal(place, wanted);
	unlink(link);
}

static void finds_the_place_behind_a_link(void **state)
{
	char wanted[PATH_MAX], target[PATH_MAX];

	(void)state;
	resolve_link("/run/nowhere/of/ours/stub.conf", "/run/nowhere/of/ours/stub.conf");
	resolve_link("../../run/nowhere/stub.conf", "/run/nowhere/stub.conf");
	resolve_link("/proc/../run/nowhere", "/run/nowhere");
	snprintf(wanted, sizeof(wanted), "%s/other", directory);
	resolve_link("other", wanted);
	snprintf(target, sizeof(target), "%s/./other", directory);
	resolve_link(target, wanted);
	resolve_link("/", "/");
}

static void a_plain_path_is_its_own_place(void **state)
{
	char place[PATH_MAX];

	(void)state;
	assert_int_equal(hosts_files_resolve("/proc/self/../version", place, sizeof(place)), 0);
	assert_string_equal(place, "/proc/version");
	assert_int_equal(hosts_files_resolve("/nowhere", place, sizeof(place)), 0);
	assert_string_equal(place, "/nowhere");
}

static void links_that_go_round_are_refused(void **state)
{
	char link[PATH_MAX], place[PATH_MAX];

	(void)state;
	snprintf(link, sizeof(link), "%s/link", directory);
	assert_int_equal(symlink("link", link), 0);
	assert_int_equal(hosts_files_resolve(link, place, sizeof(place)), -ELOOP);
	unlink(link);
}

static void a_place_that_does_not_fit_is_refused(void **state)
{
	char place[16];

	(void)state;
	assert_int_equal(hosts_files_resolve("/a/path/that/is/too/long", place, sizeof(place)),
			 -ENAMETOOLONG);
}

static int build_all(void *context)
{
	int rc;

	(void)context;
	buffer_init(&text, HOSTS_FILE_MAX_BYTES);
	rc = hosts_files_nsswitch(SLICE_LITERAL("passwd: files\n"), &text);
	if (rc == 0)
		rc = hosts_files_hosts("box", true, &text);
	buffer_free(&text);
	return rc;
}

static void survives_without_memory(void **state)
{
	(void)state;
	allocation_try_all(build_all, NULL, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(resolv_conf_names_one_server_and_no_domain),
		TEST(hosts_knows_itself),
		TEST(hosts_has_no_ipv6_where_there_is_none),
		TEST(nsswitch_keeps_all_but_hosts),
		TEST(nsswitch_without_a_last_newline),
		TEST(nsswitch_of_a_host_without_one),
		TEST(nsswitch_is_bounded),
		TEST(finds_the_place_behind_a_link),
		TEST(a_plain_path_is_its_own_place),
		TEST(links_that_go_round_are_refused),
		TEST(a_place_that_does_not_fit_is_refused),
		TEST(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
