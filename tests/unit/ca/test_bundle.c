#include "ca/bundle.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "ca/authority.h"
#include "ca/pem.h"
#include "tests/unit/allocation.h"

enum { ROOTS = 3 };

static char folder[] = "/tmp/sallyport-test-XXXXXX";
static char path[64];
static struct authority *roots[ROOTS], *authority;
static struct buffer bundle, store;

static int make_authorities(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || authority_create("a1b2", &authority, NULL) < 0)
		return -1;
	for (size_t i = 0; i < ROOTS; i++) {
		if (authority_create("root", &roots[i], NULL) < 0)
			return -1;
	}
	snprintf(path, sizeof(path), "%s/roots.pem", folder);
	buffer_init(&bundle, BUNDLE_MAX_BYTES);
	buffer_init(&store, BUNDLE_MAX_BYTES);
	return 0;
}

static int free_authorities(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROOTS; i++)
		authority_free(roots[i]);
	authority_free(authority);
	unlink(path);
	return rmdir(folder);
}

static int empty_buffers(void **state)
{
	(void)state;
	buffer_free(&bundle);
	buffer_free(&store);
	return 0;
}

static void write_text(FILE *file, struct slice text)
{
	fwrite(text.ptr, 1, text.len, file);
}

/* As people's files are: with comments, a key, other kinds, and no newline at the end. */
static void write_roots(void)
{
	FILE *file = fopen(path, "w");

	fputs("# roots\n", file);
	write_text(file, authority_pem(roots[0]));
	fputs("-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n", file);
	write_text(file, authority_pem(roots[1]));
	fputs("-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----\n",
	      file);
	write_text(file, slice_trim(slice_first(authority_pem(roots[2]),
						authority_pem(roots[2]).len - 1)));
	fclose(file);
}

static void make_bundle(void)
{
	struct error err;

	write_roots();
	if (bundle_make(path, authority_pem(authority), &bundle, &err) < 0)
		fail_msg("%s", err.text);
}

static void the_bundle_is_the_roots_and_then_the_ca(void **state)
{
	struct slice rest;

	(void)state;
	make_bundle();
	rest = buffer_slice(&bundle);
	for (size_t i = 0; i <= ROOTS; i++) {
		struct slice pem = authority_pem(i < ROOTS ? roots[i] : authority);

		assert_true(slice_starts_with(rest, pem));
		rest = slice_from(rest, pem.len);
	}
	assert_int_equal(rest.len, 0);
}

static void without_roots_the_bundle_is_the_ca(void **state)
{
	(void)state;
	assert_int_equal(bundle_make(NULL, authority_pem(authority), &bundle, NULL), 0);
	assert_true(slice_equal(buffer_slice(&bundle), authority_pem(authority)));
}

static void a_file_that_is_no_bundle_is_told(void **state)
{
	struct error err;
	FILE *file = fopen(path, "w");

	(void)state;
	fputs("-----BEGIN CERTIFICATE-----\n", file);
	fclose(file);
	assert_int_equal(bundle_make(path, authority_pem(authority), &bundle, &err), ERROR_SYNTAX);
	assert_non_null(strstr(err.text, "roots.pem has no certificate in it"));
	assert_non_null(strstr(err.text, "SSL_CERT_FILE"));
	assert_int_equal(bundle_make("/nonexistent", SLICE_EMPTY, &bundle, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot open /nonexistent"));
}

static void a_bundle_that_is_too_large_is_told(void **state)
{
	struct buffer small;
	struct error err;

	(void)state;
	write_roots();
	buffer_init(&small, 1000);
	assert_int_equal(bundle_make(path, authority_pem(authority), &small, &err), ERROR_LIMIT);
	buffer_free(&small);
	make_bundle();
	assert_int_equal(bundle_make_java(buffer_slice(&bundle), &small, &err), ERROR_LIMIT);
	buffer_free(&small);
}

/* The certificates of the store, as the library reads it. */
static void assert_bag(PKCS12_SAFEBAG *bag, X509 *expected)
{
	const STACK_OF(X509_ATTRIBUTE) *attributes = PKCS12_SAFEBAG_get0_attrs(bag);
	ASN1_OBJECT *trusted = OBJ_txt2obj("2.16.840.1.113894.746875.1.1", 1);
	X509 *certificate = PKCS12_SAFEBAG_get1_cert(bag);
	int at = X509at_get_attr_by_OBJ(attributes, trusted, -1);
	ASN1_TYPE *value;

	assert_int_equal(X509_cmp(certificate, expected), 0);
	assert_true(at >= 0);
	value = X509_ATTRIBUTE_get0_type(X509at_get_attr(attributes, at), 0);
	assert_int_equal(value->type, V_ASN1_OBJECT);
	assert_int_equal(OBJ_obj2nid(value->value.object), NID_anyExtendedKeyUsage);
	X509_free(certificate);
	ASN1_OBJECT_free(trusted);
}

static void javas_store_has_every_certificate_as_trusted(void **state)
{
	struct slice bytes;
	const unsigned char *at;
	STACK_OF(PKCS7) * safes;
	STACK_OF(PKCS12_SAFEBAG) * bags;
	PKCS12 *read;

	(void)state;
	make_bundle();
	assert_int_equal(bundle_make_java(buffer_slice(&bundle), &store, NULL), 0);
	bytes = buffer_slice(&store);
	at = (const unsigned char *)bytes.ptr;
	read = d2i_PKCS12(NULL, &at, (long)bytes.len);
	assert_non_null(read);
	assert_ptr_equal(at, bytes.ptr + bytes.len);
	assert_int_equal(PKCS12_verify_mac(read, "changeit", -1), 1);
	assert_int_equal(PKCS12_verify_mac(read, "another", -1), 0);
	safes = PKCS12_unpack_authsafes(read);
	assert_int_equal(sk_PKCS7_num(safes), 1);
	bags = PKCS12_unpack_p7data(sk_PKCS7_value(safes, 0));
	assert_int_equal(sk_PKCS12_SAFEBAG_num(bags), ROOTS + 1);
	/* Written from the end to the start. */
	for (int i = 0; i <= ROOTS; i++)
		assert_bag(sk_PKCS12_SAFEBAG_value(bags, i),
			   authority_certificate(i ? roots[ROOTS - i] : authority));
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	PKCS12_free(read);
	ERR_clear_error();
}

static void a_damaged_certificate_is_told_by_its_place(void **state)
{
	static const char *const rows[] = {
		"!!!!", "AAA", "AAAA", "MAA", "MIIB", "MAAA", "", "MIAAAA==",
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text),
			 "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
			 "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n",
			 rows[i]);
		assert_int_equal(bundle_make_java(slice_from_text(text), &store, &err),
				 ERROR_SYNTAX);
		assert_string_equal(err.text, "certificate 2 of the trust bundle is damaged");
	}
	assert_int_equal(bundle_make_java(SLICE_EMPTY, &store, &err), ERROR_SYNTAX);
	assert_int_equal(bundle_make_java(SLICE_LITERAL("-----BEGIN CERTIFICATE-----"
							"-----END CERTIFICATE----"),
					  &store, &err),
			 ERROR_SYNTAX);
}

