/* Threats S9, S29: placeholders cannot be guessed, and look like what they stand for. */
#include "policy/placeholder.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/error.h"
#include "tests/unit/policy/fixture.h"

enum { ALL = 0, TRIALS = 50 };

#define ALNUM	  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define HEX	  "0123456789abcdef"
#define HEX_UP	  "0123456789ABCDEF"
#define BASE32	  "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
#define BASE64URL ALNUM "-_"

static const struct {
	const char *secret;
	const char *shape;
	const char *prefix;
	const char *alphabet; /* behind the prefix */
	size_t length;	      /* ALL: the secret's */
} shapes[] = {
	{"sk-4f9Jd83hHd72hFh38fhGh47fhdjF83hfKd03jD7fhe9fjd8s", "key (sk-)", "sk-", ALNUM, ALL},
	{"sk-ant-api03-dkf93hf_dkf9-3hfd93hfdkf93hfd9f3hdkf93hfd93hfAA", "Anthropic key",
	 "sk-ant-api03-", ALNUM, ALL},
	{"sk-ant-oat01-dkf93hfdkf93hfd93hfdkf93hfd9f3hdkf93hfd93hf", "Anthropic token",
	 "sk-ant-oat01-", ALNUM, ALL},
	{"sk-ant-dkf93hfdkf93hfd93hfdkf93hfd9f3hdkf93hfd93hf", "Anthropic key", "sk-ant-", ALNUM,
	 ALL},
	{"sk-proj-dkf93hfdkf93hfd93hfdkf93hfd9f3hdkf93hfd93hf", "OpenAI key", "sk-proj-", ALNUM,
	 ALL},
	{"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "GitHub token", "ghp_", ALNUM, ALL},
	{"gho_16C7e42F292c6912E7710c838347Ae178B4a", "GitHub token", "gho_", ALNUM, ALL},
	{"github_pat_11ABCDEFG0abcdefghijkl_"
	 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456",
	 "GitHub token", "github_pat_", ALNUM "_", ALL},
	{"xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx", "Slack token", "xoxb-",
	 ALNUM "-", ALL},
	{"AKIAIOSFODNN7EXAMPLE", "AWS access key identifier", "AKIA", BASE32, 24},
	{"ASIAIOSFODNN7EXAMPLE", "AWS access key identifier", "ASIA", BASE32, 24},
	{"glpat-abcdefghij0123456789", "GitLab token", "glpat-", ALNUM, ALL},
	{"hf_abcdefghijABCDEFGHIJabcdefghijABCD", "Hugging Face token", "hf_", ALNUM, ALL},
	{"npm_abcdefghijABCDEFGHIJ0123456789abcdef", "npm token", "npm_", ALNUM, ALL},
	{"123e4567-e89b-42d3-a456-426614174000", "UUID", "", HEX "-", ALL},
	{"123E4567-E89B-42D3-A456-426614174000", "UUID", "", HEX_UP "-", ALL},
	{"d41d8cd98f00b204e9800998ecf8427e", "hex", "", HEX, ALL},
	{"D41D8CD98F00B204E9800998ECF8427E", "hex", "", HEX_UP, ALL},
	{"d41d8cd98f00b204", "hex", "", HEX, 24},
	{"dGhpcyBpcyBh_HNlY3JldA-dGhpcyBpcyBh", "base64url", "", BASE64URL, ALL},
	{"dGhpcyBpcyBhIHNlY3JldA", "letters and digits", "", ALNUM, ALL},
	{"correct horse battery staple", "letters and digits", "", ALNUM, ALL},
	{"pass", "letters and digits", "", ALNUM, 17},
	{"a", "letters and digits", "", ALNUM, 17},
	{"sk-", "letters and digits", "", ALNUM, 17},
	{"ghp_x", "letters and digits", "", ALNUM, 17},
};

static size_t longest_common_part(struct slice a, struct slice b)
{
	size_t longest = 0;

	for (size_t i = 0; i < a.len; i++) {
		for (size_t len = longest + 1; i + len <= a.len; len++) {
			if (slice_find(b, slice_of(a.ptr + i, len)) == b.len)
				break;
			longest = len;
		}
	}
	return longest;
}

static void keep_length_prefix_and_alphabet_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(shapes) * TRIALS; i++) {
		size_t row = i / TRIALS, prefix = strlen(shapes[row].prefix);
		struct slice secret = slice_from_text(shapes[row].secret), made;
		char out[PLACEHOLDER_MAX_BYTES];
		ssize_t len = placeholder_from_secret(secret, out, sizeof(out));

		made = slice_of(out, (size_t)len);
		assert_int_equal(len, shapes[row].length ? shapes[row].length : secret.len);
		assert_string_equal(placeholder_shape_name(secret), shapes[row].shape);
		assert_true(slice_starts_with(made, slice_from_text(shapes[row].prefix)));
		for (size_t j = prefix; j < made.len; j++)
			assert_non_null(strchr(shapes[row].alphabet, out[j]));
		assert_int_equal(slice_find(made, secret), made.len);
		if (secret.len > 20)
			assert_in_range(longest_common_part(slice_from(secret, prefix),
							    slice_from(made, prefix)),
					0, 9);
	}
}

