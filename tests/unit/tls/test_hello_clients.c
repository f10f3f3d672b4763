/* ClientHellos of real clients: OpenSSL's, made here, and the one printed in RFC 8448 section 3. */
#include "proxy/tls/hello.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/unit/allocation.h"

static const char rfc8448[] =
	"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03\xcb\x34\xec\xb1\xe7\x81\x63\xba\x1c\x38\xc6"
	"\xda\xcb\x19\x6a\x6d\xff\xa2\x1a\x8d\x99\x12\xec\x18\xa2\xef\x62\x83\x02\x4d\xec\xe7\x00"
	"\x00\x06\x13\x01\x13\x03\x13\x02\x01\x00\x00\x91\x00\x00\x00\x0b\x00\x09\x00\x00\x06\x73"
	"\x65\x72\x76\x65\x72\xff\x01\x00\x01\x00\x00\x0a\x00\x14\x00\x12\x00\x1d\x00\x17\x00\x18"
	"\x00\x19\x01\x00\x01\x01\x01\x02\x01\x03\x01\x04\x00\x23\x00\x00\x00\x33\x00\x26\x00\x24"
	"\x00\x1d\x00\x20\x99\x38\x1d\xe5\x60\xe4\xbd\x43\xd2\x3d\x8e\x43\x5a\x7d\xba\xfe\xb3\xc0"
	"\x6e\x51\xc1\x3c\xae\x4d\x54\x13\x69\x1e\x52\x9a\xaf\x2c\x00\x2b\x00\x03\x02\x03\x04\x00"
	"\x0d\x00\x20\x00\x1e\x04\x03\x05\x03\x06\x03\x02\x03\x08\x04\x08\x05\x08\x06\x04\x01\x05"
	"\x01\x06\x01\x02\x01\x04\x02\x05\x02\x06\x02\x02\x02\x00\x2d\x00\x02\x01\x01\x00\x1c\x00"
	"\x02\x40\x01";

static void the_rfc_8448_example_is_read(void **state)
{
	struct hello hello;

	(void)state;
	hello_init(&hello);
	assert_int_equal(hello_read(&hello, SLICE_LITERAL(rfc8448)), HELLO_DONE);
	assert_string_equal(hello.sni.text, "server");
	assert_true(hello.offers_tls13);
	assert_false(hello.offers_tls12 || hello.has_alpn || hello.has_ech);
}

struct client {
	SSL_CTX *context;
	SSL *ssl;
	struct slice sent;
};

/* Starts a handshake; CLIENT->sent is what an OpenSSL client then has sent. */
static void client_start(struct client *client, int min_version, int max_version, char *name)
{
	char *bytes;
	long len;

	client->context = SSL_CTX_new(TLS_client_method());
	assert_non_null(client->context);
	SSL_CTX_set_security_level(client->context, 0);
	assert_int_equal(SSL_CTX_set_min_proto_version(client->context, min_version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(client->context, max_version), 1);
	client->ssl = SSL_new(client->context);
	assert_non_null(client->ssl);
	SSL_set_bio(client->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(client->ssl);
	if (name)
		assert_int_equal(SSL_set_tlsext_host_name(client->ssl, name), 1);
	assert_int_equal(
		SSL_set_alpn_protos(client->ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12),
		0);
	assert_int_equal(SSL_do_handshake(client->ssl), -1);
	len = BIO_get_mem_data(SSL_get_wbio(client->ssl), &bytes);
	assert_true(len > 0);
	client->sent = slice_of(bytes, (size_t)len);
}

static void client_end(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
}

static void openssl_clients_of_every_version_are_read(void **state)
{
	static const struct {
		int min, max;
		bool tls12, tls13;
	} rows[] = {
		{TLS1_VERSION, TLS1_1_VERSION, false, false},
		{TLS1_2_VERSION, TLS1_2_VERSION, true, false},
		{TLS1_2_VERSION, TLS1_3_VERSION, true, true},
		{TLS1_3_VERSION, TLS1_3_VERSION, false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[] = "Api.Example.COM";
		struct client client;
		struct hello hello;

		client_start(&client, rows[i].min, rows[i].max, name);
		hello_init(&hello);
		for (size_t len = 0; len < client.sent.len; len++)
			assert_int_equal(hello_read(&hello, slice_first(client.sent, len)),
					 HELLO_MORE);
		assert_int_equal(hello_read(&hello, client.sent), HELLO_DONE);
		assert_int_equal(hello.raw_bytes, client.sent.len);
		assert_string_equal(hello.sni.text, "api.example.com");
		assert_true(hello.offers_h2 && hello.offers_http11);
		assert_int_equal(hello.offers_tls12, rows[i].tls12);
		assert_int_equal(hello.offers_tls13, rows[i].tls13);
		client_end(&client);
	}
}

static void an_openssl_client_without_a_name_has_none(void **state)
{
	struct client client;
	struct hello hello;

	(void)state;
	client_start(&client, TLS1_2_VERSION, TLS1_3_VERSION, NULL);
	hello_init(&hello);
	assert_int_equal(hello_read(&hello, client.sent), HELLO_DONE);
	assert_false(hello.has_sni);
	client_end(&client);
}

/* OpenSSL understands our alert as what it is. */
static void an_openssl_client_reads_our_alert(void **state)
{
	uint8_t alert[HELLO_ALERT_BYTES];
	char name[] = "api.example.com";
	struct client client;

	(void)state;
	client_start(&client, TLS1_2_VERSION, TLS1_3_VERSION, name);
	hello_write_alert(HELLO_ALERT_ACCESS_DENIED, alert);
	assert_int_equal(BIO_write(SSL_get_rbio(client.ssl), alert, sizeof(alert)), sizeof(alert));
	assert_int_equal(SSL_do_handshake(client.ssl), -1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_ACCESS_DENIED);
	ERR_clear_error();
	client_end(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfc_8448_example_is_read),
		cmocka_unit_test(openssl_clients_of_every_version_are_read),
		cmocka_unit_test(an_openssl_client_without_a_name_has_none),
		cmocka_unit_test(an_openssl_client_reads_our_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
