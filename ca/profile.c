#include "ca/profile.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/x509v3.h>

#include "base/random.h"

enum {
	SERIAL_BYTES = 16,
	KEY_ID_BYTES = 20,
	VERSION_3 = 2,
	/* Bits of KeyUsage (RFC 5280 section 4.2.1.3). */
	DIGITAL_SIGNATURE = 0,
	KEY_CERT_SIGN = 5,
	CRITICAL = 1,
};

#define COMMON_NAME "Sallyport sandbox "

struct validity profile_ca_validity(int64_t now)
{
	int64_t from = now - PROFILE_BACKDATE_S;

	return (struct validity){from, from + PROFILE_CA_LIFE_S};
}

struct validity profile_leaf_validity(int64_t now, const struct validity *ca)
{
	int64_t from = now - PROFILE_BACKDATE_S, until = from + PROFILE_LEAF_LIFE_S;

	return (struct validity){from, until < ca->until ? until : ca->until};
}

EVP_PKEY *profile_key(void)
{
	return EVP_EC_gen("P-256");
}

static bool set_serial(X509 *certificate)
{
	unsigned char bytes[SERIAL_BYTES];
	BIGNUM *number;
	bool done;

	random_bytes(bytes, sizeof(bytes));
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return done;
}

static bool set_validity(X509 *certificate, const struct validity *validity)
{
	return ASN1_TIME_set(X509_getm_notBefore(certificate), validity->from) &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), validity->until);
}

static bool add_key_usage(X509 *certificate, int bit)
{
	ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
	bool done = usage && ASN1_BIT_STRING_set_bit(usage, bit, 1) &&
		    X509_add1_ext_i2d(certificate, NID_key_usage, usage, CRITICAL, 0) == 1;

	ASN1_BIT_STRING_free(usage);
	return done;
}

static bool add_server_auth(X509 *certificate)
{
	EXTENDED_KEY_USAGE *usage = sk_ASN1_OBJECT_new_null();
	bool done = usage && sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(NID_server_auth)) &&
		    X509_add1_ext_i2d(certificate, NID_ext_key_usage, usage, 0, 0) == 1;

	/* Not with its object, which is a constant. */
	sk_ASN1_OBJECT_free(usage);
	return done;
}

static bool add_ca_constraint(X509 *certificate)
{
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
	bool done = constraints && (constraints->pathlen = ASN1_INTEGER_new()) &&
		    ASN1_INTEGER_set(constraints->pathlen, 0);

	if (done) {
		constraints->ca = 0xff;
		done = X509_add1_ext_i2d(certificate, NID_basic_constraints, constraints, CRITICAL,
					 0) == 1;
	}
	BASIC_CONSTRAINTS_free(constraints);
	return done;
}

/* Of the certificate's own key: the first 160 bits of its SHA-256 (RFC 7093 section 2, method 1).
 */
static bool add_subject_key_id(X509 *certificate)
{
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len;
	bool done = id && X509_pubkey_digest(certificate, EVP_sha256(), digest, &len) &&
		    ASN1_OCTET_STRING_set(id, digest, KEY_ID_BYTES) &&
		    X509_add1_ext_i2d(certificate, NID_subject_key_identifier, id, 0, 0) == 1;

	ASN1_OCTET_STRING_free(id);
	return done;
}

static bool add_authority_key_id(X509 *certificate, X509 *ca)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(ca);
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	bool done = id && authority && (authority->keyid = ASN1_OCTET_STRING_dup(id)) &&
		    X509_add1_ext_i2d(certificate, NID_authority_key_identifier, authority, 0, 0) ==
			    1;

	AUTHORITY_KEYID_free(authority);
	return done;
}

static bool add_name_entry(X509_NAME *name, int nid, const char *text)
{
	return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text, -1,
					  -1, 0) == 1;
}

static bool set_ca_name(X509 *certificate, const char *sandbox)
{
	char text[ub_common_name + 1] = COMMON_NAME;
	size_t used = sizeof(COMMON_NAME) - 1;
	X509_NAME *name = X509_NAME_new();
	bool done;

	for (; *sandbox && used + 1 < sizeof(text); sandbox++)
		text[used++] = *sandbox > ' ' && *sandbox < 0x7f ? *sandbox : '-';
	text[used] = '\0';
	done = name && add_name_entry(name, NID_organizationName, "Sallyport") &&
	       add_name_entry(name, NID_commonName, text) &&
	       X509_set_subject_name(certificate, name) && X509_set_issuer_name(certificate, name);
	X509_NAME_free(name);
	return done;
}

