#include "proxy/tls/upstream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/map.h"
#include "ca/authority.h"

static const char ciphers_tls12[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_tls13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
				    "TLS_CHACHA20_POLY1305_SHA256";
static const unsigned char alpn_both[] = "\x02h2\x08http/1.1";
static const unsigned char alpn_http11[] = "\x08http/1.1";

/* The sessions kept for one authority. */
struct kept {
	struct map_node node;
	struct list recent;
	SSL_SESSION *sessions[TLS_SESSIONS_PER_AUTHORITY];
	char key[HOST_AUTHORITY_MAX + 1];
};

struct tls_upstream {
	SSL_CTX *context;
	struct map kept;
	struct list recent; /* most recently used first */
};

/* The authority that a session belongs to, hung on its SSL. */
static int authority_index = -1;

static void free_kept(struct tls_upstream *upstream, struct kept *kept)
{
	map_remove(&upstream->kept, &kept->node);
	list_remove(&kept->recent);
	for (size_t i = 0; i < TLS_SESSIONS_PER_AUTHORITY; i++)
		SSL_SESSION_free(kept->sessions[i]);
	free(kept);
}

static struct kept *find_kept(struct tls_upstream *upstream, const char *key)
{
	struct map_node *node = map_find(&upstream->kept, slice_from_text(key));
	struct kept *kept;

	if (!node)
		return NULL;
	kept = container_of(node, struct kept, node);
	list_remove(&kept->recent);
	list_prepend(&upstream->recent, &kept->recent);
	return kept;
}

static struct kept *make_kept(struct tls_upstream *upstream, const char *key)
{
	struct kept *kept;

	if (upstream->kept.count >= TLS_SESSIONS_MAX)
		free_kept(upstream, container_of(upstream->recent.previous, struct kept, recent));
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return NULL;
	snprintf(kept->key, sizeof(kept->key), "%s", key);
	if (map_insert(&upstream->kept, &kept->node, slice_from_text(kept->key)) < 0) {
		free(kept);
		return NULL;
	}
	list_prepend(&upstream->recent, &kept->recent);
	return kept;
}

/* A session's certificate may have expired while the session was kept: its verification is then
 * void. */
static bool is_still_valid(SSL_SESSION *session)
{
	X509 *peer = SSL_SESSION_get0_peer(session);

	return SSL_SESSION_is_resumable(session) && peer &&
	       X509_cmp_current_time(X509_get0_notAfter(peer)) > 0;
}

/* Whether a session may be offered more than once: one of TLS 1.2, or the last ticket that there
 * is. Using a ticket of TLS 1.3 twice tells an onlooker that the two connections belong together
 * (RFC 8446 appendix C.4), which their addresses tell too. */
static bool may_stay(const struct kept *kept, size_t index, SSL_SESSION *session)
{
	return SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION ||
	       index + 1 == TLS_SESSIONS_PER_AUTHORITY || !kept->sessions[index + 1];
}

static void remove_session(struct kept *kept, size_t index)
{
	size_t behind = TLS_SESSIONS_PER_AUTHORITY - index - 1;

	SSL_SESSION_free(kept->sessions[index]);
	memmove(kept->sessions + index, kept->sessions + index + 1,
		behind * sizeof(kept->sessions[0]));
	kept->sessions[TLS_SESSIONS_PER_AUTHORITY - 1] = NULL;
}

/* A new reference to the newest session that still holds, or NULL. */
static SSL_SESSION *take_session(struct tls_upstream *upstream, const char *key)
{
	struct kept *kept = find_kept(upstream, key);

	while (kept && kept->sessions[0]) {
		SSL_SESSION *session = kept->sessions[0];

		if (!is_still_valid(session)) {
			remove_session(kept, 0);
			continue;
		}
		SSL_SESSION_up_ref(session);
		if (!may_stay(kept, 0, session))
			remove_session(kept, 0);
		return session;
	}
	return NULL;
}

/* OpenSSL has a new session to offer; 1: we keep the reference. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_upstream *upstream = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const char *key = SSL_get_ex_data(ssl, authority_index);
	struct kept *kept;

	if (!key || SSL_get_verify_result(ssl) != X509_V_OK)
		return 0;
	kept = find_kept(upstream, key);
	if (!kept)
		kept = make_kept(upstream, key);
	if (!kept)
		return 0;
	SSL_SESSION_free(kept->sessions[TLS_SESSIONS_PER_AUTHORITY - 1]);
	memmove(kept->sessions + 1, kept->sessions,
		(TLS_SESSIONS_PER_AUTHORITY - 1) * sizeof(kept->sessions[0]));
	kept->sessions[0] = session;
	return 1;
}

/* keyUsage must allow signatures: TLS 1.3 proves possession by one, and OpenSSL does not look (RFC
 * 8446 section 4.4.2.2). ECDHE suites of TLS 1.2 sign as well. */
static bool may_sign(X509 *leaf)
{
	return X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE;
}

static int verify_one(int ok, X509_STORE_CTX *context)
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(context);

	if (!ok || !certificate)
		return ok;
	if (authority_is_ours(certificate)) {
		X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	if (X509_STORE_CTX_get_error_depth(context) == 0 && !may_sign(certificate)) {
		X509_STORE_CTX_set_error(context, X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE);
		return 0;
	}
	return 1;
}

static int configure(struct tls_upstream *upstream)
{
	SSL_CTX *context = upstream->context;
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);

	SSL_CTX_set_app_data(context, upstream);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, verify_one);
	SSL_CTX_set_verify_depth(context, 10);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_clear_options(context, SSL_OP_LEGACY_SERVER_CONNECT);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, keep_session);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, 64 << 10);
	SSL_CTX_set_security_level(context, 2);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
						       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT) &&
	       SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(context, ciphers_tls12) &&
	       SSL_CTX_set_ciphersuites(context, ciphers_tls13) &&
	       SSL_CTX_set_alpn_protos(context, alpn_both, sizeof(alpn_both) - 1) == 0;
}

