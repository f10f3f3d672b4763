/*
 * What the sandbox trusts. Variables that replace a program's roots point at the BUNDLE (the
 * system's roots, then the sandbox's CA); variables that add to them point at the CA alone; Java
 * reads a PKCS #12 trust store made of the same certificates.
 */
#ifndef CA_BUNDLE_H
#define CA_BUNDLE_H

#include "base/buffer.h"
#include "base/error.h"

enum { BUNDLE_MAX_BYTES = 16 << 20 };

/* The path of the system's bundle of roots: SSL_CERT_FILE of this process if it names a readable
 * file, else the first of the places that distributions use. NULL if there is none. */
const char *bundle_system_path(void);

/* The places at which distributions keep the bundle that programs read without being told, for the
 * sandbox's view of them to be replaced. NULL-terminated. */
const char *const *bundle_known_paths(void);

/* Appends to BUNDLE (empty, of BUNDLE_MAX_BYTES) the certificates of the PEM file at SYSTEM_PATH
 * (may be NULL) and of CA_PEM, and nothing else that may be in the file. On failure BUNDLE holds a
 * part; free it. */
int bundle_make(const char *system_path, struct slice ca_pem, struct buffer *bundle,
		struct error *err);

/* Appends to STORE (empty) a PKCS #12 trust store holding every certificate of BUNDLE, as keytool
 * makes them: each marked as trusted (the attribute that Java demands), integrity by the password
 * "changeit", nothing encrypted. */
int bundle_make_java(struct slice bundle, struct buffer *store, struct error *err);

/* A variable of the sandbox's environment, and which file it names. */
enum bundle_file {
	BUNDLE_FULL, /* replaces the program's roots */
	BUNDLE_CA,   /* adds to them */
	BUNDLE_JAVA,
};

struct bundle_variable {
	const char *name;
	enum bundle_file file;
	const char *format; /* how the value is made of the path: "%s" */
};

/* The variables of the common runtimes: OpenSSL, curl, git, Python requests, pip, Node, Deno,
 * Cargo, Java, AWS, Nix, gRPC, gcloud. */
const struct bundle_variable *bundle_variables(size_t *count);

/* Writes VARIABLE's value, with PATH in the format's place, to VALUE. Its length, or ERROR_LIMIT
 * when it does not fit in SIZE bytes. */
int bundle_variable_value(const struct bundle_variable *variable, const char *path, char *value,
			  size_t size);

#endif
