#include "proxy/audit/moment.h"

#include <stdio.h>

#include "base/error.h"
#include "base/wallclock.h"
#include "tests/unit/allocation.h"

static void assert_is(const char *text, int64_t expected)
{
	int64_t us = -1;

	if (moment_parse(slice_from_text(text), &us) < 0)
		fail_msg("%s is refused", text);
	if (us != expected)
		fail_msg("%s is %lld", text, (long long)us);
}

static void times_of_rfc_3339_are_read(void **state)
{
	(void)state;
	assert_is("1970-01-01T00:00:00Z", 0);
	assert_is("1970-01-01", 0);
	assert_is("2026-11-20T14:03:22.104518Z", 1795183402104518);
	assert_is("2026-11-20T14:03:22.1Z", 1795183402100000);
	assert_is("2026-11-20T14:03:22.1045189999Z", 1795183402104518);
	assert_is("2026-11-20 14:03:22", 1795183402000000);
	assert_is("2026-11-20t14:03z", 1795183380000000);
	assert_is("2026-11-20T16:03+02:00", 1795183380000000);
	assert_is("2026-11-20T08:33-05:30", 1795183380000000);
	assert_is("2024-02-29", 1709164800000000);
	assert_is("2000-03-01", 951868800000000);
	assert_is("9999-12-31T23:59:60Z", 253402300800000000);
}

static void what_records_have_is_read_back(void **state)
{
	static const int64_t times[] = {0, 1, 951782399999999, 951868800000000, 4107542400000001};
	char text[WALLCLOCK_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		wallclock_format(times[i], text);
		assert_is(text, times[i]);
	}
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2026",
		"2026-1-1",
		"2026-13-01",
		"2026-00-01",
		"2026-01-00",
		"2025-02-29",
		"1900-01-01",
		"1969-12-31",
		"2026-11-31",
		"2026-11-20T",
		"2026-11-20T14",
		"2026-11-20T24:00",
		"2026-11-20T14:60",
		"2026-11-20T14:03:61",
		"2026-11-20T14:03:22.",
		"2026-11-20T14:03:22.1x",
		"2026-11-20T14:03:22+2",
		"2026-11-20T14:03:22+24:00",
		"2026-11-20T14:03:22Zx",
		"2026-11-20Z",
		"+026-11-20",
		" 2026-11-20",
		"20261120",
	};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (moment_parse(slice_from_text(texts[i]), &us) != ERROR_SYNTAX)
			fail_msg("'%s' is taken", texts[i]);
	}
}

static void a_time_may_be_told_by_how_long_ago_it_was(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} ago[] = {{"0s", 0}, {"90s", 90}, {"30m", 1800}, {"2h", 7200}, {"7d", 604800}};
	static const char *const refused[] = {"s", "-1s", "1w", "1000000000d", "1.5h", "1 h", "h2"};
	const int64_t now = 1795183402104518;
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(ago) / sizeof(ago[0]); i++) {
		assert_int_equal(moment_parse_relative(slice_from_text(ago[i].text), now, &us), 0);
		assert_int_equal(us, now - ago[i].seconds * 1000000);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(moment_parse_relative(slice_from_text(refused[i]), now, &us),
				 ERROR_SYNTAX);
	assert_int_equal(moment_parse_relative(SLICE_LITERAL("1970-01-02"), now, &us), 0);
	assert_int_equal(us, 86400000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_of_rfc_3339_are_read),
		cmocka_unit_test(what_records_have_is_read_back),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(a_time_may_be_told_by_how_long_ago_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