static int load_roots(struct tls_upstream *upstream, const char *system_bundle,
		      const char *const *ca_files, size_t count, struct error *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(upstream->context);

	if (system_bundle && !X509_STORE_load_file(store, system_bundle))
		return error_set(err, ERROR_CRYPTO,
				 "cannot load the system's trusted roots from %s; is the package "
				 "ca-certificates installed?",
				 system_bundle);
	for (size_t i = 0; i < count; i++) {
		if (!X509_STORE_load_file(store, ca_files[i]))
			return error_set(
				err, ERROR_CONFIG,
				"cannot load certificates from %s, which the policy names "
				"under network: ca: it is missing or holds no PEM certificate",
				ca_files[i]);
	}
	ERR_clear_error();
	return 0;
}

int tls_upstream_create(const char *system_bundle, const char *const *ca_files, size_t count,
			struct tls_upstream **upstream, struct error *err)
{
	struct tls_upstream *made = calloc(1, sizeof(*made));
	int rc;

	if (!made)
		return error_set_code(err, -ENOMEM, "cannot prepare TLS");
	map_init(&made->kept);
	list_init(&made->recent);
	if (authority_index < 0)
		authority_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	made->context = SSL_CTX_new(TLS_client_method());
	if (!made->context || authority_index < 0 || !configure(made))
		rc = error_set_code(err, ERROR_CRYPTO, "cannot prepare TLS for origins");
	else
		rc = load_roots(made, system_bundle, ca_files, count, err);
	if (rc < 0) {
		tls_upstream_free(made);
		return rc;
	}
	*upstream = made;
	return 0;
}

void tls_upstream_free(struct tls_upstream *upstream)
{
	if (!upstream)
		return;
	list_for_each_safe(node, &upstream->recent)
		free_kept(upstream, container_of(node, struct kept, recent));
	map_free(&upstream->kept);
	SSL_CTX_free(upstream->context);
	free(upstream);
}

