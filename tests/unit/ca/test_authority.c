#include "ca/authority.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ca/profile.h"
#include "tests/unit/allocation.h"

static struct authority *authority, *other;

static int make_authorities(void **state)
{
	(void)state;
	return authority_create("a1b2", &authority, NULL) | authority_create("c3d4", &other, NULL);
}

static int free_authorities(void **state)
{
	(void)state;
	authority_free(authority);
	authority_free(other);
	return 0;
}

static struct host host_of(enum host_kind kind, const char *text)
{
	struct host host = {.kind = kind, .length = (uint8_t)strlen(text)};

	memcpy(host.text, text, host.length);
	return host;
}

static X509 *leaf_of(struct authority *from, enum host_kind kind, const char *text)
{
	struct host host = host_of(kind, text);
	X509 *leaf;

	assert_int_equal(authority_leaf(from, &host, AUTHORITY_ONCE, &leaf), 0);
	return leaf;
}

/* The extension's value, of which there must be one, critical or not as said. */
static void *extension(const X509 *certificate, int nid, bool is_critical)
{
	int critical;
	void *value = X509_get_ext_d2i(certificate, nid, &critical, NULL);

	assert_non_null(value);
	assert_int_equal(critical, is_critical);
	return value;
}

static void assert_key_usage(const X509 *certificate, int only_bit)
{
	ASN1_BIT_STRING *usage = extension(certificate, NID_key_usage, true);

	for (int bit = 0; bit < 9; bit++)
		assert_int_equal(ASN1_BIT_STRING_get_bit(usage, bit), bit == only_bit);
	ASN1_BIT_STRING_free(usage);
}

static void assert_serial(X509 *certificate)
{
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);

	/* 128 random bits: as good as never less than 100 of them. */
	assert_false(BN_is_negative(serial));
	assert_in_range(BN_num_bits(serial), 100, 128);
	BN_free(serial);
}

static int64_t seconds_from_now(const ASN1_TIME *time)
{
	int days, seconds;

	assert_int_equal(ASN1_TIME_diff(&days, &seconds, NULL, time), 1);
	return (int64_t)days * 86400 + seconds;
}

static void assert_about(int64_t value, int64_t expected)
{
	assert_true(value > expected - 60 && value < expected + 60);
}

static void assert_common_fields(X509 *certificate)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	char group[32];
	size_t len;

	assert_int_equal(X509_get_version(certificate), X509_VERSION_3);
	assert_int_equal(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA256);
	assert_int_equal(EVP_PKEY_get_group_name(key, group, sizeof(group), &len), 1);
	assert_string_equal(group, "prime256v1");
	assert_serial(certificate);
	assert_about(seconds_from_now(X509_get0_notBefore(certificate)), -PROFILE_BACKDATE_S);
	assert_int_equal(X509_get_ext_by_NID(certificate, NID_info_access, -1), -1);
	assert_int_equal(X509_get_ext_by_NID(certificate, NID_crl_distribution_points, -1), -1);
}

static void the_ca_has_the_profile(void **state)
{
	X509 *ca = authority_certificate(authority);
	BASIC_CONSTRAINTS *constraints = extension(ca, NID_basic_constraints, true);
	char name[128];

	(void)state;
	assert_common_fields(ca);
	assert_int_equal(X509_get_ext_count(ca), 3);
	assert_true(constraints->ca);
	assert_int_equal(ASN1_INTEGER_get(constraints->pathlen), 0);
	BASIC_CONSTRAINTS_free(constraints);
	assert_key_usage(ca, 5);
	assert_int_equal(ASN1_STRING_length(X509_get0_subject_key_id(ca)), 20);
	assert_about(seconds_from_now(X509_get0_notAfter(ca)),
		     PROFILE_CA_LIFE_S - PROFILE_BACKDATE_S);
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(ca), X509_get_issuer_name(ca)), 0);
	X509_NAME_oneline(X509_get_subject_name(ca), name, sizeof(name));
	assert_string_equal(name, "/O=Sallyport/CN=Sallyport sandbox a1b2");
	assert_int_equal(X509_verify(ca, X509_get0_pubkey(ca)), 1);
}

