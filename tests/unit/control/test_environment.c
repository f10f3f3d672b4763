/* Threat S25: what of the caller's environment a command gets. */
#include "proxy/control/environment.h"

#include <stdlib.h>

#include "tests/unit/allocation.h"

static const char *value_of(const struct environment *environment, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < environment->count; i++) {
		if (strncmp(environment->list[i], name, length) == 0 &&
		    environment->list[i][length] == '=')
			return environment->list[i] + length + 1;
	}
	return NULL;
}

static void credentials_are_not_inherited(void **state)
{
	static const char *const secret[] = {"AWS_SECRET_ACCESS_KEY",
					     "OPENAI_API_KEY",
					     "SSH_AUTH_SOCK",
					     "GITHUB_TOKEN",
					     "HTTPS_PROXY",
					     "LD_PRELOAD",
					     "PATHX",
					     "XPATH",
					     "DBUS_SESSION_BUS_ADDRESS"};
	struct environment environment;

	(void)state;
	clearenv();
	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		setenv(secret[i], "x", 1);
	setenv("PATH", "/bin", 1);
	setenv("LC_ALL", "C", 1);
	setenv("HOME", "/h=h", 1);
	environment_init(&environment);
	assert_int_equal(environment_inherit(&environment), 0);
	assert_int_equal(environment.count, 3);
	assert_string_equal(value_of(&environment, "PATH"), "/bin");
	assert_string_equal(value_of(&environment, "HOME"), "/h=h");
	assert_null(environment.list[environment.count]);
	environment_free(&environment);
}

static void an_option_passes_on_or_sets(void **state)
{
	struct environment environment;
	struct error err;

	(void)state;
	clearenv();
	setenv("GIVEN", "from outside", 1);
	environment_init(&environment);
	assert_int_equal(environment_add_option(&environment, "GIVEN", &err), 0);
	assert_int_equal(environment_add_option(&environment, "SET=a=b", &err), 0);
	assert_int_equal(environment_add_option(&environment, "EMPTY=", &err), 0);
	assert_string_equal(value_of(&environment, "GIVEN"), "from outside");
	assert_string_equal(value_of(&environment, "SET"), "a=b");
	assert_string_equal(value_of(&environment, "EMPTY"), "");
	assert_true(environment_add_option(&environment, "ABSENT", &err) < 0);
	assert_non_null(strstr(err.text, "ABSENT"));
	assert_true(environment_add_option(&environment, "=x", &err) < 0);
	environment_free(&environment);
}

static void the_last_value_of_a_name_counts(void **state)
{
	struct environment environment;

	(void)state;
	environment_init(&environment);
	assert_int_equal(environment_set(&environment, "A", SLICE_LITERAL("1")), 0);
	assert_int_equal(environment_set(&environment, "AB", SLICE_LITERAL("2")), 0);
	assert_int_equal(environment_set(&environment, "A", SLICE_LITERAL("3")), 0);
	assert_int_equal(environment.count, 2);
	assert_string_equal(value_of(&environment, "A"), "3");
	environment_free(&environment);
}

static void trust_points_into_the_sandbox(void **state)
{
	struct environment environment;

	(void)state;
	environment_init(&environment);
	assert_int_equal(environment_add_trust(&environment, "/run/x", false), 0);
	assert_string_equal(value_of(&environment, "SSL_CERT_FILE"), "/run/x/ca-bundle.pem");
	assert_string_equal(value_of(&environment, "NODE_EXTRA_CA_CERTS"), "/run/x/ca.pem");
	assert_null(value_of(&environment, "JAVA_TOOL_OPTIONS"));
	assert_int_equal(environment_add_trust(&environment, "/run/x", true), 0);
	assert_non_null(strstr(value_of(&environment, "JAVA_TOOL_OPTIONS"), "=/run/x/ca.p12 "));
	environment_free(&environment);
}

static int fill(void *context)
{
	struct environment environment;
	int rc;

	(void)context;
	environment_init(&environment);
	rc = environment_set(&environment, "A", SLICE_LITERAL("1"));
	if (rc == 0)
		rc = environment_add_trust(&environment, "/run/x", true);
	environment_free(&environment);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	allocation_try_all(fill, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_are_not_inherited),
		cmocka_unit_test(an_option_passes_on_or_sets),
		cmocka_unit_test(the_last_value_of_a_name_counts),
		cmocka_unit_test(trust_points_into_the_sandbox),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
