/*
 * A sandbox's certificate authority: made in memory when the sandbox starts, gone when it ends,
 * never written anywhere (design section 3, rule 12; threats C8, C9, C13).
 *
 * The CA: P-256, self-signed by ECDSA with SHA-256, pathlen 0, keyCertSign only. Leaves: the asked
 * name and nothing else in the SAN (critical, as the subject is empty), serverAuth,
 * digitalSignature, AKI and SKI, a random serial of 128 bits, valid from an hour ago for at most 12
 * hours and never past the CA, no AIA, no CRL. One P-256 key serves all leaves of a sandbox. Leaves
 * for allowed names are kept in a bounded cache, least recently used out first, and made anew when
 * half their life is over.
 *
 * Owned by one worker; not for use by several threads. The private keys never leave this module but
 * as the EVP_PKEY that a handshake signs with. profile.h has the certificates field by field.
 *
 * Making an authority costs 0.4 ms, minting a leaf 0.12 ms, finding one that is kept 0.1 us. The
 * first of a process makes the TLS library read its configuration: do it before files are out of
 * reach.
 */
#ifndef CA_AUTHORITY_H
#define CA_AUTHORITY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "policy/host.h"

enum { AUTHORITY_CACHE_LEAVES = 1024 };

struct authority;

/* Makes a new authority whose CA is named after SANDBOX, as text in the certificate's common name.
 * 0, -ENOMEM or ERROR_CRYPTO. */
int authority_create(const char *sandbox, struct authority **authority, struct error *err);

void authority_free(struct authority *authority);

/* The CA certificate: PEM, owned by the authority; and as an object, likewise. */
struct slice authority_pem(const struct authority *authority);
X509 *authority_certificate(const struct authority *authority);

/* The key of all leaves. Owned by the authority. */
EVP_PKEY *authority_leaf_key(const struct authority *authority);

/* Whether a leaf is kept (allowed names) or made for one connection (denials). */
enum authority_keep {
	AUTHORITY_KEEP,
	AUTHORITY_ONCE,
};

/* A leaf for HOST: a DNS name, or an address as an IP SAN. *LEAF is a new reference for the caller
 * to X509_free(). 0, ERROR_CRYPTO or -ENOMEM. */
int authority_leaf(struct authority *authority, const struct host *host, enum authority_keep keep,
		   X509 **leaf);

struct authority_counters {
	uint64_t issued;
	uint64_t cache_hits;
	size_t cached;
};

void authority_count(const struct authority *authority, struct authority_counters *counters);

/* Whether CERTIFICATE was signed by an authority of this process that is still there, or has the
 * key of one. Upstream verification refuses those (no origin may be believed because a sandbox's
 * own CA vouches for it). */
bool authority_is_ours(const X509 *certificate);

#endif
