/* Threats S6, S19. */
#include "proxy/secret/capture.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "tests/unit/allocation.h"
#include "tests/unit/secret/stage_drive.h"

struct owner {
	size_t tokens;
	char last[64];
	bool refuses;
	bool has_no_memory;
};

static struct slice take_token(void *owner, struct slice token, const char **why)
{
	struct owner *o = owner;

	if (o->refuses) {
		*why = "it does not want it";
		return (struct slice){NULL, 0};
	}
	o->tokens++;
	snprintf(o->last, sizeof(o->last), "%.*s", SLICE_ARGS(token));
	return SLICE_LITERAL("PLACEHOLDER");
}

/* Takes the last token out once more. */
static struct slice take_out(void *owner, struct slice text, struct arena *arena)
{
	struct owner *o = owner;
	struct slice last = slice_from_text(o->last), copy;
	size_t at = slice_find(text, last);

	if (o->has_no_memory)
		return (struct slice){NULL, 0};
	if (last.len == 0 || at == text.len)
		return text;
	copy = arena_copy(arena, text);
	if (copy.ptr)
		memset((char *)(uintptr_t)copy.ptr + at, '*', last.len);
	return copy;
}

static const struct capture_owner_ops ops = {take_token, take_out};

static int run(struct owner *owner, enum capture_syntax syntax, const char *text, size_t cut,
	       struct buffer *out, const char **why)
{
	struct stage *stage = capture_stage(syntax, &ops, owner);
	int rc;

	buffer_init(out, 1 << 20);
	if (!stage)
		return -ENOMEM;
	rc = drive(stage, slice_from_text(text), cut, cut, true, out);
	*why = stage->why;
	stage->ops->free(stage);
	return rc;
}

static void assert_becomes(enum capture_syntax syntax, const char *text, const char *expected)
{
	for (size_t cut = 1; cut < 200; cut += 7) {
		struct owner owner = {0};
		struct buffer out;
		const char *why;

		assert_int_equal(run(&owner, syntax, text, cut, &out, &why), STAGE_END);
		if (!slice_equal(buffer_slice(&out), slice_from_text(expected)))
			print_error("%.*s\n", SLICE_ARGS(buffer_slice(&out)));
		assert_true(slice_equal(buffer_slice(&out), slice_from_text(expected)));
		buffer_free(&out);
	}
}

static void assert_refused(enum capture_syntax syntax, const char *text, const char *expected)
{
	struct owner owner = {0};
	struct buffer out;
	const char *why;

	assert_true(run(&owner, syntax, text, 50, &out, &why) < 0);
	assert_non_null(strstr(why, expected));
	assert_int_equal(buffer_length(&out), 0);
	buffer_free(&out);
}

static void tokens_in_json_are_replaced_wherever_they_stand(void **state)
{
	(void)state;
	assert_becomes(CAPTURE_JSON, "{\"access_token\":\"T1-T1-T1\", \"scope\": \"a b\"}",
		       "{\"access_token\":\"PLACEHOLDER\", \"scope\": \"a b\"}");
	assert_becomes(
		CAPTURE_JSON, "[{\"d\": {\"refreshToken\" : \"T1\", \"Id-Token\":\"T2\"}}]",
		"[{\"d\": {\"refreshToken\" : \"PLACEHOLDER\", \"Id-Token\":\"PLACEHOLDER\"}}]");
	assert_becomes(CAPTURE_JSON, "{\"access\\u005ftoken\":\"a\\/b\\\"\\\\\\u0041\"}",
		       "{\"access\\u005ftoken\":\"PLACEHOLDER\"}");
	assert_becomes(CAPTURE_JSON,
		       "{\"x\":\"access_token\",\"access_token\":5,\"id_token\":\"\"}",
		       "{\"x\":\"access_token\",\"access_token\":5,\"id_token\":\"\"}");
	assert_becomes(CAPTURE_JSON, "", "");
	assert_becomes(CAPTURE_JSON, "\"access_token\"", "\"access_token\"");
}

static void a_token_in_a_list_under_its_name_is_one(void **state)
{
	(void)state;
	assert_becomes(CAPTURE_JSON, "{\"access_token\":[\"T1\",[\"T2\"],{\"x\":\"no\"}]}",
		       "{\"access_token\":[\"PLACEHOLDER\",[\"PLACEHOLDER\"],{\"x\":\"no\"}]}");
}

static void a_token_is_found_however_deep_it_stands(void **state)
{
	char text[1024] = "", expected[1024];
	size_t used = 0;

	(void)state;
	for (size_t i = 0; i < 60; i++)
		used += (size_t)sprintf(text + used, "{\"a\":");
	strcpy(expected, text);
	strcat(text, "{\"access_token\":\"T-T-T-T\"}");
	strcat(expected, "{\"access_token\":\"PLACEHOLDER\"}");
	for (size_t i = 0; i < 60; i++) {
		strcat(text, "}");
		strcat(expected, "}");
	}
	assert_becomes(CAPTURE_JSON, text, expected);
}

static void behind_names_that_are_not_known_nothing_passes(void **state)
{
	static char text[8000];
	size_t used = (size_t)sprintf(text, "{\"");

	(void)state;
	memset(text + used, 'n', 5000);
	strcpy(text + used + 5000, "\": {\"access_token\":\"T-T-T-T\"}}");
	assert_refused(CAPTURE_JSON, text, "cannot be read");
}

