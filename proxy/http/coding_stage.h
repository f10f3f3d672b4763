/*
 * What the decoders of all libraries have in common, and what their encoders have. For coding*.c
 * only.
 *
 * A body is one member or several (so gzip calls them; they are frames in zstd). A decoder stands
 * at a border before the first and behind each; only there may the body end.
 */
#ifndef PROXY_HTTP_CODING_STAGE_H
#define PROXY_HTTP_CODING_STAGE_H

#include "proxy/http/coding.h"

struct coding_decoder;
struct coding_encoder;

enum coding_decoded {
	CODING_DECODED = 0,    /* the input is used, or OUT is full */
	CODING_MEMBER_END = 1, /* the member is over, and has come out whole */
};

struct coding_decoding {
	/* Takes from the front of *IN and writes to OUT, as much as it can. Returns a
	 * coding_decoded, or a negative code by coding_fail(). */
	int (*decode)(struct coding_decoder *decoder, struct slice *in, struct writer *out);
	/* Prepares for the next member. NULL: a body is one. */
	int (*restart)(struct coding_decoder *decoder);
	void (*close)(struct coding_decoder *decoder);
};

struct coding_decoder {
	struct stage stage;
	const struct coding_decoding *library;
	struct wiped_budget *budget;
	const struct coding_decoder *first; /* of the chain: its input is what came by the wire */
	uint64_t in_bytes;
	uint64_t out_bytes;
	uint64_t members; /* begun so far */
	bool at_border;
	bool full; /* the last step filled OUT: there may be more without more input */
};

enum coding_encoded {
	CODING_ENCODED_PART = 0, /* OUT is full */
	CODING_ENCODED_ALL = 1,	 /* all input is used, and all of it has come out */
};

struct coding_encoding {
	/* Takes from the front of *IN and writes to OUT, to the last bit, and the end of the body
	 * if END. Returns a coding_encoded, or a negative code by coding_fail(). */
	int (*encode)(struct coding_encoder *encoder, struct slice *in, bool end,
		      struct writer *out);
	void (*close)(struct coding_encoder *encoder);
};

struct coding_encoder {
	struct stage stage;
	const struct coding_encoding *library;
	struct wiped_budget *budget;
	bool flushing; /* all input is taken, and not all of it has come out */
};

/* What each library does: an object of its own that begins with ours, or NULL without memory. */
struct coding_decoder *coding_zlib_decoder(enum coding coding, struct wiped_budget *budget);
struct coding_encoder *coding_zlib_encoder(enum coding coding, struct wiped_budget *budget);
struct coding_decoder *coding_brotli_decoder(struct wiped_budget *budget);
struct coding_encoder *coding_brotli_encoder(struct wiped_budget *budget);
struct coding_decoder *coding_zstd_decoder(struct wiped_budget *budget);
struct coding_encoder *coding_zstd_encoder(struct wiped_budget *budget);

/* Fill in what is common. */
void coding_decoder_init(struct coding_decoder *decoder, enum coding coding,
			 const struct coding_decoding *library, struct wiped_budget *budget);
void coding_encoder_init(struct coding_encoder *encoder, enum coding coding,
			 const struct coding_encoding *library, struct wiped_budget *budget);

/* Sets WHY, static text, and returns CODE. */
int coding_fail(struct stage *stage, int code, const char *why);
int coding_fail_memory(struct stage *stage);

#endif
