#include "base/base64.h"

#include "base/error.h"
#include "tests/unit/allocation.h"

static void every_length_goes_there_and_back(void **state)
{
	char bytes[64], text[96], back[72];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 37 + 200);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		size_t encoded = base64_encode(slice_of(bytes, len), text);

		assert_int_equal(encoded, base64_encoded_length(len));
		assert_int_equal(base64_decode(slice_of(text, encoded), back), len);
		assert_memory_equal(back, bytes, len);
	}
}

static void knows_the_vectors_of_rfc_4648(void **state)
{
	char text[16];

	(void)state;
	assert_int_equal(base64_encode(SLICE_LITERAL("fooba"), text), 8);
	assert_memory_equal(text, "Zm9vYmE=", 8);
	assert_int_equal(base64_encode(SLICE_LITERAL("foobar"), text), 8);
	assert_memory_equal(text, "Zm9vYmFy", 8);
}

static void refuses_what_is_not_canonical(void **state)
{
	const char *bad[] = {"Zg",   "Zg=",  "Zh==", "Zm9=", "Zm9v\n",	 "Zm 9",
			     "Zm9-", "====", "=m9v", "Z===", "Zg==Zg==", "A"};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64_decode(slice_from_text(bad[i]), out), ERROR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_goes_there_and_back),
		cmocka_unit_test(knows_the_vectors_of_rfc_4648),
		cmocka_unit_test(refuses_what_is_not_canonical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