static void a_token_that_stands_elsewhere_too_is_taken_out_there(void **state)
{
	(void)state;
	assert_becomes(CAPTURE_JSON, "{\"token\":\"T-1234\",\"access_token\":\"T-1234\"}",
		       "{\"token\":\"******\",\"access_token\":\"PLACEHOLDER\"}");
}

static void tokens_in_a_form_are_replaced(void **state)
{
	(void)state;
	assert_becomes(CAPTURE_FORM, "access_token=T%2B1&scope=a%20b&id%5ftoken=x&e=&f",
		       "access_token=PLACEHOLDER&scope=a%20b&id%5ftoken=PLACEHOLDER&e=&f");
	assert_becomes(CAPTURE_FORM, "refresh_token=&error=x", "refresh_token=&error=x");
	assert_becomes(CAPTURE_FORM, "", "");
}

static void what_cannot_be_read_to_its_end_is_refused(void **state)
{
	(void)state;
	assert_refused(CAPTURE_JSON, "{\"access_token\":\"T1\"", "no JSON");
	assert_refused(CAPTURE_JSON, "{\"a\":1}{\"access_token\":\"T1\"}", "no JSON");
	assert_refused(CAPTURE_JSON, "<OAuth><access_token>T</access_token></OAuth>", "no JSON");
	assert_refused(CAPTURE_JSON, "{\"access_token\":\"a b\"}", "characters");
	assert_refused(CAPTURE_JSON, "{\"access_token\":\"a\\u00e9\"}", "characters");
	assert_refused(CAPTURE_JSON, "{\"access_token\":\"a\\u12\"}", "characters");
	assert_refused(CAPTURE_JSON, "{\"access_token\":\"a\\n\"}", "characters");
}

static void too_many_tokens_are_refused(void **state)
{
	char text[2048] = "[";

	(void)state;
	for (size_t i = 0; i <= CAPTURE_TOKENS_MAX; i++)
		sprintf(text + strlen(text), "%s{\"access_token\":\"token-%zu\"}", i ? "," : "", i);
	strcat(text, "]");
	assert_refused(CAPTURE_JSON, text, "more new tokens");
}

static void an_answer_that_is_too_long_is_refused(void **state)
{
	static char text[CAPTURE_BODY_MAX_BYTES + 100];

	(void)state;
	memset(text, ' ', sizeof(text) - 1);
	assert_refused(CAPTURE_JSON, text, "too long");
}

static void what_the_owner_refuses_does_not_pass(void **state)
{
	struct owner owner = {.refuses = true};
	struct buffer out;
	const char *why;

	(void)state;
	assert_int_equal(run(&owner, CAPTURE_JSON, "{\"id_token\":\"T\"}", 5, &out, &why),
			 ERROR_DENIED);
	assert_string_equal(why, "it does not want it");
	assert_int_equal(buffer_length(&out), 0);
	buffer_free(&out);
	owner = (struct owner){.has_no_memory = true};
	assert_int_equal(run(&owner, CAPTURE_FORM, "id_token=T", 5, &out, &why), -ENOMEM);
	assert_int_equal(buffer_length(&out), 0);
	buffer_free(&out);
}

static int attempt(void *context)
{
	static const char text[] = "{\"token\":\"T-1234\",\"access_token\":\"T-1234\"}";
	struct owner owner = {0};
	struct buffer out;
	const char *why;
	int rc = run(&owner, CAPTURE_JSON, text, 9, &out, &why);

	(void)context;
	assert_true(rc == STAGE_END || buffer_length(&out) == 0);
	buffer_free(&out);
	return rc;
}

static void running_out_of_memory_is_told(void **state)
{
	(void)state;
	/* Some of the memory is the test's own, which has no other way out than to stop. */
	for (unsigned long n = 1; n < 4; n++) {
		struct stage *stage;
		struct owner owner = {0};
		struct slice in = SLICE_LITERAL("{\"access_token\":\"T-1234\"}");
		static uint8_t room[STAGE_OUT_BYTES];
		struct writer out = writer_of(room, sizeof(room));

		allocation_fail_nth(n);
		stage = capture_stage(CAPTURE_JSON, &ops, &owner);
		if (n == 1) {
			assert_null(stage);
			continue;
		}
		assert_int_equal(stage->ops->step(stage, &in, true, &out), -ENOMEM);
		assert_true(allocation_failed());
		allocation_fail_nth(0);
		stage->ops->free(stage);
	}
	assert_int_equal(attempt(NULL), STAGE_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_in_json_are_replaced_wherever_they_stand),
		cmocka_unit_test(a_token_in_a_list_under_its_name_is_one),
		cmocka_unit_test(a_token_is_found_however_deep_it_stands),
		cmocka_unit_test(behind_names_that_are_not_known_nothing_passes),
		cmocka_unit_test(a_token_that_stands_elsewhere_too_is_taken_out_there),
		cmocka_unit_test(tokens_in_a_form_are_replaced),
		cmocka_unit_test(what_cannot_be_read_to_its_end_is_refused),
		cmocka_unit_test(too_many_tokens_are_refused),
		cmocka_unit_test(an_answer_that_is_too_long_is_refused),
		cmocka_unit_test(what_the_owner_refuses_does_not_pass),
		cmocka_unit_test(running_out_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
