#include "proxy/tls/transport.h"

#include <errno.h>

static int read_bytes(BIO *bio, char *bytes, int size)
{
	struct tls_transport *transport = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	if (size <= 0)
		return 0;
	got = transport->read(transport, bytes, (size_t)size);
	if (got == -EAGAIN)
		BIO_set_retry_read(bio);
	if (got == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return got < 0 ? -1 : (int)got;
}

static int write_bytes(BIO *bio, const char *bytes, int len)
{
	struct tls_transport *transport = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (len <= 0)
		return 0;
	return transport->write(transport, bytes, (size_t)len) < 0 ? -1 : len;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	default:
		return 0;
	}
}

static int create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *tls_transport_method(void)
{
	static BIO_METHOD *method;

	if (method)
		return method;
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sallyport transport");
	if (!method)
		return NULL;
	if (!BIO_meth_set_read(method, read_bytes) || !BIO_meth_set_write(method, write_bytes) ||
	    !BIO_meth_set_ctrl(method, control) || !BIO_meth_set_create(method, create)) {
		BIO_meth_free(method);
		method = NULL;
	}
	return method;
}

BIO *tls_transport_bio(struct tls_transport *transport)
{
	BIO_METHOD *method = tls_transport_method();
	BIO *bio = method ? BIO_new(method) : NULL;

	if (bio)
		BIO_set_data(bio, transport);
	return bio;
}
