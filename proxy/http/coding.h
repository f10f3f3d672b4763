/*
 * Content codings (RFC 9110 section 8.4): gzip, deflate, br and zstd, decoded and encoded in
 * streams, within bounds (threats P14, C14).
 *
 * Decoders refuse what is malformed, cut off, or has anything behind its end (several gzip members,
 * and several zstd frames, are one body); checksums and lengths are verified; there are no
 * dictionaries. "deflate" is taken with the zlib wrapper that RFC 9110 demands, and without, as
 * some senders do. A body without a single byte is an empty body, whatever its coding: senders
 * leave the field on responses that have none, and nothing can hide in it.
 *
 * What comes out is bounded by what went in: a body that grows by more than CODING_RATIO_MAX, past
 * its first CODING_FREE_BYTES, is refused. The bound is that of all the codings of a body together.
 * It is looked at for every CODING_RATIO_UNIT_BYTES of input, so that where a body is refused does
 * not depend on how it was cut.
 *
 * Encoders give out everything at the end of each step (stage.h says why). That costs little when
 * steps are large, up to 2 % for 16 KiB and 9 % for 4 KiB; do not feed them in crumbs.
 *
 *            a decoder holds           an encoder holds
 *   gzip     40 KiB                    200 KiB
 *   deflate  40 KiB                    200 KiB
 *   br       as the body, to 28 MiB    2.5 MiB
 *   zstd     the window, to 8.5 MiB    1.2 MiB
 *
 * All of it is taken within the budget of its owner and wiped when it is released (base/wiped.h):
 * it may hold secrets.
 */
#ifndef PROXY_HTTP_CODING_H
#define PROXY_HTTP_CODING_H

#include "base/error.h"
#include "base/wiped.h"
#include "proxy/http/message.h"
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
	CODING_RATIO_UNIT_BYTES = 4 << 10,
	CODING_FREE_BYTES = 1 << 20,
	/* Of zstd: 8 MiB (RFC 8878 section 3.1.1.1.2 recommends to support as much, RFC 9659
	   forbids more). */
	CODING_WINDOW_MAX_BITS = 23,
};

const char *coding_name(enum coding coding);

/* Parses the value of a Content-Encoding field and adds its codings to the *COUNT that are there
 * already, in the order in which they were applied; "identity" is none. 0; ERROR_SYNTAX;
 * ERROR_UNSUPPORTED for one that is not known; ERROR_LIMIT for more than CODING_CHAIN_MAX. */
int coding_parse(struct slice value, enum coding codings[CODING_CHAIN_MAX], size_t *count);

/* The codings of all Content-Encoding fields in FIELDS, which are one list. Returns the same. */
int coding_of_fields(const struct http_fields *fields, enum coding codings[CODING_CHAIN_MAX],
		     size_t *count);

/* NULL without memory, or when BUDGET is exhausted. BUDGET, which may be NULL, must outlive the
 * stage. */
struct stage *coding_decoder(enum coding coding, struct wiped_budget *budget);
struct stage *coding_encoder(enum coding coding, struct wiped_budget *budget);

/* Decoders for a body in COUNT codings, under one bound, in the order in which the body goes
 * through them: what was applied last comes off first. None may be used when the first is freed.
 * 0, or -ENOMEM and there are none. */
int coding_decoders(const enum coding codings[], size_t count, struct wiped_budget *budget,
		    struct stage *stages[CODING_CHAIN_MAX]);

#endif
