/* Threat S16: requests that are signed by their sender. */
#include "proxy/secret/signature.h"

#include "tests/unit/allocation.h"

static const char *look(const char *name, const char *value, const char *query)
{
	struct http_message message;
	struct arena arena;
	const char *what;

	arena_init(&arena, 1 << 16);
	http_message_init(&message, &arena);
	message.query = slice_from_text(query);
	http_fields_add(&message.fields, &arena, SLICE_LITERAL("Accept"), SLICE_LITERAL("a"));
	http_fields_add(&message.fields, &arena, slice_from_text(name), slice_from_text(value));
	what = signature_of(&message);
	arena_free(&arena);
	return what;
}

static void signatures_are_known_in_fields_and_in_the_query(void **state)
{
	static const struct {
		const char *name, *value, *query;
	} rows[] = {
		{"Authorization", "AWS4-HMAC-SHA256 Credential=a/b, Signature=c", ""},
		{"authorization", " aws4-ecdsa-p256-sha256 Credential=a", ""},
		{"Authorization", "AWS AKIA:abc", ""},
		{"Authorization", "Signature keyId=\"a\"", ""},
		{"Authorization", "Hawk id=\"a\"", ""},
		{"Authorization", "OAuth oauth_consumer_key=\"a\"", ""},
		{"Authorization", "Digest username=\"a\"", ""},
		{"Signature-Input", "sig1=(\"@path\")", ""},
		{"signature", "sig1=:a:", ""},
		{"X", "y", "?a=b&X-Amz-Signature=c"},
		{"X", "y", "?x-goog-signature=c"},
		{"X", "y", "?oauth_signature=c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_non_null(look(rows[i].name, rows[i].value, rows[i].query));
}

static void other_requests_are_not_signed(void **state)
{
	(void)state;
	assert_null(look("Authorization", "Bearer AWS4-", "?"));
	assert_null(look("Authorization", "OAuth token", "?signature_version=4"));
	assert_null(look("X-Signature-Input", "Hawk ", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_known_in_fields_and_in_the_query),
		cmocka_unit_test(other_requests_are_not_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