static void known_structure_stays_in_its_place(void **state)
{
	char out[PLACEHOLDER_MAX_BYTES];

	(void)state;
	placeholder_from_secret(slice_from_text(shapes[7].secret), out, sizeof(out));
	assert_int_equal(out[33], '_');
	placeholder_from_secret(slice_from_text(shapes[8].secret), out, sizeof(out));
	assert_int_equal(out[17], '-');
	assert_int_equal(out[31], '-');
	for (size_t i = 5; i < 17; i++)
		assert_true(ascii_is_digit(out[i]));
	placeholder_from_secret(slice_from_text(shapes[14].secret), out, sizeof(out));
	assert_int_equal(out[8], '-');
	assert_int_equal(out[14], '4');
	assert_non_null(strchr("89ab", out[19]));
	assert_int_equal(out[23], '-');
}

static void no_two_are_the_same(void **state)
{
	char first[PLACEHOLDER_MAX_BYTES], second[PLACEHOLDER_MAX_BYTES];

	(void)state;
	for (size_t i = 0; i < ROWS(shapes); i++) {
		struct slice secret = slice_from_text(shapes[i].secret);
		ssize_t a = placeholder_from_secret(secret, first, sizeof(first));
		ssize_t b = placeholder_from_secret(secret, second, sizeof(second));

		assert_int_equal(a, b);
		assert_memory_not_equal(first, second, (size_t)a);
	}
}

/* Decodes base64url by turning it into base64. */
static size_t decode_part(struct slice part, char out[PLACEHOLDER_MAX_BYTES])
{
	char padded[PLACEHOLDER_MAX_BYTES + 4];
	size_t len = 0;
	ssize_t decoded;

	for (; len < part.len; len++)
		padded[len] = part.ptr[len] == '-' ? '+'
						   : (part.ptr[len] == '_' ? '/' : part.ptr[len]);
	while (len % 4)
		padded[len++] = '=';
	decoded = base64_decode(slice_of(padded, len), out);
	assert_true(decoded > 0);
	out[decoded] = '\0';
	return (size_t)decoded;
}

static void assert_inert(struct slice jwt)
{
	struct slice rest = jwt, part;
	char text[PLACEHOLDER_MAX_BYTES];

	assert_true(slice_next_part(&rest, '.', &part));
	decode_part(part, text);
	assert_string_equal(text, "{\"alg\":\"none\",\"typ\":\"JWT\"}");
	assert_true(slice_next_part(&rest, '.', &part));
	decode_part(part, text);
	assert_ptr_equal(strstr(text, "{\"exp\":4102444800,\"jti\":\""), text);
	assert_string_equal(text + strlen(text) - 2, "\"}");
	assert_true(slice_next_part(&rest, '.', &part));
	assert_true(part.len >= 22);
	decode_part(part, text);
	assert_null(rest.ptr);
}

/* Signatures of every length, those that are no base64url too. */
static void a_jwt_decodes_as_an_inert_one(void **state)
{
	char secret[1200] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
	size_t start = strlen(secret);

	(void)state;
	for (size_t payload = 50; payload < 700; payload++) {
		size_t len = start + payload + 1 + 22 + payload % 60;
		char out[PLACEHOLDER_MAX_BYTES];

		memset(secret + start, 'A', len - start);
		secret[start + payload] = '.';
		assert_string_equal(placeholder_shape_name(slice_of(secret, len)), "JWT");
		assert_int_equal(placeholder_from_secret(slice_of(secret, len), out, sizeof(out)),
				 len);
		assert_inert(slice_of(out, len));
	}
}