X509 *profile_ca(const char *sandbox, EVP_PKEY *key, const struct validity *validity)
{
	X509 *certificate = X509_new();

	if (certificate && X509_set_version(certificate, VERSION_3) && set_serial(certificate) &&
	    set_ca_name(certificate, sandbox) && set_validity(certificate, validity) &&
	    X509_set_pubkey(certificate, key) && add_ca_constraint(certificate) &&
	    add_key_usage(certificate, KEY_CERT_SIGN) && add_subject_key_id(certificate) &&
	    X509_sign(certificate, key, EVP_sha256()))
		return certificate;
	X509_free(certificate);
	return NULL;
}

EVP_MD_CTX *profile_signer(EVP_PKEY *key)
{
	EVP_MD_CTX *signer = EVP_MD_CTX_new();

	if (signer && EVP_DigestSignInit_ex(signer, NULL, "SHA256", NULL, NULL, key, NULL) == 1)
		return signer;
	EVP_MD_CTX_free(signer);
	return NULL;
}

/* With a copy, as signing uses a context up. */
static bool sign(X509 *certificate, EVP_MD_CTX *signer)
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	bool done = copy && EVP_MD_CTX_copy_ex(copy, signer) == 1 &&
		    X509_sign_ctx(certificate, copy) > 0;

	EVP_MD_CTX_free(copy);
	return done;
}

X509 *profile_leaf_template(X509 *ca, EVP_MD_CTX *signer, EVP_PKEY *leaf_key)
{
	X509 *certificate = X509_new();
	struct validity none = {0, 0};

	if (certificate && X509_set_version(certificate, VERSION_3) &&
	    X509_set_issuer_name(certificate, X509_get_subject_name(ca)) &&
	    set_validity(certificate, &none) && X509_set_pubkey(certificate, leaf_key) &&
	    add_key_usage(certificate, DIGITAL_SIGNATURE) && add_server_auth(certificate) &&
	    add_subject_key_id(certificate) && add_authority_key_id(certificate, ca) &&
	    sign(certificate, signer))
		return certificate;
	X509_free(certificate);
	return NULL;
}

/* The name as a DNS name, or the address's bytes. */
static ASN1_STRING *name_value(const struct host *host)
{
	ASN1_STRING *value = ASN1_STRING_type_new(host->kind == HOST_NAME ? V_ASN1_IA5STRING
									  : V_ASN1_OCTET_STRING);
	unsigned char address[sizeof(struct in6_addr)];
	int parsed;

	if (!value)
		return NULL;
	if (host->kind == HOST_NAME) {
		parsed = ASN1_STRING_set(value, host->text, host->length);
	} else {
		bool is_ipv6 = host->kind == HOST_IPV6;

		parsed = inet_pton(is_ipv6 ? AF_INET6 : AF_INET, host->text, address);
		assert(parsed == 1);
		parsed = ASN1_STRING_set(
			value, address, is_ipv6 ? sizeof(struct in6_addr) : sizeof(struct in_addr));
	}
	if (parsed == 1)
		return value;
	ASN1_STRING_free(value);
	return NULL;
}

static GENERAL_NAME *general_name(const struct host *host)
{
	ASN1_STRING *value = name_value(host);
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (name && value) {
		GENERAL_NAME_set0_value(name, host->kind == HOST_NAME ? GEN_DNS : GEN_IPADD, value);
		return name;
	}
	ASN1_STRING_free(value);
	GENERAL_NAME_free(name);
	return NULL;
}

static bool add_host(X509 *certificate, const struct host *host)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = general_name(host);
	bool done = false;

	if (names && name && sk_GENERAL_NAME_push(names, name)) {
		name = NULL;
		done = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, CRITICAL, 0) ==
		       1;
	}
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	return done;
}

X509 *profile_leaf(X509 *template, EVP_MD_CTX *signer, const struct host *host,
		   const struct validity *validity)
{
	X509 *certificate = X509_dup(template);

	if (certificate && set_serial(certificate) && set_validity(certificate, validity) &&
	    add_host(certificate, host) && sign(certificate, signer))
		return certificate;
	X509_free(certificate);
	return NULL;
}
