/*
 * The trust store for Java: PKCS #12 (RFC 7292), as keytool makes it. Written by hand, as the TLS
 * library would parse each of the system's roots first (0.1 ms each, and a sandbox starts in less
 * than all of them), where the certificates are only copied here.
 *
 * Java believes a certificate only if its bag has the attribute trustedKeyUsage, which is its own.
 * The password is public, so the check by it guards against damage, not against people; SHA-1 is
 * what every Java reads, where SHA-256 came with Java 8u301 and 11.0.12.
 */
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "ca/bundle.h"
#include "ca/der.h"
#include "ca/pem.h"

#define PASSWORD "changeit"

#define OID_DATA	       SLICE_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
#define OID_CERTIFICATE_BAG    SLICE_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03")
#define OID_X509_CERTIFICATE   SLICE_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01")
#define OID_FRIENDLY_NAME      SLICE_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14")
#define OID_TRUSTED_KEY_USAGE  SLICE_LITERAL("\x60\x86\x48\x01\x86\xf9\x66\xad\xca\x7b\x01\x01")
#define OID_ANY_EXTENDED_USAGE SLICE_LITERAL("\x55\x1d\x25\x00")
#define OID_SHA1	       SLICE_LITERAL("\x2b\x0e\x03\x02\x1a")

enum {
	VERSION = 3,
	SALT_BYTES = 20,
	HASH_BYTES = 20,
	ITERATIONS = 2048,
	BAG_MAX_BYTES = 192,   /* what a bag adds to its certificate */
	FRAME_MAX_BYTES = 256, /* what the store adds to its bags */
	ALIAS_CHARACTERS = 10,
	OCTETS_HEADER_BYTES = 2,
};

/* "ca-000017" in UCS-2, for what keytool calls the alias. */
static struct slice make_alias(unsigned int number, char out[2 * ALIAS_CHARACTERS])
{
	char text[ALIAS_CHARACTERS] = "ca-";

	for (size_t i = ALIAS_CHARACTERS; i > 3; i--) {
		text[i - 1] = (char)('0' + number % 10);
		number /= 10;
	}
	for (size_t i = 0; i < ALIAS_CHARACTERS; i++) {
		out[2 * i] = 0;
		out[2 * i + 1] = text[i];
	}
	return slice_of(out, 2 * ALIAS_CHARACTERS);
}

static void put_attribute(struct der *der, struct slice oid, enum der_tag tag, struct slice value)
{
	size_t mark = der_length(der);

	der_value(der, tag, value);
	der_wrap(der, DER_SET, mark);
	der_value(der, DER_OID, oid);
	der_wrap(der, DER_SEQUENCE, mark);
}

/* SafeBag (RFC 7292 section 4.2), with a CertBag (section 4.2.3) in it. */
static void put_bag(struct der *der, struct slice certificate, unsigned int number)
{
	char alias[2 * ALIAS_CHARACTERS];
	size_t bag = der_length(der), value;

	put_attribute(der, OID_FRIENDLY_NAME, DER_BMP_TEXT, make_alias(number, alias));
	put_attribute(der, OID_TRUSTED_KEY_USAGE, DER_OID, OID_ANY_EXTENDED_USAGE);
	der_wrap(der, DER_SET, bag);
	value = der_length(der);
	der_value(der, DER_OCTETS, certificate);
	der_wrap(der, DER_EXPLICIT_0, value);
	der_value(der, DER_OID, OID_X509_CERTIFICATE);
	der_wrap(der, DER_SEQUENCE, value);
	der_wrap(der, DER_EXPLICIT_0, value);
	der_value(der, DER_OID, OID_CERTIFICATE_BAG);
	der_wrap(der, DER_SEQUENCE, bag);
}

/* ContentInfo of type data around what was written since MARK. */
static void wrap_data(struct der *der, size_t mark)
{
	der_wrap(der, DER_OCTETS, mark);
	der_wrap(der, DER_EXPLICIT_0, mark);
	der_value(der, DER_OID, OID_DATA);
	der_wrap(der, DER_SEQUENCE, mark);
}

