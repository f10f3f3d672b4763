/*
 * What is in our certificates (RFC 5280), field by field. docs/decisions/0301 and 0302 say why
 *there are no name constraints, and why a leaf's subject is empty.
 *
 *			CA					leaf
 *	version		3					3
 *	serial		128 random bits				128 random bits
 *	subject		O=Sallyport, CN=Sallyport sandbox ID	empty
 *	validity	an hour ago, 397 days			an hour ago, 12 hours, not past the
 *CA key		P-256					P-256, one for all leaves
 *	basicConstraints  critical: CA, path length 0		-
 *	keyUsage	critical: keyCertSign			critical: digitalSignature
 *	extKeyUsage	-					serverAuth
 *	subjectKeyId	of the key				of the key
 *	authorityKeyId	-					of the CA's key
 *	subjectAltName	-					critical: one DNS name or address
 *
 * All signed by ECDSA with SHA-256. No AIA, no CRL, no policies.
 */
#ifndef CA_PROFILE_H
#define CA_PROFILE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>

#include "policy/host.h"

enum {
	PROFILE_BACKDATE_S = 3600, /* for guests whose clock is late */
	PROFILE_CA_LIFE_S = 397 * 24 * 3600,
	PROFILE_LEAF_LIFE_S = 12 * 3600,
};

/* When a certificate is valid, in seconds since the epoch. */
struct validity {
	int64_t from;
	int64_t until;
};

struct validity profile_ca_validity(int64_t now);
struct validity profile_leaf_validity(int64_t now, const struct validity *ca);

/* A new P-256 key, or NULL. */
EVP_PKEY *profile_key(void);

/* The CA's certificate, self-signed; NULL on failure, as all below. SANDBOX is cut to what a common
 * name may hold, and what is not visible ASCII is written as a hyphen. */
X509 *profile_ca(const char *sandbox, EVP_PKEY *key, const struct validity *validity);

/* A signer for what a CA signs, to be set up once: making it costs more than a signature. */
EVP_MD_CTX *profile_signer(EVP_PKEY *key);

/* What all leaves of CA have in common; signed, as only signed certificates can be copied. */
X509 *profile_leaf_template(X509 *ca, EVP_MD_CTX *signer, EVP_PKEY *leaf_key);

/* A leaf for HOST. */
X509 *profile_leaf(X509 *template, EVP_MD_CTX *signer, const struct host *host,
		   const struct validity *validity);

#endif
