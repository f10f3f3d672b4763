/*
 * TLS towards the sandbox: we are the server, with leaves of the sandbox's own authority.
 *
 * TLS 1.2 and 1.3, AEAD suites with ECDSA only, no renegotiation, no compression, no early data,
 * one session ticket. Ticket keys are made for this sandbox in this process and are never shared or
 * stored; a session is bound to the name it was made for, so that a ticket for one name does not
 * resume another (threat T11).
 */
#ifndef PROXY_TLS_DOWNSTREAM_H
#define PROXY_TLS_DOWNSTREAM_H

#include <openssl/ssl.h>

#include "ca/authority.h"
#include "proxy/tls/transport.h"

struct tls_downstream;

int tls_downstream_create(struct authority *authority, struct tls_downstream **downstream,
			  struct error *err);
void tls_downstream_free(struct tls_downstream *downstream);

/* A server session for HOST over TRANSPORT, ready for SSL_accept(). A leaf is taken from the
 * authority's cache or made, and kept as KEEP says. PREFER_H2: of a client that speaks both HTTP/2
 * and HTTP/1.1, the former is wanted. NULL when the library fails. */
SSL *tls_downstream_session(struct tls_downstream *downstream, const struct host *host,
			    enum authority_keep keep, bool prefer_h2,
			    struct tls_transport *transport);

#endif
