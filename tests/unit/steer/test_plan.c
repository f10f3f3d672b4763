#include "proxy/steer/plan.h"

#include "tests/unit/allocation.h"

static const char *const argv[] = {"true", NULL};
static const char *const envp[] = {NULL};

static struct steer_plan plain_plan(void)
{
	return (struct steer_plan){.argv = argv, .envp = envp, .sandbox = "a1b2"};
}

static void refuse(const struct steer_plan *plan, int code, const char *wanted)
{
	struct error err = {0};

	assert_int_equal(plan_check(plan, &err), code);
	if (!strstr(err.text, wanted))
		fail_msg("\"%s\" does not say \"%s\"", err.text, wanted);
}

static void a_plain_plan_passes(void **state)
{
	struct steer_plan plan = plain_plan();

	(void)state;
	assert_int_equal(plan_check(&plan, NULL), 0);
}

static void a_full_plan_passes(void **state)
{
	const struct steer_file file = {.name = "ca.pem", .bytes = SLICE_LITERAL("pem")};
	const struct steer_overlay overlay = {.path = "/etc/ssl/cert.pem", .file = "ca.pem"};
	const char *path = "/some/where";
	struct steer_plan plan = plain_plan();

	(void)state;
	plan.files = &file;
	plan.overlays = &overlay;
	plan.masked = plan.read_only = &path;
	plan.file_count = plan.overlay_count = plan.masked_count = plan.read_only_count = 1;
	assert_int_equal(plan_check(&plan, NULL), 0);
}

static void a_plan_needs_a_command(void **state)
{
	static const char *const none[] = {NULL}, *const blank[] = {"", NULL};
	struct steer_plan plan = plain_plan();

	(void)state;
	plan.argv = NULL;
	refuse(&plan, -EINVAL, "no command");
	plan.argv = none;
	refuse(&plan, -EINVAL, "no command");
	plan.argv = blank;
	refuse(&plan, -EINVAL, "no command");
}

static void a_sandbox_name_is_a_host_name(void **state)
{
	static const char *const refused[] = {
		"",
		"a.b",
		"a b",
		"a/b",
		"a\nb",
		"\xc3\xa4",
		"0123456789012345678901234567890123456789012345678901234567890123"};
	struct steer_plan plan = plain_plan();

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		plan.sandbox = refused[i];
		refuse(&plan, -EINVAL, "sandbox's name");
	}
	plan.sandbox = NULL;
	refuse(&plan, -EINVAL, "sandbox's name");
}

static void a_file_stays_in_its_directory(void **state)
{
	static const char *const refused[] = {"", ".", "..", ".sandbox", "a/b", "/etc/passwd"};
	struct steer_file file = {.bytes = SLICE_EMPTY};
	struct steer_plan plan = plain_plan();

	(void)state;
	plan.files = &file;
	plan.file_count = 1;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		file.name = refused[i];
		refuse(&plan, -EINVAL, "cannot be the name of a file");
	}
}

static void an_overlay_needs_its_file(void **state)
{
	const struct steer_overlay overlay = {.path = "/etc/x", .file = "missing"};
	struct steer_plan plan = plain_plan();

	(void)state;
	plan.overlays = &overlay;
	plan.overlay_count = 1;
	refuse(&plan, -EINVAL, "\"missing\" to put over /etc/x");
}

static void places_are_absolute(void **state)
{
	const struct steer_file file = {.name = "x", .bytes = SLICE_EMPTY};
	const struct steer_overlay overlay = {.path = "etc/x", .file = "x"};
	const char *path = "secrets.env";
	struct steer_plan plan = plain_plan();

	(void)state;
	plan.masked = &path;
	plan.masked_count = 1;
	refuse(&plan, -EINVAL, "\"secrets.env\" among the masked places");
	plan.masked_count = 0;
	plan.read_only = &path;
	plan.read_only_count = 1;
	refuse(&plan, -EINVAL, "\"secrets.env\" among the read-only places");
	plan.read_only_count = 0;
	plan.files = &file;
	plan.file_count = 1;
	plan.overlays = &overlay;
	plan.overlay_count = 1;
	refuse(&plan, -EINVAL, "\"etc/x\" among the overlays");
}

static void lists_are_bounded(void **state)
{
	struct steer_plan plan = plain_plan();

	(void)state;
	plan.masked_count = STEER_PATHS_MAX + 1;
	refuse(&plan, ERROR_LIMIT, "masked places");
	plan.masked_count = 0;
	plan.read_only_count = STEER_PATHS_MAX + 1;
	refuse(&plan, ERROR_LIMIT, "read-only places");
	plan.read_only_count = 0;
	plan.overlay_count = STEER_PATHS_MAX + 1;
	refuse(&plan, ERROR_LIMIT, "overlays");
	plan.overlay_count = 0;
	plan.file_count = STEER_PATHS_MAX + 1;
	refuse(&plan, ERROR_LIMIT, "files");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_plan_passes),
		cmocka_unit_test(a_full_plan_passes),
		cmocka_unit_test(a_plan_needs_a_command),
		cmocka_unit_test(a_sandbox_name_is_a_host_name),
		cmocka_unit_test(a_file_stays_in_its_directory),
		cmocka_unit_test(an_overlay_needs_its_file),
		cmocka_unit_test(places_are_absolute),
		cmocka_unit_test(lists_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
