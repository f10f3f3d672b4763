/* Threats S14, S15. */
#include "proxy/http/digest.h"

#include <stdio.h>

#include "base/error.h"
#include "tests/unit/allocation.h"

static struct arena arena;
static struct http_message message;

/* A message with one field. */
static void begin(const char *name, const char *value)
{
	arena_reset(&arena);
	http_message_init(&message, &arena);
	assert_int_equal(http_fields_add(&message.fields, &arena, slice_from_text(name),
					 slice_from_text(value)),
			 0);
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 16);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void assert_becomes(const char *name, const char *value, const char *expected)
{
	struct digest digest;
	struct slice written;

	begin(name, value);
	assert_true(digest_is_told(&message.fields));
	assert_int_equal(digest_begin(&digest, &message.fields), 0);
	digest_feed(&digest, SLICE_LITERAL("a"));
	digest_feed(&digest, SLICE_EMPTY);
	digest_feed(&digest, SLICE_LITERAL("bc"));
	assert_int_equal(digest_finish(&digest, &message.fields, &arena), 0);
	written = message.fields.list[0].value;
	if (!slice_equal(written, slice_from_text(expected)))
		print_error("%.*s\n", SLICE_ARGS(written));
	assert_true(slice_equal(written, slice_from_text(expected)));
}

/* By openssl dgst -binary | base64, over "abc". */
#define MD5    "kAFQmDzST7DWlj99KOF/cg=="
#define SHA1   "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="
#define SHA256 "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
#define SHA512                                                                                     \
	"3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="

static void each_field_is_written_anew_with_its_own_algorithms(void **state)
{
	(void)state;
	assert_becomes("Content-MD5", "old", MD5);
	assert_becomes("Digest", "SHA-256=old", "SHA-256=" SHA256);
	assert_becomes("Digest", "md5=old, sha=old==,SHA-512=x",
		       "md5=" MD5 ", sha=" SHA1 ", SHA-512=" SHA512);
	assert_becomes("Content-Digest", "sha-256=:old:", "sha-256=:" SHA256 ":");
	assert_becomes("Repr-Digest", "sha-512=:old:,\tsha-256=:old:;p=1",
		       "sha-512=:" SHA512 ":, sha-256=:" SHA256 ":");
	/* The same one twice. */
	assert_becomes("Content-Digest",
		       "sha-256=:a:, sha-256=:b:", "sha-256=:" SHA256 ":, sha-256=:" SHA256 ":");
}

static void a_list_of_as_many_as_are_supported_has_room(void **state)
{
	(void)state;
	assert_becomes("Content-Digest",
		       "sha-512,sha-512,sha-512,sha-512,sha-512,sha-512,sha-512,sha-512",
		       "sha-512=:" SHA512 ":, sha-512=:" SHA512 ":, sha-512=:" SHA512
		       ":, sha-512=:" SHA512 ":, sha-512=:" SHA512 ":, sha-512=:" SHA512
		       ":, sha-512=:" SHA512 ":, sha-512=:" SHA512 ":");
}

static void fields_that_tell_none_are_left(void **state)
{
	struct digest digest;

	(void)state;
	begin("Want-Digest", "sha-256");
	assert_false(digest_is_told(&message.fields));
	assert_int_equal(digest_begin(&digest, &message.fields), 0);
	digest_feed(&digest, SLICE_LITERAL("abc"));
	assert_int_equal(digest_finish(&digest, &message.fields, &arena), 0);
	assert_true(slice_equal(message.fields.list[0].value, SLICE_LITERAL("sha-256")));
}

static void what_cannot_be_computed_is_refused_when_it_is_begun(void **state)
{
	static const char *const bad[][2] = {
		{"Digest", "crc32c=x"},
		{"Digest", "unixsum=1"},
		{"Content-Digest", "sha-384=:x:"},
		{"Content-Digest", ""},
		{"Content-Digest", "sha-256=:x:,"},
		{"Repr-Digest", "sha-256=:x:, sha-3=:y:"},
		{"Digest", "md5=1,md5=2,md5=3,md5=4,md5=5,md5=6,md5=7,md5=8,md5=9"},
	};
	struct digest digest;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(bad[i][0], bad[i][1]);
		if (digest_begin(&digest, &message.fields) != ERROR_UNSUPPORTED)
			print_error("%s: %s\n", bad[i][0], bad[i][1]);
		assert_int_equal(digest_begin(&digest, &message.fields), ERROR_UNSUPPORTED);
		for (size_t j = 0; j < DIGEST_COUNT; j++)
			assert_null(digest.contexts[j]);
	}
}

static void running_out_of_memory_is_told_and_nothing_is_left(void **state)
{
	struct digest digest;
	struct arena small;

	(void)state;
	begin("Content-Digest", "sha-256=:x:");
	assert_int_equal(digest_begin(&digest, &message.fields), 0);
	arena_init(&small, 16);
	assert_int_equal(digest_finish(&digest, &message.fields, &small), -ENOMEM);
	assert_null(digest.contexts[DIGEST_SHA256]);
	arena_free(&small);
	digest_free(&digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_is_written_anew_with_its_own_algorithms),
		cmocka_unit_test(a_list_of_as_many_as_are_supported_has_room),
		cmocka_unit_test(fields_that_tell_none_are_left),
		cmocka_unit_test(what_cannot_be_computed_is_refused_when_it_is_begun),
		cmocka_unit_test(running_out_of_memory_is_told_and_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
