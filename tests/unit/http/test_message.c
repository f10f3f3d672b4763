#include "proxy/http/message.h"
#include "tests/unit/allocation.h"

static void the_characters_of_a_token_are_those_of_the_grammar(void **state)
{
	const char *marks = "!#$%&'*+-.^_`|~";

	(void)state;
	for (int c = 0; c < 256; c++) {
		bool expected = ascii_is_alnum((char)c) || (c && strchr(marks, c));

		assert_int_equal(http_is_token_char((unsigned char)c), expected);
	}
}

static void a_control_character_is_found_wherever_it_stands_in_a_value(void **state)
{
	/* Tabs and bytes past ASCII may stand before and behind it. */
	const char *const around[] = {"xyz\xc3", "\t x\xc3"};
	char text[24];

	(void)state;
	for (int n = 0; n < 2 * 256; n++) {
		int c = n % 256, which = n / 256;

		for (size_t at = 0; at < sizeof(text); at++) {
			bool refused = (c < 0x20 && c != '\t') || c == 0x7f;

			for (size_t i = 0; i < sizeof(text); i++)
				text[i] = around[which][i % 4];
			text[at] = (char)c;
			if (at == 0 || at == sizeof(text) - 1)
				refused = refused || c == 0x85 || c == 0xa0;
			assert_int_equal(http_is_field_value(slice_of(text, sizeof(text))),
					 !refused);
		}
	}
}

static void fields_of_a_set_are_taken_out_and_the_rest_keep_their_order(void **state)
{
	struct arena arena;
	struct http_fields fields = {0};
	const char *names[] = {"TE", "A", "Upgrade", "te", "B", "Cookie"};

	(void)state;
	arena_init(&arena, 64 << 10);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(http_fields_add(&fields, &arena, slice_from_text(names[i]),
						 SLICE_LITERAL("v")),
				 0);
	assert_int_equal(http_fields_remove_any(&fields, HTTP_FIELD_BIT(FIELD_TE) |
								 HTTP_FIELD_BIT(FIELD_UPGRADE)),
			 3);
	assert_int_equal(fields.count, 3);
	assert_true(slice_equal(fields.list[0].name, SLICE_LITERAL("A")));
	assert_true(slice_equal(fields.list[1].name, SLICE_LITERAL("B")));
	assert_int_equal(fields.list[2].id, FIELD_COOKIE);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_characters_of_a_token_are_those_of_the_grammar),
		cmocka_unit_test(a_control_character_is_found_wherever_it_stands_in_a_value),
		cmocka_unit_test(fields_of_a_set_are_taken_out_and_the_rest_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
