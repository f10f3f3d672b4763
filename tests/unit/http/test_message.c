#include "proxy/http/message.h"
#include "tests/unit/allocation.h"

static void every_known_field_is_told_by_its_name(void **state)
{
	static const struct {
		const char *name;
		enum http_field_id id;
	} known[] = {
		{"a-im", FIELD_A_IM},
		{"accept-encoding", FIELD_ACCEPT_ENCODING},
		{"alt-svc", FIELD_ALT_SVC},
		{"authorization", FIELD_AUTHORIZATION},
		{"connection", FIELD_CONNECTION},
		{"content-digest", FIELD_CONTENT_DIGEST},
		{"content-encoding", FIELD_CONTENT_ENCODING},
		{"content-length", FIELD_CONTENT_LENGTH},
		{"content-md5", FIELD_CONTENT_MD5},
		{"content-range", FIELD_CONTENT_RANGE},
		{"content-type", FIELD_CONTENT_TYPE},
		{"cookie", FIELD_COOKIE},
		{"digest", FIELD_DIGEST},
		{"expect", FIELD_EXPECT},
		{"host", FIELD_HOST},
		{"http2-settings", FIELD_HTTP2_SETTINGS},
		{"if-range", FIELD_IF_RANGE},
		{"keep-alive", FIELD_KEEP_ALIVE},
		{"proxy-authenticate", FIELD_PROXY_AUTHENTICATE},
		{"proxy-authorization", FIELD_PROXY_AUTHORIZATION},
		{"proxy-connection", FIELD_PROXY_CONNECTION},
		{"range", FIELD_RANGE},
		{"repr-digest", FIELD_REPR_DIGEST},
		{"sallyport-verdict", FIELD_SALLYPORT_VERDICT},
		{"set-cookie", FIELD_SET_COOKIE},
		{"signature-input", FIELD_SIGNATURE_INPUT},
		{"te", FIELD_TE},
		{"trailer", FIELD_TRAILER},
		{"transfer-encoding", FIELD_TRANSFER_ENCODING},
		{"upgrade", FIELD_UPGRADE},
		{"x-amz-content-sha256", FIELD_X_AMZ_CONTENT_SHA256},
		{"x-http-method", FIELD_X_HTTP_METHOD},
		{"x-http-method-override", FIELD_X_HTTP_METHOD_OVERRIDE},
		{"x-method-override", FIELD_X_METHOD_OVERRIDE},
		{"x-original-url", FIELD_X_ORIGINAL_URL},
		{"x-rewrite-url", FIELD_X_REWRITE_URL},
	};
	bool seen[FIELD_ID_COUNT] = {[FIELD_OTHER] = true};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char text[64];
		struct slice name = slice_of(text, strlen(known[i].name));

		memcpy(text, known[i].name, name.len + 1);
		assert_int_equal(http_field_identify(name), known[i].id);
		seen[known[i].id] = true;
		text[name.len - 1] = (char)(text[name.len - 1] ^ 0x20);
		text[name.len] = 'z';
		if (ascii_is_alpha(text[name.len - 1]))
			assert_int_equal(http_field_identify(name), known[i].id);
		assert_int_equal(http_field_identify(slice_of(text, name.len + 1)), FIELD_OTHER);
		text[0] = 'q';
		assert_int_equal(http_field_identify(name), FIELD_OTHER);
	}
	for (int id = 0; id < FIELD_ID_COUNT; id++)
		assert_true(seen[id]);
	assert_int_equal(http_field_identify(SLICE_EMPTY), FIELD_OTHER);
}

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
		cmocka_unit_test(every_known_field_is_told_by_its_name),
		cmocka_unit_test(the_characters_of_a_token_are_those_of_the_grammar),
		cmocka_unit_test(a_control_character_is_found_wherever_it_stands_in_a_value),
		cmocka_unit_test(fields_of_a_set_are_taken_out_and_the_rest_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
