/*
 * A TLS server with our leaves, for the clients of test_clients.py. It writes to the folder FOLDER
 * what a sandbox would be given: ca.pem, bundle.pem, store.p12 and the variables (environment, a
 * line each), and leaf.pem, leaf_ipv4.pem and leaf_ipv6.pem; prints its port; and answers every
 * request with "ok" until its standard input ends. Who asks for wrong.NAME gets the leaf for NAME.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "ca/authority.h"
#include "ca/bundle.h"

static struct authority *authority;
static const char *folder;

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "leaf_server: %s\n", what);
	exit(EXIT_FAILURE);
}

static const char *path_of(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, struct slice bytes)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && fd_write_all(fd, bytes) == 0, name);
	close(fd);
}

static struct host host_of(enum host_kind kind, const char *text)
{
	struct host host = {.kind = kind, .length = (uint8_t)strlen(text)};

	memcpy(host.text, text, host.length);
	return host;
}

static void write_leaf(const char *name, enum host_kind kind, const char *text)
{
	struct host host = host_of(kind, text);
	FILE *file = fopen(path_of(name), "w");
	X509 *leaf;

	require(authority_leaf(authority, &host, AUTHORITY_KEEP, &leaf) == 0, "leaf");
	PEM_write_X509(file, leaf);
	X509_free(leaf);
	fclose(file);
}

static void write_environment(void)
{
	static const char *const names[] = {
		[BUNDLE_FULL] = "bundle.pem",
		[BUNDLE_CA] = "ca.pem",
		[BUNDLE_JAVA] = "store.p12",
	};
	size_t count;
	const struct bundle_variable *variables = bundle_variables(&count);
	char value[8192], path[4096];
	FILE *file = fopen(path_of("environment"), "w");

	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s", path_of(names[variables[i].file]));
		require(bundle_variable_value(&variables[i], path, value, sizeof(value)) > 0,
			"variable");
		fprintf(file, "%s=%s\n", variables[i].name, value);
	}
	fclose(file);
}

static void write_files(void)
{
	struct buffer bundle, store;

	buffer_init(&bundle, BUNDLE_MAX_BYTES);
	buffer_init(&store, BUNDLE_MAX_BYTES);
	require(bundle_make(bundle_system_path(), authority_pem(authority), &bundle, NULL) == 0,
		"bundle");
	require(bundle_make_java(buffer_slice(&bundle), &store, NULL) == 0, "store");
	write_file("ca.pem", authority_pem(authority));
	write_file("bundle.pem", buffer_slice(&bundle));
	write_file("store.p12", buffer_slice(&store));
	write_leaf("leaf.pem", HOST_NAME, "leaf.test");
	write_leaf("leaf_ipv4.pem", HOST_IPV4, "127.0.0.1");
	write_leaf("leaf_ipv6.pem", HOST_IPV6, "2001:db8::1");
	write_environment();
	buffer_free(&bundle);
	buffer_free(&store);
}

static struct host host_asked_for(SSL *ssl)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (!name)
		return host_of(HOST_IPV4, "127.0.0.1");
	return host_of(HOST_NAME, strncmp(name, "wrong.", 6) == 0 ? name + 6 : name);
}

static int choose_leaf(SSL *ssl, void *context)
{
	struct host host = host_asked_for(ssl);
	X509 *leaf;

	(void)context;
	if (authority_leaf(authority, &host, AUTHORITY_ONCE, &leaf) < 0)
		return 0;
	SSL_use_certificate(ssl, leaf);
	SSL_use_PrivateKey(ssl, authority_leaf_key(authority));
	X509_free(leaf);
	return 1;
}

static void serve(SSL_CTX *context, int fd)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
				     "Connection: close\r\n\r\nok\n";
	struct timeval patience = {.tv_sec = 10};
	char request[4096];
	SSL *ssl = SSL_new(context);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0) {
		SSL_write(ssl, answer, sizeof(answer) - 1);
		SSL_shutdown(ssl);
		/* Closing with something unread would be a reset. */
		shutdown(fd, SHUT_WR);
		while (read(fd, request, sizeof(request)) > 0)
			;
	}
	SSL_free(ssl);
	close(fd);
}

static int listen_anywhere(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	require(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
			listen(fd, 16) == 0 &&
			getsockname(fd, (struct sockaddr *)&address, &size) == 0,
		"listen");
	*port = ntohs(address.sin_port);
	return fd;
}

int main(int argc, char **argv)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	struct pollfd polled[2] = {{.fd = STDIN_FILENO, .events = POLLIN}};
	uint16_t port;

	require(argc == 2, "usage: leaf_server FOLDER");
	folder = argv[1];
	signal(SIGPIPE, SIG_IGN);
	require(authority_create("a1b2", &authority, NULL) == 0, "authority");
	write_files();
	SSL_CTX_set_cert_cb(context, choose_leaf, NULL);
	polled[1] = (struct pollfd){.fd = listen_anywhere(&port), .events = POLLIN};
	printf("%u\n", port);
	fflush(stdout);
	while (poll(polled, 2, -1) > 0 && !polled[0].revents)
		serve(context, accept4(polled[1].fd, NULL, NULL, SOCK_CLOEXEC));
	SSL_CTX_free(context);
	authority_free(authority);
	return EXIT_SUCCESS;
}