static int set_peer(SSL *ssl, const struct host *host)
{
	uint8_t address[16];
	size_t len = host_address(host, address);

	if (len)
		return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), address, len);
	/* SSL_set_tlsext_host_name(), without its cast of a const away. */
	return SSL_set1_host(ssl, host->text) &&
	       SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
			(void *)(uintptr_t)host->text);
}

/* The key of kept sessions is hung on the SSL; tls_end_session() frees it. */
static int set_key(struct tls_upstream *upstream, SSL *ssl, const struct host *host, uint16_t port)
{
	char text[HOST_AUTHORITY_MAX + 1], *key;
	SSL_SESSION *session;

	host_format_authority(host, port, 0, text);
	key = strdup(text);
	if (!key || !SSL_set_ex_data(ssl, authority_index, key)) {
		free(key);
		return 0;
	}
	session = take_session(upstream, key);
	if (session) {
		SSL_set_session(ssl, session);
		SSL_SESSION_free(session);
	}
	return 1;
}

SSL *tls_upstream_session(struct tls_upstream *upstream, const struct host *host, uint16_t port,
			  bool offer_h2, struct tls_transport *transport)
{
	SSL *ssl = SSL_new(upstream->context);
	BIO *bio = tls_transport_bio(transport);

	if (!ssl || !bio || !set_peer(ssl, host) || !set_key(upstream, ssl, host, port) ||
	    /* 0 is success. */
	    (!offer_h2 && SSL_set_alpn_protos(ssl, alpn_http11, sizeof(alpn_http11) - 1))) {
		BIO_free(bio);
		if (ssl)
			tls_end_session(ssl, false);
		return NULL;
	}
	SSL_set_bio(ssl, bio, bio);
	SSL_set_connect_state(ssl);
	return ssl;
}

int tls_upstream_check(SSL *ssl, bool *speaks_h2, const char **why)
{
	const unsigned char *alpn;
	unsigned int alpn_length;

	if (SSL_get_verify_result(ssl) != X509_V_OK || !SSL_get0_peer_certificate(ssl)) {
		*why = "the origin's certificate was not verified";
		return ERROR_VERIFY;
	}
	SSL_get0_alpn_selected(ssl, &alpn, &alpn_length);
	*speaks_h2 = slice_equal(slice_of(alpn, alpn_length), SLICE_LITERAL("h2"));
	if (alpn_length && !*speaks_h2 &&
	    !slice_equal(slice_of(alpn, alpn_length), SLICE_LITERAL("http/1.1"))) {
		*why = "the origin chose a protocol that was not offered";
		return ERROR_VERIFY;
	}
	return 0;
}

bool tls_failed_to_verify(SSL *ssl)
{
	return SSL_get_verify_result(ssl) != X509_V_OK;
}

void tls_describe_failure(SSL *ssl, char text[TLS_FAILURE_BYTES])
{
	long result = SSL_get_verify_result(ssl);
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	if (result == X509_V_ERR_CERT_REJECTED)
		snprintf(text, TLS_FAILURE_BYTES,
			 "its certificate was issued by a sandbox's own authority");
	else if (result != X509_V_OK)
		snprintf(text, TLS_FAILURE_BYTES, "its certificate does not hold: %s",
			 X509_verify_cert_error_string(result));
	else if (reason)
		snprintf(text, TLS_FAILURE_BYTES, "%s", reason);
	else
		snprintf(text, TLS_FAILURE_BYTES, "the connection ended during the handshake");
	ERR_clear_error();
}

void tls_end_session(SSL *ssl, bool notify)
{
	if (!ssl)
		return;
	if (authority_index >= 0) {
		free(SSL_get_ex_data(ssl, authority_index));
		SSL_set_ex_data(ssl, authority_index, NULL);
	}
	if (notify && SSL_is_init_finished(ssl))
		SSL_shutdown(ssl);
	/* Without these flags SSL_free() would mark the session as one that must not be resumed. */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(ssl);
	ERR_clear_error();
}

const char *tls_version_name(const SSL *ssl)
{
	return SSL_get_version(ssl);
}

const char *tls_cipher_name(const SSL *ssl)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

	return cipher ? SSL_CIPHER_standard_name(cipher) : NULL;
}
