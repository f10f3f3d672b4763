/*
 * Digests of a body in a message's fields, computed anew when the body was changed: Content-Digest
 * and Repr-Digest (RFC 9530), Digest (RFC 3230), Content-MD5 (RFC 1864).
 *
 * A body is fed to all algorithms that the fields name; then the fields are written anew with the
 * same names and algorithms. What cannot be computed is refused when it is begun.
 */
#ifndef PROXY_HTTP_DIGEST_H
#define PROXY_HTTP_DIGEST_H

#include "proxy/http/message.h"

enum digest_algorithm {
	DIGEST_MD5,
	DIGEST_SHA1,
	DIGEST_SHA256,
	DIGEST_SHA512,
	DIGEST_COUNT,
};

struct digest {
	void *contexts[DIGEST_COUNT]; /* of libcrypto; NULL: not asked for */
};

/* Whether FIELDS tell a digest of the body. */
bool digest_is_told(const struct http_fields *fields);

/* Begins the algorithms that FIELDS name. 0; ERROR_UNSUPPORTED when one of them is not known, or a
 * field cannot be read; or -ENOMEM. */
int digest_begin(struct digest *digest, const struct http_fields *fields);

void digest_feed(struct digest *digest, struct slice data);

/* Writes the fields anew, in ARENA. 0 or -ENOMEM. DIGEST is released. */
int digest_finish(struct digest *digest, struct http_fields *fields, struct arena *arena);

/* Releases without writing. */
void digest_free(struct digest *digest);

#endif