static void assert_leaf_fields(X509 *leaf)
{
	X509 *ca = authority_certificate(authority);
	EXTENDED_KEY_USAGE *usage = extension(leaf, NID_ext_key_usage, false);

	assert_common_fields(leaf);
	assert_int_equal(X509_get_ext_count(leaf), 5);
	assert_key_usage(leaf, 0);
	assert_int_equal(sk_ASN1_OBJECT_num(usage), 1);
	assert_int_equal(OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, 0)), NID_server_auth);
	EXTENDED_KEY_USAGE_free(usage);
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(leaf)), 0);
	assert_int_equal(X509_NAME_cmp(X509_get_issuer_name(leaf), X509_get_subject_name(ca)), 0);
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf),
					       X509_get0_subject_key_id(ca)),
			 0);
	assert_int_equal(ASN1_STRING_length(X509_get0_subject_key_id(leaf)), 20);
	assert_int_not_equal(
		ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(leaf), X509_get0_subject_key_id(ca)),
		0);
	assert_about(seconds_from_now(X509_get0_notAfter(leaf)),
		     PROFILE_LEAF_LIFE_S - PROFILE_BACKDATE_S);
	assert_int_equal(X509_verify(leaf, X509_get0_pubkey(ca)), 1);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(leaf), authority_leaf_key(authority)), 1);
	assert_int_equal(X509_check_private_key(leaf, authority_leaf_key(authority)), 1);
}

/* Threat T3: the name that was asked for, and no other that the origin's certificate may have. */
static void assert_only_name(X509 *leaf, int type, const void *bytes, size_t len)
{
	GENERAL_NAMES *names = extension(leaf, NID_subject_alt_name, true);
	const ASN1_STRING *value;
	int found;

	assert_int_equal(sk_GENERAL_NAME_num(names), 1);
	value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &found);
	assert_int_equal(found, type);
	assert_int_equal(ASN1_STRING_length(value), len);
	assert_memory_equal(ASN1_STRING_get0_data(value), bytes, len);
	GENERAL_NAMES_free(names);
}

static void a_leaf_has_the_profile_and_one_name(void **state)
{
	static const struct {
		enum host_kind kind;
		const char *text;
	} rows[] = {
		{HOST_NAME, "api.openai.com"},
		{HOST_NAME, "a"},
		{HOST_NAME, "xn--bcher-kva.example"},
	};
	char longest[HOST_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		X509 *leaf = leaf_of(authority, rows[i].kind, rows[i].text);

		assert_leaf_fields(leaf);
		assert_only_name(leaf, GEN_DNS, rows[i].text, strlen(rows[i].text));
		X509_free(leaf);
	}
	memset(longest, 'a', HOST_TEXT_MAX);
	for (size_t i = 63; i < HOST_TEXT_MAX; i += 64)
		longest[i] = '.';
	longest[HOST_TEXT_MAX] = '\0';
	X509 *leaf = leaf_of(authority, HOST_NAME, longest);

	assert_leaf_fields(leaf);
	assert_only_name(leaf, GEN_DNS, longest, HOST_TEXT_MAX);
	X509_free(leaf);
}

static void a_leaf_for_an_address_has_the_address(void **state)
{
	unsigned char ipv6[16];
	X509 *leaf = leaf_of(authority, HOST_IPV4, "192.0.2.1");

	(void)state;
	assert_leaf_fields(leaf);
	assert_only_name(leaf, GEN_IPADD, "\xc0\x00\x02\x01", 4);
	X509_free(leaf);
	leaf = leaf_of(authority, HOST_IPV6, "2001:db8::1");
	assert_leaf_fields(leaf);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", ipv6), 1);
	assert_only_name(leaf, GEN_IPADD, ipv6, sizeof(ipv6));
	X509_free(leaf);
}

static void serials_are_all_different(void **state)
{
	unsigned long long seen[64];

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		X509 *leaf = leaf_of(authority, HOST_NAME, "api.example.com");
		const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);

		memcpy(&seen[i], ASN1_STRING_get0_data(serial), sizeof(seen[i]));
		for (size_t k = 0; k < i; k++)
			assert_true(seen[k] != seen[i]);
		X509_free(leaf);
	}
}

/* As a client would, strictly, with only CA trusted. */
static bool verifies(X509 *leaf, X509 *ca, const char *name)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *parameters;
	bool done;

	X509_STORE_add_cert(store, ca);
	X509_STORE_CTX_init(context, store, leaf, NULL);
	parameters = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set1_host(parameters, name, 0);
	done = X509_verify_cert(context) == 1;
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return done;
}

