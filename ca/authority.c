#include "ca/authority.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/wallclock.h"
#include "ca/leaf_cache.h"
#include "ca/profile.h"

struct authority {
	struct list of_process;
	EVP_PKEY *key;
	EVP_PKEY *leaf_key;
	EVP_MD_CTX *signer;
	X509 *certificate;
	X509 *leaf_template;
	BIO *pem;
	struct validity validity;
	struct leaf_cache leaves;
	struct authority_counters counters;
};

/* Every authority of this process, for authority_is_ours(). */
static struct list authorities = {&authorities, &authorities};

static int64_t now_s(void)
{
	return wallclock_now_us() / 1000000;
}

static bool make_certificates(struct authority *authority, const char *sandbox)
{
	authority->validity = profile_ca_validity(now_s());
	return (authority->key = profile_key()) && (authority->leaf_key = profile_key()) &&
	       (authority->certificate = profile_ca(sandbox, authority->key,
						    &authority->validity)) &&
	       (authority->signer = profile_signer(authority->key)) &&
	       (authority->leaf_template = profile_leaf_template(
			authority->certificate, authority->signer, authority->leaf_key)) &&
	       (authority->pem = BIO_new(BIO_s_mem())) &&
	       PEM_write_bio_X509(authority->pem, authority->certificate) == 1;
}

static int explain_failure(struct error *err)
{
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);

	if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
		return error_set(err, -ENOMEM, "no memory for the sandbox's certificate authority");
	return error_set(err, ERROR_CRYPTO, "cannot make the sandbox's certificate authority: %s",
			 reason ? reason : "the TLS library gives no reason");
}

int authority_create(const char *sandbox, struct authority **result, struct error *err)
{
	struct authority *authority = calloc(1, sizeof(*authority));
	int rc;

	if (!authority)
		return error_set(err, -ENOMEM, "no memory for the sandbox's certificate authority");
	list_init(&authority->of_process);
	leaf_cache_init(&authority->leaves, AUTHORITY_CACHE_LEAVES);
	ERR_set_mark();
	if (make_certificates(authority, sandbox)) {
		ERR_pop_to_mark();
		list_append(&authorities, &authority->of_process);
		*result = authority;
		return 0;
	}
	rc = explain_failure(err);
	ERR_pop_to_mark();
	authority_free(authority);
	return rc;
}

void authority_free(struct authority *authority)
{
	if (!authority)
		return;
	list_remove(&authority->of_process);
	leaf_cache_free(&authority->leaves);
	BIO_free(authority->pem);
	X509_free(authority->leaf_template);
	X509_free(authority->certificate);
	EVP_MD_CTX_free(authority->signer);
	EVP_PKEY_free(authority->leaf_key);
	EVP_PKEY_free(authority->key);
	free(authority);
}

struct slice authority_pem(const struct authority *authority)
{
	char *bytes;
	long len = BIO_get_mem_data(authority->pem, &bytes);

	return slice_of(bytes, (size_t)len);
}

X509 *authority_certificate(const struct authority *authority)
{
	return authority->certificate;
}

EVP_PKEY *authority_leaf_key(const struct authority *authority)
{
	return authority->leaf_key;
}

static X509 *find_kept(struct authority *authority, const struct host *host, int64_t now)
{
	X509 *leaf = leaf_cache_find(&authority->leaves, host_slice(host), now);

	if (leaf) {
		authority->counters.cache_hits++;
		X509_up_ref(leaf);
	}
	return leaf;
}

static X509 *issue(struct authority *authority, const struct host *host,
		   const struct validity *validity)
{
	X509 *leaf;

	/* What fails here must not be taken for a failure of the TLS connection it is for. */
	ERR_set_mark();
	leaf = profile_leaf(authority->leaf_template, authority->signer, host, validity);
	ERR_pop_to_mark();
	if (leaf)
		authority->counters.issued++;
	return leaf;
}

int authority_leaf(struct authority *authority, const struct host *host, enum authority_keep keep,
		   X509 **leaf)
{
	int64_t now = now_s();
	struct validity validity;
	int rc;

	*leaf = find_kept(authority, host, now);
	if (*leaf)
		return 0;
	validity = profile_leaf_validity(now, &authority->validity);
	*leaf = issue(authority, host, &validity);
	if (!*leaf)
		return ERROR_CRYPTO;
	if (keep == AUTHORITY_ONCE)
		return 0;
	rc = leaf_cache_keep(&authority->leaves, host_slice(host), *leaf, &validity);
	if (rc < 0) {
		X509_free(*leaf);
		*leaf = NULL;
	}
	return rc;
}

void authority_count(const struct authority *authority, struct authority_counters *counters)
{
	*counters = authority->counters;
	counters->cached = authority->leaves.by_name.count;
}

static bool has_key_of(const X509 *certificate, const struct authority *authority)
{
	const ASN1_BIT_STRING *theirs = X509_get0_pubkey_bitstr(certificate);
	const ASN1_BIT_STRING *ours = X509_get0_pubkey_bitstr(authority->certificate);

	return theirs && slice_equal(slice_of(theirs->data, (size_t)theirs->length),
				     slice_of(ours->data, (size_t)ours->length));
}

/* Only under its name, as no chain is built to it otherwise; and by the signature, as a name costs
 * nothing to claim. */
static bool is_signed_by(const X509 *certificate, const struct authority *authority)
{
	X509 *mutable = (X509 *)(uintptr_t)certificate;
	bool is_signed;

	if (X509_NAME_cmp(X509_get_issuer_name(certificate),
			  X509_get_subject_name(authority->certificate)) != 0)
		return false;
	ERR_set_mark();
	is_signed = X509_verify(mutable, authority->key) == 1;
	ERR_pop_to_mark();
	return is_signed;
}

bool authority_is_ours(const X509 *certificate)
{
	list_for_each(node, &authorities) {
		const struct authority *authority = container_of(node, struct authority,
								 of_process);

		if (has_key_of(certificate, authority) || is_signed_by(certificate, authority))
			return true;
	}
	return false;
}
