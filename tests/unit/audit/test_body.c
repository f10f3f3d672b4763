#include "proxy/audit/body.h"

#include <stdio.h>

#include "proxy/audit/record.h"
#include "tests/unit/allocation.h"

#define START                                                                                      \
	"{\"time\":\"t\",\"sandbox\":\"s\",\"kind\":\"http\",\"verdict\":\"deny\",\"rule\":null,"  \
	"\"reason\":null"

static void accepts_what_the_writer_writes(void **state)
{
	static const char *const bodies[] = {
		START "}",
		START ",\"host\":\"a\\\"\\\\\\n\\r\\t\\u001b\\ufffdz\"}",
		START ",\"host\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\xaa\"}",
		START ",\"host\":\"\\udb40\\udc41\"}",
		START ",\"port\":0,\"scrubbed\":9223372036854775807}",
		START ",\"ms\":{\"total\":-182.4,\"connect\":0.012}}",
		START ",\"secrets\":[],\"misuse\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
		START ",\"tls\":{\"resumed\":true,\"sni\":null}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (!audit_body_is_sound(slice_from_text(bodies[i]), NULL))
			fail_msg("refused: %s", bodies[i]);
	}
}

/* Threat C11, from a worker that was taken over. */
static void refuses_what_it_would_never_write(void **state)
{
	static const char *const bodies[] = {
		"",
		"{",
		"{}",
		"[]",
		"null",
		START,
		START "} ",
		START "}\n",
		START "}{}",
		START "}\n{\"v\":1}",
		/* White space, which nothing of ours writes. */
		START " }",
		START ",\"host\": \"a\"}",
		START ",\"host\":\"a\",}",
		/* Members of the frame, unknown ones, repeated ones, ones out of order. */
		"{\"v\":2," START "}",
		START ",\"seq\":1}",
		START ",\"prev\":\"0\"}",
		START ",\"extra\":1}",
		START ",\"host\":\"a\",\"host\":\"b\"}",
		START ",\"port\":1,\"host\":\"b\"}",
		START ",\"verdict\":\"allow\"}",
		START ",\"tls\":{\"sni\":\"a\",\"sni\":\"b\"}}",
		START ",\"h\\u006fst\":\"b\"}",
		START ",\"HOST\":\"b\"}",
		START ",\"\":1}",
		START ",\"tls\":{}}",
		"{\"time\":\"t\",\"sandbox\":\"s\",\"kind\":\"http\",\"verdict\":\"deny\"}",
		"{\"sandbox\":\"s\",\"kind\":\"http\",\"verdict\":\"deny\",\"rule\":null,"
		"\"reason\":null}",
		/* Text that ends its line, plays with a terminal, or that parsers disagree on. */
		START ",\"host\":\"a\nb\"}",
		START ",\"host\":\"a\x1b[2J\"}",
		START ",\"host\":\"a\x7f\"}",
		START ",\"host\":\"\xff\"}",
		START ",\"host\":\"\xed\xa0\x80\"}",
		START ",\"host\":\"\xe2\x80\xae\"}",
		START ",\"host\":\"\xc2\x9b\"}",
		START ",\"host\":\"\\ud800\"}",
		START ",\"host\":\"\\ud800\\u0041\"}",
		START ",\"host\":\"\\udc00\"}",
		START ",\"host\":\"\\u00\"}",
		START ",\"host\":\"\\u00FF\"}",
		START ",\"host\":\"\\x41\"}",
		START ",\"host\":\"\\/\"}",
		START ",\"host\":\"a",
		START ",\"host\":\"a\\",
		START ",\"host\":'a'}",
		/* Numbers that do not fit, or that have several spellings. */
		START ",\"port\":9223372036854775808}",
		START ",\"port\":99999999999999999999}",
		START ",\"port\":01}",
		START ",\"port\":-}",
		START ",\"port\":+1}",
		START ",\"port\":1.}",
		START ",\"port\":1.0000}",
		START ",\"port\":1e9}",
		START ",\"port\":NaN}",
		START ",\"port\":truE}",
		START ",\"port\":}",
		START ",\"port\":[1,]}",
		START ",\"tls\":[[[[[[]]]]]]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (audit_body_is_sound(slice_from_text(bodies[i]), NULL))
			fail_msg("accepted: %s", bodies[i]);
	}
}

static void refuses_a_nul_and_excess(void **state)
{
	static char large[AUDIT_BODY_MAX + 1];
	size_t used = (size_t)snprintf(large, sizeof(large), "%s", START ",\"host\":\"");

	(void)state;
	assert_false(audit_body_is_sound(SLICE_LITERAL(START ",\"host\":\"a\0b\"}"), NULL));
	memset(large + used, 'a', sizeof(large) - used);
	memcpy(large + AUDIT_BODY_MAX - 2, "\"}", 2);
	assert_true(audit_body_is_sound(slice_of(large, AUDIT_BODY_MAX), NULL));
	memcpy(large + AUDIT_BODY_MAX - 2, "a\"}", 3);
	assert_false(audit_body_is_sound(slice_of(large, AUDIT_BODY_MAX + 1), NULL));
}

static void refuses_every_beginning_of_a_body(void **state)
{
	struct slice whole = SLICE_LITERAL(
		START ",\"host\":\"\xe2\x82\xac\\udb40\\udc41\","
		      "\"secrets\":[{\"name\":\"a\"}],\"ms\":{\"total\":1.5}}");

	(void)state;
	assert_true(audit_body_is_sound(whole, NULL));
	for (size_t len = 0; len < whole.len; len++)
		assert_false(audit_body_is_sound(slice_first(whole, len), NULL));
}

/* A worker that was taken over speaks for itself only. */
static void a_worker_speaks_for_its_sandbox(void **state)
{
	struct slice own = SLICE_LITERAL(START ",\"host\":\"a\"}");

	(void)state;
	assert_true(audit_body_may_come_from(own, "s"));
	assert_true(audit_body_may_come_from(own, NULL));
	assert_false(audit_body_may_come_from(own, "t"));
	assert_false(audit_body_may_come_from(own, ""));
	assert_false(audit_body_may_come_from(own, "s\""));
	assert_false(audit_body_may_come_from(slice_first(own, own.len - 1), "s"));
	assert_false(audit_body_may_come_from(SLICE_LITERAL(START ",\"life\":{\"event\":\"end\"}}"),
					      "s"));
	assert_false(audit_body_may_come_from(
		SLICE_LITERAL("{\"time\":\"t\",\"sandbox\":\"s\",\"kind\":\"sandbox\","
			      "\"verdict\":null,\"rule\":null,\"reason\":null}"),
		"s"));
	assert_false(audit_body_may_come_from(
		SLICE_LITERAL("{\"time\":\"t\",\"sandbox\":null,\"kind\":\"http\","
			      "\"verdict\":null,\"rule\":null,\"reason\":null}"),
		"null"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_the_writer_writes),
		cmocka_unit_test(refuses_what_it_would_never_write),
		cmocka_unit_test(refuses_a_nul_and_excess),
		cmocka_unit_test(refuses_every_beginning_of_a_body),
		cmocka_unit_test(a_worker_speaks_for_its_sandbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