static void a_short_jwt_gets_a_longer_one(void **state)
{
	char out[PLACEHOLDER_MAX_BYTES];
	ssize_t len = placeholder_from_secret(SLICE_LITERAL("eyJhIjoxfQ.eyJiIjoyfQ.c2ln"), out,
					      sizeof(out));

	(void)state;
	assert_in_range(len, 100, 140);
	assert_memory_equal(out, "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.", 36);
}

static void long_secrets_and_small_buffers(void **state)
{
	char secret[PLACEHOLDER_MAX_BYTES + 100], out[PLACEHOLDER_MAX_BYTES];

	(void)state;
	memset(secret, 'x', sizeof(secret));
	assert_int_equal(
		placeholder_from_secret(slice_of(secret, sizeof(secret)), out, sizeof(out)),
		PLACEHOLDER_MAX_BYTES);
	for (size_t i = 0; i < ROWS(shapes); i++)
		assert_int_equal(
			placeholder_from_secret(slice_from_text(shapes[i].secret), out, 10),
			ERROR_LIMIT);
	assert_int_equal(placeholder_from_secret(
				 SLICE_LITERAL("eyJhIjoxfQ.eyJiIjoyfQ.c2lnbmF0dXJl"), out, 50),
			 ERROR_LIMIT);
	assert_int_equal(placeholder_from_secret(SLICE_EMPTY, out, sizeof(out)), 17);
}

static void templates_are_checked(void **state)
{
	static const struct {
		const char *template;
		int rc;
	} rows[] = {
		{"sk-proj-{random:48}", 0},
		{"{random:17}", 0},
		{"a{random:10}b{random:7}c", 0},
		{"x", ERROR_LIMIT},
		{"", ERROR_LIMIT},
		{"{random:16}", ERROR_LIMIT},
		{"{random:4097}", ERROR_SYNTAX},
		{"x{random:4096}", ERROR_LIMIT},
		{"{random:0}", ERROR_SYNTAX},
		{"{random:}", ERROR_SYNTAX},
		{"{random}", ERROR_SYNTAX},
		{"{random:-1}", ERROR_SYNTAX},
		{"{random:48", ERROR_SYNTAX},
		{"random:48}", ERROR_SYNTAX},
		{"{hex:48}", ERROR_SYNTAX},
		{"{{random:48}}", ERROR_SYNTAX},
		{"a b{random:48}", ERROR_SYNTAX},
		{"\"{random:48}", ERROR_SYNTAX},
		{"'{random:48}", ERROR_SYNTAX},
		{"\\{random:48}", ERROR_SYNTAX},
		{"\xc3\xa9{random:48}", ERROR_SYNTAX},
		{"\n{random:48}", ERROR_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *why;

		assert_int_equal(
			placeholder_check_template(slice_from_text(rows[i].template), &why),
			rows[i].rc);
		assert_int_equal(why != NULL, rows[i].rc != 0);
	}
}

static void templates_are_filled(void **state)
{
	char out[64], again[64];
	struct slice template = SLICE_LITERAL("sk-{random:20}-x{random:2}");

	(void)state;
	assert_int_equal(placeholder_from_template(template, out, sizeof(out)), 27);
	assert_memory_equal(out, "sk-", 3);
	assert_memory_equal(out + 23, "-x", 2);
	for (size_t i = 3; i < 23; i++)
		assert_true(ascii_is_alnum(out[i]));
	assert_int_equal(placeholder_from_template(template, again, sizeof(again)), 27);
	assert_memory_not_equal(out, again, 27);
	assert_int_equal(placeholder_from_template(template, out, 27), 27);
	assert_int_equal(placeholder_from_template(template, out, 26), ERROR_LIMIT);
	assert_int_equal(placeholder_from_template(template, out, 0), ERROR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keep_length_prefix_and_alphabet_and_nothing_else),
		cmocka_unit_test(known_structure_stays_in_its_place),
		cmocka_unit_test(no_two_are_the_same),
		cmocka_unit_test(a_jwt_decodes_as_an_inert_one),
		cmocka_unit_test(a_short_jwt_gets_a_longer_one),
		cmocka_unit_test(long_secrets_and_small_buffers),
		cmocka_unit_test(templates_are_checked),
		cmocka_unit_test(templates_are_filled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
