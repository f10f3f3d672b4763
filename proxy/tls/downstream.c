#include "proxy/tls/downstream.h"

#include <openssl/sha.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"

static const char ciphers_tls12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
				    "ECDHE-ECDSA-CHACHA20-POLY1305";
static const char ciphers_tls13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
				    "TLS_CHACHA20_POLY1305_SHA256";
static const unsigned char alpn_h2_first[] = "\x02h2\x08http/1.1";
static const unsigned char alpn_http11_first[] = "\x08http/1.1\x02h2";

struct tls_downstream {
	SSL_CTX *context;
	struct authority *authority;
};

/* A client that offers protocols but none of ours is told so (RFC 7301 section 3.2). */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
		       const unsigned char *in, unsigned int in_length, void *context)
{
	const unsigned char *ours = SSL_get_app_data(ssl);
	unsigned char *selected;

	(void)context;
	/* Both lists are of one length. */
	if (SSL_select_next_proto(&selected, out_length, ours, sizeof(alpn_h2_first) - 1, in,
				  in_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = selected;
	return SSL_TLSEXT_ERR_OK;
}

static int configure(struct tls_downstream *downstream)
{
	SSL_CTX *context = downstream->context;

	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_NO_ANTI_REPLAY);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_max_early_data(context, 0);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, 64 << 10);
	SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(context, ciphers_tls12) &&
	       SSL_CTX_set_ciphersuites(context, ciphers_tls13) &&
	       /* The CA's certificate only stands in until a session gets its leaf. */
	       SSL_CTX_use_PrivateKey(context, authority_leaf_key(downstream->authority));
}

int tls_downstream_create(struct authority *authority, struct tls_downstream **downstream,
			  struct error *err)
{
	struct tls_downstream *made = calloc(1, sizeof(*made));

	if (!made)
		return error_set_code(err, -ENOMEM, "cannot prepare TLS");
	made->authority = authority;
	made->context = SSL_CTX_new(TLS_server_method());
	if (!made->context || !configure(made)) {
		tls_downstream_free(made);
		return error_set_code(err, ERROR_CRYPTO, "cannot prepare TLS for the sandbox");
	}
	*downstream = made;
	return 0;
}

void tls_downstream_free(struct tls_downstream *downstream)
{
	if (!downstream)
		return;
	SSL_CTX_free(downstream->context);
	free(downstream);
}

static int bind_to_name(SSL *ssl, const struct host *host)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	if (!EVP_Digest(host->text, host->length, digest, NULL, EVP_sha256(), NULL))
		return 0;
	return SSL_set_session_id_context(ssl, digest, sizeof(digest));
}

SSL *tls_downstream_session(struct tls_downstream *downstream, const struct host *host,
			    enum authority_keep keep, bool prefer_h2,
			    struct tls_transport *transport)
{
	const unsigned char *protocols = prefer_h2 ? alpn_h2_first : alpn_http11_first;
	SSL *ssl = SSL_new(downstream->context);
	X509 *leaf = NULL;
	BIO *bio;

	if (!ssl || authority_leaf(downstream->authority, host, keep, &leaf) < 0) {
		SSL_free(ssl);
		return NULL;
	}
	bio = tls_transport_bio(transport);
	if (!bio || !SSL_use_certificate(ssl, leaf) || !bind_to_name(ssl, host) ||
	    !SSL_set_app_data(ssl, (void *)(uintptr_t)protocols)) {
		BIO_free(bio);
		X509_free(leaf);
		SSL_free(ssl);
		return NULL;
	}
	X509_free(leaf);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	return ssl;
}
