/*
 * TLS towards origins: we are the client, and nothing is sent before the origin is verified (design
 * section 3, rule 11).
 *
 * TLS 1.2 and 1.3, AEAD suites with ephemeral keys only, SNI always, security level 2 of OpenSSL.
 * Verified: the chain under strict X.509 rules, the name against the SAN only (no partial
 * wildcards, never the subject), an address against IP SANs, serverAuth, validity, and keyUsage of
 * the leaf under TLS 1.3 too. An authority of our own is never believed. Revocation is not checked;
 * docs say so.
 *
 * Roots are loaded once. Sessions are kept by authority (host and port) and offered again; a
 * session carries its verification, so it is dropped when the certificate that it was made with has
 * expired. A session must be ended by tls_end_session(), or OpenSSL counts it as broken and it
 * never resumes.
 */
#ifndef PROXY_TLS_UPSTREAM_H
#define PROXY_TLS_UPSTREAM_H

#include <openssl/ssl.h>

#include "base/error.h"
#include "policy/host.h"
#include "proxy/tls/transport.h"

enum {
	TLS_SESSIONS_MAX = 1024,	/* authorities with kept sessions */
	TLS_SESSIONS_PER_AUTHORITY = 8, /* newest first */
};

struct tls_upstream;

/* SYSTEM_BUNDLE: the PEM file of the system's roots, or NULL for none; CA_FILES: more roots, COUNT
 * paths. */
int tls_upstream_create(const char *system_bundle, const char *const *ca_files, size_t count,
			struct tls_upstream **upstream, struct error *err);
void tls_upstream_free(struct tls_upstream *upstream);

/* A client session to HOST and PORT over TRANSPORT, ready for SSL_connect(). OFFER_H2: HTTP/2 is
 * offered beside HTTP/1.1. NULL when the library fails. */
SSL *tls_upstream_session(struct tls_upstream *upstream, const struct host *host, uint16_t port,
			  bool offer_h2, struct tls_transport *transport);

/* To be called when the handshake is complete, before anything is sent: 0, with what the origin
 * chose to speak, or ERROR_VERIFY with WHY. */
int tls_upstream_check(SSL *ssl, bool *speaks_h2, const char **why);

/* Why the handshake of SSL failed, for people: the verification error, the alert, or what the
 * library says. TEXT is always set. */
enum { TLS_FAILURE_BYTES = 256 };
void tls_describe_failure(SSL *ssl, char text[TLS_FAILURE_BYTES]);

/* Whether the failure of SSL's handshake was one of verification. */
bool tls_failed_to_verify(SSL *ssl);

/* Ends and frees a session of either side, so that it can be resumed. NOTIFY sends close_notify. */
void tls_end_session(SSL *ssl, bool notify);

/* "TLSv1.3"; the cipher's standard name. */
const char *tls_version_name(const SSL *ssl);
const char *tls_cipher_name(const SSL *ssl);

#endif