static int put_bags(struct der *der, struct slice bundle, struct error *err)
{
	cleanup_free char *scratch = malloc(2 * bundle.len + 1);
	struct slice block;
	unsigned int number = 0;

	if (!scratch)
		return error_set(err, -ENOMEM, "no memory for Java's trust store");
	while (pem_next(&bundle, &block)) {
		ssize_t len = pem_decode(block, scratch);

		number++;
		if (len < 0)
			return error_set(err, (int)len,
					 "certificate %u of the trust bundle is damaged", number);
		put_bag(der, slice_of(scratch, (size_t)len), number);
	}
	if (!number)
		return error_set(err, ERROR_SYNTAX, "the trust bundle has no certificate");
	return 0;
}

/* MacData (RFC 7292 section 4). Returns where its hash goes, which is not known yet. */
static uint8_t *put_mac_data(struct der *der, const unsigned char salt[SALT_BYTES])
{
	static const char no_hash[HASH_BYTES];
	size_t mark = der_length(der), digest, algorithm;
	uint8_t *hash;

	der_number(der, ITERATIONS);
	der_value(der, DER_OCTETS, slice_of(salt, SALT_BYTES));
	digest = der_length(der);
	der_value(der, DER_OCTETS, slice_of(no_hash, HASH_BYTES));
	hash = der->at + OCTETS_HEADER_BYTES;
	algorithm = der_length(der);
	der_value(der, DER_NULL, SLICE_EMPTY);
	der_value(der, DER_OID, OID_SHA1);
	der_wrap(der, DER_SEQUENCE, algorithm);
	der_wrap(der, DER_SEQUENCE, digest);
	der_wrap(der, DER_SEQUENCE, mark);
	return hash;
}

static bool make_mac(struct slice safe, unsigned char salt[SALT_BYTES], uint8_t hash[HASH_BYTES])
{
	unsigned char key[HASH_BYTES];
	size_t len;

	return PKCS12_key_gen_utf8(PASSWORD, sizeof(PASSWORD) - 1, salt, SALT_BYTES, PKCS12_MAC_ID,
				   ITERATIONS, HASH_BYTES, key, EVP_sha1()) == 1 &&
	       EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, key, sizeof(key),
			 (const unsigned char *)safe.ptr, safe.len, hash, HASH_BYTES, &len);
}

/* PFX (RFC 7292 section 4), from its end to its start. */
static int write_store(struct der *der, struct slice bundle, struct error *err)
{
	unsigned char salt[SALT_BYTES];
	uint8_t *hash;
	size_t mark;
	int rc;

	random_bytes(salt, sizeof(salt));
	hash = put_mac_data(der, salt);
	mark = der_length(der);
	rc = put_bags(der, bundle, err);
	if (rc < 0)
		return rc;
	der_wrap(der, DER_SEQUENCE, mark);
	wrap_data(der, mark);
	der_wrap(der, DER_SEQUENCE, mark);
	assert(!der->error);
	if (!make_mac(slice_of(der->at, der_length(der) - mark), salt, hash))
		return error_set(err, ERROR_CRYPTO, "cannot make Java's trust store");
	wrap_data(der, mark);
	der_number(der, VERSION);
	der_wrap(der, DER_SEQUENCE, 0);
	assert(!der->error);
	return 0;
}

static size_t count_certificates(struct slice bundle)
{
	struct slice block;
	size_t count = 0;

	while (pem_next(&bundle, &block))
		count++;
	return count;
}

int bundle_make_java(struct slice bundle, struct buffer *store, struct error *err)
{
	/* DER is shorter than its base64. */
	size_t size = bundle.len + count_certificates(bundle) * BAG_MAX_BYTES + FRAME_MAX_BYTES;
	cleanup_free char *bytes = malloc(size);
	struct der der;
	int rc;

	if (!bytes)
		return error_set(err, -ENOMEM, "no memory for Java's trust store");
	der = der_of(bytes, size);
	rc = write_store(&der, bundle, err);
	if (rc < 0)
		return rc;
	rc = buffer_append(store, der_slice(&der));
	return rc < 0 ? error_set_code(err, rc, "cannot make Java's trust store") : 0;
}
