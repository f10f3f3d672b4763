/*
 * How a TLS session reads and writes: through its owner, not through a socket. The owner hands in
 * bytes that it has read already (a ClientHello that was judged first) and takes all bytes that go
 * out, so that a write never blocks half way and many records leave in one system call.
 */
#ifndef PROXY_TLS_TRANSPORT_H
#define PROXY_TLS_TRANSPORT_H

#include <openssl/bio.h>
#include <stddef.h>
#include <sys/types.h>

struct tls_transport {
	/* Up to SIZE bytes; 0 at the end of the stream; -EAGAIN when there are none now; other
	 * negated errnos. */
	ssize_t (*read)(struct tls_transport *transport, void *bytes, size_t size);
	/* Takes all of LEN bytes. 0 or a negated errno. */
	int (*write)(struct tls_transport *transport, const void *bytes, size_t len);
};

/* The BIO method, made once for the process. NULL without memory. */
BIO_METHOD *tls_transport_method(void);

/* A new BIO over TRANSPORT, which must outlive it. */
BIO *tls_transport_bio(struct tls_transport *transport);

#endif