/* The smallest and largest certificates that there can be: the room is counted, not guessed. */
static void stores_of_any_size_fit(void **state)
{
	static const size_t lengths[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 70000};
	static const char header[] = "-----BEGIN CERTIFICATE-----\n";

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char *text = calloc(1, 2 * lengths[i] + 200), *der = calloc(1, lengths[i] + 8);
		size_t used = strlen(header), head = 2;

		memcpy(text, header, used);
		der[0] = 0x30;
		if (lengths[i] < 128) {
			der[1] = (char)lengths[i];
		} else {
			der[1] = (char)0x83;
			der[2] = (char)(lengths[i] >> 16);
			der[3] = (char)(lengths[i] >> 8);
			der[4] = (char)lengths[i];
			head = 5;
		}
		used += (size_t)EVP_EncodeBlock((unsigned char *)text + used, (unsigned char *)der,
						(int)(head + lengths[i]));
		snprintf(text + used, 100, "\n-----END CERTIFICATE-----");
		assert_int_equal(bundle_make_java(slice_from_text(text), &store, NULL), 0);
		buffer_free(&store);
		free(der);
		free(text);
	}
}

static void the_systems_bundle_is_found(void **state)
{
	const char *const *known = bundle_known_paths();

	(void)state;
	setenv("SSL_CERT_FILE", path, 1);
	write_roots();
	assert_string_equal(bundle_system_path(), path);
	setenv("SSL_CERT_FILE", "/nonexistent", 1);
	assert_true(!bundle_system_path() || strcmp(bundle_system_path(), "/nonexistent") != 0);
	unsetenv("SSL_CERT_FILE");
	for (; *known; known++)
		assert_int_equal((*known)[0], '/');
}

static void variables_hold_the_path(void **state)
{
	size_t count;
	const struct bundle_variable *variables = bundle_variables(&count);
	char value[256];

	(void)state;
	for (size_t i = 0; i < count; i++) {
		int len = bundle_variable_value(&variables[i], "/x/y%s", value, sizeof(value));

		assert_int_equal(len, strlen(value));
		assert_non_null(strstr(value, "/x/y%s"));
		if (variables[i].file == BUNDLE_JAVA)
			assert_string_equal(value, "-Djavax.net.ssl.trustStore=/x/y%s "
						   "-Djavax.net.ssl.trustStoreType=PKCS12 "
						   "-Djavax.net.ssl.trustStorePassword=changeit");
		else
			assert_string_equal(value, "/x/y%s");
		assert_int_equal(bundle_variable_value(&variables[i], "/x/y%s", value, (size_t)len),
				 ERROR_LIMIT);
	}
}

static int make_both(void *context)
{
	struct buffer pem, java;
	int rc;

	(void)context;
	buffer_init(&pem, BUNDLE_MAX_BYTES);
	buffer_init(&java, BUNDLE_MAX_BYTES);
	rc = bundle_make(path, authority_pem(authority), &pem, NULL);
	if (rc == 0)
		rc = bundle_make_java(buffer_slice(&pem), &java, NULL);
	buffer_free(&pem);
	buffer_free(&java);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	write_roots();
	allocation_try_all(make_both, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_bundle_is_the_roots_and_then_the_ca, empty_buffers),
		cmocka_unit_test_teardown(without_roots_the_bundle_is_the_ca, empty_buffers),
		cmocka_unit_test_teardown(a_file_that_is_no_bundle_is_told, empty_buffers),
		cmocka_unit_test_teardown(a_bundle_that_is_too_large_is_told, empty_buffers),
		cmocka_unit_test_teardown(javas_store_has_every_certificate_as_trusted,
					  empty_buffers),
		cmocka_unit_test_teardown(a_damaged_certificate_is_told_by_its_place,
					  empty_buffers),
		cmocka_unit_test(stores_of_any_size_fit),
		cmocka_unit_test(the_systems_bundle_is_found),
		cmocka_unit_test(variables_hold_the_path),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, make_authorities, free_authorities);
}