/* Threat C8: what one sandbox trusts is of no use against another. */
static void a_leaf_is_believed_by_its_own_sandbox_only(void **state)
{
	X509 *leaf = leaf_of(authority, HOST_NAME, "api.example.com");

	(void)state;
	assert_true(verifies(leaf, authority_certificate(authority), "api.example.com"));
	assert_false(verifies(leaf, authority_certificate(authority), "example.com"));
	assert_false(verifies(leaf, authority_certificate(authority), "x.api.example.com"));
	assert_false(verifies(leaf, authority_certificate(other), "api.example.com"));
	assert_int_not_equal(EVP_PKEY_eq(authority_leaf_key(authority), authority_leaf_key(other)),
			     1);
	X509_free(leaf);
}

/* Threat C8: a leaf can't be used as a CA in its turn. */
static void a_leaf_signs_nothing(void **state)
{
	X509 *leaf = leaf_of(authority, HOST_NAME, "api.example.com");

	(void)state;
	assert_int_equal(X509_check_ca(leaf), 0);
	assert_int_equal(X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_int_equal(X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0), 0);
	X509_free(leaf);
}

static void kept_leaves_are_given_out_again(void **state)
{
	struct authority_counters before, after;
	struct host host = host_of(HOST_NAME, "kept.example.com");
	X509 *first, *second, *third;

	(void)state;
	authority_count(authority, &before);
	assert_int_equal(authority_leaf(authority, &host, AUTHORITY_KEEP, &first), 0);
	assert_int_equal(authority_leaf(authority, &host, AUTHORITY_KEEP, &second), 0);
	/* One that is there serves a denial too. */
	assert_int_equal(authority_leaf(authority, &host, AUTHORITY_ONCE, &third), 0);
	assert_ptr_equal(first, second);
	assert_ptr_equal(first, third);
	authority_count(authority, &after);
	assert_int_equal(after.issued, before.issued + 1);
	assert_int_equal(after.cache_hits, before.cache_hits + 2);
	assert_int_equal(after.cached, before.cached + 1);
	X509_free(first);
	X509_free(second);
	X509_free(third);
}

/* Threat C13: names that are denied fill nothing, and those that are allowed only so much. */
static void leaves_made_once_are_not_kept(void **state)
{
	struct authority_counters before, after;
	X509 *first = NULL, *second;

	(void)state;
	authority_count(authority, &before);
	first = leaf_of(authority, HOST_NAME, "denied.example.com");
	second = leaf_of(authority, HOST_NAME, "denied.example.com");
	assert_ptr_not_equal(first, second);
	authority_count(authority, &after);
	assert_int_equal(after.issued, before.issued + 2);
	assert_int_equal(after.cached, before.cached);
	X509_free(first);
	X509_free(second);
}

static void no_more_leaves_are_kept_than_the_bound(void **state)
{
	struct authority_counters counters;
	struct authority *full;

	(void)state;
	assert_int_equal(authority_create("full", &full, NULL), 0);
	for (int i = 0; i < AUTHORITY_CACHE_LEAVES + 10; i++) {
		char name[32];
		struct host host;
		X509 *leaf;

		snprintf(name, sizeof(name), "h%d.example.com", i);
		host = host_of(HOST_NAME, name);
		assert_int_equal(authority_leaf(full, &host, AUTHORITY_KEEP, &leaf), 0);
		X509_free(leaf);
	}
	authority_count(full, &counters);
	assert_int_equal(counters.cached, AUTHORITY_CACHE_LEAVES);
	authority_free(full);
}

