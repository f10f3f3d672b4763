/*
 * A client for the benchmark, because wrk keeps its TLS sessions and cannot make new connections
 * that are new.
 *
 *   tls_client new  HOST PORT CA COUNT PROCESSES   full handshakes, one GET on each, as many
 * processes at once; prints the number that went well tls_client hold HOST PORT CA COUNT opens
 * COUNT connections, one GET on each, prints "held", and keeps them until its standard input ends
 */
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct target {
	const char *host;
	const char *port;
	struct addrinfo *address;
	SSL_CTX *context;
};

static int open_socket(const struct target *target)
{
	int fd = socket(target->address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, target->address->ai_addr, target->address->ai_addrlen) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int request(SSL *ssl, const struct target *target)
{
	char text[512], answer[4096];
	int length = snprintf(text, sizeof(text), "GET /1k HTTP/1.1\r\nHost: %s%s%s\r\n\r\n",
			      target->host, strcmp(target->port, "443") ? ":" : "",
			      strcmp(target->port, "443") ? target->port : "");
	int got = 0, part;

	if (SSL_write(ssl, text, length) != length)
		return -1;
	/* The head, and the body of 1 KiB. */
	while (got < 1024 + 100) {
		part = SSL_read(ssl, answer + got, (int)sizeof(answer) - got);
		if (part <= 0)
			return -1;
		got += part;
	}
	return strncmp(answer, "HTTP/1.1 200", 12) == 0 ? 0 : -1;
}

/* A new verified connection, with one request on it; NULL when anything went wrong. */
static SSL *connect_once(const struct target *target)
{
	int fd = open_socket(target);
	SSL *ssl;

	if (fd < 0)
		return NULL;
	ssl = SSL_new(target->context);
	SSL_set_fd(ssl, fd);
	SSL_set1_host(ssl, target->host);
	SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
		 (void *)(uintptr_t)target->host);
	if (SSL_connect(ssl) == 1 && request(ssl, target) == 0)
		return ssl;
	SSL_free(ssl);
	close(fd);
	return NULL;
}

static void disconnect(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
}

static int make_new(const struct target *target, long count)
{
	long good = 0;

	for (long i = 0; i < count; i++) {
		SSL *ssl = connect_once(target);

		if (!ssl)
			continue;
		good++;
		disconnect(ssl);
	}
	return good == count ? 0 : 1;
}

static int make_new_at_once(const struct target *target, long count, long processes)
{
	int failed = 0, status;

	for (long i = 0; i < processes; i++) {
		if (fork() == 0)
			_exit(make_new(target, count / processes));
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	if (!failed)
		printf("%ld\n", count / processes * processes);
	return failed;
}

static int hold(const struct target *target, long count)
{
	const struct rlimit files = {65536, 65536};

	setrlimit(RLIMIT_NOFILE, &files);
	for (long i = 0; i < count; i++) {
		if (!connect_once(target)) {
			fprintf(stderr, "connection %ld failed\n", i);
			return 1;
		}
	}
	puts("held");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

int main(int argc, char **argv)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct target target;
	long count;

	if (argc < 6)
		return 2;
	target.host = argv[2];
	target.port = argv[3];
	count = atol(argv[5]);
	target.context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(target.context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(target.context, SSL_SESS_CACHE_OFF);
	if (!SSL_CTX_load_verify_locations(target.context, argv[4], NULL) ||
	    getaddrinfo(target.host, target.port, &hints, &target.address) != 0) {
		fprintf(stderr, "no such host, or no such authority\n");
		return 2;
	}
	if (strcmp(argv[1], "hold") == 0)
		return hold(&target, count);
	return make_new_at_once(&target, count, argc > 6 ? atol(argv[6]) : 1);
}
