/*
 * Content codings (RFC 9110 section 8.4): gzip, deflate, br and zstd, decoded and encoded in
 * streams, within bounds (threats P14, C14).
 *
 * Decoders refuse what is malformed, cut off, or has anything behind its end (several gzip members,
 * and several zstd frames, are one body). What comes out is bounded by what went in: a body that
 * grows by more than CODING_RATIO_MAX, past its first CODING_FREE_BYTES, is refused. "deflate" is
 * taken with the zlib wrapper that RFC 9110 demands, and without, as some senders do.
 */
#ifndef PROXY_HTTP_CODING_H
#define PROXY_HTTP_CODING_H

#include "base/error.h"
#include "proxy/http/stage.h"

enum coding {
	CODING_GZIP, /* x-gzip as well */
	CODING_DEFLATE,
	CODING_BR,
	CODING_ZSTD,
	CODING_COUNT,
};

enum {
	CODING_CHAIN_MAX = 3,
	CODING_RATIO_MAX = 200,
	CODING_FREE_BYTES = 1 << 20,
	CODING_WINDOW_MAX_BITS =
		23, /* of zstd: 8 MiB (RFC 8878 section 3.1.1.1.2 recommends to support as much) */
};

const char *coding_name(enum coding coding);

/* Parses the value of a Content-Encoding field: the codings in the order in which they were
 * applied; "identity" is none. 0; ERROR_SYNTAX; ERROR_UNSUPPORTED for one that is not known;
 * ERROR_LIMIT for more than CODING_CHAIN_MAX. */
int coding_parse(struct slice value, enum coding codings[CODING_CHAIN_MAX], size_t *count);

/* NULL without memory. Memory of both is wiped when it is released: it may have held secrets. */
struct stage *coding_decoder(enum coding coding);
struct stage *coding_encoder(enum coding coding);

#endif