static void our_own_certificates_are_known(void **state)
{
	X509 *leaf = leaf_of(other, HOST_NAME, "api.example.com"), *signed_by_leaf;
	EVP_PKEY *key = profile_key();
	struct validity validity = profile_ca_validity(time(NULL));
	X509 *stranger = profile_ca("a1b2", key, &validity), *copy;
	struct authority *gone;
	X509 *remembered;

	(void)state;
	assert_true(authority_is_ours(authority_certificate(authority)));
	assert_true(authority_is_ours(leaf));
	/* The same name does not make a certificate ours; the key does, whatever the name. */
	assert_false(authority_is_ours(stranger));
	copy = X509_dup(stranger);
	X509_set_pubkey(copy, X509_get0_pubkey(authority_certificate(authority)));
	assert_true(authority_is_ours(copy));
	signed_by_leaf = X509_dup(leaf);
	X509_sign(signed_by_leaf, key, EVP_sha256());
	assert_false(authority_is_ours(signed_by_leaf));

	assert_int_equal(authority_create("gone", &gone, NULL), 0);
	remembered = leaf_of(gone, HOST_NAME, "api.example.com");
	assert_true(authority_is_ours(remembered));
	authority_free(gone);
	assert_false(authority_is_ours(remembered));
	assert_int_equal(ERR_peek_error(), 0);
	X509_free(leaf);
	X509_free(copy);
	X509_free(signed_by_leaf);
	X509_free(stranger);
	X509_free(remembered);
	EVP_PKEY_free(key);
}

static void the_pem_is_the_certificate_alone(void **state)
{
	struct slice pem = authority_pem(authority);
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *read = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	(void)state;
	assert_int_equal(X509_cmp(read, authority_certificate(authority)), 0);
	/* Threat C9. */
	assert_int_equal(slice_find(pem, SLICE_LITERAL("KEY")), pem.len);
	X509_free(read);
	BIO_free(bio);
}

static void a_name_of_any_kind_will_do(void **state)
{
	static const char *const names[] = {
		"",
		"with space\n\x1b[2J\xff",
		"a name that is far longer than a common name may be: 64 characters",
	};
	static const char *const expected[] = {
		"/O=Sallyport/CN=Sallyport sandbox ",
		"/O=Sallyport/CN=Sallyport sandbox with-space--[2J-",
		"/O=Sallyport/CN=Sallyport sandbox a-name-that-is-far-longer-than-a-common-name-m",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct authority *named;
		char name[128];

		assert_int_equal(authority_create(names[i], &named, NULL), 0);
		X509_NAME_oneline(X509_get_subject_name(authority_certificate(named)), name,
				  sizeof(name));
		assert_string_equal(name, expected[i]);
		authority_free(named);
	}
}

static void a_leaf_does_not_outlive_its_ca(void **state)
{
	struct validity ca = profile_ca_validity(1000000000), leaf;

	(void)state;
	leaf = profile_leaf_validity(1000000000, &ca);
	assert_int_equal(leaf.from, 1000000000 - 3600);
	assert_int_equal(leaf.until, leaf.from + 12 * 3600);
	leaf = profile_leaf_validity(ca.until - 100, &ca);
	assert_int_equal(leaf.until, ca.until);
}

static int use_authority(void *context)
{
	struct host host = host_of(HOST_NAME, "api.example.com");
	struct authority *made;
	X509 *leaf;
	int rc = authority_create("memory", &made, NULL);

	(void)context;
	if (rc < 0)
		return rc;
	rc = authority_leaf(made, &host, AUTHORITY_KEEP, &leaf);
	if (rc == 0)
		X509_free(leaf);
	authority_free(made);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	(void)state;
	/* Tolerant, as the library goes on without some of what it can't have. */
	allocation_try_all(use_authority, NULL, true);
}

static void *library_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(size);
}

static void *library_realloc(void *memory, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return realloc(memory, size);
}

static void library_free(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ca_has_the_profile),
		cmocka_unit_test(a_leaf_has_the_profile_and_one_name),
		cmocka_unit_test(a_leaf_for_an_address_has_the_address),
		cmocka_unit_test(serials_are_all_different),
		cmocka_unit_test(a_leaf_is_believed_by_its_own_sandbox_only),
		cmocka_unit_test(a_leaf_signs_nothing),
		cmocka_unit_test(kept_leaves_are_given_out_again),
		cmocka_unit_test(leaves_made_once_are_not_kept),
		cmocka_unit_test(no_more_leaves_are_kept_than_the_bound),
		cmocka_unit_test(our_own_certificates_are_known),
		cmocka_unit_test(the_pem_is_the_certificate_alone),
		cmocka_unit_test(a_name_of_any_kind_will_do),
		cmocka_unit_test(a_leaf_does_not_outlive_its_ca),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	/* So that the library's allocations fail too when they are asked to. */
	CRYPTO_set_mem_functions(library_malloc, library_realloc, library_free);
	return cmocka_run_group_tests(tests, make_authorities, free_authorities);
}
