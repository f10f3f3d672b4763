#include "ca/bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "ca/pem.h"

/* Debian, Arch, Gentoo; Fedora, RHEL; openSUSE (two); RHEL's real file; Alpine. */
static const char *const known_paths[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/var/lib/ca-certificates/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
	NULL,
};

static const struct bundle_variable variables[] = {
	{"SSL_CERT_FILE", BUNDLE_FULL, "%s"},			 /* OpenSSL, Go, Ruby, Python, uv */
	{"CURL_CA_BUNDLE", BUNDLE_FULL, "%s"},			 /* curl */
	{"GIT_SSL_CAINFO", BUNDLE_FULL, "%s"},			 /* git */
	{"REQUESTS_CA_BUNDLE", BUNDLE_FULL, "%s"},		 /* Python requests */
	{"PIP_CERT", BUNDLE_FULL, "%s"},			 /* pip */
	{"CARGO_HTTP_CAINFO", BUNDLE_FULL, "%s"},		 /* Cargo */
	{"AWS_CA_BUNDLE", BUNDLE_FULL, "%s"},			 /* AWS command line and SDKs */
	{"NIX_SSL_CERT_FILE", BUNDLE_FULL, "%s"},		 /* Nix */
	{"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", BUNDLE_FULL, "%s"}, /* gRPC's C core */
	{"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", BUNDLE_FULL, "%s"}, /* gcloud */
	{"NODE_EXTRA_CA_CERTS", BUNDLE_CA, "%s"},		   /* Node, npm */
	{"DENO_CERT", BUNDLE_CA, "%s"},				   /* Deno */
	{"JAVA_TOOL_OPTIONS", BUNDLE_JAVA,
	 "-Djavax.net.ssl.trustStore=%s -Djavax.net.ssl.trustStoreType=PKCS12 "
	 "-Djavax.net.ssl.trustStorePassword=changeit"}, /* every JVM */
};

const char *bundle_system_path(void)
{
	const char *set = getenv("SSL_CERT_FILE");

	if (set && access(set, R_OK) == 0)
		return set;
	for (size_t i = 0; known_paths[i]; i++) {
		if (access(known_paths[i], R_OK) == 0)
			return known_paths[i];
	}
	return NULL;
}

const char *const *bundle_known_paths(void)
{
	return known_paths;
}

const struct bundle_variable *bundle_variables(size_t *count)
{
	*count = sizeof(variables) / sizeof(variables[0]);
	return variables;
}

int bundle_variable_value(const struct bundle_variable *variable, const char *path, char *value,
			  size_t size)
{
	const char *place = strstr(variable->format, "%s");
	int before = (int)(place - variable->format);
	int length = snprintf(value, size, "%.*s%s%s", before, variable->format, path, place + 2);

	return length >= 0 && (size_t)length < size ? length : ERROR_LIMIT;
}

/* The certificates of PEM and nothing else: a key that stands beside them stays outside. */
static int append_certificates(struct buffer *bundle, struct slice pem, size_t *count)
{
	struct slice block;

	*count = 0;
	while (pem_next(&pem, &block)) {
		int rc = buffer_append(bundle, block);

		if (rc == 0)
			rc = buffer_append(bundle, SLICE_LITERAL("\n"));
		if (rc < 0)
			return rc;
		++*count;
	}
	return 0;
}

static int append_system(struct buffer *bundle, const char *path, struct error *err)
{
	cleanup_free char *pem = NULL;
	size_t len, count;
	int rc = fd_read_file(path, BUNDLE_MAX_BYTES, &pem, &len, err);

	if (rc < 0)
		return error_wrap(err, rc, "cannot make the sandbox's trust bundle");
	rc = append_certificates(bundle, slice_of(pem, len), &count);
	if (rc < 0)
		return error_set_code(err, rc, "cannot make the sandbox's trust bundle of %s",
				      path);
	if (!count)
		return error_set(err, ERROR_SYNTAX,
				 "%s has no certificate in it, so the sandbox could trust nobody; "
				 "name a PEM file of roots in SSL_CERT_FILE",
				 path);
	return 0;
}

int bundle_make(const char *system_path, struct slice ca_pem, struct buffer *bundle,
		struct error *err)
{
	size_t count;
	int rc = system_path ? append_system(bundle, system_path, err) : 0;

	if (rc < 0)
		return rc;
	rc = append_certificates(bundle, ca_pem, &count);
	return rc < 0 ? error_set_code(err, rc, "cannot make the sandbox's trust bundle") : 0;
}
